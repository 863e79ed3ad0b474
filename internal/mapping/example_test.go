package mapping_test

import (
	"fmt"

	"github.com/scimbridge/scimbridge/internal/mapping"
)

// What a person should be at WisdomAI, and why.
func ExampleRules_Resolve() {
	rules, faults := mapping.Compile(mapping.Spec{
		Attributes: []mapping.AttributeRule{
			{Key: "department", Paths: []string{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}},
			{Key: "level", CEL: `has(user.title) && user.title.startsWith("Senior") ? "senior" : "junior"`},
		},
		Roles: mapping.RolesSpec{Groups: []mapping.GroupRule{
			{Match: "wisdom-(?P<role>explorer|viewer)-(?P<domain>.+)", Role: "${role}", Scopes: []string{"${domain}"}},
		}},
	})
	for _, fault := range faults {
		fmt.Println(fault)
	}
	result := rules.Resolve(map[string]any{
		"userName": "dana@example.com",
		"title":    "Senior Analyst",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": "Finance"},
	}, []mapping.Group{{DisplayName: "wisdom-explorer-domain_456"}})
	fmt.Println(result.Email, result.Attributes, result.Grants)
	for _, reason := range result.Reasons {
		fmt.Printf("%s: by %s, from %s\n", reason.What, reason.Rule, reason.From)
	}
	// Output:
	// dana@example.com map[department:Finance level:senior] [{EXPLORER domain_456}]
	// email: by email[0], from userName
	// attribute department: by attributes.department, from urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department
	// attribute level: by attributes.level, from expression
	// role EXPLORER at domain_456: by roles.groups[0], from group "wisdom-explorer-domain_456"
}

// All faults at once, each with its place in the file.
func ExampleCompile() {
	_, faults := mapping.Compile(mapping.Spec{
		Email:      []mapping.Source{{Path: "userNmae"}},
		Attributes: []mapping.AttributeRule{{Key: "manager", CEL: "user.boss"}},
		Roles:      mapping.RolesSpec{Default: []string{"ADMIN"}},
	})
	for _, fault := range faults {
		fmt.Println(fault)
	}
	// Output:
	// email[0]: "userNmae": a user has no attribute "userNmae" that a rule may read
	// attributes.manager.cel: undefined field 'boss' (line 1, column 5 of the expression)
	// roles.default[0]: ADMIN is privileged and cannot come from roles.default: expected a rule with `group` or `external_id`
}
