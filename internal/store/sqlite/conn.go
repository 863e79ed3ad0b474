package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// maxStatements bounds the prepared statements a connection keeps. The methods have
// about a hundred; what is above that are shapes of conditions and sets of changed
// columns, of which a program uses few.
const maxStatements = 512

// conn is one connection with its prepared statements. Not safe for concurrent use.
type conn struct {
	dc driver.Conn
	// idle are the statements nobody uses right now. One in use is not in it, so that
	// ranging over a query leaves the same query free to be asked again.
	idle map[string]driver.Stmt
	// lost is the error with which SQLite may have rolled back the transaction on its own.
	// What came after it would be committed by itself, so nothing may come.
	lost error
}

func connect(ctx context.Context, connector driver.Connector) (*conn, error) {
	dc, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{dc: dc, idle: make(map[string]driver.Stmt)}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	c.idle = nil
	return errors.Join(append(errs, c.dc.Close())...)
}

func (c *conn) take(query string) (driver.Stmt, error) {
	if c.lost != nil {
		return nil, c.lost
	}
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	s, err := c.dc.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	return s, nil
}

func (c *conn) put(query string, s driver.Stmt) {
	if _, ok := c.idle[query]; ok { // a second one, made while the first was in use
		_ = s.Close()
		return
	}
	if len(c.idle) >= maxStatements {
		for q, old := range c.idle { // any: which one is not worth keeping account of
			delete(c.idle, q)
			_ = old.Close()
			break
		}
	}
	c.idle[query] = s
}

// exec runs a statement without rows.
func (c *conn) exec(query string, args ...any) (driver.Result, error) {
	s, err := c.take(query)
	if err != nil {
		return nil, err
	}
	defer c.put(query, s)
	return c.run(s, args)
}

func (c *conn) run(s driver.Stmt, args []any) (driver.Result, error) {
	// The background context: with one that can end the driver starts a goroutine a
	// call. Statements are short; what waits, waits in Go (writer.begin, readers.get).
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	c.check(err)
	return res, err
}

// Exec is relational.Conn's.
func (c *conn) Exec(query string, args ...any) (int64, error) {
	res, err := c.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// ExecEach is relational.Conn's.
func (c *conn) ExecEach(query string, args [][]any) error {
	if len(args) == 0 {
		return nil
	}
	s, err := c.take(query)
	if err != nil {
		return err
	}
	defer c.put(query, s)
	for _, list := range args {
		if _, err := c.run(s, list); err != nil {
			return err
		}
	}
	return nil
}

// Insert is relational.Conn's. The key is the row's number, which SQLite says without being asked.
func (c *conn) Insert(query, _ string, args ...any) (int64, error) {
	res, err := c.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// check notes an error that may have ended the transaction,
// https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction.
func (c *conn) check(err error) {
	switch primary(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		c.lost = err
	}
}

// Query is relational.Conn's.
func (c *conn) Query(query string, args ...any) (relational.Rows, error) {
	r, err := c.query(query, args...)
	if err != nil {
		return nil, err // and not a nil *rows
	}
	return r, nil
}

// query runs a statement with rows, which must be closed.
func (c *conn) query(query string, args ...any) (*rows, error) {
	s, err := c.take(query)
	if err != nil {
		return nil, err
	}
	r, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
	if err != nil {
		c.check(err)
		c.put(query, s)
		return nil, err
	}
	return &rows{conn: c, query: query, stmt: s, rows: r, row: make([]driver.Value, len(r.Columns()))}, nil
}

// number reads one integer, 0 if there is no row or it is NULL.
func (c *conn) number(query string, args ...any) (n int64, err error) {
	r, err := c.query(query, args...)
	if err != nil {
		return 0, err
	}
	if r.Next() {
		n, _ = r.Value(0).(int64)
	}
	return n, r.Close()
}

// rows are the rows of a query.
type rows struct {
	conn  *conn
	query string
	stmt  driver.Stmt
	rows  driver.Rows
	row   []driver.Value
	err   error
}

func (r *rows) Next() bool {
	if r.err == nil {
		r.err = r.rows.Next(r.row)
		r.conn.check(r.err)
	}
	return r.err == nil
}

func (r *rows) Value(column int) any { return r.row[column] }

func (r *rows) Close() error {
	err := r.rows.Close()
	r.conn.put(r.query, r.stmt)
	if r.err != nil && r.err != io.EOF {
		return r.err
	}
	return err
}

func named(args []any) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return named
}

// dialect is SQLite's: its planner has no statistics and is told what to do, and a list is JSON. There is one
// writer, so nothing is to be claimed.
var dialect = relational.Dialect{
	Unindexed: "+",
	In:        "IN (SELECT value FROM json_each(?))",
	List: func(list []string) any {
		data, _ := json.Marshal(list) // texts can always be encoded
		return string(data)
	},
}

// code is SQLite's result code of an error, 0 if it has none; https://www.sqlite.org/rescode.html.
func code(err error) int {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e.Code()
	}
	return 0
}

// primary is the code without the detail in its upper bits.
func primary(err error) int { return code(err) & 0xff }
