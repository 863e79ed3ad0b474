package sqlite

import (
	"context"
	"slices"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// ReadRows runs fn on one snapshot of all rows; see transfer.Store.
func (s *Store) ReadRows(ctx context.Context, fn func(relational.Conn) error) error {
	return s.readers.view(ctx, func(c *conn) error { return fn(c) })
}

// WriteRows runs fn in a transaction; see transfer.Store.
func (s *Store) WriteRows(ctx context.Context, fn func(relational.Conn) error) error {
	return s.writer.update(ctx, func(c *conn) error { return fn(c) })
}

// Bounds of a transaction of LoadRows: its share of an fsync is then small, and so is what of it is in memory.
const (
	loadRows  = 5000
	loadBytes = 4 << 20
)

// LoadRows adds rows to a table; see transfer.Store.
func (s *Store) LoadRows(ctx context.Context, t relational.Table, next func() ([]any, error)) error {
	insert := t.Insert()
	for {
		var rows [][]any
		for size := 0; len(rows) < loadRows && size < loadBytes; {
			row, err := next()
			if err != nil {
				return err
			}
			if row == nil {
				break
			}
			rows = append(rows, row)
			for _, v := range row {
				switch v := v.(type) {
				case string:
					size += len(v)
				case []byte:
					size += len(v)
				}
			}
		}
		if len(rows) == 0 {
			return nil
		}
		if err := s.writer.update(ctx, func(c *conn) error { return c.ExecEach(insert, rows) }); err != nil {
			return err
		}
	}
}

// LastNumber is the highest number known to have been drawn for a table; see transfer.Store.
func (s *Store) LastNumber(c relational.Conn, t relational.Table) (int64, error) {
	return relational.Number(c, "SELECT MAX(COALESCE((SELECT seq FROM sqlite_sequence WHERE name = ?), 0), COALESCE((SELECT MAX("+t.Columns[0]+") FROM "+t.Name+"), 0))", t.Name)
}

// SetLastNumber makes the numbers drawn for a table higher than last. Where a number may come again it does nothing:
// SQLite takes the one after the highest there is.
func (s *Store) SetLastNumber(c relational.Conn, t relational.Table, last int64) error {
	if !t.Once || last == 0 {
		return nil
	}
	n, err := c.Exec("UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?", last, t.Name)
	if err == nil && n == 0 {
		_, err = c.Exec("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", t.Name, last)
	}
	return err
}

// RemoveRows makes all tables as if they had never had a row.
func (s *Store) RemoveRows(c relational.Conn) error {
	for _, t := range slices.Backward(relational.Tables()) {
		if _, err := c.Exec("DELETE FROM " + t.Name); err != nil {
			return err
		}
	}
	_, err := c.Exec("DELETE FROM sqlite_sequence")
	return err
}

// OwnMeta are the names in meta of what is this file's and no copy's.
func (s *Store) OwnMeta() []string { return []string{epochKey} }
