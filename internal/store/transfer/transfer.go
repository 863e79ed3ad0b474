package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// Store is an engine's store by its rows. Rows have the columns of their table in its order: int64, string and []byte.
type Store interface {
	// ReadRows runs fn on one snapshot of all rows, for as long as it takes.
	ReadRows(ctx context.Context, fn func(relational.Conn) error) error
	// WriteRows runs fn in a transaction that is durable when nil is returned. fn runs once.
	WriteRows(ctx context.Context, fn func(relational.Conn) error) error
	// LoadRows adds to a table the rows that next gives until it gives nil. After an error some may be there.
	LoadRows(ctx context.Context, t relational.Table, next func() ([]any, error)) error
	// LastNumber is the highest number that the engine has drawn for a Numbered table, as far as it remembers.
	LastNumber(c relational.Conn, t relational.Table) (int64, error)
	// SetLastNumber makes every number that is drawn for a Numbered table higher than last, if the engine has a way.
	SetLastNumber(c relational.Conn, t relational.Table, last int64) error
	// RemoveRows removes all rows and forgets which numbers were drawn.
	RemoveRows(c relational.Conn) error
	// OwnMeta are the names in meta that say something of this database and nothing of a copy.
	OwnMeta() []string
}

// Phase is what a copy is at.
type Phase string

const (
	Copying   Phase = "copying"
	Verifying Phase = "verifying"
)

// Progress is how far a copy has come.
type Progress struct {
	Phase Phase
	Table string // the one that it is at
	// Done of Total rows, of all tables.
	Done, Total int64
}

// Count is how many rows of a table were copied and found equal.
type Count struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// NotEmptyError: the target has rows.
type NotEmptyError struct{ Table string }

func (e *NotEmptyError) Error() string {
	return "the target is not empty: it has rows in " + e.Table
}

