package postgres

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// dialect is PostgreSQL's: it has statistics and decides for itself, a list is an array, and an account that another
// replica is working on is passed over instead of waited for.
var dialect = relational.Dialect{
	In:    "= ANY(?)",
	List:  func(list []string) any { return list },
	Claim: " FOR UPDATE SKIP LOCKED",
}

// conn is a connection in a transaction. Not safe for concurrent use.
type conn struct {
	// ctx bounds the transaction, not the request it is for.
	ctx context.Context
	pg  *pgx.Conn
	// failed is the error after which PostgreSQL takes nothing but the end of the transaction, or of the part.
	failed error
	// doomed: not even the end of the part helps.
	doomed bool
	// wrote: there is something to be kept.
	wrote bool
	// reading is the query whose rows are on the wire.
	reading *rows
}

var _ relational.Conn = (*conn)(nil)

// ready makes the wire free for a statement.
func (c *conn) ready() error {
	if c.reading != nil {
		c.reading.detach()
	}
	return explain(c.failed)
}

// check notes an error that ended the transaction. What may pass in another run is store.ErrUnavailable.
func (c *conn) check(err error) error {
	if err == nil {
		return nil
	}
	if c.failed == nil {
		c.failed = err
		c.doomed = judge(err) != permanent
	}
	return explain(err)
}

// control are the statements of relational.Tx.Part, which need no plan.
func control(query string) bool {
	return strings.HasPrefix(query, "SAVEPOINT") || strings.HasPrefix(query, "ROLLBACK TO") || strings.HasPrefix(query, "RELEASE")
}

func (c *conn) Exec(query string, args ...any) (int64, error) {
	err := c.ready()
	back := strings.HasPrefix(query, "ROLLBACK TO")
	if err != nil && (!back || c.doomed) {
		return 0, err
	}
	if control(query) {
		_, err := c.pg.Exec(c.ctx, query, pgx.QueryExecModeSimpleProtocol)
		if back && err == nil {
			c.failed = nil
		}
		return 0, c.check(err)
	}
	c.wrote = true
	tag, err := c.pg.Exec(c.ctx, numbered(query), encode(args)...)
	return tag.RowsAffected(), c.check(err)
}

// eachAtOnce is how many runs of a statement go out before their answers are read.
const eachAtOnce = 500

func (c *conn) ExecEach(query string, args [][]any) error {
	if err := c.ready(); err != nil {
		return err
	}
	c.wrote = true
	query = numbered(query)
	for len(args) > 0 {
		n := min(len(args), eachAtOnce)
		batch := &pgx.Batch{}
		for _, list := range args[:n] {
			batch.Queue(query, encode(list)...)
		}
		if err := c.check(c.pg.SendBatch(c.ctx, batch).Close()); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

func (c *conn) Insert(query, key string, args ...any) (id int64, err error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	c.wrote = true
	err = c.pg.QueryRow(c.ctx, numbered(query+" RETURNING "+key), encode(args)...).Scan(&id)
	return id, c.check(err)
}

func (c *conn) Query(query string, args ...any) (relational.Rows, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	r, err := c.pg.Query(c.ctx, numbered(query), encode(args)...)
	if err != nil {
		return nil, c.check(err)
	}
	c.reading = &rows{conn: c, pg: r}
	return c.reading, nil
}

// rows are the rows of a query: read off the wire one by one, until another statement needs the wire.
type rows struct {
	conn *conn
	pg   pgx.Rows
	row  []any
	err  error
	// ahead are the rows that were read when the wire had to be free; nil before that.
	ahead    [][]any
	detached bool
}

func (r *rows) Next() bool {
	if !r.detached {
		r.row = r.read()
		return r.row != nil
	}
	if len(r.ahead) == 0 {
		return false
	}
	r.row, r.ahead = r.ahead[0], r.ahead[1:]
	return true
}

// read reads a row off the wire; nil at the end.
func (r *rows) read() []any {
	if r.err != nil || !r.pg.Next() {
		return nil
	}
	row, err := r.pg.Values()
	if err != nil {
		r.err = err
		return nil
	}
	for i, v := range row {
		row[i] = decode(v)
	}
	return row
}

func (r *rows) Value(column int) any { return r.row[column] }

// detach reads what is left.
func (r *rows) detach() {
	for row := r.read(); row != nil; row = r.read() {
		r.ahead = append(r.ahead, row)
	}
	r.detached = true
	r.end()
}

// end frees the wire.
func (r *rows) end() {
	r.pg.Close()
	if err := r.pg.Err(); err != nil {
		r.err = err
	}
	_ = r.conn.check(r.err)
	r.conn.reading = nil
}

func (r *rows) Close() error {
	if !r.detached {
		r.detached = true
		r.end()
	}
	r.ahead = nil
	return r.err
}

// numbered gives each ? of a query its number. There is none in a text or a comment of ours.
func numbered(query string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

// encode makes of each argument what PostgreSQL takes, in a list of its own.
func encode(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = escape(v)
		case []string:
			list := make([]string, len(v))
			for n, text := range v {
				list[n] = escape(text)
			}
			out[i] = list
		default:
			out[i] = a
		}
	}
	return out
}

// decode is what encode was given.
func decode(v any) any {
	switch v := v.(type) {
	case string:
		return unescape(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	}
	return v
}

// A text of PostgreSQL holds neither NUL nor what is not UTF-8; an id in a path, or a value in a filter, may. Such a
// byte is written as escapeMark and what follows below. The order of texts stays: NUL and the mark are the two least.
const (
	escapeMark = '\x01'
	isNUL      = '\x01'
	isMark     = '\x02'
	isByte     = '\x03' // and two hexadecimal digits
)

func escape(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, escapeMark) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == 0:
			b.WriteByte(escapeMark)
			b.WriteByte(isNUL)
		case r == escapeMark:
			b.WriteByte(escapeMark)
			b.WriteByte(isMark)
		case r == utf8.RuneError && size == 1:
			b.WriteByte(escapeMark)
			b.WriteByte(isByte)
			const digits = "0123456789abcdef"
			b.WriteByte(digits[s[i]>>4])
			b.WriteByte(digits[s[i]&15])
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func unescape(s string) string {
	if strings.IndexByte(s, escapeMark) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != escapeMark || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case isNUL:
			b.WriteByte(0)
		case isMark:
			b.WriteByte(escapeMark)
		case isByte:
			if i+2 < len(s) {
				n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // written by escape
				b.WriteByte(byte(n))
				i += 2
			}
		}
	}
	return b.String()
}
