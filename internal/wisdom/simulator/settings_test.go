package simulator

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The words that a client may take for a permanent refusal, and those that rule it
// out (the project's notes on WisdomAI's API, "createUsers").
var (
	refusalWords = regexp.MustCompile(`(?i)not (allowed|permitted)|blocked|block ?list|allow ?list|access control|invalid e-?mail`)
	otherFault   = regexp.MustCompile(`(?i)permission|iam:|token|workspace|unauth`)
)

func TestEmailAccessControl(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		email    string
		refused  bool
	}{
		"no lists":                         {Settings{}, "a@example.com", false},
		"a blocked address":                {Settings{Block: []string{"A@example.com"}}, "a@EXAMPLE.com", true},
		"another address":                  {Settings{Block: []string{"b@example.com"}}, "a@example.com", false},
		"a blocked domain":                 {Settings{Block: []string{"example.com"}}, "a@example.com", true},
		"a blocked domain with at":         {Settings{Block: []string{"@example.com"}}, "a@example.com", true},
		"a domain below a blocked one":     {Settings{Block: []string{"example.com"}}, "a@sub.example.com", false},
		"on the allow list":                {Settings{Allow: []string{"example.com"}}, "a@example.com", false},
		"the address on the allow list":    {Settings{Allow: []string{"a@example.com"}}, "a@example.com", false},
		"not on the allow list":            {Settings{Allow: []string{"example.org"}}, "a@example.com", true},
		"block wins over allow":            {Settings{Allow: []string{"example.com"}, Block: []string{"a@example.com"}}, "a@example.com", true},
		"an address with a word of theirs": {Settings{Block: []string{"token@example.com"}}, "token@example.com", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Settings: &c.settings})
			got := r.create(map[string]any{"emails": []string{c.email}})
			if !c.refused {
				equal(t, "status", got, okDone)
				return
			}
			if !strings.HasPrefix(got, "ERROR: ") || !refusalWords.MatchString(got) || otherFault.MatchString(got) {
				t.Errorf("status = %q", got)
			}
			equal(t, "emails", r.emails(), []string{})
		})
	}
	t.Run("an invalid address is refused in such words too", func(t *testing.T) {
		got := start(t, Options{}).create(map[string]any{"emails": []string{"nobody"}})
		if !refusalWords.MatchString(got) || otherFault.MatchString(got) {
			t.Errorf("status = %q", got)
		}
	})
	t.Run("who is there needs no invitation", func(t *testing.T) {
		r := start(t, Options{Settings: &Settings{Block: []string{"example.com"}}, Users: []User{{Email: "a@example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}}}})
		equal(t, "status", r.create(map[string]any{"emails": []string{"a@example.com"}, "roleAssignments": []any{}}), okDone)
		equal(t, "roles", roles(r.list()["a@example.com"]), "")
	})
}

// One blocked address in a shared call: ERROR for the whole call, nothing is done, and
// the answer does not say whose fault it was.
func TestOneBlockedAddressFailsTheWholeCall(t *testing.T) {
	r := start(t, Options{
		Settings: &Settings{Block: []string{"ben@example.com"}},
		Users:    []User{{Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}}},
	})
	got := r.create(map[string]any{"emails": []string{"ada@example.com", "ben@example.com", "cleo@example.com"}, "roleAssignments": []any{role("EXPLORER")}})
	if !strings.HasPrefix(got, "ERROR: ") || !refusalWords.MatchString(got) || strings.Contains(got, "ben") {
		t.Errorf("status = %q", got)
	}
	equal(t, "emails", r.emails(), []string{"ada@example.com"})
	equal(t, "roles", roles(r.list()["ada@example.com"]), "VIEWER")
	equal(t, "log", len(r.sim.Log(0)), 0)
	equal(t, "without him", r.create(map[string]any{"emails": []string{"ada@example.com", "cleo@example.com"}, "roleAssignments": []any{role("EXPLORER")}}), okDone)
	equal(t, "emails", r.emails(), []string{"ada@example.com", "cleo@example.com"})
}

func TestTheShapeOfDelete(t *testing.T) {
	const (
		byArgs  = `mutation { deleteUsersFromWorkspace(ids: ["u1"], workspaceID: "ws_sim") { status { code message } } }`
		byInput = `mutation { deleteUsersFromWorkspace(input: {ids: ["u1"], workspaceID: "ws_sim"}) { status { code message } } }`
		byVars  = `mutation($in: DeleteUsersFromWorkspaceInput!) { gone: deleteUsersFromWorkspace(input: $in) { status { code message } } }`
		spread  = `fragment f on Mutation { ...g } fragment g on Mutation { ... on Mutation { gone: deleteUsersFromWorkspace(input: {ids: "u1", workspaceID: "ws_sim"}) { status { code message } } } } mutation { ...f }`
		asked   = `{ __type(name: "Mutation") { fields { name args { name type { kind ofType { name kind } } } } } }`
		input   = `{ __type(name: "DeleteUsersFromWorkspaceInput") { inputFields { name } } }`
	)
	vars := map[string]any{"in": map[string]any{"ids": []string{"u1"}, "workspaceID": "ws_sim"}}
	// shape is what introspection says of the arguments.
	shape := func(r *rig) (names []string) {
		t.Helper()
		var typ struct {
			Fields []struct {
				Name string
				Args []struct{ Name string }
			}
		}
		if err := json.Unmarshal(r.must(asked, nil).Data["__type"], &typ); err != nil {
			t.Fatal(err)
		}
		for _, f := range typ.Fields {
			if strings.HasPrefix(f.Name, "deleteUsers") {
				names = append(names, f.Name)
				for _, a := range f.Args {
					names = append(names, a.Name)
				}
			}
		}
		return names
	}
	person := User{ID: "u1", Email: "ada@example.com"}

	t.Run("args", func(t *testing.T) {
		r := start(t, Options{Users: []User{person}})
		equal(t, "introspection", shape(r), []string{"deleteUsersFromWorkspace", "ids", "workspaceID"})
		equal(t, "input type", r.must(input, nil).Raw, `{"data":{"__type":null}}`)
		got := r.must(byInput, nil)
		if len(got.Errors) == 0 || !strings.Contains(got.Raw, `Unknown argument \"input\"`) || !strings.Contains(got.Raw, `"data":null`) {
			t.Errorf("the wrong shape: %s", got.Raw)
		}
		if len(got.Errors[0].Locations) == 0 {
			t.Errorf("no location: %s", got.Raw)
		}
		equal(t, "emails", r.emails(), []string{"ada@example.com"})
		equal(t, "the right shape", r.must(byArgs, nil).status("deleteUsersFromWorkspace"), okDone)
		equal(t, "emails", r.emails(), []string{})
	})
	t.Run("input", func(t *testing.T) {
		r := start(t, Options{Users: []User{person}, Settings: &Settings{Delete: "input"}})
		equal(t, "introspection", shape(r), []string{"deleteUsersFromWorkspace", "input"})
		equal(t, "input type", r.must(input, nil).Raw, `{"data":{"__type":{"inputFields":[{"name":"ids"},{"name":"workspaceID"}]}}}`)
		got := r.must(byArgs, nil)
		if len(got.Errors) == 0 || !strings.Contains(got.Raw, `Unknown argument \"ids\"`) {
			t.Errorf("the wrong shape: %s", got.Raw)
		}
		if got := r.must(`mutation { deleteUsersFromWorkspaceByInput(input: {ids: ["u1"], workspaceID: "ws_sim"}) { status { code } } }`, nil); len(got.Errors) == 0 {
			t.Errorf("the generated code's own name is served: %s", got.Raw)
		}
		equal(t, "emails", r.emails(), []string{"ada@example.com"})
		equal(t, "by variable and alias", r.must(byVars, vars).status("gone"), okDone)
		r.sim.PutUsers(person)
		equal(t, "as a literal", r.must(byInput, nil).status("deleteUsersFromWorkspace"), okDone)
		r.sim.PutUsers(person)
		equal(t, "in fragments", r.must(spread, nil).status("gone"), okDone)
		equal(t, "emails", r.emails(), []string{})
		equal(t, "counted under its served name", r.sim.Requests("deleteUsersFromWorkspace"), 3)
	})
	t.Run("changed while it runs", func(t *testing.T) {
		r := start(t, Options{Users: []User{person}})
		if err := r.sim.SetSettings(Settings{Delete: "input"}); err != nil {
			t.Fatal(err)
		}
		equal(t, "introspection", shape(r), []string{"deleteUsersFromWorkspace", "input"})
		if err := r.sim.SetSettings(Settings{}); err != nil {
			t.Fatal(err)
		}
		equal(t, "introspection", shape(r), []string{"deleteUsersFromWorkspace", "ids", "workspaceID"})
	})
}

func TestTheShapeOfRoleAssignments(t *testing.T) {
	const (
		byRoleID = `{ listUsers { email roleAssignments { roleId scopes } } }`
		byRole   = `{ listUsers { email roleAssignments { role scopeId } } }`
		asked    = `{ __type(name: "RoleAssignment") { fields { name } } }`
	)
	users := []User{{Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("EXPLORER", "d1", "d2"), role("VIEWER")}}}
	t.Run("roleId", func(t *testing.T) {
		r := start(t, Options{Users: users})
		equal(t, "introspection", r.must(asked, nil).Raw, `{"data":{"__type":{"fields":[{"name":"roleId"},{"name":"scopes"}]}}}`)
		if got := r.must(byRole, nil); len(got.Errors) == 0 || !strings.Contains(got.Errors[0].Message, `Cannot query field "role" on type "RoleAssignment"`) {
			t.Errorf("the wrong shape: %s", got.Raw)
		}
		want := `{"email":"ada@example.com","roleAssignments":[{"roleId":"` + roleID("EXPLORER") + `","scopes":["d1","d2"]},{"roleId":"` + roleID("VIEWER") + `","scopes":[]}]}`
		if got := r.must(byRoleID, nil); !strings.Contains(got.Raw, want) {
			t.Errorf("got %s, want %s", got.Raw, want)
		}
	})
	t.Run("role", func(t *testing.T) {
		r := start(t, Options{Users: users, Settings: &Settings{Roles: "role"}})
		equal(t, "introspection", r.must(asked, nil).Raw, `{"data":{"__type":{"fields":[{"name":"role"},{"name":"scopeId"}]}}}`)
		if got := r.must(byRoleID, nil); len(got.Errors) == 0 {
			t.Errorf("the wrong shape: %s", got.Raw)
		}
		want := `[{"role":"` + roleID("EXPLORER") + `","scopeId":"d1"},{"role":"` + roleID("EXPLORER") + `","scopeId":"d2"},{"role":"` + roleID("VIEWER") + `","scopeId":null}]`
		if got := r.must(byRole, nil); !strings.Contains(got.Raw, want) {
			t.Errorf("got %s, want %s", got.Raw, want)
		}
	})
}

func TestTheListingLagsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := New(Options{Settings: &Settings{ListingLag: "10s"}, Users: []User{
			{ID: "u1", Email: "ada@example.com", Name: "Ada"}, {ID: "u2", Email: "ben@example.com", Name: "Ben"}}})
		if err != nil {
			t.Fatal(err)
		}
		listed := func() string { return inProcess(t, sim, `{ listUsers { name } }`).Raw }
		shows := func(names ...string) {
			t.Helper()
			got := listed()
			for _, name := range []string{"Ada", "Adele", "Ben", "Cleo"} {
				want := false
				for _, n := range names {
					want = want || n == name
				}
				if strings.Contains(got, `"`+name+`"`) != want {
					t.Errorf("%s shown = %v: %s", name, !want, got)
				}
			}
		}
		shows("Ada", "Ben")
		sim.PutUsers(User{Email: "ada@example.com", Name: "Adele"})
		sim.RemoveUsers("ben@example.com")
		time.Sleep(6 * time.Second)
		sim.PutUsers(User{Email: "cleo@example.com", Name: "Cleo"})
		shows("Ada", "Ben")
		time.Sleep(4 * time.Second)
		shows("Adele")
		time.Sleep(6 * time.Second)
		shows("Adele", "Cleo")
	})
}

