package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Names of the types that expressions see.
const (
	userType   = "User"
	wisdomType = "WisdomAI"
	groupType  = "Group"
)

// provider tells CEL which attributes a user has and how to read them from his
// document as it is: a name that the vocabulary does not have is refused when the
// expression is compiled, nothing is copied before it is evaluated, and, unlike a Go
// struct whose missing string is "", an attribute that a user does not have is an
// error when it is read, never an empty value (V-42).
type provider struct {
	types.Provider // CEL's own
	structs        map[string]map[string]*types.FieldType
}

func newProvider(own types.Provider, vocabulary *vocabulary) *provider {
	p := &provider{Provider: own, structs: map[string]map[string]*types.FieldType{}}
	p.declare(userType, "user.", "", vocabulary.core, nil)
	p.declare(userType, "user.", enterpriseURN, vocabulary.enterprise, nil)
	p.declare(wisdomType, "wisdomai.", "", vocabulary.wisdomai, nil)
	// Group rules compare these three with text whether or not a group has them; so may expressions.
	p.declare(groupType, "group.", "", []*attribute{{name: "id"}, {name: "displayName"}, {name: "externalId"}}, "")
	return p
}

// declare adds attributes to a type. prefix is how expressions spell their names;
// inside is the URN under which they stand in the value, or "". What is missing reads
// as missing, or, if that is nil, is an error.
func (p *provider) declare(typeName, prefix, inside string, attrs []*attribute, missing any) {
	fields := p.structs[typeName]
	if fields == nil {
		fields = map[string]*types.FieldType{}
		p.structs[typeName] = fields
	}
	for _, a := range attrs {
		f := &field{attribute: a, spelled: prefix + a.name, inside: inside, missing: missing}
		celType := celTypes(a.kind)
		if a.kind == complexKind {
			elementType := typeName + "." + a.name
			celType = cel.ObjectType(elementType)
			p.declare(elementType, prefix+a.name+".", "", a.subs, nil)
			if !a.multi {
				f.missing = map[string]any{} // so that has(user.name.givenName) can be asked
			}
		}
		if a.multi {
			celType = cel.ListType(celType)
			f.missing = []any{} // RFC 7643 section 2.5: not set and empty are one
		}
		if a.name == "primary" {
			f.missing = false // RFC 7643 section 2.4
		}
		fields[a.name] = &types.FieldType{Type: celType, IsSet: f.isSet, GetFrom: f.get}
	}
}

func celTypes(k kind) *cel.Type {
	switch k {
	case booleanKind:
		return cel.BoolType
	case integerKind:
		return cel.IntType
	case decimalKind:
		return cel.DoubleType
	}
	return cel.StringType
}

// FindStructType, FindStructFieldNames, FindStructFieldType and NewValue are
// [types.Provider].
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(cel.ObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	var names []string
	for field := range fields {
		names = append(names, field)
	}
	slices.Sort(names)
	return names, true
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := p.structs[name]; ok {
		f, ok := fields[field]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, field)
}

func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.structs[name]; ok {
		return types.NewErr("a %s cannot be made in an expression", name)
	}
	return p.Provider.NewValue(name, fields)
}

// field reads one attribute of a document.
type field struct {
	attribute *attribute
	spelled   string // "user.emails.value"
	inside    string // URN of the extension that holds it, or ""
	missing   any    // what it reads as when it is not there; nil: an error
}

// valueError is an attribute that an expression could not read.
type valueError struct {
	spelled string
	found   string // "" if it is not set
}

func (e *valueError) Error() string {
	if e.found == "" {
		return e.spelled + " is not set (an expression that can do without it asks has(" + e.spelled + ") first)"
	}
	return e.spelled + " is " + e.found
}

func (f *field) value(object any) any {
	m, _ := object.(map[string]any)
	if f.inside != "" {
		m, _ = lookup(m, f.inside).(map[string]any)
	}
	return lookup(m, f.attribute.name)
}

func (f *field) isSet(object any) bool { return !empty(f.value(object)) }

func (f *field) get(object any) (any, error) {
	v := f.value(object)
	if empty(v) {
		if f.missing == nil {
			return nil, &valueError{spelled: f.spelled}
		}
		return f.missing, nil
	}
	if !f.attribute.multi {
		return f.convert(v)
	}
	values, _ := elements(v)
	list := make([]any, 0, len(values))
	for _, e := range values {
		converted, err := f.convert(e)
		if err != nil {
			return nil, err
		}
		list = append(list, converted)
	}
	return list, nil
}

// convert gives one value the type that the expression was checked with.
func (f *field) convert(v any) (any, error) {
	wanted := ""
	switch f.attribute.kind {
	case complexKind:
		if m, ok := v.(map[string]any); ok {
			return m, nil
		}
		if s, ok := v.(string); ok { // emails: ["a@x.com"], manager: "7"
			return map[string]any{"value": s}, nil
		}
		wanted = "an object"
	case booleanKind:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		wanted = "true or false"
	case integerKind:
		if i, ok := integer(v); ok {
			return i, nil
		}
		wanted = "a whole number"
	case decimalKind:
		if d, ok := decimal(v); ok {
			return d, nil
		}
		wanted = "a number"
	case textKind:
		if s, ok := v.(string); ok {
			return s, nil
		}
		wanted = "text"
	}
	return nil, &valueError{spelled: f.spelled, found: fmt.Sprintf("%s where %s was expected", quote(encode(v)), wanted)}
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case json.Number:
		i, err := v.Int64()
		return i, err == nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
	}
	return 0, false
}

func decimal(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		d, err := v.Float64()
		return d, err == nil
	}
	i, ok := integer(v)
	return float64(i), ok
}
