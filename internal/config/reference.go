package config

import (
	"reflect"
	"strings"
)

// Key is one key of the configuration file, for documentation.
type Key struct {
	// Path nests as the file does. NAME, KEY and VALUE stand for any key, [] for any
	// entry of a list.
	Path string
	Type string // "a duration such as 60s, 15m, 1h or 30d"
	// Default is YAML; "" for tables, for needed keys and for those without one.
	Default string
	Needed  bool
	// Later marks a key that takes only its default in this version.
	Later   bool
	Meaning string
}

// Variable is the environment variable that overrides the key, with the placeholders
// of its Path in it; "" if it is no single value that can be overridden.
func (k Key) Variable() string {
	if strings.Contains(k.Path, "[]") || strings.HasPrefix(k.Type, "a list") || strings.HasPrefix(k.Type, "a table") {
		return ""
	}
	return Variable(k.Path)
}

// Reference is every key of the file, in the order of design and starter.
func Reference() []Key {
	var all []Key
	table := keys()
	var walk func(t reflect.Type, pattern string)
	walk = func(t reflect.Type, pattern string) {
		if pattern != "" {
			r := table[pattern]
			all = append(all, Key{
				Path: pattern, Type: expected(r, t), Default: r.def, Needed: r.needed, Later: r.later, Meaning: r.meaning,
			})
		}
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case isLeaf(t):
		case t.Kind() == reflect.Struct:
			names, byName := fields(t)
			for _, name := range names {
				walk(t.Field(byName[name]).Type, join(pattern, name))
			}
		case t.Kind() == reflect.Map:
			walk(t.Elem(), join(pattern, eachName(pattern)))
		case t.Kind() == reflect.Slice && !isLeaf(t.Elem()):
			walk(t.Elem(), pattern+"[]")
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return all
}
