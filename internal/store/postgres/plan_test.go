//go:build unix

package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// fill makes a tenant t in a workspace t of 20,000 people, of whom few have something to do.
const fill = `
INSERT INTO users (tenant, id, managed, user_name, user_name_key, external_id, active, display_name, display_name_key, email_keys, document,
	version, created, modified, account, answered)
	SELECT 't', 'u' || i, 1, 'n' || i, 'n' || i, 'x' || i, (i % 10 <> 0)::int, 'd' || i / 2, 'd' || i / 2, '', '', 1, i, i * 1000, i, 1 FROM generate_series(1, 20000) i;
INSERT INTO user_emails (tenant, email_key, user_seq) SELECT tenant, user_name || '@example.com', seq FROM users;
INSERT INTO groups (tenant, id, display_name, display_name_key, external_id, version, created, modified)
	SELECT 't', 'g' || i, 'g' || i, 'g' || i, 'x' || i, 1, i, i * 1000 FROM generate_series(1, 100) i;
INSERT INTO memberships (group_seq, tenant, member_id, type)
	SELECT g.seq, 't', 'u' || (g.seq * 200 + i), 'User' FROM groups g, generate_series(1, 200) i;
INSERT INTO accounts (workspace, email_key, email, tenant, user_id, former, present, wisdom_id, name, created, actual, row_hash, actual_look,
	missing_look, missing_since, owned, created_by_bridge, desired, version, delivered, confirmed, memory, uncertain, call_open, call_look,
	call_deadline, lease_holder, lease_until, lease_fence, due, taking, pending, attempts, last_error, failed, drift, admin)
	SELECT 't', 'n' || i, 'n' || i, 't', 'u' || i, 0, 1, i, '', '', '', 1, 1, 0, 0, '', 0, '', 1, 1, (i % 100 <> 0)::int, '', (i % 500 = 0)::int, 0, 0, 0,
	CASE WHEN i % 1000 = 0 THEN 'h' ELSE '' END, 0, 0, CASE WHEN i % 100 = 0 THEN i ELSE 0 END, (i % 3 = 0)::int, CASE WHEN i % 100 = 0 THEN i ELSE 0 END,
	0, '', (i % 1000 = 0)::int, (i % 1000 = 0)::int, (i % 2000 = 0)::int FROM generate_series(1, 20000) i;
INSERT INTO events (time, tenant, actor, request, kind, resource, email, detail)
	SELECT i, 't', '', '', 'user.create', 'u' || i, '', '' FROM generate_series(1, 20000) i;
INSERT INTO tombstones (tenant, id, kind, deleted) SELECT 't', 'gone' || i, 'User', i FROM generate_series(1, 5000) i;
INSERT INTO removals (tenant, workspace, account, email_key, user_id, kind, taken, at, token, request, settled, outcome)
	SELECT 't', 't', i, '', '', '', '', i, 'okta', '', (i % 10 <> 0)::int, '' FROM generate_series(1, 5000) i;
INSERT INTO holds (tenant, workspace, kind, account, email_key, wisdom_id, reason, created, settled, outcome, wish, released)
	SELECT 't', 't', 'delete', i, '', '', '', i, (i % 100 <> 0)::int, '', '', 0 FROM generate_series(1, 5000) i;
INSERT INTO deletes (workspace, email_key, at) SELECT 't', 'n' || i, i FROM generate_series(1, 5000) i;
INSERT INTO looks (workspace, number, begun, ended, state, users, detail) SELECT 't', i, i, i, 'applied', 1, '' FROM generate_series(1, 1000) i;
INSERT INTO rules (tenant, hash, body, approved_at) SELECT 't', 'h' || i, '', i FROM generate_series(1, 100) i;
`

// planner says how PostgreSQL will run a statement, with the settings of the engine.
type planner struct {
	conn *pgx.Conn
	// knows what rows there are: ANALYZE was run, as the server does by itself within a minute or so.
	knows bool
}

