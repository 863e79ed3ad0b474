package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder fills the typed configuration from the tree, by the table of keys.
type decoder struct {
	keys    map[string]rule
	dir     string // that relative paths are relative to
	environ environ
	faults  []Fault
	at      map[string]*node // by path: where each value stands
}

// The leaf types that are structs to reflect.
var (
	secretType   = reflect.TypeFor[Secret]()
	storeType    = reflect.TypeFor[Store]()
	dateType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// isLeaf reports whether a single value stands for t.
func isLeaf(t reflect.Type) bool {
	switch t {
	case secretType, storeType, dateType:
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		return false
	case reflect.Pointer:
		return isLeaf(t.Elem())
	}
	return true
}

// fields are the keys of a struct with their fields, in the struct's order.
func fields(t reflect.Type) (names []string, byName map[string]int) {
	byName = map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "-" {
			names = append(names, name)
			byName[name] = i
		}
	}
	return names, byName
}

func (d *decoder) fault(n *node, path, format string, args ...any) {
	d.faults = append(d.faults, Fault{
		Line: n.line, Column: n.column, Variable: n.variable, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// place is the node at path or, where nothing stands, the nearest one above.
func (d *decoder) place(path string) *node {
	for path != "" {
		if n := d.at[path]; n != nil {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return d.at[""]
}

// value decodes n (nil or null: left out) into v. pattern is the path in the table of keys.
func (d *decoder) value(n *node, v reflect.Value, pattern, path string) {
	rule := d.keys[pattern]
	if n != nil {
		d.at[path] = n
	}
	if n == nil || n.kind == null {
		if rule.needed {
			if !d.faulty(path) {
				d.fault(d.place(path), path, "is missing; expected %s. %s", expected(rule, v.Type()), rule.meaning)
			}
			return
		}
		if n = d.standard(rule); n == nil {
			n = &node{kind: null}
		}
	}
	if v.Kind() == reflect.Pointer {
		if n.kind == null && isLeaf(v.Type()) {
			return // a value that may be left out has no default
		}
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	before := len(d.faults)
	switch {
	case isLeaf(v.Type()):
		d.leaf(n, v, rule, path)
	case v.Kind() == reflect.Struct:
		d.table(n, v, pattern, path)
	case v.Kind() == reflect.Map:
		d.entries(n, v, pattern, path)
	case v.Kind() == reflect.Slice:
		d.items(n, v, pattern, path)
	}
	if rule.later && len(d.faults) == before {
		d.refuseLater(n, v, rule, path)
	}
}

// standard is the default of a rule as a tree, nil if it has none.
func (d *decoder) standard(r rule) *node {
	if r.def == "" {
		return nil
	}
	n, _ := parse([]byte(r.def))
	return n
}

// refuseLater refuses a value of a feature that is still to come. The default is
// decoded beside it for that.
func (d *decoder) refuseLater(n *node, v reflect.Value, r rule, path string) {
	standard := reflect.New(v.Type()).Elem()
	aside := decoder{keys: d.keys, dir: d.dir, environ: d.environ, at: map[string]*node{}}
	r.later = false
	if isLeaf(v.Type()) {
		aside.leaf(aside.standard(r), standard, r, path)
	} else {
		aside.items(aside.standard(r), standard, "", path)
	}
	if !reflect.DeepEqual(v.Interface(), standard.Interface()) {
		d.fault(n, path, "still to come in this version; leave it out or at its default (%s)", r.def)
	}
}

func (d *decoder) table(n *node, v reflect.Value, pattern, path string) {
	rule := d.keys[pattern]
	switch {
	case n.kind == scalar && rule.path != "":
		n = wrap(n, rule.path)
	case n.kind == list && rule.paths != "":
		n = wrap(n, rule.paths)
	case n.kind != table && n.kind != null:
		want := "a table of keys"
		if rule.path != "" {
			want = "a path or a table of keys"
		}
		d.fault(n, path, "is %s; expected %s", n.kind, want)
		n = &node{kind: null}
	}
	names, byName := fields(v.Type())
	for _, e := range n.entries {
		if _, known := byName[e.key]; !known {
			d.unknown(e, names, pattern, join(path, e.key))
		}
	}
	for _, name := range names {
		d.value(n.entry(name), v.Field(byName[name]), join(pattern, name), join(path, name))
	}
}

func wrap(n *node, key string) *node {
	return &node{kind: table, line: n.line, column: n.column, variable: n.variable,
		entries: []entry{{key: key, line: n.line, column: n.column, value: n}}}
}

// unknown says what an unknown key may have been meant to be: a key of that name at
// another place, or one of its neighbours.
func (d *decoder) unknown(e entry, names []string, pattern, path string) {
	at := &node{line: e.line, column: e.column}
	elsewhere := ""
	for known := range d.keys {
		if (known == e.key || strings.HasSuffix(known, "."+e.key)) && !strings.Contains(strings.TrimPrefix(known, pattern), "[]") &&
			(elsewhere == "" || len(known) < len(elsewhere) || len(known) == len(elsewhere) && known < elsewhere) {
			elsewhere = known
		}
	}
	if elsewhere != "" && !strings.Contains(elsewhere, ".") {
		elsewhere += " at the top level"
	}
	if elsewhere != "" {
		d.fault(at, path, "is no key here; did you mean %s?", elsewhere)
		return
	}
	if near := nearest(e.key, names); near != "" {
		d.fault(at, path, "is no key; did you mean %s?", near)
		return
	}
	d.fault(at, path, "is no key; expected one of %s", strings.Join(names, ", "))
}

// entries decodes a table whose keys are names of the user's own.
func (d *decoder) entries(n *node, v reflect.Value, pattern, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	if n.kind != table && n.kind != null {
		d.fault(n, path, "is %s; expected a table of keys", n.kind)
		return
	}
	each := eachName(pattern)
	for _, e := range n.entries {
		value := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, value, join(pattern, each), join(path, e.key))
		v.SetMapIndex(reflect.ValueOf(e.key), value)
	}
	if n.kind == table && len(n.entries) == 0 && d.keys[pattern].needed {
		d.fault(n, path, "is empty. %s", d.keys[pattern].meaning)
	}
}

// eachName is the placeholder for the keys of a table of the user's own names.
func eachName(pattern string) string {
	switch {
	case pattern == "tenants":
		return "NAME"
	case strings.HasSuffix(pattern, ".scim_roles"):
		return "VALUE"
	}
	return "KEY"
}

func (d *decoder) items(n *node, v reflect.Value, pattern, path string) {
	if n.kind != list && n.kind != null {
		d.fault(n, path, "is %s; expected a list", n.kind)
		n = &node{kind: null}
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.kind == null {
			d.fault(item, at, "is empty; expected a value")
			continue
		}
		d.value(item, v.Index(i), pattern+"[]", at)
	}
}

// leaf decodes a single value and checks it by its rule.
func (d *decoder) leaf(n *node, v reflect.Value, r rule, path string) {
	if n.kind == null {
		return
	}
	if n.kind != scalar {
		d.fault(n, path, "is %s; expected %s", n.kind, expected(r, v.Type()))
		return
	}
	wrong := func() { d.fault(n, path, "is %q; expected %s", n.text, expected(r, v.Type())) }
	switch v.Type() {
	case secretType:
		secret, problem := parseSecret(n.text, d.dir, d.environ)
		if problem != "" {
			d.fault(n, path, "%s", problem)
			return
		}
		v.Set(reflect.ValueOf(secret))
		return
	case storeType:
		store, problem := parseStore(n.text, d.dir, d.environ)
		if problem != "" {
			d.fault(n, path, "%s", problem)
			return
		}
		v.Set(reflect.ValueOf(store))
		return
	case dateType:
		if n.text == "" {
			return
		}
		date, err := time.Parse(time.DateOnly, n.text)
		if err != nil {
			wrong()
			return
		}
		v.Set(reflect.ValueOf(date))
		return
	case durationType:
		duration, ok := ParseDuration(n.text)
		if !ok {
			wrong()
			return
		}
		low, _ := ParseDuration(r.min)
		high, ok := ParseDuration(r.max)
		if !ok {
			high = math.MaxInt64
		}
		if duration < low || duration > high {
			wrong()
			return
		}
		v.SetInt(int64(duration))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		if n.text != "true" && n.text != "false" {
			wrong()
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Int:
		number, err := strconv.Atoi(n.text)
		if err != nil || !within(float64(number), r) {
			wrong()
			return
		}
		v.SetInt(int64(number))
	case reflect.Float64:
		number, err := strconv.ParseFloat(n.text, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) || !within(number, r) {
			wrong()
			return
		}
		v.SetFloat(number)
	case reflect.String:
		d.text(n, v, r, path)
	}
}

func (d *decoder) text(n *node, v reflect.Value, r rule, path string) {
	switch {
	case r.words != nil && !slices.Contains(r.words, n.text):
		hint := ""
		if near := nearest(n.text, r.words); near != "" {
			hint = "; did you mean " + near + "?"
		}
		d.fault(n, path, "is %q; expected %s%s", n.text, expected(r, v.Type()), hint)
		return
	case strings.ContainsRune(n.text, 0):
		d.fault(n, path, "holds a NUL character")
		return
	case r.needed && n.text == "":
		d.fault(n, path, "is empty; expected %s. %s", expected(r, v.Type()), r.meaning)
		return
	}
	if r.check != nil && n.text != "" {
		if problem := r.check(n.text); problem != "" {
			d.fault(n, path, "%s", problem)
			return
		}
	}
	v.SetString(n.text)
}

func within(number float64, r rule) bool {
	if low, err := strconv.ParseFloat(r.min, 64); err == nil && number < low {
		return false
	}
	if high, err := strconv.ParseFloat(r.max, 64); err == nil && number > high {
		return false
	}
	return true
}

// expected names the values that a key takes, for messages and for [Reference].
func expected(r rule, t reflect.Type) string {
	what := ""
	switch {
	case t == secretType:
		return "a reference to a secret: env:NAME, file:PATH or credential:NAME"
	case t == storeType:
		return storeForm
	case t == dateType:
		return "a day such as 2027-01-31"
	case t == durationType:
		what = "a duration such as 60s, 15m, 1h or 30d"
	case r.words != nil:
		return "one of " + strings.Join(r.words, ", ")
	case r.form != "":
		return r.form
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		what = "a whole number"
	case t.Kind() == reflect.Float64:
		what = "a number"
	case t.Kind() == reflect.Slice && isLeaf(t.Elem()):
		return "a list of texts"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct && r.path != "":
		return "a path or a table of keys"
	case t.Kind() == reflect.Pointer && !isLeaf(t), t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "a table of keys"
	default:
		return "a text"
	}
	switch {
	case r.min != "" && r.max != "":
		return what + ", " + r.min + " to " + r.max
	case r.min != "":
		return what + ", at least " + r.min
	}
	return what
}
