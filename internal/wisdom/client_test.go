package wisdom

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewNamesEveryWrongOption(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		want    []string
	}{
		{"nothing given", Options{}, []string{"URL is missing", "Workspace is missing", "Token is missing"}},
		{"not an address", Options{URL: "acme.wisdom.ai", Workspace: "w", Token: "t"}, []string{"URL is not"}},
		{"another scheme", Options{URL: "ftp://acme.wisdom.ai", Workspace: "w", Token: "t"}, []string{"URL is not"}},
		{"a password in the address", Options{URL: "https://u:hunter2@acme.wisdom.ai", Workspace: "w", Token: "t"}, []string{"user or password"}},
		{"an unknown way of exchange", Options{URL: "https://acme.wisdom.ai/graphql", Workspace: "w", Token: "t", Exchange: "sometimes"}, []string{`"sometimes"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.options)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q tells the password", err)
			}
		})
	}
}

func TestV18EmptyRolesAreSentAndNilRolesAreNot(t *testing.T) {
	for _, test := range []struct {
		name string
		in   NewUsers
		want string // variables, as sent
	}{
		{"nil lists are left out",
			NewUsers{Emails: []string{"a@example.com"}},
			`{"input":{"emails":["a@example.com"],"workspaceID":"ws_1"}}`},
		{"an empty list of roles is sent as []",
			NewUsers{Emails: []string{"a@example.com"}, Roles: []RoleAssignment{}},
			`{"input":{"emails":["a@example.com"],"workspaceID":"ws_1","roleAssignments":[]}}`},
		{"scopes are never left out and never null",
			NewUsers{Emails: []string{"a@example.com"}, Roles: []RoleAssignment{{RoleID: "r1"}, {RoleID: "r2", Scopes: []string{"d1"}}}},
			`{"input":{"emails":["a@example.com"],"workspaceID":"ws_1","roleAssignments":[{"roleId":"r1","scopes":[]},{"roleId":"r2","scopes":["d1"]}]}}`},
		{"everything",
			NewUsers{Emails: []string{"a@example.com", "b@example.com"}, Roles: []RoleAssignment{}, Attributes: []KeyValue{{"region", "emea"}}, UserGroupIDs: []string{"g1"}, WelcomeEmail: true},
			`{"input":{"emails":["a@example.com","b@example.com"],"workspaceID":"ws_1","roleAssignments":[],"sendWelcomeEmail":true,"userAttributes":[{"key":"region","value":"emea"}],"userGroupIds":["g1"]}}`},
		{"empty lists of attributes and groups are sent too",
			NewUsers{Emails: []string{"a@example.com"}, Attributes: []KeyValue{}, UserGroupIDs: []string{}},
			`{"input":{"emails":["a@example.com"],"workspaceID":"ws_1","userAttributes":[],"userGroupIds":[]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("createUsers", status("createUsers", "OK", ""))
			if err := s.client(t).CreateUsers(t.Context(), test.in); err != nil {
				t.Fatal(err)
			}
			wantVariables(t, s, "createUsers", test.want)
		})
	}
}

func TestV21SettingNoAttributesIsAnEmptyList(t *testing.T) {
	s := newServer(t)
	s.on("setUserAttributes", status("setUserAttributes", "OK", ""))
	if err := s.client(t).SetUserAttributes(t.Context(), "u1", nil); err != nil {
		t.Fatal(err)
	}
	wantVariables(t, s, "setUserAttributes", `{"input":{"userId":"u1","userAttributes":[]}}`)
}

func TestNobodyIsNoCall(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	if err := c.CreateUsers(t.Context(), NewUsers{Roles: []RoleAssignment{}}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteUsers(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if len(s.received) != 0 {
		t.Errorf("requests were sent: %v", s.received)
	}
}

func TestV20AnAddressThatCannotBeSentIsRefusedForGood(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	for _, test := range []struct {
		emails []string
		want   Kind
	}{
		{[]string{"\xff@example.com"}, Permanent},
		{[]string{"\xff@example.com", "b@example.com"}, Transient}, // which one stands alone in its half
	} {
		if e := failure(t, c.CreateUsers(t.Context(), NewUsers{Emails: test.emails})); e.Kind != test.want || e.Unanswered {
			t.Errorf("%q: %#v", test.emails, e)
		}
	}
	if len(s.received) != 0 {
		t.Errorf("requests were sent: %v", s.received)
	}
}

func TestSummaryTellsWhoAndWhatButNoValue(t *testing.T) {
	s := newServer(t)
	s.on("createUsers", status("createUsers", "OK", ""))
	s.on("setUserAttributes", status("setUserAttributes", "OK", ""))
	s.on("deleteUsersFromWorkspace", status("deleteUsersFromWorkspace", "OK", ""))
	s.on("currentUser", says(`{"data":{"currentUser":{"id":"u1","email":"owner@example.com","name":"","creationTimestamp":"","roleAssignments":[],"userAttributes":[]}}}`))
	s.on("listUsers", says(`{"data":{"listUsers":[]}}`))
	var got []string
	c := s.client(t, func(o *Options) {
		o.OnCall = func(call Call) {
			if call.Err == nil {
				got = append(got, call.Summary)
			}
		}
	})
	ctx := t.Context()
	in := NewUsers{
		Emails:     []string{"alice@example.com"},
		Roles:      []RoleAssignment{{RoleID: "00000000-0000-0000-0000-000000000002", Scopes: []string{"domain_1"}}, {RoleID: "custom"}},
		Attributes: []KeyValue{{"region", "secret-value"}},
	}
	many := NewUsers{Emails: strings.Fields("a@x.io b@x.io c@x.io d@x.io e@x.io"), Roles: []RoleAssignment{}, UserGroupIDs: []string{"g1"}, WelcomeEmail: true}
	for _, err := range []error{
		c.CreateUsers(ctx, in), c.CreateUsers(ctx, many),
		c.SetUserAttributes(ctx, "u2", []KeyValue{{"region", "secret-value"}, {"tier", "gold"}}),
		c.DeleteUsers(ctx, []string{"u2", "u3"}),
		c.ListUsers(ctx, func(User) error { return nil }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CurrentUser(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"createUsers alice@example.com roles=[EXPLORER@domain_1 custom] attributes=[region]",
		"createUsers a@x.io b@x.io c@x.io and 2 more roles=[] groups=[g1] with welcome e-mail",
		"setUserAttributes u2 attributes=[region tier]",
		"deleteUsersFromWorkspace u2 u3",
		"listUsers -> 0 users",
		"currentUser -> owner@example.com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

// wantVariables compares the variables of the one request of an operation as JSON.
func wantVariables(t *testing.T, s *server, op, want string) {
	t.Helper()
	requests := s.requests(op)
	if len(requests) != 1 {
		t.Fatalf("%d requests of %s, not one", len(requests), op)
	}
	var variables map[string]any
	if err := json.Unmarshal([]byte(want), &variables); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(variables, requests[0].Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}
