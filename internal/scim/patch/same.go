package patch

import (
	"maps"
	"slices"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// telling are the sub-attributes that tell whether a given value of a list is one that is
// there (M-16): the key in a list of key/value pairs, the id among members, the value and
// type elsewhere, where a type that is not given is any. A complex value without these,
// such as an address, is there if everything that is given is. nil: nothing does.
func telling(a *schema.Attribute, given map[string]any) []string {
	switch {
	case a.Sub("key") != nil:
		if given["key"] == nil {
			return nil
		}
		return []string{"key"}
	case given["value"] != nil && a.Sub("value") != nil:
		if given["type"] == nil || isMembers(a) {
			return []string{"value"}
		}
		return []string{"value", "type"}
	}
	return slices.Collect(maps.Keys(given))
}

func isMembers(a *schema.Attribute) bool {
	return a.Name == "members" && a.Sub("$ref") != nil
}

// index finds values of a list that are like a given one, in a time that does not grow
// with the list: a request may add a list of a hundred thousand to another.
type index struct {
	attribute *schema.Attribute
	places    map[mark][]int
}

// mark is a sub-attribute and its value; of a simple value, the value itself.
type mark struct {
	sub   string
	value any
}

func newIndex(a *schema.Attribute, values []any) *index {
	x := &index{attribute: a, places: make(map[mark][]int, len(values))}
	for i, v := range values {
		x.note(i, v)
	}
	return x
}

// note remembers that the value at place i has, perhaps among others, what v has.
func (x *index) note(i int, v any) {
	object, complex := v.(map[string]any)
	if !complex {
		x.places[mark{value: v}] = append(x.places[mark{value: v}], i)
		return
	}
	for sub, v := range object {
		if v != nil {
			m := mark{sub, v}
			if places := x.places[m]; len(places) == 0 || places[len(places)-1] != i {
				x.places[m] = append(places, i)
			}
		}
	}
}

// find is the place of the first value that is like a given one.
func (x *index) find(values []any, given any) (place int, found bool) {
	m, same := x.like(values, given)
	if i := slices.IndexFunc(x.places[m], same); i >= 0 {
		return x.places[m][i], true
	}
	return 0, false
}

// drop makes nil of every value that is like a given one.
func (x *index) drop(values []any, given any) {
	m, same := x.like(values, given)
	x.places[m] = slices.DeleteFunc(x.places[m], func(i int) bool {
		if !same(i) {
			return false
		}
		values[i] = nil
		return true
	})
}

// like gives a mark that values like the given one have, and which of those with it are.
func (x *index) like(values []any, given any) (mark, func(place int) bool) {
	object, complex := given.(map[string]any)
	if !complex {
		return mark{value: given}, func(i int) bool { return values[i] == given }
	}
	subs := telling(x.attribute, object)
	if len(subs) == 0 {
		return mark{}, func(int) bool { return false }
	}
	// Where several tell, the rarest leaves the fewest to look at.
	rarest := slices.MinFunc(subs, func(a, b string) int {
		return len(x.places[mark{a, object[a]}]) - len(x.places[mark{b, object[b]}])
	})
	return mark{rarest, object[rarest]}, func(i int) bool {
		there, _ := values[i].(map[string]any)
		return !slices.ContainsFunc(subs, func(sub string) bool { return there[sub] != object[sub] })
	}
}
