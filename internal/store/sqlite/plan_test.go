package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// plan is how SQLite says that it will run a query.
func plan(t *testing.T, c *conn, s relational.Statement) string {
	t.Helper()
	r, err := c.query("EXPLAIN QUERY PLAN "+s.SQL, s.Args...)
	if err != nil {
		t.Fatalf("%v in %s", err, s.SQL)
	}
	var steps []string
	for r.Next() {
		step, _ := r.Value(3).(string)
		steps = append(steps, step)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}

// resource is what is listed and counted.
type resource struct {
	list  func(string, store.Query) (relational.Statement, error)
	count func(string, *store.Condition) (relational.Statement, error)
}

var (
	users  = resource{dialect.ListUsers, dialect.CountUsers}
	groups = resource{dialect.ListGroups, dialect.CountGroups}
)

func openForPlans(t *testing.T) *conn {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "plan.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.writer.conn
}

// TestConditionsUseIndexes holds what each kind of filter costs: the index named is
// searched by what stands in brackets, and nothing else of the table is read.
func TestConditionsUseIndexes(t *testing.T) {
	c := openForPlans(t)
	is := func(f store.Field, v any) *store.Condition {
		return &store.Condition{Field: f, Cmp: store.Eq, Value: v}
	}
	sw := func(f store.Field, v any) *store.Condition {
		return &store.Condition{Field: f, Cmp: store.Sw, Value: v}
	}
	after := &store.Condition{Field: store.FieldLastModified, Cmp: store.Gt, Value: time.Unix(0, 0)}
	all := func(list ...*store.Condition) *store.Condition { return &store.Condition{All: list} }
	anyOf := func(list ...*store.Condition) *store.Condition { return &store.Condition{Any: list} }
	active, alice, bob := is(store.FieldActive, true), is(store.FieldUserName, "alice"), is(store.FieldUserName, "bob")
	admins := is(store.FieldGroup, "admins")

	const (
		byName   = "users_name (tenant=? AND user_name_key=?)"
		byEmail  = "user_emails USING PRIMARY KEY (tenant=? AND email_key=?)"
		byGroup  = "groups USING COVERING INDEX groups_id (tenant=? AND id=?)"
		byMember = "memberships USING COVERING INDEX memberships_of_member (tenant=? AND member_id=?)"
	)
	for _, test := range []struct {
		name  string
		of    resource
		where *store.Condition
		want  []string // in the plan
	}{
		{"all users", users, nil, []string{"users_list (tenant=?)"}},
		{"id", users, is(store.FieldID, "x"), []string{"users_id (tenant=? AND id=?)"}},
		{"userName", users, alice, []string{byName}},
		{"userName sw", users, sw(store.FieldUserName, "al"), []string{"users_name (tenant=? AND user_name_key>? AND user_name_key<?)"}},
		{"externalId", users, is(store.FieldExternalID, "x"), []string{"users_external (tenant=? AND external_id=?)"}},
		{"displayName", users, is(store.FieldDisplayName, "x"), []string{"users_display (tenant=? AND display_name_key=?)"}},
		{"displayName sw", users, sw(store.FieldDisplayName, "x"), []string{"users_display (tenant=? AND display_name_key>? AND display_name_key<?)"}},
		{"emails.value", users, is(store.FieldEmail, "x"), []string{byEmail}},
		{"groups.value", users, admins, []string{byGroup}},
		{"active", users, active, []string{"users_active (tenant=? AND active=?)"}},
		{"meta.lastModified", users, after, []string{"users_modified (tenant=? AND modified>?)"}},
		{"userName or userName", users, anyOf(alice, bob), []string{byName}},
		{"userName or e-mail", users, anyOf(alice, is(store.FieldEmail, "x")), []string{byName, byEmail}},
		{"e-mail or e-mail", users, anyOf(is(store.FieldEmail, "x"), is(store.FieldEmail, "y")), []string{byEmail}},
		{"displayName and active", users, all(active, is(store.FieldDisplayName, "x")), []string{"users_display (tenant=? AND display_name_key=?)"}},
		{"group and active", users, all(active, admins), []string{byGroup}},
		{"group and userName", users, all(admins, alice), []string{byName}},
		{"modified and active", users, all(active, after), []string{"users_modified (tenant=? AND modified>?)"}},
		{"active and either name", users, all(active, anyOf(alice, bob)), []string{byName}},
		{"either half of a tree", users, anyOf(all(active, alice), all(after, is(store.FieldEmail, "x"))), []string{byName, byEmail}},

		{"all groups", groups, nil, []string{"groups_list (tenant=?)"}},
		{"group id", groups, is(store.FieldID, "x"), []string{"groups_id (tenant=? AND id=?)"}},
		{"group displayName", groups, is(store.FieldDisplayName, "x"), []string{"groups_display (tenant=? AND display_name_key=?)"}},
		{"group externalId", groups, is(store.FieldExternalID, "x"), []string{"groups_external (tenant=? AND external_id=?)"}},
		{"members.value", groups, is(store.FieldMember, "x"), []string{byMember}},
		{"group and member", groups, all(is(store.FieldMember, "x"), is(store.FieldID, "y")), []string{"groups_id (tenant=? AND id=?)"}},
		{"group meta.lastModified", groups, after, []string{"groups_modified (tenant=? AND modified>?)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			lists, err := test.of.list("t", store.Query{Where: test.where, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			counts, err := test.of.count("t", test.where)
			if err != nil {
				t.Fatal(err)
			}
			list := plan(t, c, lists)
			for what, got := range map[string]string{"list": list, "count": plan(t, c, counts)} {
				if strings.Contains(strings.ReplaceAll(got, "SCAN json_each", ""), "SCAN") {
					t.Errorf("%s scans: %s", what, got)
				}
				if test.where == nil {
					continue // any index of the tenant counts all
				}
				for _, want := range test.want {
					if !strings.Contains(got, want) {
						t.Errorf("%s: %s\nwant %s", what, got, want)
					}
				}
				if strings.Contains(got, "(tenant=?)") {
					t.Errorf("%s walks the tenant: %s", what, got)
				}
			}
			for _, want := range test.want {
				if !strings.Contains(list, want) {
					t.Errorf("list: %s\nwant %s", list, want)
				}
			}
		})
	}
}

// TestQueuesUseIndexes: what the convergence loop asks every second must not
// depend on how many accounts there are.
func TestQueuesUseIndexes(t *testing.T) {
	c := openForPlans(t)
	want := map[string]string{
		"DueAccounts":         "SEARCH accounts USING INDEX accounts_due (workspace=? AND tenant=? AND taking=? AND due<?)",
		"RouseAccounts":       "SEARCH accounts USING INDEX accounts_due (workspace=? AND tenant=? AND taking=? AND due>?)",
		"NextDue":             "SEARCH accounts USING COVERING INDEX accounts_due (workspace=? AND tenant=? AND taking=? AND due>?)",
		"AbandonedAccounts":   "SEARCH accounts USING INDEX accounts_open (workspace=?)",
		"UnconfirmedAccounts": "SEARCH accounts USING INDEX accounts_unconfirmed (workspace=?)",
		"AccountsOf":          "SEARCH accounts USING INDEX accounts_user (tenant=? AND user_id=?)",
		"PendingAccounts":     "SEARCH accounts USING INDEX accounts_pending (workspace=? AND tenant=? AND pending>?)",
		"FailedAccounts":      "SEARCH accounts USING INDEX accounts_failed (workspace=? AND tenant=? AND rowid>?)",
		"AdminAccounts":       "SEARCH accounts USING INDEX accounts_admin (workspace=?)",
		"HoldsOfKind":         "SEARCH holds USING INDEX holds_of_kind (tenant=? AND kind=?)",
		"KnownAccounts":       "SEARCH accounts USING COVERING INDEX accounts_known (workspace=?)",
		"Backlog pending":     "SEARCH accounts USING COVERING INDEX accounts_pending (workspace=? AND tenant=?)",
		"Backlog failed":      "SEARCH accounts USING INDEX accounts_failed (workspace=? AND tenant=?)",
		"Backlog uncertain":   "SEARCH accounts USING INDEX accounts_unconfirmed (workspace=? AND tenant=?)",
		"DriftedAccounts":     "SEARCH accounts USING INDEX accounts_drift (tenant=? AND id>?)",
		"RemovalsOf":          "SEARCH removals USING INDEX removals_account (account=?)",
		"RemovalsBy":          "SEARCH removals USING INDEX removals_token (tenant=? AND token=? AND rowid>?)",
		"EventsAbout":         "SEARCH events USING INDEX events_about (tenant=? AND resource=?)",
		"Prune events":        "SEARCH events USING COVERING INDEX events_age (time<?)",
		"Prune tombstones":    "SEARCH tombstones USING COVERING INDEX tombstones_age (deleted<?)",
		"Prune removals":      "SEARCH removals USING COVERING INDEX removals_age (at<?)",
		"Prune holds":         "SEARCH holds USING COVERING INDEX holds_settled (settled<?)",
		"Prune deletes":       "SEARCH deletes USING COVERING INDEX deletes_age (at<?)",
		"Looks":               "SEARCH looks USING PRIMARY KEY (workspace=?)",
		"RulesInForce":        "SEARCH rules USING INDEX rules_latest (tenant=?)",
		"Members":             "SEARCH m USING INDEX memberships_list (group_seq=?)",
		"GroupsOf":            "SEARCH memberships USING COVERING INDEX memberships_of_member (tenant=? AND member_id=?)",
		// One more member of a group, or one less, is found by group and member, whatever the size of the group.
		"RemoveMember": "(group_seq=? AND member_id=?)",
		"HasMember":    "(group_seq=? AND member_id=?)",
	}
	for _, s := range relational.Frequent() {
		t.Run(s.Name, func(t *testing.T) {
			got := plan(t, c, s)
			walks := strings.Contains(got, "(tenant=?)") && s.Name != "RulesInForce" // whose rows are few, and read from their end
			if want[s.Name] == "" || !strings.Contains(got, want[s.Name]) || strings.Contains(got, "SCAN") || walks {
				t.Errorf("plan %s\nwant %s", got, want[s.Name])
			}
		})
	}
}

// TestOrdersUseIndexes: a page of the orders that clients ask for is read from its place
// on, not sorted out of everybody; one of few rows looks these up.
func TestOrdersUseIndexes(t *testing.T) {
	c := openForPlans(t)
	byName := &store.Sort{By: store.FieldUserName}
	one := &store.Condition{Field: store.FieldEmail, Cmp: store.Eq, Value: "x"}
	active := &store.Condition{Field: store.FieldActive, Cmp: store.Eq, Value: true}
	for _, test := range []struct {
		name string
		page store.Query
		want string
		sort bool
	}{
		{"after a place", store.Query{After: &store.Position{Seq: 7}}, "users_list (tenant=? AND rowid>?)", false},
		{"after a place, active", store.Query{Where: active, After: &store.Position{Seq: 7}}, "users_active (tenant=? AND active=? AND rowid>?)", false},
		{"after a place, few", store.Query{Where: one, After: &store.Position{Seq: 7}}, "user_emails", false},
		{"userName", store.Query{Sort: byName}, "users_name (tenant=?)", false},
		{"userName down", store.Query{Sort: &store.Sort{By: store.FieldUserName, Descending: true}}, "users_name (tenant=?)", false},
		{"userName after", store.Query{Sort: byName, After: &store.Position{Value: "a", ID: "i"}}, "users_name (tenant=? AND user_name_key>?)", false},
		{"userName of few", store.Query{Where: one, Sort: byName}, "user_emails", true},
		{"id after", store.Query{Sort: &store.Sort{By: store.FieldID}, After: &store.Position{Value: "a", ID: "a"}}, "users_id (tenant=? AND id>?)", false},
		{"meta.lastModified after", store.Query{Sort: &store.Sort{By: store.FieldLastModified}, After: &store.Position{Value: time.Unix(0, 0), ID: "a"}},
			"users_modified (tenant=? AND modified>?)", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.page.Limit = 10
			query, err := dialect.ListUsers("t", test.page)
			if err != nil {
				t.Fatal(err)
			}
			got := plan(t, c, query)
			if !strings.Contains(got, test.want) || strings.Contains(got, "SCAN") || strings.Contains(got, "TEMP B-TREE") != test.sort {
				t.Errorf("%s\nplan %s\nwant %s", query.SQL, got, test.want)
			}
		})
	}
}
