package mapping

import (
	"fmt"
	"regexp"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// path is a checked SCIM attribute path (RFC 7644 section 3.10):
//
//	userName   name.givenName   emails.value   emails[primary eq true].value
//	urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department
type path struct {
	source string // as the rule spells it
	urn    string // "" for core attributes, else the extension's URN in schema spelling
	attr   *attribute
	where  condition  // nil: every element
	sub    *attribute // nil: the attribute itself
	// one: the value filter asks for the primary element, of which there is at most
	// one (RFC 7643 section 2.4), so what comes out is a value and not a list.
	one bool
}

// subAttribute is what may follow a value filter (RFC 7644 figure 7: attrPath "[" valFilter "]" [subAttr]).
var subAttribute = regexp.MustCompile(`\A\.([A-Za-z$][A-Za-z0-9_$-]*)\z`)

// path parses and checks a path. The attribute path and the filter are parsed each by
// itself because the parser's own valFilter knows no nesting: it refuses
// `emails[type eq "work" and not (primary eq false)]`.
func (v *vocabulary) path(source string) (*path, error) {
	head, inner, tail := source, "", ""
	filtered := false
	if open := strings.IndexByte(source, '['); open >= 0 {
		end := strings.LastIndexByte(source, ']')
		if end < open {
			return nil, fmt.Errorf("%q is no SCIM path: [ without ]", source)
		}
		head, inner, tail, filtered = source[:open], source[open+1:end], source[end+1:], true
	}
	parsed, err := filter.ParseAttrPath([]byte(head))
	if err != nil {
		return nil, fmt.Errorf("%q is no SCIM path: expected something like userName, name.givenName, "+
			"emails[primary eq true].value or URN:attribute", source)
	}
	p := &path{source: source}
	attrs := v.core
	if uri := parsed.URI(); uri != "" {
		switch {
		case strings.EqualFold(uri, coreURN):
		case strings.EqualFold(uri, enterpriseURN):
			p.urn, attrs = enterpriseURN, v.enterprise
		case strings.EqualFold(uri, wisdomURN):
			p.urn, attrs = wisdomURN, v.wisdomai
		default:
			return nil, fmt.Errorf("%q: there is no schema %q; expected %s or %s", source, uri, enterpriseURN, wisdomURN)
		}
	}
	if p.attr = find(attrs, parsed.AttributeName); p.attr == nil {
		return nil, v.unknown(source, p.urn, parsed.AttributeName)
	}
	sub := parsed.SubAttributeName()
	if filtered {
		if sub != "" {
			return nil, fmt.Errorf("%q: a filter belongs to an attribute, not to a sub-attribute", source)
		}
		if tail != "" {
			match := subAttribute.FindStringSubmatch(tail)
			if match == nil {
				return nil, fmt.Errorf("%q: after ] expected the end or .subAttribute, found %q", source, tail)
			}
			sub = match[1]
		}
		if !p.attr.multi {
			return nil, fmt.Errorf("%q: %s has one value; a filter is for lists", source, p.attr.name)
		}
		expression, err := filter.ParseFilter([]byte(inner))
		if err != nil {
			return nil, fmt.Errorf("%q: %q is no filter; expected something like primary eq true", source, inner)
		}
		if p.where, err = newCondition(expression, p.attr); err != nil {
			return nil, fmt.Errorf("%q: %w", source, err)
		}
		p.one = asksForPrimary(expression)
	}
	if sub != "" {
		if p.sub = find(p.attr.elementAttributes(), sub); p.sub == nil {
			return nil, fmt.Errorf("%q: %s has no sub-attribute %q", source, p.attr.name, sub)
		}
	}
	return p, nil
}

// unknown says why name is no attribute, and where it is one.
func (v *vocabulary) unknown(source, urn, name string) error {
	switch {
	case urn == wisdomURN:
		return fmt.Errorf("%q: the extension does not declare %q", source, name)
	case urn == enterpriseURN:
		return fmt.Errorf("%q: the enterprise extension has no attribute %q", source, name)
	case strings.EqualFold(name, "groups"):
		return fmt.Errorf("%q: groups are seen by roles.groups and by expressions, not by paths", source)
	}
	if a := find(v.enterprise, name); a != nil {
		return fmt.Errorf("%q is an attribute of the enterprise extension: write %s:%s", source, enterpriseURN, a.name)
	}
	if a := find(v.wisdomai, name); a != nil {
		return fmt.Errorf("%q is an attribute of the WisdomAI extension: write %s:%s", source, wisdomURN, a.name)
	}
	return fmt.Errorf("%q: a user has no attribute %q that a rule may read", source, name)
}

// elementAttributes are the sub-attributes of an attribute; an element of a list of
// simple values is read as if it were {value: element}.
func (a *attribute) elementAttributes() []*attribute {
	if a.kind != complexKind && a.multi {
		return []*attribute{{name: "value", kind: a.kind}}
	}
	return a.subs
}

// String is the path in schema spelling without its filter: the attribute that an
// administrator of the IdP has to mend.
func (p *path) String() string {
	name := p.attr.name
	if p.sub != nil {
		name += "." + p.sub.name
	}
	if p.urn != "" {
		return p.urn + ":" + name
	}
	return name
}

// read is what the document holds at the path, and whether it is a list.
func (p *path) read(user map[string]any) (values []any, list bool) {
	if p.urn != "" {
		user, _ = lookup(user, p.urn).(map[string]any)
	}
	v := lookup(user, p.attr.name)
	if v == nil {
		return nil, false
	}
	if p.where == nil && p.sub == nil {
		values, list = elements(v)
		return values, list || p.attr.multi
	}
	if c, ok := v.(map[string]any); ok && p.where == nil { // name.givenName: the common case, one value
		if v := lookup(c, p.sub.name); v != nil {
			values = []any{v}
		}
		return values, p.attr.multi
	}
	all, list := elements(v)
	for _, e := range all {
		c, isComplex := e.(map[string]any)
		if !isComplex { // emails: ["a@x.com"] is read as [{value: "a@x.com"}]
			c = map[string]any{"value": e}
		}
		switch {
		case p.where != nil && !p.where(c):
		case p.sub == nil:
			values = append(values, e)
		default:
			if v := lookup(c, p.sub.name); v != nil {
				values = append(values, v)
			}
		}
	}
	if p.one && len(values) == 1 {
		return values, false
	}
	return values, list || p.attr.multi
}
