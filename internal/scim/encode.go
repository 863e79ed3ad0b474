package scim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// spillAt is how much of an answer is held before it goes out: nearly all answers
// stay below it and get a Content-Length; a group of 100,000 members streams.
const spillAt = 64 << 10

// encoder writes an answer's JSON, in the schema's order and hence the same for the
// same resource (R-12 does not ask for it; caches and people like it).
type encoder struct {
	buf   []byte
	spare []byte // for what must be known before its place comes
	sink  func(part []byte) error
	err   error // of sink; what follows is not written
}

// spill hands on what has gathered. Only to be called where nothing before it will be taken back.
func (e *encoder) spill() {
	if len(e.buf) < spillAt || e.sink == nil {
		return
	}
	last := len(e.buf) - 1 // stays, for comma to see
	if e.err == nil {
		e.err = e.sink(e.buf[:last])
	}
	e.buf = append(e.buf[:0], e.buf[last])
}

func (e *encoder) raw(s string) { e.buf = append(e.buf, s...) }

func (e *encoder) string(s string) {
	// The error is about invalid UTF-8, which it has replaced.
	e.buf, _ = jsontext.AppendQuote(e.buf, s)
}

func (e *encoder) int(n int) { e.buf = strconv.AppendInt(e.buf, int64(n), 10) }

// key begins a member of an object; the comma before it is set where one is due.
func (e *encoder) key(name string) {
	e.comma()
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, name...) // attribute names and URNs need no escaping
	e.buf = append(e.buf, '"', ':')
}

// comma separates from the element before, if there is one.
func (e *encoder) comma() {
	if n := len(e.buf); n > 0 && e.buf[n-1] != '{' && e.buf[n-1] != '[' {
		e.buf = append(e.buf, ',')
	}
}

// dateTime is RFC 3339 in UTC with the store's microseconds (C-04, F-17).
const dateTime = "2006-01-02T15:04:05.000000Z"

func formatTime(t time.Time) string { return t.UTC().Format(dateTime) }

// attribute writes a member for an attribute, if there is anything of it to show.
func (e *encoder) attribute(a *schema.Attribute, sel selection, value any) {
	if !sel.show || value == nil {
		return
	}
	before := len(e.buf)
	e.key(a.Name)
	if !e.value(a, sel, value) {
		e.buf = e.buf[:before]
	}
}

// value writes a value and reports whether there was any content in it. Where there
// was none the caller takes back what was written.
func (e *encoder) value(a *schema.Attribute, sel selection, value any) bool {
	switch v := value.(type) {
	case []any:
		return e.list(len(v), func(i int) bool { return e.value(a, sel, v[i]) })
	case []string:
		return e.list(len(v), func(i int) bool { return e.value(a, sel, v[i]) })
	case map[string]any:
		before := len(e.buf)
		e.buf = append(e.buf, '{')
		for _, sub := range a.SubAttributes {
			if sel.shows(sub) {
				e.attribute(sub, selection{show: true}, v[sub.Name])
			}
		}
		if len(e.buf) == before+1 {
			return false
		}
		e.buf = append(e.buf, '}')
		return true
	case nil:
		return false
	}
	e.scalar(value)
	return true
}

func (e *encoder) list(n int, element func(i int) bool) bool {
	e.buf = append(e.buf, '[')
	content := false
	for i := range n {
		before := len(e.buf)
		e.comma()
		if element(i) {
			content = true
		} else {
			e.buf = e.buf[:before]
		}
	}
	e.buf = append(e.buf, ']')
	return content
}

func (e *encoder) scalar(value any) {
	switch v := value.(type) {
	case string:
		e.string(v)
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
	case int64:
		e.buf = strconv.AppendInt(e.buf, v, 10)
	case int:
		e.int(v)
	case float64:
		e.buf = jsontext.AppendFloat(e.buf, v, 64)
	case json.Number:
		e.raw(string(v))
	default:
		panic(fmt.Sprintf("a document holds a %T", value))
	}
}

// json writes any value of encoding/json, objects by sorted keys. It is for
// discovery, whose documents are few and small.
func (e *encoder) json(value any) {
	switch v := value.(type) {
	case map[string]any:
		e.raw("{")
		for _, name := range slices.Sorted(maps.Keys(v)) {
			e.key(name)
			e.json(v[name])
		}
		e.raw("}")
	case []any:
		e.list(len(v), func(i int) bool { e.json(v[i]); return true })
	default:
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // a value of this program's own making
		}
		e.buf = append(e.buf, b...)
	}
}
