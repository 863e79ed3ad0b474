package wisdom

import (
	"fmt"
	"strings"
)

// shown is how many addresses, ids or roles a summary spells out: it is to fit a line.
const shown = 3

// createSummary says who gets what. Values of attributes are never shown.
func createSummary(in NewUsers) string {
	parts := []string{some(in.Emails)}
	if in.Roles != nil {
		roles := make([]string, len(in.Roles))
		for i, role := range in.Roles {
			roles[i] = roleName(role.RoleID)
			if len(role.Scopes) > 0 {
				roles[i] += "@" + strings.Join(role.Scopes, "+")
			}
		}
		parts = append(parts, "roles=["+strings.Join(roles, " ")+"]")
	}
	if in.Attributes != nil {
		parts = append(parts, "attributes="+keys(in.Attributes))
	}
	if in.UserGroupIDs != nil {
		parts = append(parts, "groups=["+strings.Join(in.UserGroupIDs, " ")+"]")
	}
	if in.WelcomeEmail {
		parts = append(parts, "with welcome e-mail")
	}
	return strings.Join(parts, " ")
}

func attributesSummary(userID string, attributes []KeyValue) string {
	return userID + " attributes=" + keys(attributes)
}

// batchSummary counts what a batch holds: "createUsers x38, setUserAttributes x12".
func batchSummary(fields []field) string {
	var ops []string
	count := map[string]int{}
	for _, f := range fields {
		if count[f.op]++; count[f.op] == 1 {
			ops = append(ops, f.op)
		}
	}
	for i, op := range ops {
		ops[i] = fmt.Sprintf("%s x%d", op, count[op])
	}
	return strings.Join(ops, ", ")
}

func keys(attributes []KeyValue) string {
	names := make([]string, len(attributes))
	for i, a := range attributes {
		names[i] = a.Key
	}
	return "[" + strings.Join(names, " ") + "]"
}

func some(names []string) string {
	if len(names) <= shown+1 {
		return strings.Join(names, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], " "), len(names)-shown)
}

func counted(users int) string {
	if users == 1 {
		return "1 user"
	}
	return fmt.Sprintf("%d users", users)
}
