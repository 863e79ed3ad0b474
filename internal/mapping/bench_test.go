package mapping

import (
	"fmt"
	"testing"
)

// BenchmarkResolve is a typical person under typical rules: five groups, five
// attributes. The target is a few microseconds without expressions.
func BenchmarkResolve(b *testing.B) {
	spec := Spec{
		Extension: []ExtensionAttribute{{Name: "region"}, {Name: "customerIds", MultiValued: true}},
		Attributes: []AttributeRule{
			{Key: "display_name", Paths: []string{"displayName"}},
			{Key: "department", Paths: []string{enterpriseURN + ":department"}},
			{Key: "title", Paths: []string{"title"}},
		},
		Roles: RolesSpec{Default: []string{"BASIC_EXPLORER"}, Groups: []GroupRule{
			{Group: "Analytics Admins", Role: "ADMIN"},
			{ExternalID: "6f1c0b7e", Role: "DATA_ADMIN"},
			{Match: "wisdom-(?P<role>explorer|viewer)-(?P<domain>.+)", Role: "${role}", Scopes: []string{"${domain}"}},
		}},
	}
	user := document(b, `{
		"userName": "dana@example.com", "displayName": "Dana Kim", "active": true, "externalId": "00u1", "title": "Analyst",
		"name": {"givenName": "Dana", "familyName": "Kim"}, "emails": [{"value": "dana@example.com", "type": "work", "primary": true}],
		"`+enterpriseURN+`": {"department": "Finance", "manager": {"value": "m-7"}},
		"`+wisdomURN+`": {"region": "emea", "customerIds": ["c-1", "c-2"]}}`)
	groups := []Group{
		{ID: "1", DisplayName: "Everyone"}, {ID: "2", DisplayName: "Analytics Admins"}, {ID: "3", DisplayName: "wisdom-explorer-domain_456"},
		{ID: "4", DisplayName: "Finance"}, {ID: "5", DisplayName: "Zürich"},
	}
	run := func(name string, spec Spec, groups []Group) {
		b.Run(name, func(b *testing.B) {
			rules := compile(b, spec)
			b.ReportAllocs()
			for b.Loop() {
				if r := rules.Resolve(user, groups); r.Email == "" || len(r.Problems) > 0 {
					b.Fatal(r.Problems)
				}
			}
		})
	}
	run("paths", spec, groups)
	spec.Attributes = append(spec.Attributes, AttributeRule{Key: "manager", CEL: `has(user.manager) ? user.manager.value : ""`})
	run("paths and one expression", spec, groups)
	many := make([]Group, 200)
	for i := range many {
		many[i] = Group{ID: fmt.Sprint(i), DisplayName: fmt.Sprintf("Department of number %d", i)}
	}
	run("200 groups and one expression", spec, many)
}

func BenchmarkCompile(b *testing.B) {
	spec := propertySpec()
	for b.Loop() {
		compile(b, spec)
	}
}
