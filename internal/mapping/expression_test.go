package mapping

import (
	"fmt"
	"strings"
	"testing"
)

// TestV42AnExpressionIsStopped: one that does too much is a problem, and not a server
// that hangs.
func TestV42AnExpressionIsStopped(t *testing.T) {
	rules := compile(t, Spec{Attributes: []AttributeRule{{
		Key: "bomb",
		CEL: "groups.all(a, groups.all(b, groups.all(c, groups.all(d, a.id + b.id + c.id + d.id != '')))) ? 'x' : 'y'",
	}}})
	var groups []Group
	for i := range 200 {
		groups = append(groups, Group{ID: fmt.Sprint("group-", i)})
	}
	r := rules.Resolve(map[string]any{"userName": "a@example.com"}, groups)
	if len(r.Problems) != 1 || r.Problems[0].Kind != Expression || !strings.Contains(r.Problems[0].Detail, "cost limit") {
		t.Errorf("expected a problem with the cost limit, got %+v", r.Problems)
	}
	if _, there := r.Attributes["bomb"]; there {
		t.Error("a stopped expression gave a value")
	}
}

// TestExpressionsReachThroughManyGroups: the cost limit leaves room for what people do.
func TestExpressionsReachThroughManyGroups(t *testing.T) {
	rules := compile(t, Spec{Attributes: []AttributeRule{{
		Key: "last", CEL: "groups.exists(g, g.displayName.lowerAscii().startsWith('department of the last')) ? 'yes' : 'no'",
	}}})
	var groups []Group
	for i := range 10_000 {
		groups = append(groups, Group{ID: fmt.Sprint(i), DisplayName: fmt.Sprint("Department of the number ", i)})
	}
	groups = append(groups, Group{DisplayName: "Department of the Last"})
	r := rules.Resolve(map[string]any{"userName": "a@example.com"}, groups)
	if r.Attributes["last"] != "yes" || len(r.Problems) > 0 {
		t.Errorf("got %q, problems %v", r.Attributes["last"], r.Problems)
	}
}

// TestV42WrongTypesInADocumentAreProblems: what an expression was checked against is
// what it gets.
func TestV42WrongTypesInADocumentAreProblems(t *testing.T) {
	for _, c := range []struct{ cel, user, detail string }{
		{"user.title", `{"title": 7}`, `user.title is "7" where text was expected`},
		{"user.active", `{"active": "maybe"}`, `user.active is "\"maybe\"" where true or false was expected`},
		{"user.name.givenName", `{"name": [1]}`, `user.name is "[1]" where an object was expected`},
		{"user.emails.map(e, e.value)", `{"emails": [1]}`, `user.emails is "1" where an object was expected`},
		{"wisdomai.seats", `{"` + wisdomURN + `": {"seats": 1.5}}`, `wisdomai.seats is "1.5" where a whole number was expected`},
		{"wisdomai.rate", `{"` + wisdomURN + `": {"rate": "much"}}`, `wisdomai.rate is "\"much\"" where a number was expected`},
		{"dyn(user.name)", `{"name": {"givenName": "A"}}`, `the expression gave a value of type map`},
		{"dyn([[1]])", `{}`, `the expression gave a list of lists`},
		{"1.0 / 0.0", `{}`, `the expression gave +Inf, which is no number`},
	} {
		rules := compile(t, Spec{
			Extension:  []ExtensionAttribute{{Name: "seats", Type: "integer", Key: "s"}, {Name: "rate", Type: "decimal", Key: "r"}},
			Attributes: []AttributeRule{{Key: "x", CEL: c.cel}},
		})
		r := rules.Resolve(document(t, c.user), nil)
		if _, there := r.Attributes["x"]; there {
			t.Errorf("%s gave a value", c.cel)
		}
		found := false
		for _, p := range r.Problems {
			found = found || p.Kind == Expression && p.Key == "x" && strings.Contains(p.Detail, c.detail)
		}
		if !found {
			t.Errorf("%s: expected %q, got %+v", c.cel, c.detail, r.Problems)
		}
	}
}

func TestGroupMatters(t *testing.T) {
	rules := compile(t, Spec{WorkspaceURI: "foo", Roles: RolesSpec{NamingConvention: true, Groups: []GroupRule{
		{Group: "Équipe", Role: "VIEWER"},
		{Group: "Kitchen", Role: "VIEWER"},
		{ExternalID: "Ext-1", Role: "VIEWER"},
		{Match: "wisdom-(.*)", Role: "${1}"},
	}}})
	for _, c := range []struct {
		name, externalID string
		want             bool
	}{
		{"équipe", "", true},
		{"E\u0301QUIPE", "", true}, // the same letters, decomposed
		{"KITCHEN", "", true},
		{"\u212Aitchen", "", false}, // the Kelvin sign is another letter
		{"other", "Ext-1", true},
		{"other", "ext-1", false},
		{"wisdom-viewer", "", true},
		{"wisdom-", "", true}, // matches, and gives nothing with a reason
		{"Wisdom-viewer", "", false},
		{"wisdom.explorer", "", true},
		{"wisdom.foo.explorer", "", true},
		{"wisdom.bar.explorer", "", false},
		{"other", "", false},
		{"", "", false},
	} {
		if got := rules.GroupMatters(c.name, c.externalID); got != c.want {
			t.Errorf("GroupMatters(%q, %q) = %v, want %v", c.name, c.externalID, got, c.want)
		}
	}
	for _, cel := range []string{"size(groups)", "groups.exists(g, g.id == 'x')", "[1].exists(x, size(groups) > x)"} {
		if rules := compile(t, Spec{Attributes: []AttributeRule{{Key: "n", CEL: cel}}}); !rules.GroupMatters("any", "") {
			t.Errorf("%s reads groups, so every group matters", cel)
		}
	}
	if rules := compile(t, Spec{Attributes: []AttributeRule{{Key: "n", CEL: "user.userName"}}}); rules.GroupMatters("any", "") {
		t.Error("an expression that reads no groups makes none matter")
	}
}
