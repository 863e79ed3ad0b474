package wisdom

import "strconv"

// adminRole is the one built-in role with iam:write and iam:delete (docs.wisdom.ai,
// "Roles").
const adminRole = "00000000-0000-0000-0000-000000000001"

// roleName shows a built-in role by its name (docs.wisdom.ai, "Roles": the ids are the
// same everywhere), any other as it is. It is for people to read: what a role is
// called in the configuration is package mapping's business.
func roleName(id string) string {
	names := [...]string{
		"ADMIN", "EXPLORER", "VIEWER", "DATA_ADMIN", "CONNECTION_ADMIN", "CREATOR", "OBSERVER",
		"STORY_VIEWER", "STORY_WRITER", "SCHEDULE_VIEWER", "SCHEDULE_WRITER", "AGENT_VIEWER",
		"AGENT_WRITER", "SITE_ADMIN", "BASIC_EXPLORER",
	}
	if len(id) != len(adminRole) || id[:len(id)-2] != adminRole[:len(id)-2] {
		return id
	}
	n, err := strconv.Atoi(id[len(id)-2:])
	if err != nil || n < 1 || n > len(names) {
		return id
	}
	return names[n-1]
}
