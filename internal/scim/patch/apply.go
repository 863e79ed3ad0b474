package patch

import (
	"reflect"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Apply gives the document that doc becomes. doc has the attributes of
// schema.ResourceType.Check, perhaps with numbers that have been through JSON; the result
// is in its canonical form, so that a request that changes nothing gives an equal
// document. Stored values that the schema takes no longer stay as they are, unless the
// request is about their attribute: a deactivation must not fail for them (V-02). doc is not
// changed; on an error nothing has happened (M-07).
func (r *Request) Apply(doc map[string]any) (map[string]any, error) {
	out, stale := r.rt.Fit(doc)
	for i := range r.steps {
		s := &r.steps[i]
		if err := r.apply(s, out); err != nil {
			return nil, err
		}
	}
	// What each step did is right by itself; the whole is what the schema judges.
	checked, inv := r.rt.Check(out)
	if inv != nil {
		return nil, &Error{
			ScimError: refusal(scimerrors.ScimType(inv.ScimType), "the resource that results: %s", inv.Error()),
			Attribute: inv.Attribute,
		}
	}
	r.keep(stale, checked)
	return checked, nil
}

// keep puts back what no longer fits the schema and is no business of the request.
func (r *Request) keep(stale, doc map[string]any) {
	for name, value := range stale {
		if ext := r.rt.Extension(name); ext != nil {
			home, ok := doc[ext.ID].(map[string]any)
			if !ok {
				home = map[string]any{}
			}
			for name, value := range value.(map[string]any) {
				if !r.isAbout(ext.ID, name) {
					home[name] = clone(value)
				}
			}
			if len(home) > 0 {
				doc[ext.ID] = home
			}
		} else if !r.isAbout("", name) {
			doc[name] = clone(value)
		}
	}
}

// isAbout reports whether a step is about an attribute, or its whole extension.
func (r *Request) isAbout(urn, name string) bool {
	for i := range r.steps {
		if ref := r.steps[i].ref; ref.URN == urn && (ref.Attribute == nil || ref.Attribute.Name == name) {
			return true
		}
	}
	return false
}

func (r *Request) apply(s *step, doc map[string]any) error {
	if s.ref.Attribute == nil {
		return r.clear(s, doc)
	}
	home := doc
	if s.ref.URN != "" {
		extension, ok := doc[s.ref.URN].(map[string]any)
		if !ok {
			extension = map[string]any{}
		}
		home = extension
		defer func() {
			if len(extension) == 0 {
				delete(doc, s.ref.URN)
			} else {
				doc[s.ref.URN] = extension
			}
		}()
	}
	switch a := s.ref.Attribute; {
	case a.MultiValued:
		return r.applyList(s, home)
	case a.Type == schema.Complex:
		return r.applyComplex(s, home)
	default:
		return s.set(a, home, s.value)
	}
}

// clear removes a whole extension (M-52).
func (r *Request) clear(s *step, doc map[string]any) error {
	extension, _ := doc[s.ref.URN].(map[string]any)
	for _, a := range r.rt.Extension(s.ref.URN).Attributes {
		if _, there := extension[a.Name]; there && (a.Required || a.Mutability == schema.Immutable) {
			return s.refuse(scimerrors.ScimTypeMutability, "%s:%s cannot be removed", s.ref.URN, a.Name)
		}
	}
	delete(doc, s.ref.URN)
	return nil
}

// applyComplex works on a complex attribute with one value: it is merged into (M-17, M-37).
func (r *Request) applyComplex(s *step, home map[string]any) error {
	a := s.ref.Attribute
	current, there := home[a.Name].(map[string]any)
	if s.filter != nil && !(there && s.filter.Match(current)) {
		if s.do == remove {
			return nil
		}
		return s.noTarget()
	}
	if s.do == remove && s.ref.Sub == nil {
		return s.set(a, home, nil)
	}
	if current == nil {
		current = map[string]any{}
	}
	if a.Mutability == schema.Immutable && there {
		return s.immutable(a, current, merged(current, s.partial()))
	}
	if err := s.merge(current, s.partial()); err != nil {
		return err
	}
	if len(current) == 0 {
		delete(home, a.Name)
	} else {
		home[a.Name] = current
	}
	return nil
}

// partial is the step's value as an object to merge.
func (s *step) partial() map[string]any {
	if s.ref.Sub != nil {
		return map[string]any{s.ref.Sub.Name: s.value}
	}
	object, _ := s.value.(map[string]any)
	return object
}

// merge puts the sub-attributes of from into a value; nil takes one away.
func (s *step) merge(into, from map[string]any) error {
	for name, v := range from {
		if err := s.set(s.ref.Attribute.Sub(name), into, v); err != nil {
			return err
		}
	}
	return nil
}

// set gives an attribute or a sub-attribute of home a value; nil takes it away. An
// immutable one can be given its first value and no other (M-46).
func (s *step) set(a *schema.Attribute, home map[string]any, value any) error {
	if current, there := home[a.Name]; there && a.Mutability == schema.Immutable {
		return s.immutable(a, current, value)
	}
	if value == nil {
		delete(home, a.Name)
	} else {
		home[a.Name] = clone(value)
	}
	return nil
}

func (s *step) immutable(a *schema.Attribute, current, next any) error {
	if reflect.DeepEqual(current, next) {
		return nil
	}
	return s.refuse(scimerrors.ScimTypeMutability, "%s is immutable and has another value", a.Name)
}

func (s *step) noTarget() error {
	return s.refuse(scimerrors.ScimTypeNoTarget, "no value of %s matches the path", s.ref.Attribute.Name)
}

func merged(into, from map[string]any) map[string]any {
	out := cloneObject(into)
	for name, v := range from {
		if v == nil {
			delete(out, name)
		} else {
			out[name] = v
		}
	}
	return out
}

func cloneObject(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for k, v := range object {
		out[k] = clone(v)
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneObject(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = clone(v[i])
		}
		return out
	}
	return v
}