// Copy copies all rows to an empty store, or one to which a copy was not finished, compares the two, and makes the
// target a store. Errors are *NotEmptyError, in which case nothing was touched, *Difference, and those of the engines.
// After the last two the target is no store. progress, if not nil, is called now and then, and at the end of a phase.
func Copy(ctx context.Context, from, to Store, progress func(Progress)) ([]Count, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := newWalk(from, to, stop, progress)
	if err := to.WriteRows(ctx, begin(to)); err != nil {
		return nil, err
	}
	last := map[string]int64{}
	err := from.ReadRows(ctx, func(c relational.Conn) error { return w.load(ctx, c, last) })
	if err != nil {
		return nil, err
	}
	err = to.WriteRows(ctx, func(c relational.Conn) error {
		for _, t := range relational.Tables() {
			if t.Numbered {
				if err := to.SetLastNumber(c, t, last[t.Name]); err != nil {
					return fmt.Errorf("%s: %w", t.Name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	counts, err := w.compare(ctx)
	if err != nil {
		return nil, err
	}
	return counts, to.WriteRows(ctx, func(c relational.Conn) error {
		_, err := c.Exec("DELETE FROM meta WHERE key = ?", relational.CopyingMark)
		return err
	})
}

// Compare compares all rows of two stores. The error is a *Difference, or an engine's.
func Compare(ctx context.Context, from, to Store, progress func(Progress)) ([]Count, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return newWalk(from, to, stop, progress).compare(ctx)
}

// begin marks the target.
func begin(to Store) func(relational.Conn) error {
	return func(c relational.Conn) error {
		copying, err := relational.Copying(c)
		if err != nil {
			return err
		}
		if copying { // nobody but a copy has written to it
			err = to.RemoveRows(c)
		} else {
			err = empty(c)
		}
		if err == nil {
			_, err = c.Exec("INSERT INTO meta (key, value) VALUES (?, '')", relational.CopyingMark)
		}
		return err
	}
}

func empty(c relational.Conn) error {
	for _, t := range relational.Tables() {
		n, err := relational.Number(c, "SELECT COUNT(*) FROM (SELECT 1 FROM "+t.Name+" LIMIT 1) AS first")
		if err != nil {
			return err
		}
		if n > 0 {
			return &NotEmptyError{t.Name}
		}
	}
	return nil
}

// walk goes through the tables.
type walk struct {
	from, to  Store
	stop      context.CancelFunc // after a failure: rows that nobody wants any more are not read to their end
	report    func(Progress)
	notCopied []string // names in meta
	now       Progress
}

func newWalk(from, to Store, stop context.CancelFunc, report func(Progress)) *walk {
	return &walk{from: from, to: to, stop: stop, report: report,
		notCopied: slices.Concat([]string{relational.CopyingMark}, from.OwnMeta(), to.OwnMeta())}
}

// each is after how many rows it is looked whether the context has ended, and said how far it has come.
const each = 500

// step counts a row.
func (w *walk) step(ctx context.Context) error {
	w.now.Done++
	if w.now.Done%each != 0 {
		return nil
	}
	w.say()
	return ctx.Err()
}

func (w *walk) say() {
	if w.report != nil {
		w.report(w.now)
	}
}

// where leaves out the rows of a table that are not copied.
func (w *walk) where(t relational.Table) (condition string, args []any) {
	if t.Name != "meta" {
		return "", nil
	}
	for _, name := range w.notCopied {
		args = append(args, name)
	}
	return " WHERE key NOT IN (?" + strings.Repeat(", ?", len(args)-1) + ")", args
}

// count is how many rows of a table there are to copy.
func (w *walk) count(c relational.Conn, t relational.Table) (int64, error) {
	where, args := w.where(t)
	return relational.Number(c, t.Count(where), args...)
}

// begin counts all that there is for a phase to do.
func (w *walk) begin(c relational.Conn, phase Phase) error {
	w.now = Progress{Phase: phase}
	for _, t := range relational.Tables() {
		n, err := w.count(c, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		w.now.Total += n
	}
	return nil
}

// load copies everything that a snapshot shows, and notes the last numbers.
func (w *walk) load(ctx context.Context, from relational.Conn, last map[string]int64) (err error) {
	if err := w.begin(from, Copying); err != nil {
		return err
	}
	for _, t := range relational.Tables() {
		w.now.Table = t.Name
		w.say()
		if err := w.loadTable(ctx, from, t); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if t.Numbered {
			if last[t.Name], err = w.from.LastNumber(from, t); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	}
	w.say()
	return nil
}

func (w *walk) loadTable(ctx context.Context, from relational.Conn, t relational.Table) error {
	rows, err := w.open(from, t)
	if err != nil {
		return err
	}
	err = w.to.LoadRows(ctx, t, func() ([]any, error) {
		row, err := rows.next()
		if row != nil && err == nil {
			err = w.step(ctx)
		}
		return row, err
	})
	if err != nil {
		w.stop()
		_ = rows.close()
		return err
	}
	return rows.close()
}

// reader reads the rows of a table.
type reader struct {
	rows    relational.Rows
	columns int
	closed  bool
}

func (w *walk) open(c relational.Conn, t relational.Table) (*reader, error) {
	where, args := w.where(t)
	rows, err := c.Query(t.Select(where), args...)
	if err != nil {
		return nil, err
	}
	return &reader{rows: rows, columns: len(t.Columns)}, nil
}

// next is a row of its own, nil at the end.
func (r *reader) next() ([]any, error) {
	if r.closed {
		return nil, nil
	}
	if !r.rows.Next() {
		return nil, r.close()
	}
	row := make([]any, r.columns)
	for i := range row {
		row[i] = r.rows.Value(i)
		if b, ok := row[i].([]byte); row[i] == nil || ok && b == nil { // no column is NULL: an engine's word for no bytes
			row[i] = []byte{}
		}
	}
	return row, nil
}

func (r *reader) close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	return r.rows.Close()
}
