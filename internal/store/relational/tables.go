package relational

import "strings"

// Table is a table of the schema as every engine has it, for who moves whole rows.
type Table struct {
	Name string
	// Columns are all there are, those of the primary key first.
	Columns []string
	// Key is how many of them are the key.
	Key int
	// Numbered says that the key is a number that the engine draws.
	Numbered bool
	// Once says that a number is never drawn again, whatever became of its row.
	Once bool
}

// Tables are all tables, each behind those that its rows refer to. What is kept beside the rows (numbers drawn, the
// version of the schema) is the engine's.
func Tables() []Table {
	numbered := func(b *table, once bool) Table {
		return Table{Name: b.name, Columns: append([]string{b.rowid}, b.fields...), Key: 1, Numbered: true, Once: once}
	}
	return []Table{
		{Name: "meta", Columns: []string{"key", "value"}, Key: 1},
		{Name: "tenants", Columns: []string{"name", "workspace", "created"}, Key: 1},
		{Name: "rules", Columns: []string{"tenant", "hash", "body", "approved_at"}, Key: 2},
		numbered(users, false),
		{Name: "user_emails", Columns: []string{"tenant", "email_key", "user_seq"}, Key: 3},
		{Name: "aliases", Columns: []string{"tenant", "alias", "user_id"}, Key: 2},
		{Name: "tombstones", Columns: []string{"tenant", "id", "kind", "deleted"}, Key: 2},
		numbered(groups, false),
		numbered(newTable("memberships", "seq", "group_seq", "tenant", "member_id", "type"), false),
		numbered(accounts, true),
		{Name: "looks", Columns: []string{"workspace", "number", "begun", "ended", "state", "users", "detail", "tenant", "holder", "until"}, Key: 2},
		{Name: "look_rows", Columns: []string{"workspace", "look", "email_key", "row"}, Key: 3},
		numbered(newTable("holds", "id", "tenant", "workspace", "kind", "account", "email_key", "wisdom_id", "reason", "created", "settled",
			"outcome", "wish", "released"), true),
		numbered(newTable("deletes", "seq", "workspace", "email_key", "at"), false),
		numbered(newTable("removals", "id", "tenant", "workspace", "account", "email_key", "user_id", "kind", "taken", "at", "token", "request",
			"settled", "outcome"), true),
		{Name: "tokens", Columns: []string{"tenant", "name", "hash", "created", "expires", "revoked", "last_used"}, Key: 2},
		numbered(newTable("events", "seq", "time", "tenant", "actor", "request", "kind", "resource", "email", "detail"), true),
	}
}

// Select is the statement for all rows, in the order of their keys; where may be "".
func (t Table) Select(where string) string {
	return "SELECT " + strings.Join(t.Columns, ", ") + " FROM " + t.Name + where + " ORDER BY " + strings.Join(t.Columns[:t.Key], ", ")
}

// Count is the statement for how many rows there are.
func (t Table) Count(where string) string { return "SELECT COUNT(*) FROM " + t.Name + where }

// Insert is the statement that adds a row.
func (t Table) Insert() string {
	return "INSERT INTO " + t.Name + " (" + strings.Join(t.Columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(t.Columns)-1) + ")"
}

// Number reads one integer, 0 if there is no row or it is NULL.
func Number(c Conn, query string, args ...any) (n int64, err error) {
	rows, err := c.Query(query, args...)
	if err != nil {
		return 0, err
	}
	if rows.Next() {
		n, _ = rows.Value(0).(int64)
	}
	return n, rows.Close()
}

// CopyingMark is the name in meta that a store has while it is being copied to: until the last of it is there it is no
// store, and an engine opens it for nobody but who copies.
const CopyingMark = "copying"

// Copying reports whether a store has the mark.
func Copying(c Conn) (bool, error) {
	n, err := Number(c, "SELECT COUNT(*) FROM meta WHERE key = ?", CopyingMark)
	return n > 0, err
}
