package sqlite

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// tx is one View or Update.
type tx struct {
	ctx   context.Context
	conn  *conn
	clock func() time.Time
	now   time.Time // zero until asked for
}

var _ store.Tx = (*tx)(nil)

// Now is the clock's time at the first call.
func (t *tx) Now() time.Time {
	if t.now.IsZero() {
		t.now = t.clock().UTC().Truncate(time.Microsecond)
	}
	return t.now
}

// Part runs fn under a savepoint; one of a name hides those of the same name outside it.
func (t *tx) Part(fn func() error) error {
	if _, err := t.conn.exec("SAVEPOINT part"); err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept { // a panic ends the whole transaction
			_, _ = t.conn.exec("ROLLBACK TO part")
			_, _ = t.conn.exec("RELEASE part")
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	kept = true
	_, err := t.conn.exec("RELEASE part")
	return err
}

// checkRows is after how many rows a sequence looks whether its context has ended.
const checkRows = 128

// each yields the rows of a query one by one.
func each[T any](t *tx, scan func(*rows) T, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		r, err := t.conn.query(query, args...)
		if err != nil {
			yield(zero, err)
			return
		}
		open := true
		defer func() {
			if open { // the caller has seen enough
				_ = r.close()
			}
		}()
		for n := 1; r.next(); n++ {
			if n%checkRows == 0 && t.ctx.Err() != nil {
				yield(zero, t.ctx.Err())
				return
			}
			if !yield(scan(r), nil) {
				return
			}
		}
		open = false
		if err := r.close(); err != nil {
			yield(zero, err)
		}
	}
}

// all collects the rows of a query.
func all[T any](t *tx, scan func(*rows) T, query string, args ...any) ([]T, error) {
	var list []T
	for v, err := range each(t, scan, query, args...) {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// get reads one row; store.ErrNotFound if there is none.
func get[T any](t *tx, scan func(*rows) T, query string, args ...any) (v T, err error) {
	found, err := t.conn.one(query, args, func(r *rows) { v = scan(r) })
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return v, err
}

func number(r *rows) int64 { return r.int64() }
func text(r *rows) string  { return r.text() }

// must is for statements that are to change a row: store.ErrNotFound if they did not.
func (t *tx) must(query string, args ...any) error {
	n, err := t.conn.changed(query, args...)
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	return err
}

// table is a table whose rows are replaced whole by the interface, but written only
// where they differ: a column that is not set leaves its indexes alone, and most
// writes change few columns.
type table struct {
	name   string
	rowid  string
	fields []string

	columns string // the row number and the fields, as a list
	insert  string
}

func newTable(name, rowid string, fields ...string) *table {
	columns := strings.Join(fields, ", ")
	return &table{
		name: name, rowid: rowid, fields: fields, columns: rowid + ", " + columns,
		insert: "INSERT INTO " + name + " (" + columns + ") VALUES (?" + strings.Repeat(", ?", len(fields)-1) + ")",
	}
}

// find reads the row number and the fields of a row as they are stored.
func (b *table) find(c *conn, where string, args ...any) (rowid int64, old []any, err error) {
	_, err = c.one("SELECT "+b.columns+" FROM "+b.name+" WHERE "+where, args, func(r *rows) {
		rowid = r.int64()
		for range b.fields {
			old = append(old, r.value())
		}
	})
	return rowid, old, err
}

// update writes the fields that changed.
func (b *table) update(c *conn, rowid int64, old, new []any) error {
	var set strings.Builder
	var args []any
	for i, name := range b.fields {
		v := value(new[i])
		if same(old[i], v) {
			continue
		}
		if set.Len() > 0 {
			set.WriteString(", ")
		}
		set.WriteString(name)
		set.WriteString(" = ?")
		args = append(args, v)
	}
	if len(args) == 0 {
		return nil
	}
	_, err := c.exec("UPDATE "+b.name+" SET "+set.String()+" WHERE "+b.rowid+" = ?", append(args, rowid)...)
	return err
}

func same(a, b any) bool {
	x, ok := a.([]byte)
	if !ok {
		y, blob := b.([]byte)
		if !blob {
			return a == b
		}
		return a == nil && len(y) == 0
	}
	y, ok := b.([]byte)
	return ok && string(x) == string(y)
}
