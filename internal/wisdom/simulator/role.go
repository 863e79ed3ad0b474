package simulator

import (
	"fmt"
	"strconv"
	"strings"
)

// builtinRoles are WisdomAI's roles; custom ones do not exist (docs.wisdom.ai,
// "Roles"). The id of the n-th, counted from 1, is 00000000-0000-0000-0000- and n.
var builtinRoles = [...]string{
	"ADMIN", "EXPLORER", "VIEWER", "DATA_ADMIN", "CONNECTION_ADMIN", "CREATOR", "OBSERVER",
	"STORY_VIEWER", "STORY_WRITER", "SCHEDULE_VIEWER", "SCHEDULE_WRITER", "AGENT_VIEWER",
	"AGENT_WRITER", "SITE_ADMIN", "BASIC_EXPLORER",
}

const roleIDPrefix = "00000000-0000-0000-0000-"

// roleID returns the id of a role by name, or "" if there is none.
func roleID(name string) string {
	for i, n := range builtinRoles {
		if n == name {
			return fmt.Sprintf("%s%012d", roleIDPrefix, i+1)
		}
	}
	return ""
}

// roleName returns the name of a role by id, or "" if there is none.
func roleName(id string) string {
	digits, ok := strings.CutPrefix(id, roleIDPrefix)
	n, err := strconv.ParseUint(digits, 10, 8)
	if !ok || len(digits) != 12 || err != nil || n < 1 || n > uint64(len(builtinRoles)) {
		return ""
	}
	return builtinRoles[n-1]
}

// permission is one of the three that the user API asks for.
type permission string

const (
	iamRead   permission = "iam:read"
	iamWrite  permission = "iam:write"
	iamDelete permission = "iam:delete"
)

// grants says whether a role has a permission. Documented is that of the built-in
// roles only ADMIN has iam:write and iam:delete ("Create Users", "Delete Users From
// Workspace"). Who else has iam:read is not: here those who administer or share
// content have it, and those who only look at some of it do not.
func grants(role string, p permission) bool {
	switch role {
	case "ADMIN":
		return true
	case "SITE_ADMIN", "DATA_ADMIN", "CONNECTION_ADMIN", "CREATOR", "EXPLORER":
		return p == iamRead
	default:
		return false
	}
}
