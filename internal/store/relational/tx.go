package relational

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Tx is one View or Update.
type Tx struct {
	ctx     context.Context
	conn    Conn // nil when the transaction is over
	dialect *Dialect
	clock   func() time.Time
	now     time.Time // zero until asked for
	recall  recall
}

var _ store.Tx = (*Tx)(nil)

// New makes the Tx of a transaction that conn is in. clock is asked once, at the first Now.
func New(ctx context.Context, conn Conn, dialect *Dialect, clock func() time.Time) *Tx {
	return &Tx{ctx: ctx, conn: conn, dialect: dialect, clock: clock}
}

// End makes it useless: the transaction is over.
func (t *Tx) End() { t.conn = nil }

// Now is the clock's time at the first call.
func (t *Tx) Now() time.Time {
	if t.now.IsZero() {
		t.now = t.clock().UTC().Truncate(time.Microsecond)
	}
	return t.now
}

// Part runs fn under a savepoint; one of a name hides those of the same name outside it.
func (t *Tx) Part(fn func() error) error {
	if _, err := t.exec("SAVEPOINT part"); err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept { // a panic ends the whole transaction
			t.recall = recall{}
			_, _ = t.exec("ROLLBACK TO part")
			_, _ = t.exec("RELEASE part")
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	kept = true
	_, err := t.exec("RELEASE part")
	return err
}

// exec runs a statement without rows, and says how many it changed.
func (t *Tx) exec(query string, args ...any) (changed int64, err error) {
	return t.conn.Exec(query, values(args)...)
}

// insert adds a row and says the number it was given.
func (t *Tx) insert(query, key string, args ...any) (int64, error) {
	return t.conn.Insert(query, key, values(args)...)
}

// one reads the first row, if there is one.
func (t *Tx) one(query string, args []any, scan func(*row)) (found bool, err error) {
	rows, err := t.conn.Query(query, values(args)...)
	if err != nil {
		return false, err
	}
	if rows.Next() {
		found = true
		scan(&row{rows: rows})
	}
	return found, rows.Close()
}

// number reads one integer, 0 if there is no row or it is NULL.
func (t *Tx) number(query string, args ...any) (n int64, err error) {
	_, err = t.one(query, args, func(r *row) { n = r.int64() })
	return n, err
}

// checkRows is after how many rows a sequence looks whether its context has ended.
const checkRows = 128

// each yields the rows of a query one by one.
func each[T any](t *Tx, scan func(*row) T, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := t.conn.Query(query, values(args)...)
		if err != nil {
			yield(zero, err)
			return
		}
		open := true
		defer func() {
			if open { // the caller has seen enough
				_ = rows.Close()
			}
		}()
		r := row{rows: rows}
		for n := 1; rows.Next(); n++ {
			if n%checkRows == 0 && t.ctx.Err() != nil {
				yield(zero, t.ctx.Err())
				return
			}
			r.col = 0
			if !yield(scan(&r), nil) {
				return
			}
		}
		open = false
		if err := rows.Close(); err != nil {
			yield(zero, err)
		}
	}
}

// all collects the rows of a query.
func all[T any](t *Tx, scan func(*row) T, query string, args ...any) ([]T, error) {
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
func get[T any](t *Tx, scan func(*row) T, query string, args ...any) (v T, err error) {
	found, err := t.one(query, args, func(r *row) { v = scan(r) })
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return v, err
}

func text(r *row) string { return r.text() }

// must is for statements that are to change a row: store.ErrNotFound if they did not.
func (t *Tx) must(query string, args ...any) error {
	n, err := t.exec(query, args...)
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
	insert  string // the statement
}

func newTable(name, rowid string, fields ...string) *table {
	columns := strings.Join(fields, ", ")
	return &table{
		name: name, rowid: rowid, fields: fields, columns: rowid + ", " + columns,
		insert: "INSERT INTO " + name + " (" + columns + ") VALUES (?" + strings.Repeat(", ?", len(fields)-1) + ")",
	}
}

// add inserts a row and says its number.
func (b *table) add(t *Tx, row []any) (int64, error) { return t.insert(b.insert, b.rowid, row...) }

// update writes the fields that changed, in the row and in what is known of it.
func (b *table) update(t *Tx, old stored, new []any) error {
	var set strings.Builder
	var args []any
	for i, name := range b.fields {
		v := value(new[i])
		if same(old[1+i], v) {
			continue
		}
		old[1+i] = v
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
	_, err := t.exec("UPDATE "+b.name+" SET "+set.String()+" WHERE "+b.rowid+" = ?", append(args, old[0])...)
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
