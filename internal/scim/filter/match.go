package filter

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// match evaluates n on a container: a document, or one value of an attribute.
func (f *Filter) match(n *node, container any) bool {
	switch n.kind {
	case allOf:
		for _, kid := range n.kids {
			if !f.match(kid, container) {
				return false
			}
		}
		return true
	case anyOf:
		for _, kid := range n.kids {
			if f.match(kid, container) {
				return true
			}
		}
		return false
	case notOf:
		return !f.match(n.kids[0], container)
	case some:
		return f.matchSome(n, n.find(container))
	}
	return f.matchTerm(n, n.find(container))
}

// find is what n's attribute holds in the container.
func (n *node) find(container any) any {
	if n.self {
		return container
	}
	object, _ := container.(map[string]any)
	if n.urn != "" {
		if n.attr == nil {
			return object[n.urn]
		}
		object, _ = object[n.urn].(map[string]any)
	}
	return object[n.attr.Name]
}

// matchSome holds if one value of the attribute fulfils the filter in the brackets. A
// singular complex attribute is its only value, also when it is absent: name[x] is name.x (F-34).
func (f *Filter) matchSome(n *node, v any) bool {
	if !n.attr.MultiValued {
		return f.match(n.kids[0], v)
	}
	for _, element := range elements(v) {
		if f.match(n.kids[0], element) {
			return true
		}
	}
	return false
}

// matchTerm holds if one value does. Without any value only ne holds (F-22, F-23).
func (f *Filter) matchTerm(n *node, v any) bool {
	if n.self || n.attr == nil || !n.attr.MultiValued {
		return f.matchValue(n, v)
	}
	list := elements(v)
	for _, element := range list {
		if f.matchValue(n, element) {
			return true
		}
	}
	return len(list) == 0 && n.op == ne
}

// elements are the values of a multi-valued attribute.
func elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		return boxed(v)
	case []map[string]any:
		return boxed(v)
	}
	return nil
}

func boxed[T any](list []T) []any {
	out := make([]any, len(list))
	for i, element := range list {
		out[i] = element
	}
	return out
}

// matchValue compares one value of the attribute, or its sub-attribute.
func (f *Filter) matchValue(n *node, v any) bool {
	if n.sub != nil {
		object, _ := v.(map[string]any)
		v = object[n.sub.Name]
	}
	if n.op == pr {
		return filled(v)
	}
	l := &f.literals[n.literal]
	switch n.target.Type {
	case schema.Boolean:
		b, ok := v.(bool)
		return (ok && b == l.value) == (n.op == eq)
	case schema.Integer, schema.Decimal:
		order, ok := compareNumbers(v, l.value)
		return n.op.holds(order, ok)
	case schema.DateTime:
		at, ok := instant(v)
		if !ok {
			return n.op == ne
		}
		return n.op.holds(at.Compare(l.value.(time.Time)), true)
	}
	text, ok := v.(string)
	if !ok {
		return n.op == ne
	}
	return f.compareText(n, text)
}

// holds says what a comparison means for an operator that is not about parts of a
// text; ok is false if there is nothing to compare.
func (o operator) holds(order int, ok bool) bool {
	if !ok {
		return o == ne
	}
	switch o {
	case eq:
		return order == 0
	case ne:
		return order != 0
	case gt:
		return order > 0
	case ge:
		return order >= 0
	case lt:
		return order < 0
	}
	return order <= 0
}

func (f *Filter) compareText(n *node, text string) bool {
	key := f.literals[n.literal].key
	if !n.target.CaseExact {
		text = f.folded(text)
	}
	switch n.op {
	case co:
		return strings.Contains(text, key)
	case sw:
		return strings.HasPrefix(text, key)
	case ew:
		return strings.HasSuffix(text, key)
	}
	return n.op.holds(strings.Compare(text, key), true)
}

// folded is fold, without the call for what is folded already: lower-case ASCII, as
// most of what is compared is.
func (f *Filter) folded(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return f.fold(s)
		}
	}
	return s
}

// filled is pr: a value that is not null and not empty; of a complex one, any
// sub-attribute (F-06, F-31).
func filled(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case map[string]any:
		for _, sub := range v {
			if filled(sub) {
				return true
			}
		}
		return false
	case []any:
		for _, e := range v {
			if filled(e) {
				return true
			}
		}
		return false
	case []string, []map[string]any:
		return filled(elements(v))
	case time.Time:
		return !v.IsZero()
	}
	return true
}

func instant(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, !v.IsZero()
	case string:
		return schema.ParseDateTime(v)
	}
	return time.Time{}, false
}

// compareNumbers compares by value, exactly also where an int64 meets a float64.
func compareNumbers(a, b any) (int, bool) {
	switch x := a.(type) {
	case int:
		a = int64(x)
	case json.Number:
		a = number(string(x))
	}
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return cmp.Compare(x, y), true
		case float64:
			return compareIntFloat(x, y), true
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return -compareIntFloat(y, x), true
		case float64:
			return cmp.Compare(x, y), true
		}
	}
	return 0, false
}

func compareIntFloat(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole, fraction := math.Modf(f)
	if order := cmp.Compare(i, int64(whole)); order != 0 {
		return order
	}
	return cmp.Compare(0, fraction)
}
