package simulator

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCreateUsersIsAnUpsertByEmail(t *testing.T) {
	t.Run("a new user has the roles and attributes of the call", func(t *testing.T) {
		r := start(t, Options{})
		equal(t, "status", r.create(map[string]any{
			"emails": []string{"ada@example.com"}, "workspaceID": "ws_sim",
			"roleAssignments": []any{role("EXPLORER", "d1")}, "userAttributes": pairs("team", "x"),
		}), okDone)
		u := r.list()["ada@example.com"]
		equal(t, "roles", roles(u), "EXPLORER[d1]")
		equal(t, "attributes", attributes(u), "team=x")
		if u.ID == "" || u.Name == "" {
			t.Errorf("user = %+v", u)
		}
	})
	t.Run("the match is without case, and the spelling that is there stays", func(t *testing.T) {
		r := start(t, Options{Users: []User{{Email: "Ada@Example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}}}})
		before := r.list()["Ada@Example.com"]
		equal(t, "status", r.create(map[string]any{"emails": []string{"aDA@eXAMPLE.com"}, "roleAssignments": []any{role("EXPLORER")}}), okDone)
		equal(t, "emails", r.emails(), []string{"Ada@Example.com"})
		after := r.list()["Ada@Example.com"]
		equal(t, "roles", roles(after), "EXPLORER")
		equal(t, "id", after.ID, before.ID)
	})
	t.Run("one address in two spellings is one user", func(t *testing.T) {
		r := start(t, Options{})
		r.create(map[string]any{"emails": []string{"ada@example.com", "ADA@example.com"}})
		equal(t, "emails", r.emails(), []string{"ada@example.com"})
	})
	t.Run("roles given by hand are overwritten", func(t *testing.T) {
		r := start(t, Options{Users: []User{{Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("EXPLORER"), role("STORY_WRITER")}}}})
		r.create(map[string]any{"emails": []string{"ada@example.com"}, "roleAssignments": []any{role("BASIC_EXPLORER")}})
		equal(t, "roles", roles(r.list()["ada@example.com"]), "BASIC_EXPLORER")
	})
	t.Run("one set of roles and attributes for all addresses of a call", func(t *testing.T) {
		r := start(t, Options{})
		r.create(map[string]any{"emails": []string{"a@example.com", "b@example.com"},
			"roleAssignments": []any{role("VIEWER", "d1")}, "userAttributes": pairs("team", "x")})
		for _, email := range []string{"a@example.com", "b@example.com"} {
			equal(t, email, roles(r.list()[email])+" "+attributes(r.list()[email]), "VIEWER[d1] team=x")
		}
	})
	t.Run("the answer has a status and no ids", func(t *testing.T) {
		r := start(t, Options{})
		got := r.must(`mutation { createUsers(input: {emails: ["a@example.com"]}) { users { id } } }`, nil)
		if len(got.Errors) == 0 || len(got.Data) != 0 {
			t.Errorf("answer = %s", got.Raw)
		}
		equal(t, "emails", r.emails(), []string{})
	})
}

// `roleAssignments: []` and no roleAssignments are two things on the wire.
func TestRoleAssignmentsEmptyDiffersFromLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		body     string // of the variable `in`, as bytes
		want     string
	}{
		"left out: roles stay":           {Settings{}, `{"emails":["ada@example.com"]}`, "EXPLORER"},
		"null: roles stay":               {Settings{}, `{"emails":["ada@example.com"],"roleAssignments":null}`, "EXPLORER"},
		"empty: all roles go":            {Settings{}, `{"emails":["ada@example.com"],"roleAssignments":[]}`, ""},
		"empty_roles ignored: they stay": {Settings{EmptyRoles: "ignored"}, `{"emails":["ada@example.com"],"roleAssignments":[]}`, "EXPLORER"},
		"ignored is about [] alone":      {Settings{EmptyRoles: "ignored"}, `{"emails":["ada@example.com"],"roleAssignments":[{"roleId":"00000000-0000-0000-0000-000000000003","scopes":[]}]}`, "VIEWER"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Settings: &c.settings, Users: []User{{Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("EXPLORER")}}}})
			query, _ := json.Marshal(createQuery)
			got, err := r.send(t.Context(), []byte(`{"query":`+string(query)+`,"variables":{"in":`+c.body+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "status", got.status("createUsers"), okDone)
			equal(t, "roles", roles(r.list()["ada@example.com"]), c.want)
		})
	}
}

