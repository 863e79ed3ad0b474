package mapping

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// propertySpec has a rule of every kind.
func propertySpec() Spec {
	constant := "standard"
	return Spec{
		Email: []Source{
			{Path: "userName"}, {Path: "emails[primary eq true].value"}, {Path: "emails"},
			{CEL: "has(user.externalId) ? user.externalId + '@example.com' : ''"},
		},
		EmailDomains: []string{"*", "!example.org"}, PlusSuffix: "t", WorkspaceURI: "foo",
		Extension: []ExtensionAttribute{{Name: "region"}, {Name: "ids", MultiValued: true}, {Name: "seats", Type: "integer"}},
		Attributes: []AttributeRule{
			{Key: "tier", Value: &constant},
			{Key: "title", Paths: []string{"title", "name.givenName", enterpriseURN + ":department"}, Required: true},
			{Key: "name", Paths: []string{"name"}},
			{Key: "mails", Paths: []string{"emails"}, Sub: "value", Join: ";", Split: ","},
			{Key: "phones", Paths: []string{`phoneNumbers[not (type eq "work") or value pr]`}},
			{Key: "manager", CEL: "has(user.manager) ? user.manager.value : ''"},
			{Key: "first", CEL: "user.emails.map(e, e.value)"},
			{Key: "teams", CEL: "groups.map(g, g.displayName)", Split: "|"},
			{Key: "seats_twice", CEL: "wisdomai.?seats"},
		},
		AttributeKeys: KeyBounds{Allow: []string{"a*", "region", "*b"}, Deny: []string{"*secret*"}},
		Roles: RolesSpec{
			Allow: []string{"ADMIN", "EXPLORER", "VIEWER", "OBSERVER", "DATA_ADMIN"}, Default: []string{"VIEWER"},
			NamingConvention: true, SCIMRoles: map[string]string{"Analyst": "EXPLORER"},
			Groups: []GroupRule{
				{Group: "Admins", Role: "ADMIN"},
				{ExternalID: "e1", Role: "DATA_ADMIN", Scopes: []string{"d1", "d2"}},
				{Match: "w-(?P<role>[^-]*)(-(?P<scope>.*))?", Role: "${role}", Scopes: []string{"${scope}"}},
				{Match: "any-(.*)", Role: "${1}"},
			},
		},
	}
}

// anyValue draws what a hostile document may hold.
func anyValue(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.String().AsAny(),
		rapid.SampledFrom([]any{"", "a@example.com", "b@example.org", "a,b", "{", `{"value":"Analyst"}`, "Analyst", "work", true, false, "True"}),
		rapid.Float64().AsAny(), rapid.Int().AsAny(), rapid.Int64().AsAny(),
		rapid.SampledFrom([]any{json.Number("12"), json.Number("1e400"), json.Number("-1.50"), json.Number("x"), math.Inf(1), math.NaN(), []byte("x"), struct{}{}}),
	}
	if depth > 0 {
		kinds = append(kinds,
			rapid.SliceOfN(anyValue(depth-1), 0, 3).AsAny(),
			rapid.Map(rapid.SliceOfN(rapid.String(), 0, 3), func(s []string) any { return s }),
			anyObject(depth-1).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func anyObject(depth int) *rapid.Generator[map[string]any] {
	name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"value", "type", "primary", "Primary", "key", "display", "givenName", "department", "manager", "region", "ids", "seats", "attributes",
	}))
	return rapid.MapOfN(name, anyValue(depth), 0, 4)
}

func anyUser() *rapid.Generator[map[string]any] {
	name := rapid.SampledFrom([]string{
		"userName", "USERNAME", "externalId", "emails", "Emails", "phoneNumbers", "roles", "name", "title", "active", enterpriseURN,
		wisdomURN, strings.ToUpper(wisdomURN), "other",
	})
	return rapid.MapOfN(name, anyValue(3), 0, 8)
}

