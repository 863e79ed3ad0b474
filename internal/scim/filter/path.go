package filter

import (
	"reflect"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Path is the target of a PATCH operation (RFC 7644 section 3.5.2): an attribute, a
// sub-attribute, a whole extension, or those values of an attribute that a filter
// selects, or a sub-attribute of these.
type Path struct {
	Ref    schema.Ref
	Filter *ValueFilter // nil if there are no brackets
}

// String is the path in schema spelling, the filter left out: "emails[...].value".
func (p *Path) String() string {
	if p.Filter == nil {
		return p.Ref.String()
	}
	s := schema.Ref{URN: p.Ref.URN, Attribute: p.Ref.Attribute}.String() + "[...]"
	if p.Ref.Sub != nil {
		s += "." + p.Ref.Sub.Name
	}
	return s
}

// ValueFilter is the filter in the brackets of a path. Safe for concurrent use.
type ValueFilter struct{ filter Filter }

// Match reports whether a value of the path's attribute is selected: an object or, of a
// simple list, the value itself.
func (v *ValueFilter) Match(element any) bool { return v.filter.match(v.filter.plan.root, element) }

// Eq gives the sub-attributes, in schema spelling, with the values that the filter asks
// them to be, if it is a conjunction of eq and nothing else: what a value must have to be
// selected. Entra adds to values that are not there yet and means them to be created
// so. ok is false for any other filter, and for one that asks for two values of one
// sub-attribute.
func (v *ValueFilter) Eq() (values map[string]any, ok bool) {
	values = map[string]any{}
	return values, v.filter.collectEq(v.filter.plan.root, values)
}

func (f *Filter) collectEq(n *node, into map[string]any) bool {
	switch {
	case n.kind == allOf:
		for _, kid := range n.kids {
			if !f.collectEq(kid, into) {
				return false
			}
		}
		return true
	case n.kind != aTerm || n.op != eq:
		return false
	}
	name := "value"
	if !n.self {
		name = n.attr.Name
	}
	l := &f.literals[n.literal]
	value := l.value
	if _, isTime := value.(time.Time); isTime || value == nil {
		value = l.raw
	}
	if other, there := into[name]; there && !reflect.DeepEqual(other, value) {
		return false
	}
	into[name] = value
	return true
}

// ParsePath reads the path of a PATCH operation on a resource of type rt. The error's
// ScimType is invalidPath for a path that is malformed or names what the type does not
// have, and invalidFilter for brackets that are well formed but make no sense.
// AbsentUnknown has no effect. Attributes that are not writable are for the caller to refuse.
func ParsePath(text string, rt *schema.ResourceType, opts Options) (*Path, *Error) {
	opts = opts.withDefaults()
	opts.AbsentUnknown = false
	if len(text) > opts.MaxLength {
		return nil, invalidPath(opts.MaxLength, "the path has %d bytes; at most %d are allowed", len(text), opts.MaxLength)
	}
	if text == "" {
		return nil, invalidPath(0, "the path is empty")
	}
	s := opts.Cache.scanner()
	defer opts.Cache.release(s)
	s.reset(text, opts)
	head := strings.IndexByte(text, '[')
	if head < 0 {
		head = len(text)
		s.shape = append(s.shape, text...)
	} else if err := s.scanPath(head); err != nil {
		return nil, err
	}

	p := opts.Cache.get(rt, opts, pathShape, s.shape)
	if p == nil {
		var err *Error
		if p, err = newCompiler(text, rt, opts, s.tokens).path(head, s.at); err != nil {
			return nil, err
		}
		opts.Cache.put(rt, opts, pathShape, s.shape, p)
	}
	if p.root == nil {
		return &Path{Ref: p.ref}, nil
	}
	literals, err := bind(text, s.tokens, p, opts.Fold)
	if err != nil {
		return nil, err
	}
	return &Path{Ref: p.ref, Filter: &ValueFilter{Filter{plan: p, literals: literals, fold: opts.Fold}}}, nil
}

// scanPath reads the brackets that open at head, and makes the shape of the whole path.
func (s *scanner) scanPath(head int) *Error {
	s.at = head + 1
	s.shape = append(s.shape, s.text[:s.at]...)
	if n := strings.TrimLeft(s.text[s.at:], "0123456789"); n != s.text[s.at:] && strings.HasPrefix(n, "]") {
		return invalidPath(s.at, "SCIM has no array indexes; a value is selected by a filter in the brackets")
	}
	if err := s.scanBrackets(); err != nil {
		return asPath(err)
	}
	tail := s.text[s.at:]
	if tail != "" && (tail[0] != '.' || len(tail) == 1) {
		return invalidPath(s.at, "expected the end or a dot and a sub-attribute after the bracket, found %s", quote(tail))
	}
	s.shape = append(s.shape, tail...)
	return nil
}

// path makes the plan of a path whose attribute ends at head, and whose brackets, if
// there are any, end at tail.
func (c *compiler) path(head, tail int) (*plan, *Error) {
	ref, _, err := c.resolve(token{kind: pathToken, end: head})
	if err != nil {
		return nil, asPath(err)
	}
	c.plan.ref = ref
	if head == len(c.text) {
		return c.plan, nil
	}
	if err := c.bracketable(ref, 0); err != nil {
		return nil, asPath(err)
	}
	if tail < len(c.text) {
		name := c.text[tail+1:]
		if c.plan.ref.Sub = ref.Attribute.Sub(name); c.plan.ref.Sub == nil {
			return nil, invalidPath(tail, "%s has no sub-attribute %s", ref, quote(name))
		}
	}
	inside := c.tokens[:len(c.tokens)-1] // without the closing bracket
	if c.plan.root, err = c.expression(inside, &ref); err != nil {
		return nil, err
	}
	return c.plan, nil
}