func TestExistingAttributesAreWhatTheSettingSays(t *testing.T) {
	for setting, want := range map[string]string{
		"ignore":  "team=x region=EU JWT:team=sso",
		"replace": "team=y tier=1 JWT:team=sso",
		"merge":   "team=y region=EU tier=1 JWT:team=sso",
	} {
		t.Run(setting, func(t *testing.T) {
			r := start(t, Options{Settings: &Settings{ExistingAttributes: setting}, Users: []User{{Email: "ada@example.com", UserAttributes: []UserAttribute{
				{"team", "x", sourceDatabase}, {"region", "EU", sourceDatabase}, {"team", "sso", sourceJWT},
			}}}})
			r.create(map[string]any{"emails": []string{"ada@example.com"}, "userAttributes": pairs("team", "y", "tier", "1")})
			equal(t, "attributes", attributes(r.list()["ada@example.com"]), want)
			r.create(map[string]any{"emails": []string{"ada@example.com"}})
			equal(t, "attributes after a call without any", attributes(r.list()["ada@example.com"]), want)
		})
	}
}

func TestSetUserAttributesReplacesDatabaseAndLeavesJWT(t *testing.T) {
	r := start(t, Options{Users: []User{{ID: "u1", Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}, UserAttributes: []UserAttribute{
		{"team", "x", sourceDatabase}, {"region", "EU", sourceDatabase}, {"team", "sso", sourceJWT}, {"locale", "en", sourceJWT},
	}}}})
	ada := func() User { return r.list()["ada@example.com"] }

	equal(t, "status", r.setAttributes("u1", "team", "y", "tier", "1"), okDone)
	equal(t, "a key left out is gone, JWT ones stay", attributes(ada()), "team=y tier=1 JWT:team=sso JWT:locale=en")
	equal(t, "status", r.setAttributes("u1", "locale", "de"), okDone)
	equal(t, "a key may stand in both sources", attributes(ada()), "locale=de JWT:team=sso JWT:locale=en")
	equal(t, "status", r.setAttributes("u1"), okDone)
	equal(t, "none", attributes(ada()), "JWT:team=sso JWT:locale=en")
	equal(t, "roles", roles(ada()), "VIEWER")
	equal(t, "unknown id", r.setAttributes("ada@example.com", "team", "y"), "NOT_FOUND: user ada@example.com was not found")
}

func TestDeleteIsIrreversible(t *testing.T) {
	r := start(t, Options{Users: []User{
		{ID: "u1", Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}, UserAttributes: []UserAttribute{{"team", "x", sourceJWT}}},
		{ID: "u2", Email: "ben@example.com"}, {ID: "u3", Email: "cleo@example.com"},
	}})
	equal(t, "an id that is not there: nothing is done", r.delete("u2", "u9"), "NOT_FOUND: user u9 was not found")
	equal(t, "emails", len(r.emails()), 3)
	equal(t, "several", r.delete("u1", "u2", "u1"), okDone)
	equal(t, "emails", r.emails(), []string{"cleo@example.com"})
	equal(t, "again", r.delete("u1"), "NOT_FOUND: user u1 was not found")

	r.create(map[string]any{"emails": []string{"ada@example.com"}})
	ada := r.list()["ada@example.com"]
	if ada.ID == "u1" || len(ada.RoleAssignments) != 0 || len(ada.UserAttributes) != 0 {
		t.Errorf("came back as %+v", ada)
	}
}

func TestTheOwnerStaysAnAdministrator(t *testing.T) {
	r := start(t, Options{Users: []User{{ID: "u1", Email: "ada@example.com"}}})
	owner := r.list()[ownerEmail]
	for name, st := range map[string]string{
		"other role": r.create(map[string]any{"emails": []string{"OWNER@wisdom.invalid"}, "roleAssignments": []any{role("VIEWER")}}),
		"no role":    r.create(map[string]any{"emails": []string{"ada@example.com", ownerEmail}, "roleAssignments": []any{}}),
		"delete":     r.delete("u1", owner.ID),
	} {
		if !strings.HasPrefix(st, "ERROR: ") {
			t.Errorf("%s: %s", name, st)
		}
	}
	equal(t, "owner", r.list()[ownerEmail], owner)
	equal(t, "emails", r.emails(), []string{"ada@example.com"})
	equal(t, "a role more", r.create(map[string]any{"emails": []string{ownerEmail}, "roleAssignments": []any{role("ADMIN"), role("CREATOR")}}), okDone)
}

