package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoleNamesAreWhatTheRulesCanGive(t *testing.T) {
	unprivileged := []string{"AGENT_VIEWER", "AGENT_WRITER", "BASIC_EXPLORER", "CREATOR", "EXPLORER", "OBSERVER", "SCHEDULE_VIEWER", "SCHEDULE_WRITER", "STORY_VIEWER", "STORY_WRITER", "VIEWER"}
	capture := []GroupRule{{Match: `wisdom-(?P<role>\w+)`, Role: "${role}"}}
	for _, tt := range []struct {
		name  string
		roles RolesSpec
		want  []string
	}{
		{"none", RolesSpec{}, nil},
		{"defaults and the table", RolesSpec{Default: []string{"viewer"}, SCIMRoles: map[string]string{"25": "explorer", "26": "EXPLORER"}}, []string{"EXPLORER", "VIEWER"}},
		{"a privileged one that is spelled", RolesSpec{Groups: []GroupRule{{Group: "Admins", Role: "admin"}, {ExternalID: "x", Role: "CREATOR", Scopes: []string{"a", "b"}}}}, []string{"ADMIN", "CREATOR"}},
		{"a match without capture", RolesSpec{Groups: []GroupRule{{Match: "a.*", Role: "viewer"}}}, []string{"VIEWER"}},
		{"a capture", RolesSpec{Groups: capture}, unprivileged},
		{"a capture within allow", RolesSpec{Groups: capture, Allow: []string{"viewer", "EXPLORER", "ADMIN"}}, []string{"EXPLORER", "VIEWER"}},
		{"what is privileged is the tenant's to say", RolesSpec{Groups: capture, Allow: []string{"VIEWER", "ADMIN"}, Privileged: []string{"VIEWER"}}, []string{"ADMIN"}},
		{"the convention", RolesSpec{NamingConvention: true}, []string{"EXPLORER", "OBSERVER"}},
		{"the convention within allow", RolesSpec{NamingConvention: true, Allow: []string{"OBSERVER", "ADMIN"}}, []string{"OBSERVER"}},
		{"the convention where nothing is privileged", RolesSpec{NamingConvention: true, Privileged: []string{}}, []string{"ADMIN", "DATA_ADMIN", "EXPLORER", "OBSERVER"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules, faults := Compile(Spec{EmailDomains: []string{"example.com"}, Roles: tt.roles})
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if diff := cmp.Diff(tt.want, rules.RoleNames()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
