package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// environ is an environment as os.Environ returns it.
type environ []string

func (e environ) lookup(name string) (string, bool) {
	for _, pair := range slices.Backward(e) {
		if key, value, ok := strings.Cut(pair, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

const prefix = "SCIMBRIDGE_"

// Variable is the environment variable that overrides the scalar at path:
// tenants.default.wisdom.url is SCIMBRIDGE_TENANTS__DEFAULT__WISDOM__URL. What is
// neither a letter nor a digit becomes one underscore.
func Variable(path string) string {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		parts[i] = capitals(part)
	}
	return prefix + strings.Join(parts, "__")
}

func capitals(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

// override puts the SCIMBRIDGE_ variables into the tree, before it is decoded. A
// variable is ours to judge if it has `__` or is spelled as a top-level key;
// SCIMBRIDGE_TEST_* never is.
func (d *decoder) override(root *node) {
	var ours []string
	for _, pair := range d.environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, prefix+"TEST_") && !slices.Contains(ours, name) {
			ours = append(ours, name)
		}
	}
	slices.Sort(ours)
	top, _ := fields(reflect.TypeFor[Config]())
	for _, name := range ours {
		parts := strings.Split(strings.TrimPrefix(name, prefix), "__")
		if len(parts) == 1 && !slices.ContainsFunc(top, func(key string) bool { return capitals(key) == parts[0] }) {
			continue
		}
		value, _ := d.environ.lookup(name)
		o := override{decoder: d, leaf: &node{kind: scalar, text: value, variable: name}}
		o.set(root, reflect.TypeFor[Config](), "", "", parts)
	}
}

// override is one variable on its way down the tree.
type override struct {
	*decoder
	leaf *node
}

func (o override) refuse(path, format string, args ...any) {
	o.fault(&node{variable: o.leaf.variable}, path, format, args...)
}

// set walks down from n, of type t, along the rest of the variable's name.
func (o override) set(n *node, t reflect.Type, pattern, path string, rest []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	rule := o.keys[pattern]
	if len(rest) == 0 {
		if !isLeaf(t) && rule.path == "" {
			o.refuse(path, "%s stands there; only single values can be set from the environment", expected(rule, t))
			return
		}
		*n = *o.leaf
		return
	}
	if isLeaf(t) || t.Kind() == reflect.Slice {
		o.refuse(path, "takes %s; there is nothing below it to set", expected(rule, t))
		return
	}
	if t.Kind() == reflect.Map {
		for i := range n.entries {
			if e := &n.entries[i]; capitals(e.key) == rest[0] {
				o.set(e.value, t.Elem(), join(pattern, eachName(pattern)), join(path, e.key), rest[1:])
				return
			}
		}
		o.refuse(path, "has no entry that is spelled %s in capitals; the environment overrides what is in the file%s", rest[0], entriesThere(n))
		return
	}
	names, byName := fields(t)
	for _, name := range names {
		if capitals(name) != rest[0] {
			continue
		}
		switch {
		case n.kind == null:
			n.kind = table
		case n.kind == scalar && rule.path != "":
			*n = *wrap(clone(n), rule.path)
		case n.kind == list && rule.paths != "":
			*n = *wrap(clone(n), rule.paths)
		}
		child := n.entry(name)
		if child == nil {
			child = &node{line: n.line, column: n.column}
			n.entries = append(n.entries, entry{key: name, value: child})
		}
		o.set(child, t.Field(byName[name]).Type, join(pattern, name), join(path, name), rest[1:])
		return
	}
	known := make([]string, len(names))
	for i, name := range names {
		known[i] = capitals(name)
	}
	at := prefix + strings.TrimSuffix(strings.TrimPrefix(o.leaf.variable, prefix), strings.Join(rest, "__"))
	if near := nearest(rest[0], known); near != "" {
		o.refuse("", "names no key of the configuration; did you mean %s?", at+strings.Join(append([]string{near}, rest[1:]...), "__"))
		return
	}
	o.refuse("", "names no key of the configuration; after %s expected one of %s", at, strings.Join(known, ", "))
}

func clone(n *node) *node {
	c := *n
	return &c
}

func entriesThere(n *node) string {
	if len(n.entries) == 0 {
		return ""
	}
	var there []string
	for _, e := range n.entries {
		there = append(there, e.key)
	}
	return fmt.Sprintf(" (there: %s)", strings.Join(there, ", "))
}
