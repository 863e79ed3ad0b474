package relational

import "github.com/scimbridge/scimbridge/internal/store"

// recall is what a transaction has read or written and may be asked for again: within one nothing changes but by its
// own hand. A round of deliveries asks for the same few values for each account, and every write
// of a row begins with what is stored; each question is a way to the server and back.
type recall struct {
	rows  map[*table]map[any]stored
	meta  map[string]*string // nil: not there
	looks map[lastLook]*store.Look
}

type lastLook struct {
	workspace string
	state     store.LookState
}

// mostRecalled bounds the rows of a table that are kept: a transaction that goes through everybody does not come back.
const mostRecalled = 1000

// stored is a row as it is stored: its number and the fields of its table. It is Rows of one row.
type stored []any

func (stored) Next() bool             { return false }
func (s stored) Value(column int) any { return s[column] }
func (stored) Close() error           { return nil }

func (t *Tx) recalled(b *table, key any) stored { return t.recall.rows[b][key] }

// remember keeps a row; nil: it is not known any more.
func (t *Tx) remember(b *table, key any, s stored) {
	if s == nil {
		delete(t.recall.rows[b], key)
		return
	}
	if t.recall.rows == nil {
		t.recall.rows = map[*table]map[any]stored{}
	}
	if t.recall.rows[b] == nil || len(t.recall.rows[b]) >= mostRecalled {
		t.recall.rows[b] = map[any]stored{}
	}
	t.recall.rows[b][key] = s
}

// forget is for what changes many rows of a table.
func (t *Tx) forget(b *table) { delete(t.recall.rows, b) }

// find reads a row of a table as it is stored, nil if there is none.
func (t *Tx) find(b *table, key func(stored) any, query string, args ...any) (s stored, err error) {
	_, err = t.one(query, args, func(r *row) {
		s = make(stored, 1+len(b.fields))
		for i := range s {
			s[i] = r.value()
		}
	})
	if err == nil && s != nil {
		t.remember(b, key(s), s)
	}
	return s, err
}
