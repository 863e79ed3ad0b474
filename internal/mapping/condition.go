package mapping

import (
	"encoding/json"
	"fmt"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// condition is the value filter of a path, applied to one element of a list.
type condition func(element map[string]any) bool

// newCondition compiles a value filter (RFC 7644 section 3.4.2.2) over the elements
// of attr. Comparisons are without case: they choose among labels such as "work".
// The order operators (gt, ge, lt, le) have no use in choosing an element and are
// refused.
func newCondition(expression filter.Expression, attr *attribute) (condition, error) {
	switch e := expression.(type) {
	case *filter.LogicalExpression:
		left, err := newCondition(e.Left, attr)
		if err != nil {
			return nil, err
		}
		right, err := newCondition(e.Right, attr)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(string(e.Operator), string(filter.AND)) {
			return func(m map[string]any) bool { return left(m) && right(m) }, nil
		}
		return func(m map[string]any) bool { return left(m) || right(m) }, nil
	case *filter.NotExpression:
		inner, err := newCondition(e.Expression, attr)
		if err != nil {
			return nil, err
		}
		return func(m map[string]any) bool { return !inner(m) }, nil
	case *filter.AttributeExpression:
		return newComparison(e, attr)
	}
	return nil, fmt.Errorf("a filter within a filter is not supported")
}

func newComparison(e *filter.AttributeExpression, attr *attribute) (condition, error) {
	sub := find(attr.elementAttributes(), e.AttributePath.AttributeName)
	if sub == nil || e.AttributePath.SubAttribute != nil || e.AttributePath.URIPrefix != nil {
		return nil, fmt.Errorf("%s has no sub-attribute %q", attr.name, e.AttributePath.String())
	}
	read := func(m map[string]any) any {
		v := lookup(m, sub.name)
		if v == nil && sub.name == "primary" {
			return false // RFC 7643 section 2.4: not specified is false
		}
		return v
	}
	present := func(m map[string]any) bool { return !empty(read(m)) }
	absent := func(m map[string]any) bool { return empty(read(m)) }

	operator := filter.CompareOperator(strings.ToLower(string(e.Operator)))
	if operator == filter.PR {
		return present, nil
	}
	want, ok := literal(e.CompareValue)
	if !ok { // null, or ""
		switch operator {
		case filter.EQ:
			return absent, nil
		case filter.NE:
			return present, nil
		}
		return nil, fmt.Errorf("%s %s needs a value to compare with", sub.name, operator)
	}
	if sub.kind == booleanKind && !strings.EqualFold(want, "true") && !strings.EqualFold(want, "false") {
		return nil, fmt.Errorf("%s is true or false, and not %q", sub.name, want)
	}
	compare := func(holds func(have string) bool) condition {
		return func(m map[string]any) bool {
			have, ok := text(read(m))
			return ok && holds(have)
		}
	}
	folded := strings.ToLower(want)
	equal := compare(func(have string) bool { return strings.EqualFold(have, want) })
	switch operator {
	case filter.EQ:
		return equal, nil
	case filter.NE:
		return func(m map[string]any) bool { return !equal(m) }, nil
	case filter.CO:
		return compare(func(have string) bool { return strings.Contains(strings.ToLower(have), folded) }), nil
	case filter.SW:
		return compare(func(have string) bool { return strings.HasPrefix(strings.ToLower(have), folded) }), nil
	case filter.EW:
		return compare(func(have string) bool { return strings.HasSuffix(strings.ToLower(have), folded) }), nil
	}
	return nil, fmt.Errorf("operator %s is not supported here; expected eq, ne, co, sw, ew or pr", operator)
}

// literal is a filter's value as text; the parser leaves the escapes of strings as
// they stand.
func literal(v any) (string, bool) {
	if s, ok := v.(string); ok {
		var decoded string
		if json.Unmarshal([]byte(`"`+s+`"`), &decoded) == nil {
			v = decoded
		}
	}
	return text(v)
}

// asksForPrimary reports whether every element that passes the filter is primary.
func asksForPrimary(expression filter.Expression) bool {
	switch e := expression.(type) {
	case *filter.LogicalExpression:
		left, right := asksForPrimary(e.Left), asksForPrimary(e.Right)
		if strings.EqualFold(string(e.Operator), string(filter.AND)) {
			return left || right
		}
		return left && right
	case *filter.AttributeExpression:
		want, _ := literal(e.CompareValue)
		return strings.EqualFold(e.AttributePath.AttributeName, "primary") &&
			strings.EqualFold(string(e.Operator), string(filter.EQ)) && strings.EqualFold(want, "true")
	}
	return false
}
