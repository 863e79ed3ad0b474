package scim

import (
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// projection says what of a resource an answer shows: `returned` of its attributes
// (RFC 7643 section 7) and the parameters attributes and excludedAttributes (RFC 7644
// section 3.9). Immutable.
type projection struct {
	// only is whether attributes were named; then nothing else is shown but what is
	// always returned.
	only  bool
	named map[attributeKey]*naming // what attributes or excludedAttributes named
}

// attributeKey is an attribute, or with an empty name a whole extension.
type attributeKey struct{ urn, name string }

// naming is how an attribute was named: whole, or some of its sub-attributes.
type naming struct {
	whole bool
	subs  map[string]bool
}

// project reads the two parameters. Names that the type does not have are ignored
// . A value filter after a name is left out: the attribute is meant.
func project(rt *schema.ResourceType, attributes, excluded []string, lenient bool) (*projection, error) {
	names, not := splitNames(attributes), splitNames(excluded)
	if len(names) > 0 && len(not) > 0 {
		return nil, invalidValue("The parameters attributes and excludedAttributes exclude each other; one of them is expected.")
	}
	p := &projection{only: len(names) > 0}
	if len(names) == 0 {
		names = not
	}
	if len(names) == 0 {
		return p, nil
	}
	p.named = make(map[attributeKey]*naming, len(names))
	for _, name := range names {
		ref, ok := resolve(rt, name, lenient)
		if !ok {
			continue
		}
		key := attributeKey{urn: ref.URN}
		if ref.Attribute != nil {
			key.name = ref.Attribute.Name
		}
		n := p.named[key]
		if n == nil {
			n = &naming{subs: map[string]bool{}}
			p.named[key] = n
		}
		if ref.Sub == nil {
			n.whole = true
		} else {
			n.subs[ref.Sub.Name] = true
		}
	}
	return p, nil
}

// splitNames takes lists apart at their commas; blanks and empty items do not count.
func splitNames(lists []string) []string {
	var names []string
	for _, list := range lists {
		depth, from := 0, 0
		for i := 0; i <= len(list); i++ {
			switch {
			case i == len(list) || list[i] == ',' && depth == 0:
				if name := strings.TrimSpace(list[from:i]); name != "" {
					names = append(names, name)
				}
				from = i + 1
			case list[i] == '[':
				depth++
			case list[i] == ']':
				depth--
			}
		}
	}
	return names
}

// resolve finds the attribute that a name stands for: `userName`, `name.givenName`,
// `urn:...:User:manager.displayName`, `emails[type eq "work"].value`, or a whole extension.
func resolve(rt *schema.ResourceType, name string, lenient bool) (schema.Ref, bool) {
	if open := strings.IndexByte(name, '['); open >= 0 {
		end := strings.LastIndexByte(name, ']')
		if end < open {
			return schema.Ref{}, false
		}
		name = name[:open] + name[end+1:]
	}
	if ext := rt.Extension(name); ext != nil {
		return schema.Ref{URN: ext.ID}, true
	}
	var urn string
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 { // a URN has dots of its own
		urn, name = name[:colon], name[colon+1:]
	}
	name, sub, _ := strings.Cut(name, ".")
	return rt.Resolve(urn, name, sub, lenient)
}

// selection is what is shown of one attribute.
type selection struct {
	show bool
	subs map[string]bool // nil: all that are returned by default
	drop bool            // subs are those left out, not those shown
}

// of says what is shown of an attribute; urn is "" for core and common ones.
func (p *projection) of(urn string, a *schema.Attribute) selection {
	if a.Returned == schema.Never {
		return selection{}
	}
	if a.Returned == schema.Always {
		return selection{show: true}
	}
	if p.named == nil {
		return selection{show: !p.only && a.Returned != schema.Request}
	}
	n, whole := p.named[attributeKey{urn, a.Name}], urn != "" && p.named[attributeKey{urn: urn}] != nil
	switch {
	case p.only && n != nil && n.whole:
		return selection{show: true}
	case p.only && whole:
		return selection{show: a.Returned != schema.Request}
	case p.only && n != nil:
		return selection{show: true, subs: n.subs}
	case p.only:
		return selection{}
	case whole || n != nil && n.whole || a.Returned == schema.Request:
		return selection{}
	case n != nil:
		return selection{show: true, subs: n.subs, drop: true}
	}
	return selection{show: true}
}

// shows reports whether a sub-attribute of a shown attribute is shown.
func (s selection) shows(sub *schema.Attribute) bool {
	switch {
	case sub.Returned == schema.Never:
		return false
	case sub.Returned == schema.Always:
		return true
	case s.subs == nil:
		return sub.Returned != schema.Request
	}
	return s.subs[sub.Name] != s.drop && (!s.drop || sub.Returned != schema.Request)
}

// wants reports whether anything of a core attribute is shown, so that what is not
// need not be read.
func (p *projection) wants(urn string, a *schema.Attribute) bool { return p.of(urn, a).show }
