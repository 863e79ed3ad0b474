package sqlite_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// relational.Tables is the schema: a migration that adds a table or a column adds it there, or a copy would lose it.
func TestTablesAreTheSchema(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "scimbridge.db"))
	type table struct {
		Columns, Key []string
		Once         bool
	}
	got, want := map[string]table{}, map[string]table{}
	var refers [][2]string
	err := s.ReadRows(t.Context(), func(c relational.Conn) error {
		rows, err := c.Query(`SELECT t.name, c.name, c.pk, t.sql LIKE '%AUTOINCREMENT%', c."notnull" FROM sqlite_schema t, pragma_table_xinfo(t.name) c
			WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND t.name NOT LIKE 'goose\_%' ESCAPE '\' ORDER BY t.name, c.pk, c.name`)
		if err != nil {
			return err
		}
		for rows.Next() {
			name, column := rows.Value(0).(string), rows.Value(1).(string)
			x := got[name]
			x.Columns, x.Once = append(x.Columns, column), rows.Value(3).(int64) != 0
			if rows.Value(2).(int64) > 0 {
				x.Key = append(x.Key, column)
			} else if rows.Value(4).(int64) == 0 {
				t.Errorf("%s.%s may be NULL", name, column)
			}
			got[name] = x
		}
		if err := rows.Close(); err != nil {
			return err
		}
		rows, err = c.Query(`SELECT t.name, f."table" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'`)
		if err != nil {
			return err
		}
		for rows.Next() {
			refers = append(refers, [2]string{rows.Value(0).(string), rows.Value(1).(string)})
		}
		return rows.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, x := range relational.Tables() {
		want[x.Name] = table{x.Columns, x.Columns[:x.Key], x.Once}
		place[x.Name] = i
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
	for _, r := range refers {
		if place[r[0]] < place[r[1]] {
			t.Errorf("%s refers to %s, which comes later", r[0], r[1])
		}
	}
}