// TestPlans looks at the plans in a filled database whose rows PostgreSQL has not looked at, and then when it has.
func TestPlans(t *testing.T) {
	test := func(t *testing.T, p planner) {
		t.Run("conditions", func(t *testing.T) { conditionsUseIndexes(t, p) })
		t.Run("queues", func(t *testing.T) { queuesUseIndexes(t, p) })
		t.Run("orders", func(t *testing.T) { ordersUseIndexes(t, p) })
	}
	s, err := Open(t.Context(), Options{URL: pgtest.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	held, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Release)
	p := planner{conn: held.Conn()}
	p.exec(t, "ALTER TABLE users SET (autovacuum_enabled = off); ALTER TABLE accounts SET (autovacuum_enabled = off)")
	p.exec(t, fill)
	t.Run("filled", func(t *testing.T) { test(t, p) })
	p.exec(t, "VACUUM ANALYZE")
	p.knows = true
	t.Run("analyzed", func(t *testing.T) { test(t, p) })
}

func (p planner) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := p.conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (p planner) plan(t *testing.T, s relational.Statement) string {
	t.Helper()
	p.exec(t, "PREPARE it AS "+numbered(s.SQL))
	defer p.exec(t, "DEALLOCATE it")
	values := make([]string, len(s.Args))
	for i, a := range encode(s.Args) {
		switch v := a.(type) {
		case string:
			values[i] = "'" + v + "'"
		case []string:
			values[i] = "'{" + strings.Join(v, ",") + "}'"
		default:
			values[i] = fmt.Sprint(v)
		}
	}
	rows, err := p.conn.Query(t.Context(), "EXPLAIN (COSTS OFF) EXECUTE it("+strings.Join(values, ", ")+")", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", s.SQL, err)
	}
	return strings.Join(steps, "\n")
}

// walk is the step of a plan that reads a table or an index from end to end, or all that a tenant has; "" if none does.
func walk(plan string) string {
	steps := strings.Split(plan+"\n", "\n")
	for i, step := range steps {
		switch {
		case strings.Contains(step, "Seq Scan"):
			return step
		case !strings.Contains(step, "Index") || !strings.Contains(step, "Scan"):
		case !strings.Contains(steps[i+1], "Index Cond:"), strings.HasSuffix(steps[i+1], "Cond: (tenant = 't'::text)"):
			return step
		}
	}
	return ""
}

// sorts reports whether a plan sorts all that it finds, and not only those of equal value.
func sorts(plan string) bool {
	return strings.Contains(strings.ReplaceAll(plan, "Incremental Sort", ""), "Sort\n")
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

func is(f store.Field, v any) *store.Condition {
	return &store.Condition{Field: f, Cmp: store.Eq, Value: v}
}

func sw(f store.Field, v any) *store.Condition {
	return &store.Condition{Field: f, Cmp: store.Sw, Value: v}
}

// conditionsUseIndexes: each kind of filter looks up what it finds.
func conditionsUseIndexes(t *testing.T, p planner) {
	after := &store.Condition{Field: store.FieldLastModified, Cmp: store.Gt, Value: time.UnixMicro(19_990_000)}
	all := func(list ...*store.Condition) *store.Condition { return &store.Condition{All: list} }
	anyOf := func(list ...*store.Condition) *store.Condition { return &store.Condition{Any: list} }
	active, alice, bob := is(store.FieldActive, false), is(store.FieldUserName, "n1"), is(store.FieldUserName, "n2")
	members := is(store.FieldGroup, "g7")
	tests := []struct {
		name  string
		of    resource
		where *store.Condition
		want  []string // indexes
	}{
		{"id", users, is(store.FieldID, "u7"), []string{"users_id"}},
		{"userName", users, alice, []string{"users_name"}},
		{"userName sw", users, sw(store.FieldUserName, "n1999"), []string{"users_name"}},
		{"externalId", users, is(store.FieldExternalID, "x7"), []string{"users_external"}},
		{"displayName", users, is(store.FieldDisplayName, "d7"), []string{"users_display"}},
		{"displayName sw", users, sw(store.FieldDisplayName, "d999"), []string{"users_display"}},
		{"emails.value", users, is(store.FieldEmail, "n7@example.com"), []string{"user_emails_pkey"}},
		{"groups.value", users, members, []string{"groups_id", "memberships_of_group", "users_id"}},
		{"active", users, active, []string{"users_active"}},
		{"meta.lastModified", users, after, []string{"users_modified"}},
		{"userName or userName", users, anyOf(alice, bob), []string{"users_name"}},
		{"userName or e-mail", users, anyOf(alice, is(store.FieldEmail, "x")), []string{"users_name", "user_emails_pkey"}},
		{"e-mail or e-mail", users, anyOf(is(store.FieldEmail, "x"), is(store.FieldEmail, "y")), []string{"user_emails_pkey"}},
		{"displayName and active", users, all(active, is(store.FieldDisplayName, "d7")), []string{"users_display"}},
		{"group and active", users, all(active, members), []string{"groups_id"}},
		{"group and userName", users, all(members, alice), []string{"users_name"}},
		{"modified and active", users, all(active, after), []string{"users_modified"}},
		{"active and either name", users, all(active, anyOf(alice, bob)), []string{"users_name"}},
		{"either half of a tree", users, anyOf(all(active, alice), all(after, is(store.FieldEmail, "x"))), []string{"users_name", "user_emails_pkey"}},

		{"group id", groups, is(store.FieldID, "g7"), []string{"groups_id"}},
		{"group displayName", groups, is(store.FieldDisplayName, "g7"), []string{"groups_display"}},
		{"group externalId", groups, is(store.FieldExternalID, "x7"), []string{"groups_external"}},
		{"members.value", groups, is(store.FieldMember, "u777"), []string{"memberships_of_member"}},
		{"group and member", groups, all(is(store.FieldMember, "u777"), is(store.FieldID, "g7")), []string{"groups_id"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, err := test.of.list("t", store.Query{Where: test.where, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			count, err := test.of.count("t", test.where)
			if err != nil {
				t.Fatal(err)
			}
			for what, s := range map[string]relational.Statement{"list": list, "count": count} {
				plan := p.plan(t, s)
				if step := walk(plan); step != "" {
					t.Errorf("%s walks at %s:\n%s", what, step, plan)
				}
				for _, index := range test.want {
					if p.knows && !strings.Contains(plan, index) {
						t.Errorf("%s does not use %s:\n%s", what, index, plan)
					}
				}
			}
		})
	}
}

// queuesUseIndexes: what is asked every second must not depend on how many accounts there are.
func queuesUseIndexes(t *testing.T, p planner) {
	want := map[string]string{
		"DueAccounts": "accounts_due", "RouseAccounts": "accounts_due", "NextDue": "accounts_due",
		"AbandonedAccounts": "accounts_open", "UnconfirmedAccounts": "accounts_unconfirmed", "AccountsOf": "accounts_user",
		"PendingAccounts": "accounts_pending", "FailedAccounts": "accounts_failed", "AdminAccounts": "accounts_admin",
		"HoldsOfKind": "holds_of_kind", "KnownAccounts": "accounts_email", "Backlog pending": "accounts_pending", "Backlog failed": "accounts_failed",
		"Backlog uncertain": "accounts_uncertain", "DriftedAccounts": "accounts_drift", "RemovalsOf": "removals_account",
		"RemovalsBy": "removals_token", "EventsAbout": "events_about", "Prune events": "events_age",
		"Prune tombstones": "tombstones_age", "Prune removals": "removals_age", "Prune holds": "holds_settled",
		"Prune deletes": "deletes_age", "Looks": "looks_pkey", "RulesInForce": "rules_latest", "Members": "groups_id",
		"GroupsOf": "memberships_of_member", "RemoveMember": "memberships_of_group", "HasMember": "memberships_of_group",
	}
	for _, s := range relational.Frequent() {
		t.Run(s.Name, func(t *testing.T) {
			for i, a := range s.Args {
				if a == "" {
					s.Args[i] = "t" // who has rows
				}
			}
			plan := p.plan(t, s)
			if step := walk(plan); step != "" && s.Name != "RulesInForce" { // whose rows are few, and read from their end
				t.Errorf("it walks at %s:\n%s", step, plan)
			}
			if want[s.Name] == "" || p.knows && !strings.Contains(plan, want[s.Name]) {
				t.Errorf("it does not use %s:\n%s", want[s.Name], plan)
			}
		})
	}
}

// ordersUseIndexes: a page of the orders that clients ask for is read from its place on, not sorted out of
// everybody.
func ordersUseIndexes(t *testing.T, p planner) {
	byName := &store.Sort{By: store.FieldUserName}
	one := is(store.FieldEmail, "n7@example.com")
	active := is(store.FieldActive, false)
	tests := []struct {
		name string
		page store.Query
		want string
		sort bool
	}{
		{"first", store.Query{}, "users_", false},
		{"in the middle", store.Query{Offset: 10000}, "users_", false},
		{"after a place", store.Query{After: &store.Position{Seq: 10000}}, "users_", false},
		{"after a place, active", store.Query{Where: active, After: &store.Position{Seq: 10000}}, "users_", false},
		{"of few", store.Query{Where: one, Sort: byName}, "user_emails_pkey", true},
		{"userName", store.Query{Sort: byName}, "users_name", false},
		{"userName down", store.Query{Sort: &store.Sort{By: store.FieldUserName, Descending: true}}, "users_name", false},
		{"userName after", store.Query{Sort: byName, After: &store.Position{Value: "n1", ID: "i"}}, "users_name", false},
		{"id after", store.Query{Sort: &store.Sort{By: store.FieldID}, After: &store.Position{Value: "u1", ID: "u1"}}, "users_id", false},
		{"meta.lastModified after", store.Query{Sort: &store.Sort{By: store.FieldLastModified}, After: &store.Position{Value: time.UnixMicro(10_000_000), ID: "a"}},
			"users_modified", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.page.Limit = 100
			s, err := users.list("t", test.page)
			if err != nil {
				t.Fatal(err)
			}
			plan := p.plan(t, s)
			if strings.Contains(plan, "Seq Scan") {
				t.Errorf("it reads the table:\n%s", plan)
			}
			if p.knows && (!strings.Contains(plan, test.want) || sorts(plan) != test.sort) {
				t.Errorf("want %s, sorted %t:\n%s", test.want, test.sort, plan)
			}
		})
	}
}
