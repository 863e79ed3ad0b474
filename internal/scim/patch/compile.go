package patch

import (
	"maps"
	"slices"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// step is one thing that a request does to one attribute.
type step struct {
	place
	do  kind // what is done: a replace by nothing is a remove
	ref schema.Ref
	// filter selects values of ref.Attribute; nil: all of them, or the attribute as such.
	filter *filter.ValueFilter
	// value is in canonical form: a list for a multi-valued attribute without filter
	// and sub-attribute, an object for a complex one, else a single value. In an
	// object that is merged (see partial), nil takes a sub-attribute away.
	value any
	// listed makes a remove take only the values that are like one in the list value.
	listed bool
}

// compiler makes the steps of one operation.
type compiler struct {
	r *Request
	place
	null bool // the operation has a value, which is null
}

func (c *compiler) emit(s step) { c.r.steps = append(c.r.steps, s) }

// object takes an object of attributes: the value of an operation without path (urn
// ""), or that of a whole extension. What no schema defines and what is readOnly is
// left out: IdPs send back what they have got, `id` and `meta` with it (M-45, M-49).
func (c *compiler) object(urn string, object map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(object)) { // a map has no order; the first error is to be the same each time
		value := object[key]
		if urn == "" {
			if strings.EqualFold(key, c.r.rt.Schema.ID) {
				if core, ok := value.(map[string]any); ok {
					if err := c.object("", core); err != nil {
						return err
					}
				}
				continue
			}
			if ext := c.r.rt.Extension(key); ext != nil {
				if err := c.at(ext.ID).extension(ext, value); err != nil {
					return err
				}
				continue
			}
		}
		ref, ok := c.r.rt.Resolve(urn, key, "", false)
		if !ok && urn == "" {
			if err := c.notAPath(key); err != nil {
				return err
			}
		}
		if !ok || ref.Attribute == nil || ref.Attribute.Mutability == schema.ReadOnly || isSchemas(ref) {
			continue
		}
		if err := c.at(ref.String()).attribute(ref, nil, value); err != nil {
			return err
		}
	}
	return nil
}

// notAPath refuses a key that is no name and would mean an attribute as a path. An
// unknown name may be ignored (C-18); a request that says what it wants, in the wrong
// place, must not be answered as if it were done. What is readOnly may be ignored too (M-45).
func (c *compiler) notAPath(key string) error {
	if !strings.ContainsAny(key, ".[:") {
		return nil
	}
	path, err := filter.ParsePath(key, c.r.rt, c.r.opts.Paths)
	if err != nil || path.Ref.Attribute == nil || path.Ref.Attribute.Mutability == schema.ReadOnly || path.Ref.Target().Mutability == schema.ReadOnly {
		return nil
	}
	return c.at(path.Ref.String()).refuse(scimerrors.ScimTypeInvalidPath, "%q is a path; expected the name of an attribute here, and paths as path", path.Ref.String())
}

// at is the compiler for an attribute that a value without path names.
func (c *compiler) at(path string) *compiler {
	inner := *c
	inner.place.path, inner.place.attribute = path, path
	return &inner
}

// extension takes a value for a whole extension: it is merged (M-52, M-53).
func (c *compiler) extension(ext *schema.Schema, value any) error {
	switch value := value.(type) {
	case nil:
		if c.kind == replace {
			c.emit(step{place: c.place, do: remove, ref: schema.Ref{URN: ext.ID}})
		}
		return nil
	case map[string]any:
		return c.object(ext.ID, value)
	}
	return c.refuse(scimerrors.ScimTypeInvalidValue, "expected an object with attributes of the extension")
}

// target takes an operation with a path.
func (c *compiler) target(path *filter.Path, value any) error {
	ref := path.Ref
	c.place.attribute = ref.String()
	switch {
	case ref.Attribute == nil && c.kind == remove:
		c.emit(step{place: c.place, do: remove, ref: ref})
		return nil
	case ref.Attribute == nil:
		return c.extension(c.r.rt.Extension(ref.URN), value)
	case isSchemas(ref):
		return c.schemas(value)
	case ref.Attribute.Mutability == schema.ReadOnly, ref.Sub != nil && ref.Sub.Mutability == schema.ReadOnly:
		return c.refuse(scimerrors.ScimTypeMutability, "%s is read-only", ref)
	}
	return c.attribute(ref, path.Filter, value)
}

func isSchemas(ref schema.Ref) bool { return ref.URN == "" && ref.Attribute.Name == "schemas" }

