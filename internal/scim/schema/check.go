package schema

import (
	"fmt"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
)

// Invalid is why a document or a value does not fit its schema.
type Invalid struct {
	Attribute string // path in schema spelling: "emails.primary", "urn:...:User:region"
	Detail    string // one sentence: what was found, what was expected
	// ScimType is "invalidValue" or "invalidSyntax" or "mutability".
	ScimType string
}

func (e *Invalid) Error() string { return e.Attribute + ": " + e.Detail }

func invalidValue(path, format string, args ...any) *Invalid {
	return &Invalid{Attribute: path, Detail: fmt.Sprintf(format, args...), ScimType: string(scimerrors.ScimTypeInvalidValue)}
}

// Check validates a document as a client sent it (decoded JSON, numbers as
// json.Number) and returns it in canonical form: attribute names in schema spelling,
// unknown attributes dropped (C-18), nulls, empty lists and empty objects dropped
// (C-22), readOnly attributes and `schemas` dropped, password dropped, duplicate
// (type, value) pairs dropped (C-24), extensions under their URN in schema spelling,
// integers as int64, decimals as float64. Required attributes must be there and not
// blank, and a group's members named by their id: `[{}]` and `[{"value": null}]` are not the
// empty list. A member's type is User or Group, in any case. Two primaries, wrong types, NUL characters are Invalid, and so is an
// attribute that is there twice, in different cases (C-29).
//
// The document is not changed; what is returned shares none of its maps and lists.
// The canonical form of a canonical form is itself.
func (rt *ResourceType) Check(doc map[string]any) (map[string]any, *Invalid) {
	core, common := rt.Schema.Attributes, rt.Common
	var room [32]slot
	slots := room[:]
	if n := len(core) + len(common) + len(rt.Extensions); n > len(room) {
		slots = make([]slot, n)
	}
	for name, value := range doc {
		i := find(core, name)
		if i < 0 {
			if i = find(common, name); i >= 0 {
				i += len(core)
			} else if i = rt.extensionIndex(name); i >= 0 {
				i += len(core) + len(common)
			} else {
				continue
			}
		}
		if !slots[i].fill(name, value) {
			return nil, twice(rt.nameOf(i), slots[i].name, name)
		}
	}

	out := make(map[string]any, len(doc))
	if inv := checkAll(core, "", slots, true, out); inv != nil {
		return nil, inv
	}
	slots = slots[len(core):]
	for i, a := range common {
		if a.Name == "schemas" { // what a document carries says its content, not its list
			continue
		}
		if inv := checkInto(a, "", slots[i].value, true, out); inv != nil {
			return nil, inv
		}
	}
	slots = slots[len(common):]
	for i, ext := range rt.Extensions {
		object, inv := checkObject(ext.Attributes, ext.ID, ":", slots[i].value, true)
		if inv != nil {
			return nil, inv
		}
		if object != nil {
			out[ext.ID] = object
		}
	}
	return out, nil
}

// extensionIndex is the place of an extension among Extensions, or -1.
func (rt *ResourceType) extensionIndex(urn string) int {
	for i, ext := range rt.Extensions {
		if equalFold(ext.ID, urn) {
			return i
		}
	}
	return -1
}

// nameOf is the schema spelling of the i-th slot of Check.
func (rt *ResourceType) nameOf(i int) string {
	core, common := rt.Schema.Attributes, rt.Common
	switch {
	case i < len(core):
		return core[i].Name
	case i < len(core)+len(common):
		return common[i-len(core)].Name
	}
	return rt.Extensions[i-len(core)-len(common)].ID
}

// CheckValue validates one value of an attribute, or the whole list of a
// multi-valued one, and returns it in canonical form as Check does: nil for what
// Check would drop. path is used in errors. Sub-attributes that the schema requires
// may be missing: a value may be a part that is merged into what is there.
func CheckValue(a *Attribute, path string, value any) (any, *Invalid) {
	if a.Mutability == ReadOnly {
		return nil, nil
	}
	_, list := value.([]any)
	if !list && a.MultiValued {
		return checkOne(a, path, value, false)
	}
	v, inv := check(a, path, value, false)
	if a.Mutability == WriteOnly {
		return nil, inv
	}
	return v, inv
}

// slot is the value of one attribute of an object. Keys come out of a map in no
// order; with the values laid out by attribute, the first fault reported is always the same one.
type slot struct {
	name  string
	value any
	taken bool
}

// fill reports false if the slot was filled before.
func (s *slot) fill(name string, value any) bool {
	if s.taken {
		return false
	}
	*s = slot{name: name, value: value, taken: true}
	return true
}

func twice(path, one, other string) *Invalid {
	return &Invalid{
		Attribute: path,
		Detail:    fmt.Sprintf("the attribute is there twice, as %q and as %q; attribute names have no case", min(one, other), max(one, other)),
		ScimType:  string(scimerrors.ScimTypeInvalidSyntax),
	}
}

