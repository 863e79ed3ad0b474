package patch

import (
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// applyList works on a multi-valued attribute.
func (r *Request) applyList(s *step, home map[string]any) error {
	a := s.ref.Attribute
	current, there := home[a.Name].([]any)
	l := &list{step: s, values: current}
	if err := l.run(r); err != nil {
		return err
	}
	if err := l.onePrimary(); err != nil {
		return err
	}
	if there && a.Mutability == schema.Immutable {
		return s.immutable(a, current, l.filled())
	}
	if values := l.filled(); len(values) == 0 {
		delete(home, a.Name) // M-25
	} else {
		home[a.Name] = values
	}
	return nil
}

// list is a list of values while a step works on it.
type list struct {
	*step
	values []any
	// primaries are the places of the values that the step made primary.
	primaries []int
}

func (l *list) run(r *Request) error {
	switch {
	case l.listed:
		l.dropListed()
		return nil
	case !l.selects() && l.do == remove:
		l.values = nil
		return nil
	case !l.selects() && l.do == replace:
		l.values = nil
		for _, v := range l.value.([]any) {
			l.append(clone(v))
		}
		return nil
	case !l.selects():
		there := newIndex(l.ref.Attribute, l.values)
		for _, v := range l.value.([]any) {
			if err := l.add(v, there); err != nil {
				return err
			}
		}
		return nil
	}

	if l.do == remove && l.ref.Sub == nil {
		l.drop(l.matches)
		return nil
	}
	found := false
	values := append([]any(nil), l.values...)
	for i, v := range values {
		if !l.matches(v) {
			continue
		}
		found = true
		if err := l.change(i); err != nil {
			return err
		}
	}
	if found || l.do == remove { // M-31
		return nil
	}
	return l.create(r)
}

// selects tells whether the step is about values of the list, not the list.
func (l *list) selects() bool { return l.filter != nil || l.ref.Sub != nil }

func (l *list) matches(v any) bool { return l.filter == nil || l.filter.Match(v) }

func (l *list) drop(gone func(any) bool) {
	var kept []any
	for _, v := range l.values {
		if !gone(v) {
			kept = append(kept, v)
		}
	}
	l.values = kept
}

// dropListed drops the values that the step lists: one is meant by the sub-attributes
// that are given of it. Entra names members by `value` alone.
func (l *list) dropListed() {
	there := newIndex(l.ref.Attribute, l.values)
	for _, v := range l.value.([]any) {
		there.drop(l.values, v) // what is nil goes with all that is empty
	}
}

// append appends a value that is the list's own.
func (l *list) append(v any) {
	l.values = append(l.values, v)
	l.notePrimary(len(l.values)-1, v)
}

func (l *list) notePrimary(i int, given any) {
	if object, ok := given.(map[string]any); ok && object["primary"] == true {
		l.primaries = append(l.primaries, i)
	}
}

// add appends a value, or merges it into the one that is there already (M-15, M-16).
func (l *list) add(v any, there *index) error {
	i, found := there.find(l.values, v)
	if !found {
		v = clone(v)
		there.note(len(l.values), v)
		l.append(v)
		return nil
	}
	if object, ok := l.values[i].(map[string]any); ok {
		if err := l.merge(object, v.(map[string]any)); err != nil {
			return err
		}
		there.note(i, v)
		l.notePrimary(i, v)
	}
	return nil
}

// change does the step to one value that it selects.
func (l *list) change(i int) error {
	object, complex := l.values[i].(map[string]any)
	switch {
	case !complex: // of a simple list, `value` is the value itself
		l.values[i] = l.value
		return nil
	case l.ref.Sub != nil || l.do == add:
		given := l.partial()
		if err := l.merge(object, given); err != nil {
			return err
		}
		l.notePrimary(i, given)
		return nil
	}
	// The whole value is replaced (M-38), but for what is immutable in it.
	next := l.value.(map[string]any)
	for _, sub := range l.ref.Attribute.SubAttributes {
		if was, there := object[sub.Name]; there && sub.Mutability == schema.Immutable {
			if err := l.immutable(sub, was, next[sub.Name]); err != nil {
				return err
			}
		}
	}
	l.values[i] = clone(next)
	l.notePrimary(i, next)
	return nil
}

// create appends the value that the step's filter describes, with what the step sets
// in it (M-19, M-40). What would not match the filter itself is not what was meant.
func (l *list) create(r *Request) error {
	if !r.opts.FilterCreates || l.filter == nil {
		return l.noTarget()
	}
	described, ok := l.filter.Eq()
	if !ok {
		return l.noTarget()
	}
	var created any
	if l.ref.Attribute.Type == schema.Complex {
		created = merged(described, l.partial())
	} else {
		created = l.value
	}
	if !l.filter.Match(created) {
		return l.noTarget()
	}
	r.opts.use("filter-creates")
	l.append(clone(created))
	return nil
}

// onePrimary makes the value that the step made primary the only one (M-42). A step
// that makes several primary contradicts itself (M-43).
func (l *list) onePrimary() error {
	if len(l.primaries) == 0 {
		return nil
	}
	chosen := l.primaries[0]
	for _, i := range l.primaries {
		if i != chosen {
			return l.refuse(scimerrors.ScimTypeInvalidValue, "%s.primary: more than one value would be primary; at most one may be", l.ref.Attribute.Name)
		}
	}
	for i, v := range l.values {
		if object, ok := v.(map[string]any); ok && i != chosen && object["primary"] == true {
			object["primary"] = false
		}
	}
	return nil
}

// filled are the values that are not empty.
func (l *list) filled() []any {
	l.drop(func(v any) bool {
		object, complex := v.(map[string]any)
		return v == nil || complex && len(object) == 0
	})
	return l.values
}
