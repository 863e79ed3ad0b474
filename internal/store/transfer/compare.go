package transfer

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// Difference is the first one that a comparison found. It shows no values but the row's key.
type Difference struct {
	Table string
	// Source and Target are how many rows there are.
	Source, Target int64
	// Row is the key of a row that differs, and What in what. Row is "" for what is not about one.
	Row, What string
}

func (d *Difference) Error() string {
	row := ""
	if d.Row != "" {
		row = "the row with " + d.Row + " "
	}
	return fmt.Sprintf("source and target differ in %s: %s%s (%d rows there, %d here)", d.Table, row, d.What, d.Source, d.Target)
}

// outOfStep is how many rows may wait for the same row of the other side. The sides come in the order of their keys, but
// two engines need not agree about the place of a text that is not UTF-8.
const outOfStep = 10_000

// compare compares all tables on a snapshot of each store.
func (w *walk) compare(ctx context.Context) (counts []Count, err error) {
	err = w.from.ReadRows(ctx, func(from relational.Conn) error {
		return w.to.ReadRows(ctx, func(to relational.Conn) error {
			if err := w.begin(from, Verifying); err != nil {
				return err
			}
			for _, t := range relational.Tables() {
				w.now.Table = t.Name
				w.say()
				n, err := w.compareTable(ctx, from, to, t)
				if err != nil {
					return err
				}
				counts = append(counts, Count{t.Name, n})
			}
			w.say()
			return nil
		})
	})
	return counts, err
}

func (w *walk) compareTable(ctx context.Context, from, to relational.Conn, t relational.Table) (n int64, err error) {
	wrap := func(err error) error { return fmt.Errorf("%s: %w", t.Name, err) }
	d := &Difference{Table: t.Name}
	if d.Source, err = w.count(from, t); err != nil {
		return 0, wrap(err)
	}
	if d.Target, err = w.count(to, t); err != nil {
		return 0, wrap(err)
	}
	if t.Once {
		before, err := w.from.LastNumber(from, t)
		if err != nil {
			return 0, wrap(err)
		}
		after, err := w.to.LastNumber(to, t)
		if err != nil {
			return 0, wrap(err)
		}
		if after < before {
			d.What = fmt.Sprintf("the next number would be %d, and %d is used already", after+1, before)
			return 0, d
		}
	}
	a, err := w.open(from, t)
	if err != nil {
		return 0, wrap(err)
	}
	defer a.close()
	b, err := w.open(to, t)
	if err != nil {
		return 0, wrap(err)
	}
	defer b.close()
	found, err := w.compareRows(ctx, a, b, t, d)
	if err != nil {
		err = wrap(err)
	} else if found {
		err = d
	}
	if err != nil {
		w.stop()
		return 0, err
	}
	return d.Source, nil
}

// compareRows finds the first difference.
func (w *walk) compareRows(ctx context.Context, a, b *reader, t relational.Table, d *Difference) (found bool, err error) {
	waiting := sides{t: t, source: map[string][]any{}, target: map[string][]any{}}
	for {
		x, err := a.next()
		if err != nil {
			return false, err
		}
		y, err := b.next()
		if err != nil {
			return false, err
		}
		if x == nil && y == nil {
			return waiting.left(d), nil
		}
		if x != nil {
			if err := w.step(ctx); err != nil {
				return false, err
			}
		}
		if x != nil && y != nil && differ(x, y, 0, t.Key) < 0 {
			if column := differ(x, y, t.Key, len(t.Columns)); column >= 0 {
				d.Row, d.What = describe(t, x), "has another "+t.Columns[column]
				return true, nil
			}
			continue
		}
		if waiting.put(x, waiting.source, waiting.target, d) || waiting.put(y, waiting.target, waiting.source, d) {
			return true, nil
		}
		if len(waiting.source)+len(waiting.target) > outOfStep {
			return waiting.left(d), nil
		}
	}
}

// sides are rows that have not met their like.
type sides struct {
	t              relational.Table
	source, target map[string][]any // by key
}

// put makes a row wait for the same one of the other side, or compares it with the one that waits.
func (s *sides) put(row []any, own, other map[string][]any, d *Difference) (differs bool) {
	if row == nil {
		return false
	}
	key := describe(s.t, row)
	waits, ok := other[key]
	if !ok {
		own[key] = row
		return false
	}
	delete(other, key)
	if column := differ(row, waits, s.t.Key, len(s.t.Columns)); column >= 0 {
		d.Row, d.What = key, "has another "+s.t.Columns[column]
		return true
	}
	return false
}

// left reports whether any wait for ever, and names one.
func (s *sides) left(d *Difference) bool {
	for key := range s.source {
		if d.What == "" || key < d.Row {
			d.Row, d.What = key, "is missing in the target"
		}
	}
	if d.What != "" {
		return true
	}
	for key := range s.target {
		if d.What == "" || key < d.Row {
			d.Row, d.What = key, "is in the target alone"
		}
	}
	return d.What != ""
}

// differ is the first of some columns in which two rows differ, -1 if there is none.
func differ(x, y []any, begin, end int) int {
	for i := begin; i < end; i++ {
		if !same(x[i], y[i]) {
			return i
		}
	}
	return -1
}

func same(x, y any) bool {
	a, ok := x.([]byte)
	if !ok {
		_, ok = y.([]byte)
		return !ok && x == y
	}
	b, ok := y.([]byte)
	return ok && bytes.Equal(a, b)
}

// describe names a row by its key.
func describe(t relational.Table, row []any) string {
	var b strings.Builder
	for i, name := range t.Columns[:t.Key] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
		b.WriteByte(' ')
		switch v := row[i].(type) {
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case string:
			b.WriteString(strconv.Quote(v))
		}
	}
	return b.String()
}
