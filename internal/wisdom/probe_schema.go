package wisdom

import (
	"fmt"
	"slices"
)

// needed is a type of the schema and what of it this client reads or sends.
type needed struct {
	name   string
	shape  *typeShape
	fields []string // without these nothing works
	useful []string // without these a setting does not
	input  bool
}

// compare names every type, field and argument that the client needs and the schema
// lacks, and what the schema demands that the client does not send.
func compare(schema *schemaShapeResponse, found shape, exchange string) []Finding {
	var out []Finding
	miss := func(level Level, what string) {
		f := Finding{Level: level, What: "schema", Detail: "the server has no " + what,
			Fix: "see whether there is a newer scimbridge: WisdomAI's schema has changed"}
		if level == LevelWarning {
			f.Fix = "do without it: what uses it will be refused"
		}
		out = append(out, f)
	}
	demand := func(where string, values []valueShape, sent ...string) {
		for _, v := range values {
			if v.Type.Kind == "NON_NULL" && v.DefaultValue == nil && !slices.Contains(sent, v.Name) {
				out = append(out, Finding{Level: LevelError, What: "schema",
					Detail: fmt.Sprintf("the server demands %s.%s, which is not sent", where, v.Name),
					Fix:    "see whether there is a newer scimbridge: WisdomAI's schema has changed"})
			}
		}
	}
	for _, t := range []needed{
		{name: "User", shape: schema.User, fields: []string{"id", "email", "name", "creationTimestamp", "roleAssignments", "userAttributes"}},
		{name: "RoleAssignment", shape: schema.RoleAssignment, fields: []string{found.roles.role, found.roles.scope}},
		{name: "UserAttribute", shape: schema.UserAttribute, fields: []string{"key", "value", "source"}},
		{name: "ResponseStatus", shape: schema.ResponseStatus, fields: []string{"code", "message"}},
		{name: "CreateUsersInput", shape: schema.CreateUsersInput, input: true,
			fields: []string{"emails", "workspaceID", "roleAssignments", "userAttributes"}, useful: []string{"sendWelcomeEmail", "userGroupIds"}},
		{name: "RoleAssignmentInput", shape: schema.RoleAssignmentInput, input: true, fields: []string{"roleId", "scopes"}},
		{name: "UserAttributeInput", shape: schema.UserAttributeInput, input: true, fields: []string{"key", "value"}},
		{name: "SetUserAttributesInput", shape: schema.SetUserAttributesInput, input: true, fields: []string{"userId", "userAttributes"}},
	} {
		if t.shape == nil {
			miss(LevelError, "type "+t.name)
			continue
		}
		for _, field := range t.fields {
			if !t.has(field) {
				miss(LevelError, "field "+t.name+"."+field)
			}
		}
		for _, field := range t.useful {
			if !t.has(field) {
				miss(LevelWarning, "field "+t.name+"."+field)
			}
		}
		demand(t.name, t.shape.InputFields, slices.Concat(t.fields, t.useful)...)
	}
	call := func(level Level, root *typeShape, kind, name string, args ...string) {
		f := root.field(name)
		if f == nil {
			miss(level, kind+" "+name)
			return
		}
		for _, arg := range args {
			if f.arg(arg) == nil {
				miss(level, fmt.Sprintf("argument %s of %s %s", arg, kind, name))
			}
		}
		demand(name, f.Args, args...)
	}
	query, mutation := &schema.Schema.QueryType, &schema.Schema.MutationType
	call(LevelError, query, "query", "listUsers", "workspaceId")
	call(LevelError, query, "query", "currentUser")
	switch exchange {
	case exchangeAlways:
		call(LevelError, query, "query", "exchangeAccessToken", "accessToken")
	case exchangeAuto:
		call(LevelWarning, query, "query", "exchangeAccessToken", "accessToken")
	}
	call(LevelError, mutation, "mutation", "createUsers", "input")
	call(LevelError, mutation, "mutation", "setUserAttributes", "input")
	if found.deletes == deleteByInput {
		call(LevelError, mutation, "mutation", "deleteUsersFromWorkspace", "input")
	} else {
		call(LevelError, mutation, "mutation", "deleteUsersFromWorkspace", "ids", "workspaceID")
	}
	return out
}

func (t needed) has(name string) bool {
	if t.input {
		return t.shape.input(name) != nil
	}
	return t.shape.field(name) != nil
}
