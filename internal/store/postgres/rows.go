package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// patient are settings of a transaction that may last: nobody waits for it, and what it talks to may be slow.
const patient = "; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = 0; "

// ReadRows runs fn on one snapshot of all rows; see transfer.Store.
func (s *Store) ReadRows(ctx context.Context, fn func(relational.Conn) error) error {
	return s.long(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", func(c *conn) error { return fn(c) })
}

// WriteRows runs fn in a transaction; see transfer.Store.
func (s *Store) WriteRows(ctx context.Context, fn func(relational.Conn) error) error {
	return s.long(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ", func(c *conn) error { return fn(c) })
}

// LoadRows adds rows to a table, by COPY; see transfer.Store.
func (s *Store) LoadRows(ctx context.Context, t relational.Table, next func() ([]any, error)) error {
	return s.long(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED", func(c *conn) error {
		var failed error // PostgreSQL's word of it would be about a text
		_, err := c.pg.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, err := next()
			if row == nil || err != nil {
				failed = err
				return nil, err
			}
			return encode(row), nil
		}))
		if failed != nil {
			return failed
		}
		if err != nil {
			return explain(err)
		}
		_, err = c.Exec("ANALYZE " + t.Name)
		return err
	})
}

// long runs fn in a transaction that lasts for as long as ctx, and is not repeated.
func (s *Store) long(ctx context.Context, begin string, fn func(*conn) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	held, err := s.pool.Acquire(ctx)
	if err != nil {
		return explain(err)
	}
	t := &transaction{store: s, held: held, conn: &conn{ctx: ctx, pg: held.Conn()}, stop: func() {}}
	defer t.end()
	if _, err := held.Conn().Exec(ctx, begin+patient+s.local(), pgx.QueryExecModeSimpleProtocol); err != nil {
		return explain(err)
	}
	if err := fn(t.conn); err != nil {
		return err // the connection has explained its own
	}
	_, err = t.commit()
	return explain(err)
}

// sequence is the name of what draws a table's numbers.
const sequence = "pg_get_serial_sequence(?, ?)"

// LastNumber is the highest number known to have been drawn for a table; see transfer.Store.
func (s *Store) LastNumber(c relational.Conn, t relational.Table) (int64, error) {
	return relational.Number(c, "SELECT GREATEST((SELECT last_value FROM pg_sequences WHERE format('%I.%I', schemaname, sequencename) = "+sequence+"), "+
		"(SELECT MAX("+t.Columns[0]+") FROM "+t.Name+"), 0)", t.Name, t.Columns[0])
}

// SetLastNumber makes the numbers drawn for a table higher than last.
func (s *Store) SetLastNumber(c relational.Conn, t relational.Table, last int64) error {
	if last == 0 {
		return nil
	}
	_, err := relational.Number(c, "SELECT setval("+sequence+"::regclass, ?)", t.Name, t.Columns[0], last)
	return err
}

// RemoveRows makes all tables as if they had never had a row.
func (s *Store) RemoveRows(c relational.Conn) error {
	var names []string
	for _, t := range relational.Tables() {
		names = append(names, t.Name)
	}
	_, err := c.Exec("TRUNCATE " + strings.Join(names, ", ") + " RESTART IDENTITY")
	return err
}

// OwnMeta are the names in meta of what is this database's and no copy's.
func (s *Store) OwnMeta() []string { return []string{identityKey} }
