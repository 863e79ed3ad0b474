package schema

// Okta's schemas of what a user can be given (its governance discovery): a resource
// type is looked at only if its schema is exactly one of these.
const (
	RoleURN        = "urn:okta:scim:schemas:core:1.0:Role"
	EntitlementURN = "urn:okta:scim:schemas:core:1.0:Entitlement"
)

// Role is the resource type of what stands in a user's `roles`; it is read-only.
func Role() *ResourceType {
	return assignable("Role", "/Roles", RoleURN, "A role at WisdomAI that this server's mapping can give.")
}

// Entitlement is Role for a user's `entitlements`.
func Entitlement() *ResourceType {
	return assignable("Entitlement", "/Entitlements", EntitlementURN, "What this server's mapping can give at WisdomAI.")
}

func assignable(name, endpoint, urn, description string) *ResourceType {
	displayName := attribute("displayName", String, "The name to show.")
	displayName.Required = true
	attrs := []*Attribute{displayName, attribute("description", String, "What it stands for.")}
	for _, a := range attrs {
		a.Mutability = ReadOnly
	}
	return &ResourceType{
		ID: name, Name: name, Endpoint: endpoint, Description: description,
		Schema: &Schema{ID: urn, Name: name, Description: description, Attributes: attrs},
		Common: common(),
	}
}
