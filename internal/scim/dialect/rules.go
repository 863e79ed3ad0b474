package dialect

import (
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Rule is one habit of identity providers and how it is put right: in the body of a
// resource, in a PATCH or bulk message, in one operation of it (which may become several), in a
// value wherever it stands, or by a switch of package patch. Each function reports
// whether it had something to do.
type Rule struct {
	Name string // the tag under which the habit was recorded, as the test data use it
	Doc  string // who sends what, and what it is taken for

	resource  func(rt *schema.ResourceType, doc map[string]any) bool
	message   func(message map[string]any) bool
	bulk      func(message map[string]any) bool
	operation func(rt *schema.ResourceType, op map[string]any) (patch.Several, bool)
	value     func(where at, value any) (any, bool)
	patch     func(o *patch.Options)
}

// Rules are all rules, in the order in which they are applied.
func Rules() []Rule {
	return []Rule{
		{
			Name:    "operations-case",
			Doc:     `"operations", "Op", "Path": the keys of a PATCH message in another case.`,
			message: keyCase,
		},
		{
			Name:     "no-schemas",
			Doc:      "OneLogin: a body without schemas, or without the one of its endpoint; a PATCH message without. Assumed.",
			message:  messageSchemas,
			resource: resourceSchemas,
		},
		{
			Name:     "unknown-schema",
			Doc:      `Entra ID groups: "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group" beside the schema that belongs there. Ignored.`,
			message:  messageUnknownSchemas,
			resource: resourceUnknownSchemas,
		},
		{
			Name:      "op-case",
			Doc:       `Entra ID: "Add", "Replace", "Remove".`,
			operation: opCase,
		},
		{
			Name:      "urn-dot",
			Doc:       `Entra ID jobs from before December 2018: "urn:...:2.0:User.department", a dot where a colon belongs.`,
			operation: urnDot,
		},
		{
			Name:      "dotted-keys",
			Doc:       `Entra ID with aadOptscim062020: a value without path whose keys are paths, "name.givenName", "urn:...:User:department" or "emails[type eq \"work\"].value". Each is an operation of its own.`,
			operation: dottedKeys,
		},

		{
			Name:  "value-array-scalar",
			Doc:   `Older Entra ID jobs: [{"$ref": null, "value": "x"}] for an attribute with one value. It is that value.`,
			value: valueArrayScalar,
		},
		{
			Name:  "manager-empty",
			Doc:   `Entra ID: "" or {"value": ""} as manager. There is none.`,
			value: managerEmpty,
		},
		{
			Name:  "manager-string",
			Doc:   `Entra ID: the manager's id as a plain string. It is his value.`,
			value: managerString,
		},
		{
			Name:  "empty-string",
			Doc:   `OneLogin, Okta, Entra ID: "" for an optional attribute. It has no value.`,
			value: emptyString,
		},
		{
			Name:  "members-string",
			Doc:   "Microsoft's test collection: a member's id as a plain string.",
			value: membersString,
		},
		{
			Name:  "members-object",
			Doc:   "One object where a list belongs. It is a list of one.",
			value: membersObject,
		},
		{
			Name:  "string-for-list",
			Doc:   "Entra ID: one string for a multi-valued attribute. It is a list of one; splitting it is the mapping's business.",
			value: stringForList,
		},
		{
			Name:  "members-ref",
			Doc:   "A member given by $ref alone. The URL's last segment is his id.",
			value: membersRef,
		},
		{
			Name:  "role-json-string",
			Doc:   `Entra ID app roles: a role's value that holds a JSON object as text, {"id":...,"value":"25","displayName":"Role1234"}. It is that object's value.`,
			value: roleJSONString,
		},
		{
			Name:  "role-display-name",
			Doc:   `Entra ID app roles: "displayName" of a role, where the RFC has "display".`,
			value: roleDisplayName,
		},
		{
			Name:  "bool-string",
			Doc:   `Entra ID, OneLogin: "True", "false" for a boolean, in any case. Other text is refused.`,
			value: boolString,
		},
		{
			Name:  "bool-string-sub",
			Doc:   `Microsoft's validator: the same inside a complex value, "primary": "true".`,
			value: boolStringSub,
		},

		{
			Name: "bulk-method-case",
			Doc:  `"post" as the method of a bulk operation.`,
			bulk: bulkMethodCase,
		},
		{
			Name: "bulk-fail-on-zero",
			Doc:  `"failOnErrors": 0 in a bulk request. It goes on whatever fails, as without it.`,
			bulk: bulkFailOnZero,
		},

		{
			Name:  "filter-creates",
			Doc:   `Entra ID: add or replace of emails[type eq "work"].value on a user without such an e-mail. It is created.`,
			patch: func(o *patch.Options) { o.FilterCreates = true },
		},
		{
			Name:  "remove-value-array",
			Doc:   "Entra ID, authentik: remove of members with a list as value. Those members go, and no others.",
			patch: func(o *patch.Options) { o.RemoveListed = true },
		},
		{
			Name:  "empty-operations",
			Doc:   "Microsoft's validator: an empty list of operations. A success without change.",
			patch: func(o *patch.Options) { o.EmptyOperations = true },
		},
	}
}