func TestSettingsAreValidated(t *testing.T) {
	r := start(t, Options{})
	for _, s := range []Settings{{EmptyRoles: "x"}, {Delete: "x"}, {Roles: "x"}, {ExistingAttributes: "x"}, {ListingLag: "x"}, {ListingLag: "-1s"}, {TokenLifetime: "0s"}} {
		if err := r.sim.SetSettings(s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	var s Settings
	for _, kv := range [][2]string{{"empty_roles", "ignored"}, {"delete", "input"}, {"roles", "role"}, {"existing_attributes", "merge"}, {"listing_lag", "3s"},
		{"allow", "example.com, example.org"}, {"block", ""}, {"user_groups", "ug_1"}, {"token_lifetime", "5m"}} {
		if err := s.Set(kv[0], kv[1]); err != nil {
			t.Error(err)
		}
	}
	equal(t, "by KEY=VALUE", s, Settings{EmptyRoles: "ignored", Delete: "input", Roles: "role", ExistingAttributes: "merge", ListingLag: "3s",
		Allow: []string{"example.com", "example.org"}, Block: []string{}, UserGroups: []string{"ug_1"}, TokenLifetime: "5m"})
	for _, kv := range [][2]string{{"delete", "both"}, {"emptyRoles", "ignored"}} {
		if err := s.Set(kv[0], kv[1]); err == nil {
			t.Errorf("%s=%s was accepted", kv[0], kv[1])
		}
	}
	equal(t, "unchanged by a refusal", s.Delete, "input")
}
