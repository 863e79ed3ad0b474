package mapping

import "strings"

// roleIDs are WisdomAI's built-in roles; the ids are the same everywhere and
// custom roles do not exist (docs.wisdom.ai, "Roles").
var roleIDs = map[string]string{
	"ADMIN":            "00000000-0000-0000-0000-000000000001",
	"EXPLORER":         "00000000-0000-0000-0000-000000000002",
	"VIEWER":           "00000000-0000-0000-0000-000000000003",
	"DATA_ADMIN":       "00000000-0000-0000-0000-000000000004",
	"CONNECTION_ADMIN": "00000000-0000-0000-0000-000000000005",
	"CREATOR":          "00000000-0000-0000-0000-000000000006",
	"OBSERVER":         "00000000-0000-0000-0000-000000000007",
	"STORY_VIEWER":     "00000000-0000-0000-0000-000000000008",
	"STORY_WRITER":     "00000000-0000-0000-0000-000000000009",
	"SCHEDULE_VIEWER":  "00000000-0000-0000-0000-000000000010",
	"SCHEDULE_WRITER":  "00000000-0000-0000-0000-000000000011",
	"AGENT_VIEWER":     "00000000-0000-0000-0000-000000000012",
	"AGENT_WRITER":     "00000000-0000-0000-0000-000000000013",
	"SITE_ADMIN":       "00000000-0000-0000-0000-000000000014",
	"BASIC_EXPLORER":   "00000000-0000-0000-0000-000000000015",
}

var roleNames = func() map[string]string {
	names := make(map[string]string, len(roleIDs))
	for name, id := range roleIDs {
		names[id] = name
	}
	return names
}()

// RoleID returns the WisdomAI id of a role by its name, without case; ok is
// false for a name WisdomAI does not have.
func RoleID(name string) (id string, ok bool) {
	id, ok = roleIDs[strings.ToUpper(name)]
	return id, ok
}

// RoleName returns the name of a role id, or the id itself for a role that this
// table does not know: a role given by hand is kept whether or not we know it.
func RoleName(id string) string {
	if name, ok := roleNames[id]; ok {
		return name
	}
	return id
}