func anyGroup() *rapid.Generator[Group] {
	return rapid.Custom(func(t *rapid.T) Group {
		word := rapid.SampledFrom([]string{"", " ", "viewer", "Explorer", "admin", "ADMIN", "data_admin", "Site_Admin", "emperor", "d1"})
		name := rapid.OneOf(
			rapid.String(),
			rapid.SampledFrom([]string{"Admins", "ADMINS", "Adminſ", "wisdom.explorer", "wisdom.foo.administrator", "wisdom.bar.explorer", "wisdom.observer.DOMAIN."}),
			rapid.Custom(func(t *rapid.T) string { return "w-" + word.Draw(t, "role") + "-" + word.Draw(t, "scope") }),
			rapid.Custom(func(t *rapid.T) string { return "w-" + word.Draw(t, "role") }),
			rapid.Custom(func(t *rapid.T) string { return "any-" + word.Draw(t, "role") }),
		).Draw(t, "name")
		return Group{ID: rapid.String().Draw(t, "id"), DisplayName: name, ExternalID: rapid.SampledFrom([]string{"", "e1", "E1"}).Draw(t, "externalId")}
	})
}

// TestResolveIsTotalAndDeterministic: whatever the document holds, there is an answer,
// it is the same every time, and what it says holds together.
func TestResolveIsTotalAndDeterministic(t *testing.T) {
	rules := compile(t, propertySpec())
	rapid.Check(t, func(t *rapid.T) {
		user := anyUser().Draw(t, "user")
		groups := rapid.SliceOfN(anyGroup(), 0, 5).Draw(t, "groups")
		r := rules.Resolve(user, groups)
		if diff := cmp.Diff(r, rules.Resolve(user, groups)); diff != "" {
			t.Fatalf("the same input, another result:\n%s", diff)
		}
		kinds := map[ProblemKind]bool{}
		for _, p := range r.Problems {
			kinds[p.Kind] = true
			if p.Detail == "" {
				t.Errorf("a problem without detail: %+v", p)
			}
		}
		switch {
		case r.Email == "" && !kinds[NoAddress] && !kinds[OutsideDomains] && !kinds[Expression]:
			t.Error("no address and no problem")
		case r.Email != "" && (!deliverable(r.Email) || !rules.Visible(r.Email) || r.EmailKey != FoldAddress(r.Email)):
			t.Errorf("the address %q is not this tenant's", r.Email)
		}
		reasoned := map[string]bool{}
		for _, reason := range r.Reasons {
			if reason.Refused == "" {
				reasoned[reason.What] = true
			}
		}
		for key, value := range r.Attributes {
			if value == "" || reservedKey(key) || !reasoned["attribute "+key] {
				t.Errorf("attribute %q = %q has no value, no right or no reason", key, value)
			}
		}
		for _, key := range r.FreeKeys {
			if _, there := r.Attributes[key]; !there || strings.Contains(strings.ToLower(key), "secret") {
				t.Errorf("free key %q", key)
			}
		}
		if r.Attributes["title"] == "" && len(r.Grants) > 0 {
			t.Errorf("V-42: a required attribute is missing and there are roles: %v", r.Grants)
		}
	})
}

// TestV39V40NoGrantThatNoRuleGives recomputes by hand what each group may give.
func TestV39V40NoGrantThatNoRuleGives(t *testing.T) {
	rules := compile(t, propertySpec())
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOfN(anyGroup(), 0, 6).Draw(t, "groups")
		r := rules.Resolve(map[string]any{"userName": "a@example.com", "title": "x"}, groups)
		if !slices.IsSortedFunc(r.Grants, compareGrants) || len(slices.Compact(slices.Clone(r.Grants))) != len(r.Grants) {
			t.Errorf("grants are not sorted and unique: %v", r.Grants)
		}
		for _, grant := range r.Grants {
			given := grant == Grant{Role: "VIEWER"} // by default
			for _, g := range groups {
				switch {
				case grant == Grant{Role: "ADMIN"}:
					given = given || strings.EqualFold(g.DisplayName, "admins") && len(g.DisplayName) == len("admins")
				case grant.Role == "DATA_ADMIN":
					given = given || g.ExternalID == "e1" && (grant.Scope == "d1" || grant.Scope == "d2")
				case grant.Scope == "":
					given = given || strings.EqualFold(g.DisplayName, "any-"+grant.Role) || strings.EqualFold(g.DisplayName, "wisdom."+grant.Role)
				default:
					role, scope, cut := strings.Cut(strings.TrimPrefix(g.DisplayName, "w-"), "-")
					given = given || cut && strings.EqualFold(role, grant.Role) && scope == grant.Scope
				}
			}
			if !given {
				t.Errorf("no rule gives %v", grant)
			}
		}
	})
}