func TestWorkspaces(t *testing.T) {
	r := start(t, Options{Workspace: "ws_1", Users: []User{{ID: "u1", Email: "ada@example.com"}}})
	equal(t, "createUsers, right", r.create(map[string]any{"emails": []string{"b@example.com"}, "workspaceID": "ws_1"}), okDone)
	equal(t, "createUsers, left out", r.create(map[string]any{"emails": []string{"b@example.com"}}), okDone)
	equal(t, "createUsers, wrong", r.create(map[string]any{"emails": []string{"c@example.com"}, "workspaceID": "ws_2"}), "ERROR: workspace ws_2 was not found")
	wrong := r.must(deleteQuery, map[string]any{"ids": []string{"u1"}, "ws": "ws_2"})
	equal(t, "delete, wrong", wrong.status("deleteUsersFromWorkspace"), "ERROR: workspace ws_2 was not found")
	missing := r.must(`mutation { deleteUsersFromWorkspace(ids: ["u1"]) { status { code message } } }`, nil)
	if len(missing.Errors) == 0 {
		t.Errorf("delete without workspace: %s", missing.Raw)
	}
	listing := `query($ws: ID) { listUsers(workspaceId: $ws) { email } }`
	if got := r.must(listing, map[string]any{"ws": "ws_1"}); len(got.Errors) != 0 {
		t.Errorf("listUsers: %s", got.Raw)
	}
	if got := r.must(listing, map[string]any{"ws": "ws_2"}); got.status("") != "errors: workspace ws_2 was not found" || !strings.Contains(got.Raw, `"data":null`) {
		t.Errorf("listUsers of another workspace: %s", got.Raw)
	}
	equal(t, "emails", r.emails(), []string{"ada@example.com", "b@example.com"})
}

func TestCreateUsersRefusesWhatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		in   map[string]any
		want string
	}{
		"no address":       {map[string]any{"emails": []string{}}, "ERROR: emails must not be empty"},
		"no such role":     {map[string]any{"emails": []string{"a@example.com"}, "roleAssignments": []any{RoleAssignment{RoleID: "BUILDER", Scopes: []string{}}}}, "ERROR: role BUILDER does not exist"},
		"role 16":          {map[string]any{"emails": []string{"a@example.com"}, "roleAssignments": []any{RoleAssignment{RoleID: "00000000-0000-0000-0000-000000000016", Scopes: []string{}}}}, "ERROR: role 00000000-0000-0000-0000-000000000016 does not exist"},
		"not an address":   {map[string]any{"emails": []string{"a@example.com", "nobody"}}, "ERROR: invalid email address"},
		"a display name":   {map[string]any{"emails": []string{"A <a@example.com>"}}, "ERROR: invalid email address"},
		"no such group":    {map[string]any{"emails": []string{"a@example.com"}, "userGroupIds": []string{"ug_1", "ug_2"}}, "ERROR: user group ug_2 does not exist"},
		"a group there is": {map[string]any{"emails": []string{"a@example.com"}, "userGroupIds": []string{"ug_1"}}, okDone},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Settings: &Settings{UserGroups: []string{"ug_1"}}})
			equal(t, "status", r.create(c.in), c.want)
			if want := c.want == okDone; want != (len(r.emails()) == 1) {
				t.Errorf("users: %v", r.emails())
			}
		})
	}
}

func TestAWelcomeMailIsForSomebodyNewWhoIsToHaveOne(t *testing.T) {
	r := start(t, Options{})
	r.create(map[string]any{"emails": []string{"a@example.com"}})
	r.create(map[string]any{"emails": []string{"a@example.com", "b@example.com"}, "sendWelcomeEmail": true, "userGroupIds": []string{"ug_1"}})
	got := map[int64]bool{}
	for _, e := range r.sim.Log(0) {
		got[e.Seq] = e.WelcomeEmail
	}
	equal(t, "mails by effect", got, map[int64]bool{1: false, 2: false, 3: true})
	equal(t, "groups", r.sim.Log(2)[0].UserGroupIDs, []string{"ug_1"})
}
