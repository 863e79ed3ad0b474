package wisdom

import "strings"

// roleFields are the two fields of a RoleAssignment that a server has: roleId and
// scopes by the reference page, role and scopeId by the lifecycle guide's example.
type roleFields struct {
	role  string
	scope string
}

// deleteArguments says how deleteUsersFromWorkspace takes its arguments: (ids:,
// workspaceID:) by the reference page, (input:) by the lifecycle guide's example.
type deleteArguments string

const (
	deleteByArgs  deleteArguments = "(ids, workspaceID)"
	deleteByInput deleteArguments = "(input {ids workspaceID})"
)

// referenceRoles is the shape of the reference page, in which operations.graphql is written.
func referenceRoles() roleFields { return roleFields{role: "roleId", scope: "scopes"} }

func (f roleFields) String() string { return "{" + f.role + " " + f.scope + "}" }

// other is the shape that the other page documents.
func (f roleFields) other() roleFields {
	if f == referenceRoles() {
		return roleFields{role: "role", scope: "scopeId"}
	}
	return referenceRoles()
}

func (a deleteArguments) other() deleteArguments {
	if a == deleteByArgs {
		return deleteByInput
	}
	return deleteByArgs
}

// in rewrites a document for a server with these fields, under the names that
// the answer is read by: `roleId: role`.
func (f roleFields) in(document string) string {
	reference := referenceRoles()
	if f.role != reference.role {
		document = strings.ReplaceAll(document, reference.role, reference.role+": "+f.role)
	}
	if f.scope != reference.scope {
		document = strings.ReplaceAll(document, reference.scope, reference.scope+": "+f.scope)
	}
	return document
}

// deleteByInputOperation is deleteUsersFromWorkspace as the lifecycle guide sends it.
// It is written by hand because one schema cannot have both.
const deleteByInputOperation = `
mutation deleteUsersFromWorkspace ($input: DeleteUsersFromWorkspaceInput!) {
	deleteUsersFromWorkspace(input: $input) {
		status {
			code
			message
		}
	}
}
`
