// Package dialect brings what identity providers really send into the form that the
// RFCs ask for, before anything is validated. It is the one place for it: packages
// body, schema, filter and patch are strict about everything that has a rule here.
//
// A rule is one habit, named by the tag under which it was recorded, with a test that
// replays the recorded shape (see [Rules]). All rules are on for everybody, all the
// time: nothing depends on who asks, because one Entra ID tenant alternates between
// two dialects by itself. [New] with strict turns them off, and the RFC's errors come.
//
// These habits need no rule, as the RFCs or the project's checklist ask for the same
// in both modes: names and URNs in any case (subattr-case, attr-case, urn-case), null
// for "no value" (null), readOnly attributes and password in a body (id-in-value,
// meta-in-post, groups-empty, password), unknown attributes and keys (unknown-attr,
// op-extra-keys), extension data whose URN `schemas` does not list
// (ext-not-in-schemas), empty lists (roles-empty, members-empty), members without
// type (member-no-type), and members by a value without path (members-pathless).
// Strings for booleans inside filters (bool-filter-string, and so roles-primary-path)
// and the case of operators are package filter's.
//
// It knows attributes by their schema and never looks at stored data.
package dialect

import (
	"strings"
	"sync/atomic"

	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Dialect applies the rules and counts what each had to do. Safe for concurrent use.
type Dialect struct {
	strict bool
	rules  []Rule
	counts map[string]*atomic.Int64 // the map is fixed, its counters are not
}

// New makes a dialect with every rule, or with none if strict.
func New(strict bool) *Dialect {
	d := &Dialect{strict: strict, counts: make(map[string]*atomic.Int64)}
	if !strict {
		d.rules = Rules()
	}
	for _, rule := range d.rules {
		d.counts[rule.Name] = new(atomic.Int64)
	}
	return d
}

// Counts tells by rule how many times it had something to put right. Rules that never
// had are there with zero; in strict mode there are none.
func (d *Dialect) Counts() map[string]int64 {
	counts := make(map[string]int64, len(d.counts))
	for name, n := range d.counts {
		counts[name] = n.Load()
	}
	return counts
}

func (d *Dialect) count(name string) {
	if n := d.counts[name]; n != nil {
		n.Add(1)
	}
}

// Resource brings the body of a POST or PUT, as package body decodes it, into the
// RFC's form. The body is changed in place.
func (d *Dialect) Resource(rt *schema.ResourceType, doc map[string]any) {
	if d.strict {
		return
	}
	d.attributes(rt, doc)
	for i := range d.rules {
		if rule := &d.rules[i]; rule.resource != nil && rule.resource(rt, doc) {
			d.count(rule.Name)
		}
	}
}

// Patch brings a PATCH message for a resource of type rt into the form that
// patch.Decode asks for. The message is changed in place.
func (d *Dialect) Patch(rt *schema.ResourceType, message map[string]any) {
	if d.strict {
		return
	}
	for i := range d.rules {
		if rule := &d.rules[i]; rule.message != nil && rule.message(message) {
			d.count(rule.Name)
		}
	}
	operations, _ := message["Operations"].([]any)
	for i, operation := range operations {
		if operation, ok := operation.(map[string]any); ok {
			if all := d.operation(rt, operation); len(all) == 1 {
				operations[i] = all[0]
			} else {
				operations[i] = all
			}
		}
	}
}

// Bulk brings a bulk message, apart from the data of its operations, into the RFC's
// form. The message is changed in place.
func (d *Dialect) Bulk(message map[string]any) {
	for i := range d.rules {
		if rule := &d.rules[i]; rule.bulk != nil && rule.bulk(message) {
			d.count(rule.Name)
		}
	}
}

// operation applies the rules to one operation, and to those that it is split into.
func (d *Dialect) operation(rt *schema.ResourceType, operation map[string]any) patch.Several {
	all := patch.Several{operation}
	for i := range d.rules {
		rule := &d.rules[i]
		if rule.operation == nil {
			continue
		}
		var next patch.Several
		for _, op := range all {
			result, changed := rule.operation(rt, op)
			if changed {
				d.count(rule.Name)
			}
			next = append(next, result...)
		}
		all = next
	}
	for _, op := range all {
		d.value(rt, op)
	}
	return all
}

// value applies the rules for values to the value of an operation.
func (d *Dialect) value(rt *schema.ResourceType, op map[string]any) {
	value, given := op["value"]
	if !given {
		return
	}
	path, pathGiven := op["path"].(string)
	if !pathGiven {
		if object, ok := value.(map[string]any); ok && op["path"] == nil {
			d.attributes(rt, object)
		}
		return
	}
	target, ok := resolve(rt, path)
	if !ok {
		return
	}
	if target.Attribute == nil { // a whole extension
		if object, ok := value.(map[string]any); ok {
			d.extension(rt.Extension(target.URN), object)
		}
		return
	}
	op["value"] = d.normalise(at{
		attribute: target.Target(),
		one:       target.selects || target.Sub != nil || !target.Attribute.MultiValued,
		inside:    target.Sub != nil,
	}, value)
}

// Options are the switches of package patch that carry rules of this one. The caller
// adds limits.
func (d *Dialect) Options() patch.Options {
	o := patch.Options{OnUse: d.count}
	o.Paths.Strict = d.strict
	for _, rule := range d.rules {
		if rule.patch != nil {
			rule.patch(&o)
		}
	}
	return o
}

// attributes applies the rules for values to an object of attributes: a body, or the
// value of an operation without path, where the core attributes may stand under their URN.
func (d *Dialect) attributes(rt *schema.ResourceType, object map[string]any) {
	for key, value := range object {
		if core, ok := value.(map[string]any); ok && strings.EqualFold(key, rt.Schema.ID) {
			d.attributes(rt, core)
			continue
		}
		if ext := rt.Extension(key); ext != nil {
			if inner, ok := value.(map[string]any); ok {
				d.extension(ext, inner)
			}
			continue
		}
		if ref, ok := rt.Resolve("", key, "", false); ok {
			object[key] = d.normalise(at{attribute: ref.Attribute, one: !ref.Attribute.MultiValued}, value)
		}
	}
}

func (d *Dialect) extension(ext *schema.Schema, object map[string]any) {
	for key, value := range object {
		if a := ext.Attribute(key); a != nil {
			object[key] = d.normalise(at{attribute: a, one: !a.MultiValued}, value)
		}
	}
}

// at is where a value stands.
type at struct {
	attribute *schema.Attribute
	one       bool // one value is expected: the attribute's only one, or one of its list
	element   bool // it is one of a list
	inside    bool // the attribute is a sub-attribute
}

// normalise applies the rules for values to a value and to what is inside it.
func (d *Dialect) normalise(where at, value any) any {
	for i := range d.rules {
		if rule := &d.rules[i]; rule.value != nil {
			next, changed := rule.value(where, value)
			if changed {
				d.count(rule.Name)
				value = next
			}
		}
	}
	switch v := value.(type) {
	case []any:
		if !where.one {
			for i := range v {
				v[i] = d.normalise(at{attribute: where.attribute, one: true, element: true, inside: where.inside}, v[i])
			}
		}
	case map[string]any:
		if where.one && where.attribute.Type == schema.Complex {
			for key := range v {
				if sub := where.attribute.Sub(key); sub != nil {
					v[key] = d.normalise(at{attribute: sub, one: !sub.MultiValued, inside: true}, v[key])
				}
			}
		}
	}
	return value
}
