//go:build unix

package postgres_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// relational.Tables is the schema: a migration that adds a table or a column adds it there, or a copy would lose it.
func TestTablesAreTheSchema(t *testing.T) {
	url := pgtest.Database(t)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	type table struct {
		Columns, Key []string
		Numbered     bool
	}
	got, want := map[string]table{}, map[string]table{}
	rows, err := c.Query(t.Context(), `SELECT c.relname::text, a.attname::text, COALESCE(array_position(i.indkey::smallint[], a.attnum), -1), a.attidentity <> '', a.attnotnull
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace AND c.relname NOT IN ('turns', 'marks', 'scimbridge_schema')
		ORDER BY 1, 3, 2`)
	if err != nil {
		t.Fatal(err)
	}
	var name, column string
	var place int
	var identity, notNull bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &column, &place, &identity, &notNull}, func() error {
		x := got[name]
		x.Columns, x.Numbered = append(x.Columns, column), x.Numbered || identity
		if place >= 0 {
			x.Key = append(x.Key, column)
		}
		if !notNull {
			t.Errorf("%s.%s may be NULL", name, column)
		}
		got[name] = x
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	order := map[string]int{}
	for i, x := range relational.Tables() {
		want[x.Name] = table{x.Columns, x.Columns[:x.Key], x.Numbered}
		order[x.Name] = i
	}
	for _, tables := range []map[string]table{got, want} {
		for name, x := range tables {
			x.Columns = slices.Sorted(slices.Values(x.Columns))
			tables[name] = x
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("relational.Tables is not the schema (-Tables +schema):\n%s", diff)
	}
	var of, to string
	rows, err = c.Query(t.Context(), "SELECT f.relname::text, p.relname::text FROM pg_constraint x JOIN pg_class f ON f.oid = x.conrelid JOIN pg_class p ON p.oid = x.confrelid WHERE x.contype = 'f'")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&of, &to}, func() error {
		if order[of] < order[to] {
			t.Errorf("%s refers to %s, which comes later", of, to)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