// schemas takes `schemas` as a target. The list follows from the data a resource has,
// so naming a schema the type has is no change, and taking one away is refused (M-61).
func (c *compiler) schemas(value any) error {
	if c.kind == remove {
		return c.refuse(scimerrors.ScimTypeMutability, "schemas follows from the data; to clear an extension, remove its URN as path")
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	base := false
	for _, v := range list {
		urn, _ := v.(string)
		switch {
		case strings.EqualFold(urn, c.r.rt.Schema.ID):
			base = true
		case c.r.rt.Extension(urn) == nil:
			return c.refuse(scimerrors.ScimTypeInvalidValue, "schemas: expected URNs of schemas that a %s can have", c.r.rt.Name)
		}
	}
	if c.kind == replace && !base {
		return c.refuse(scimerrors.ScimTypeMutability, "schemas always has %s", c.r.rt.Schema.ID)
	}
	return nil
}

// attribute makes the step for one attribute, or for a sub-attribute or value of it.
func (c *compiler) attribute(ref schema.Ref, f *filter.ValueFilter, value any) error {
	s := step{place: c.place, do: c.kind, ref: ref, filter: f}
	if c.kind == remove {
		return c.removal(s, value)
	}
	if unset, err := c.unsets(&s, value); unset || err != nil {
		return err
	}
	v, err := c.check(&s, value)
	if err != nil || ref.Target().Mutability == schema.WriteOnly { // a password is checked and kept nowhere (M-63)
		return err
	}
	if v == nil { // a list of nulls
		_, err := c.unsets(&s, nil)
		return err
	}
	s.value = v
	c.emit(s)
	return nil
}

// list tells whether the step is about the list of a multi-valued attribute as a whole.
func (s *step) list() bool {
	return s.ref.Attribute.MultiValued && s.ref.Sub == nil && s.filter == nil
}

// removal completes a step of a remove operation. Only where the RFC lets a value
// decide nothing, on a list, would ignoring it take away what nobody named.
func (c *compiler) removal(s step, value any) error {
	if value != nil && s.list() {
		if !c.r.opts.RemoveListed {
			return c.refuse(scimerrors.ScimTypeInvalidSyntax, "remove has no value; to remove some values use a path like %s[value eq \"...\"]", s.ref)
		}
		c.r.opts.use("remove-value-array")
		s.do = add // which is how a list of values, or one of them, is read
		v, err := c.check(&s, value)
		if err != nil || v == nil {
			return err
		}
		s.do, s.listed, s.value = remove, true, v
		c.emit(s)
		return nil
	}
	if c.null && s.list() && isMembers(s.ref.Attribute) {
		return c.refuse(scimerrors.ScimTypeInvalidValue, "members.value: the value is null and names nobody; to remove all members leave value out")
	}
	return c.unset(s)
}

// unset completes a step that takes something away (M-27, M-41).
func (c *compiler) unset(s step) error {
	if target := s.ref.Target(); target.Required && (s.filter == nil || s.ref.Sub != nil) {
		return c.refuse(scimerrors.ScimTypeMutability, "%s is required and cannot be removed", s.ref)
	}
	if s.ref.Target().Mutability == schema.WriteOnly {
		return nil
	}
	s.do, s.value = remove, nil
	c.emit(s)
	return nil
}

// unsets handles the values that say "no value": null and the empty list (RFC 7643
// section 2.5), and the empty string where text belongs (M-62). To replace by nothing
// is to remove; to add nothing to a list does nothing.
func (c *compiler) unsets(s *step, value any) (bool, error) {
	target := s.ref.Target()
	text, isText := value.(string)
	list, isList := value.([]any)
	switch {
	case value == nil, isList && len(list) == 0:
	case isText && text == "" && textual(target) && !s.list():
		if target.Required {
			return true, c.refuse(scimerrors.ScimTypeInvalidValue, "%s is required and must not be empty", s.ref)
		}
	default:
		return false, nil
	}
	if c.kind == add && s.ref.Attribute.MultiValued && s.ref.Sub == nil {
		return true, nil
	}
	return true, c.unset(*s)
}

func textual(a *schema.Attribute) bool {
	switch a.Type {
	case schema.String, schema.Reference, schema.DateTime, schema.Binary:
		return true
	}
	return false
}

// check brings a step's value into canonical form; nil if nothing is left of it.
func (c *compiler) check(s *step, value any) (any, error) {
	a, path := s.ref.Attribute, s.ref.String()
	list, isList := value.([]any)
	switch {
	case s.ref.Sub != nil:
		return c.single(s.ref.Sub, path, value)
	case s.list():
		if !isList && s.do == add { // one value as such is a list of one (M-14)
			list, isList = []any{value}, true
		}
		if !isList {
			return nil, c.refuse(scimerrors.ScimTypeInvalidValue, "%s: expected a list of values", path)
		}
		return c.single(a, path, list)
	case isList:
		return nil, c.refuse(scimerrors.ScimTypeInvalidValue, "%s: expected one value, found a list", path)
	case a.Type == schema.Complex && (s.filter == nil || s.do == add):
		return c.partial(a, path, value)
	}
	v, err := c.single(a, path, value)
	if err == nil && v == nil && a.Type == schema.Complex { // {}, which would replace a value by nothing
		return nil, c.refuse(scimerrors.ScimTypeInvalidValue, "%s: expected at least one sub-attribute", path)
	}
	return v, err
}

func (c *compiler) single(a *schema.Attribute, path string, value any) (any, error) {
	v, inv := schema.CheckValue(a, path, value)
	if inv != nil {
		return nil, c.invalid(inv)
	}
	if s, ok := v.(string); ok && a.Required && strings.TrimSpace(s) == "" {
		return nil, c.refuse(scimerrors.ScimTypeInvalidValue, "%s is required and must not be blank", path)
	}
	return v, nil
}

// partial checks a complex value that is merged into what is there: sub-attributes
// not given stay (M-17, M-37), and those given as nothing are nil, to be taken away.
func (c *compiler) partial(a *schema.Attribute, path string, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return c.single(a, path, value) // which says what it expects
	}
	out := make(map[string]any, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		sub := a.Sub(key)
		if sub == nil || sub.Mutability == schema.ReadOnly {
			continue
		}
		name, v := path+"."+sub.Name, object[key]
		text, isText := v.(string)
		list, isList := v.([]any)
		switch {
		case v == nil, isList && len(list) == 0:
			if sub.Required {
				return nil, c.refuse(scimerrors.ScimTypeMutability, "%s is required and cannot be removed", name)
			}
			out[sub.Name] = nil
			continue
		case isText && text == "" && textual(sub) && !sub.Required:
			out[sub.Name] = nil
			continue
		}
		checked, err := c.single(sub, name, v)
		if err != nil {
			return nil, err
		}
		out[sub.Name] = checked
	}
	return out, nil
}
