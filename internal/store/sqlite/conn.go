package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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
	// The background context: with one that can end the driver starts a goroutine a
	// call. Statements are short; what waits, waits in Go (writer.begin, readers.get).
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), values(args))
	c.check(err)
	return res, err
}

// check notes an error that may have ended the transaction,
// https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction.
func (c *conn) check(err error) {
	switch primary(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		c.lost = err
	}
}

// changed runs a statement and says how many rows it changed.
func (c *conn) changed(query string, args ...any) (int64, error) {
	res, err := c.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a statement with rows, which must be closed.
func (c *conn) query(query string, args ...any) (*rows, error) {
	s, err := c.take(query)
	if err != nil {
		return nil, err
	}
	r, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), values(args))
	if err != nil {
		c.check(err)
		c.put(query, s)
		return nil, err
	}
	return &rows{conn: c, query: query, stmt: s, rows: r, row: make([]driver.Value, len(r.Columns()))}, nil
}

// one reads the first row, if there is one.
func (c *conn) one(query string, args []any, scan func(*rows)) (found bool, err error) {
	r, err := c.query(query, args...)
	if err != nil {
		return false, err
	}
	if r.next() {
		found = true
		scan(r)
	}
	return found, r.close()
}

// number reads one integer, 0 if there is no row or it is NULL.
func (c *conn) number(query string, args ...any) (n int64, err error) {
	_, err = c.one(query, args, func(r *rows) { n = r.int64() })
	return n, err
}

// rows are the rows of a query. The columns of a row are read in their order, each by
// the method of its type.
type rows struct {
	conn  *conn
	query string
	stmt  driver.Stmt
	rows  driver.Rows
	row   []driver.Value
	col   int
	err   error
}

func (r *rows) next() bool {
	r.col = 0
	if r.err == nil {
		r.err = r.rows.Next(r.row)
		r.conn.check(r.err)
	}
	return r.err == nil
}

// close ends the query and says what went wrong on the way.
func (r *rows) close() error {
	err := r.rows.Close()
	r.conn.put(r.query, r.stmt)
	if r.err != nil && r.err != io.EOF {
		return r.err
	}
	return err
}

func (r *rows) value() driver.Value {
	v := r.row[r.col]
	r.col++
	return v
}

func (r *rows) int64() int64  { n, _ := r.value().(int64); return n }
func (r *rows) int() int      { return int(r.int64()) }
func (r *rows) bool() bool    { return r.int64() != 0 }
func (r *rows) text() string  { s, _ := r.value().(string); return s }
func (r *rows) bytes() []byte { b, _ := r.value().([]byte); return b }
func (r *rows) time() time.Time {
	return timeOf(r.int64())
}

// micros is a time as it is stored: whole microseconds since 1970, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// value is v as the driver takes it and gives it back.
func value(v any) driver.Value {
	switch v := v.(type) {
	case int:
		return int64(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case time.Time:
		return micros(v)
	case []byte:
		if v == nil { // would be NULL
			return []byte{}
		}
		return v
	default: // int64, string
		return v
	}
}

func values(args []any) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value(a)}
	}
	return named
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

// isUnique says whether a uniqueness rule was broken.
func isUnique(err error) bool {
	return code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code(err) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}
