package relational

import "time"

// Conn runs statements in one transaction of an engine. In a statement each ? stands for an argument.
// Arguments and columns are int64, string and []byte; an argument may also be what Dialect.List gives.
// Not safe for concurrent use.
type Conn interface {
	// Exec runs a statement without rows, and says how many it changed.
	Exec(query string, args ...any) (changed int64, err error)
	// ExecEach runs a statement once for each list of arguments.
	ExecEach(query string, args [][]any) error
	// Insert runs an INSERT of one row, and gives the number that its column key was given by the engine.
	Insert(query, key string, args ...any) (int64, error)
	// Query runs a statement with rows. Other statements may run before they are closed.
	Query(query string, args ...any) (Rows, error)
}

// Rows are the rows of a query.
type Rows interface {
	// Next goes to the next row; false at the end, or when something went wrong.
	Next() bool
	// Value is a column of the row, by its place in it; nil is NULL.
	Value(column int) any
	// Close ends the query and says what went wrong on the way.
	Close() error
}

// Dialect is in what the SQL of engines differs.
type Dialect struct {
	// Unindexed is written before a column whose index is not to be used. For an engine without statistics;
	// "" where the engine is to decide.
	Unindexed string
	// In is a comparison with a list in one argument, which List gives.
	In   string
	List func([]string) any
	// Claim is written behind a SELECT of a row that is about to be changed. It passes the row over if
	// another transaction is changing it; "" where there are no others.
	Claim string
}

// row is where the columns of a row are read from in their order, each by the method of its type.
type row struct {
	rows Rows
	col  int
}

func (r *row) value() any {
	v := r.rows.Value(r.col)
	r.col++
	return v
}

func (r *row) int64() int64  { n, _ := r.value().(int64); return n }
func (r *row) int() int      { return int(r.int64()) }
func (r *row) bool() bool    { return r.int64() != 0 }
func (r *row) text() string  { s, _ := r.value().(string); return s }
func (r *row) bytes() []byte { b, _ := r.value().([]byte); return b }
func (r *row) time() time.Time {
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

// value is v as it is stored.
func value(v any) any {
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
	default: // int64, string, what Dialect.List gives
		return v
	}
}

// values makes each argument what is stored, in place.
func values(args []any) []any {
	for i, a := range args {
		args[i] = value(a)
	}
	return args
}