// TestGroupsInAnyOrderAndOnlyThoseThatMatter: the order of groups changes nothing, and
// a group that does not matter can be left out.
func TestGroupsInAnyOrderAndOnlyThoseThatMatter(t *testing.T) {
	spec := propertySpec()
	spec.Attributes = slices.DeleteFunc(spec.Attributes, func(a AttributeRule) bool { return a.Key == "teams" }) // reads groups
	rules := compile(t, spec)
	rapid.Check(t, func(t *rapid.T) {
		user := map[string]any{"userName": "a@example.com", "title": "x"}
		groups := rapid.SliceOfN(anyGroup(), 0, 6).Draw(t, "groups")
		want := rules.Resolve(user, groups)
		shuffled := rapid.Permutation(groups).Draw(t, "shuffled")
		if diff := cmp.Diff(want, rules.Resolve(user, shuffled)); diff != "" {
			t.Errorf("another order, another result:\n%s", diff)
		}
		matter := slices.DeleteFunc(slices.Clone(groups), func(g Group) bool { return !rules.GroupMatters(g.DisplayName, g.ExternalID) })
		if diff := cmp.Diff(want, rules.Resolve(user, matter)); diff != "" {
			t.Errorf("a group that does not matter did:\n%s", diff)
		}
	})
}

// TestPlusSuffixComesOffAgain: what is delivered is shown as the user spelled it.
func TestPlusSuffixComesOffAgain(t *testing.T) {
	rules := compile(t, Spec{PlusSuffix: "acme"})
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.StringMatching(`[a-zA-Z0-9+]{1,10}(\.[a-z+]{1,5})?@[a-z]{1,5}\.(com|Example)`).Draw(t, "address")
		r := rules.Resolve(map[string]any{"userName": address}, nil)
		if r.Email == "" {
			t.Fatalf("%q was not delivered to: %v", address, r.Problems)
		}
		if got := rules.ShowAddress(r.Email); got != address || !rules.Visible(r.Email) {
			t.Errorf("%q became %q and is shown as %q", address, r.Email, got)
		}
	})
}

// TestCompileIsTotal: rules of any kind are answered with faults or with rules.
func TestCompileIsTotal(t *testing.T) {
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", "userName", "emails[", "emails[primary eq true].value", "a.b.c", wisdomURN + ":x", "ADMIN", "${", "${1}", "(", "(.*)", "user.title", "groups[0].id", "*",
	}))
	rapid.Check(t, func(t *rapid.T) {
		rules, faults := Compile(Spec{
			Email:        []Source{{Path: texts.Draw(t, "path")}, {CEL: texts.Draw(t, "cel")}},
			EmailDomains: []string{texts.Draw(t, "domain")},
			Attributes:   []AttributeRule{{Key: texts.Draw(t, "key"), Paths: []string{texts.Draw(t, "from")}, Sub: texts.Draw(t, "sub")}},
			Extension:    []ExtensionAttribute{{Name: texts.Draw(t, "name"), Type: texts.Draw(t, "type")}},
			Roles: RolesSpec{
				Allow:  []string{"*", texts.Draw(t, "allow")},
				Groups: []GroupRule{{Match: texts.Draw(t, "match"), Role: texts.Draw(t, "role"), Scopes: []string{texts.Draw(t, "scope")}}},
			},
		})
		if (rules == nil) != (len(faults) > 0) {
			t.Errorf("rules %v, faults %v", rules, faults)
		}
	})
}

// TestMain makes the property tests draw the same values in every run; -rapid.seed
// draws others.
func TestMain(m *testing.M) {
	flag.Parse()
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == "0" {
		if err := flag.Set(seed.Name, "1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