// checkObject checks an object whose attributes are attrs: a complex value (sep ".")
// or an extension (sep ":"). It returns nil for null and for an object without content.
func checkObject(attrs []*Attribute, path, sep string, value any, whole bool) (map[string]any, *Invalid) {
	if value == nil {
		return nil, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, invalidValue(path, "expected an object, found %s", describe(value))
	}
	if len(object) == 0 {
		return nil, nil
	}
	var room [16]slot
	slots := room[:]
	if len(attrs) > len(room) {
		slots = make([]slot, len(attrs))
	}
	for name, v := range object {
		i := find(attrs, name)
		if i < 0 {
			continue
		}
		if !slots[i].fill(name, v) {
			return nil, twice(path+sep+attrs[i].Name, slots[i].name, name)
		}
	}
	out := make(map[string]any, len(object))
	if inv := checkAll(attrs, path+sep, slots, whole, out); inv != nil {
		return nil, inv
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func checkAll(attrs []*Attribute, prefix string, slots []slot, whole bool, out map[string]any) *Invalid {
	for i, a := range attrs {
		if slots[i].value == nil && !a.Required {
			continue
		}
		if inv := checkInto(a, prefix, slots[i].value, whole, out); inv != nil {
			return inv
		}
	}
	return nil
}

// checkInto puts the canonical form of one attribute's value into out, if there is any.
func checkInto(a *Attribute, prefix string, value any, whole bool, out map[string]any) *Invalid {
	if a.Mutability == ReadOnly {
		return nil
	}
	v, inv := check(a, prefix+a.Name, value, whole)
	if inv != nil {
		return inv
	}
	if v == nil {
		if whole && a.Required {
			return invalidValue(prefix+a.Name, "the attribute is required, and is missing")
		}
		return nil
	}
	if s, ok := v.(string); ok && a.Required && strings.TrimSpace(s) == "" {
		return invalidValue(prefix+a.Name, "the attribute is required, and must not be blank")
	}
	if a.Mutability != WriteOnly {
		out[a.Name] = v
	}
	return nil
}

// check is CheckValue for an attribute as it stands in a document: a list, and
// nothing else, where it is multi-valued.
func check(a *Attribute, path string, value any, whole bool) (any, *Invalid) {
	if value == nil {
		return nil, nil
	}
	if !a.MultiValued {
		return checkOne(a, path, value, whole)
	}
	switch list := value.(type) {
	case []any:
		return checkList(a, path, list, whole)
	case []string: // as Go code writes it
		values := make([]any, len(list))
		for i, s := range list {
			values[i] = s
		}
		return checkList(a, path, values, whole)
	}
	return nil, invalidValue(path, "expected a list of values, found %s", describe(value))
}

func checkList(a *Attribute, path string, list []any, whole bool) (any, *Invalid) {
	out := make([]any, 0, len(list))
	seen := newPairs(a, len(list))
	primary := false
	for i, element := range list {
		v, inv := checkOne(a, path, element, whole)
		if inv == nil && a.naming {
			inv = checkNamed(a, path, v)
		}
		if inv != nil {
			if len(list) > 1 {
				inv.Detail += fmt.Sprintf(" (value %d of the list)", i+1)
			}
			return nil, inv
		}
		if v == nil || seen.has(v, out) {
			continue
		}
		out = append(out, v)
	}
	for _, v := range out {
		if object, ok := v.(map[string]any); ok && object["primary"] == true {
			if primary {
				return nil, invalidValue(path+".primary", "more than one value is primary; at most one may be")
			}
			primary = true
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// checkNamed checks that a value of a list whose values name somebody does, and brings
// the type of whom it names into schema spelling (G-07).
func checkNamed(a *Attribute, path string, value any) *Invalid {
	object, _ := value.(map[string]any)
	if id, _ := object["value"].(string); strings.TrimSpace(id) == "" {
		return invalidValue(path+".value", "expected the id of a member; the value names nobody")
	}
	kind, _ := object["type"].(string)
	if kind == "" {
		return nil
	}
	known := a.Sub("type").CanonicalValues
	for _, k := range known {
		if equalFold(k, kind) {
			object["type"] = k
			return nil
		}
	}
	return invalidValue(path+".type", "expected %s, found %s", strings.Join(known, " or "), describe(kind))
}

// checkOne checks a single value: of a singular attribute, or one element of a list.
func checkOne(a *Attribute, path string, value any, whole bool) (any, *Invalid) {
	if value == nil {
		return nil, nil
	}
	if a.Type != Complex {
		return checkSimple(a, path, value)
	}
	object, inv := checkObject(a.SubAttributes, path, ".", value, whole)
	if object == nil {
		return nil, inv // an untyped nil, not an empty map in an interface
	}
	return object, nil
}
