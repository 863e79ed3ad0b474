package wisdom

// createUsersInput is CreateUsersInput as it goes over the wire. omitzero leaves a nil
// list out and sends an empty one as [], where omitempty would drop both and a
// suspension would send nothing (V-18).
type createUsersInput struct {
	Emails           []string         `json:"emails"`
	WorkspaceID      string           `json:"workspaceID"`
	RoleAssignments  []RoleAssignment `json:"roleAssignments,omitzero"`
	SendWelcomeEmail bool             `json:"sendWelcomeEmail,omitzero"`
	UserAttributes   []KeyValue       `json:"userAttributes,omitzero"`
	UserGroupIDs     []string         `json:"userGroupIds,omitzero"`
}

// setUserAttributesInput is SetUserAttributesInput. Its list is required: no
// attributes is [], which removes them all.
type setUserAttributesInput struct {
	UserID         string     `json:"userId"`
	UserAttributes []KeyValue `json:"userAttributes"`
}

// deleteUsersInput is DeleteUsersFromWorkspaceInput of the lifecycle guide's shape.
type deleteUsersInput struct {
	IDs         []string `json:"ids"`
	WorkspaceID string   `json:"workspaceID"`
}

func newCreateUsersInput(in NewUsers, workspace string) createUsersInput {
	out := createUsersInput{
		Emails:           in.Emails,
		WorkspaceID:      workspace,
		SendWelcomeEmail: in.WelcomeEmail,
		UserAttributes:   in.Attributes,
		UserGroupIDs:     in.UserGroupIDs,
	}
	if in.Roles == nil {
		return out
	}
	// A nil list of scopes would go out as null, which the schema does not allow.
	out.RoleAssignments = make([]RoleAssignment, len(in.Roles))
	for i, role := range in.Roles {
		if role.Scopes == nil {
			role.Scopes = []string{}
		}
		out.RoleAssignments[i] = role
	}
	return out
}

func newSetUserAttributesInput(userID string, attributes []KeyValue) setUserAttributesInput {
	if attributes == nil {
		attributes = []KeyValue{}
	}
	return setUserAttributesInput{UserID: userID, UserAttributes: attributes}
}
