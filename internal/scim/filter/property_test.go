package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The independent evaluator of F-63: expressions as the test makes them, evaluated by
// the checklist's words and nothing of the package.

type expr interface {
	text(t *rapid.T) string
	holds(container map[string]any) bool
}

type (
	connected struct {
		left, right expr
		word        string
	}
	negated   struct{ of expr }
	bracketed struct {
		list string
		of   expr
	}
	comparison struct {
		path string // "userName", "emails.value", ...
		word string // the path as it is written
		op   string
		want any // string, bool, int, time.Time or nil for null
	}
)

func (c connected) text(t *rapid.T) string {
	return "(" + c.left.text(t) + blanks(t) + anyCase(t, c.word) + blanks(t) + c.right.text(t) + ")"
}

func (c connected) holds(m map[string]any) bool {
	l, r := c.left.holds(m), c.right.holds(m)
	return l && r || c.word == "or" && (l || r)
}

func (n negated) text(t *rapid.T) string {
	return anyCase(t, "not") + blanks(t) + "(" + n.of.text(t) + ")"
}
func (n negated) holds(m map[string]any) bool { return !n.of.holds(m) }
func (b bracketed) text(t *rapid.T) string    { return anyCase(t, b.list) + "[" + b.of.text(t) + "]" }
func (b bracketed) holds(m map[string]any) bool {
	list, _ := m[b.list].([]any)
	return slices.ContainsFunc(list, func(e any) bool { return b.of.holds(e.(map[string]any)) })
}

func (c comparison) text(t *rapid.T) string {
	s := anyCase(t, c.word) + blanks(t) + anyCase(t, c.op)
	switch want := c.want.(type) {
	case nil:
		if c.op == "pr" {
			return s
		}
		return s + blanks(t) + "null"
	case string:
		return s + blanks(t) + fmt.Sprintf("%q", want)
	case time.Time:
		zone := time.FixedZone("", rapid.IntRange(-12, 12).Draw(t, "zone")*3600)
		return s + blanks(t) + `"` + want.In(zone).Format(time.RFC3339Nano) + `"`
	}
	return s + blanks(t) + fmt.Sprint(c.want)
}

func (c comparison) holds(m map[string]any) bool {
	values := valuesAt(m, c.path)
	present := slices.ContainsFunc(values, func(v any) bool { return v != nil && v != "" })
	switch {
	case c.op == "pr":
		return present
	case c.want == nil:
		return present == (c.op == "ne")
	case c.op == "ne":
		return len(values) == 0 || slices.ContainsFunc(values, func(v any) bool { return !c.compare(v, "eq") })
	}
	return slices.ContainsFunc(values, func(v any) bool { return c.compare(v, c.op) })
}

func (c comparison) compare(v any, op string) bool {
	order := 0
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v == c.want
	case int64:
		order = int(v) - c.want.(int)
	case string:
		if at, ok := c.want.(time.Time); ok {
			then, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				return false
			}
			order = then.Compare(at)
			break
		}
		want := c.want.(string)
		if c.path != "externalId" && c.path != "id" && c.path != "groups.value" {
			v, want = strings.ToLower(v), strings.ToLower(want)
		}
		switch op {
		case "co":
			return strings.Contains(v, want)
		case "sw":
			return strings.HasPrefix(v, want)
		case "ew":
			return strings.HasSuffix(v, want)
		}
		order = strings.Compare(v, want)
	}
	return map[string]bool{"eq": order == 0, "gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0}[op]
}

// valuesAt are the values at a path, nil for one that is missing; none for a list without elements.
func valuesAt(m map[string]any, path string) []any {
	name, sub, dotted := strings.Cut(path, ".")
	if rest, ok := strings.CutPrefix(path, wis+":"); ok {
		extension, _ := m[wis].(map[string]any)
		return []any{extension[rest]}
	}
	if name == "emails" || name == "groups" {
		var values []any
		list, _ := m[name].([]any)
		for _, e := range list {
			values = append(values, e.(map[string]any)[sub])
		}
		return values
	}
	if dotted {
		m, _ = m[name].(map[string]any)
		name = sub
	}
	return []any{m[name]}
}

func blanks(t *rapid.T) string {
	return rapid.SampledFrom([]string{" ", " ", " ", "  ", "\t"}).Draw(t, "blanks")
}

func anyCase(t *rapid.T, word string) string {
	switch rapid.IntRange(0, 5).Draw(t, "case") {
	case 0:
		return strings.ToUpper(word)
	case 1:
		return strings.ToLower(word)
	}
	return word
}

// A few values, so that documents and filters meet.
var (
	texts    = []string{"a", "A", "ab", "b", "Ba", "é", "É", ""}
	instants = []time.Time{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
	kinds    = map[string]string{
		"userName": "text", "title": "text", "displayName": "text", "externalId": "text", "id": "text", "name.givenName": "text",
		"emails.value": "text", "emails.type": "text", "emails.primary": "bool", "groups.value": "text",
		"active": "bool", "meta.lastModified": "time", wis + ":seats": "int", wis + ":region": "text",
	}
	inside = map[string][]string{"emails": {"value", "type", "primary"}, "groups": {"value"}}
)

func drawComparison(t *rapid.T, path, word string) expr {
	c := comparison{path: path, word: word}
	operators := []string{"eq", "ne", "gt", "ge", "lt", "le"}
	switch kinds[path] {
	case "bool":
		operators, c.want = operators[:2], rapid.Bool().Draw(t, "bool")
	case "int":
		c.want = rapid.IntRange(-2, 2).Draw(t, "int")
	case "time":
		c.want = rapid.SampledFrom(instants).Draw(t, "time")
	default:
		operators = append(operators, "eq", "eq", "co", "sw", "ew")
		c.want = rapid.SampledFrom(texts).Draw(t, "text")
	}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		operators, c.want = []string{"pr"}, nil
	case 1:
		operators, c.want = []string{"eq", "ne"}, nil
	}
	c.op = rapid.SampledFrom(operators).Draw(t, "op")
	return c
}

// drawExpr draws an expression over paths or, in brackets, over the sub-attributes of list.
func drawExpr(t *rapid.T, depth int, list string, paths []string) expr {
	choice := rapid.IntRange(0, 6).Draw(t, "expr")
	switch {
	case depth > 0 && choice <= 1:
		return connected{drawExpr(t, depth-1, list, paths), drawExpr(t, depth-1, list, paths), []string{"and", "or"}[choice]}
	case depth > 0 && choice == 2:
		return negated{drawExpr(t, depth-1, list, paths)}
	case list != "":
		sub := rapid.SampledFrom(inside[list]).Draw(t, "sub")
		return insideComparison{drawComparison(t, list+"."+sub, sub).(comparison)}
	case choice == 3:
		list := rapid.SampledFrom([]string{"emails", "groups"}).Draw(t, "list")
		return bracketed{list, drawExpr(t, min(depth, 2), list, paths)}
	}
	path := rapid.SampledFrom(paths).Draw(t, "path")
	return drawComparison(t, path, path)
}

// insideComparison is a comparison in brackets: its container is one value, but the
// rules of the attribute's whole path apply.
type insideComparison struct{ comparison }

func (c insideComparison) holds(m map[string]any) bool {
	list, sub, _ := strings.Cut(c.path, ".")
	return c.comparison.holds(map[string]any{list: []any{map[string]any{sub: m[sub]}}})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func drawDocument(t *rapid.T) Document {
	text := func(label string) any { return rapid.SampledFrom(texts).Draw(t, label) }
	maybe := func(m map[string]any, name string, value func() any) {
		if rapid.IntRange(0, 2).Draw(t, "has "+name) > 0 {
			m[name] = value()
		}
	}
	boolean := func() any { return rapid.Bool().Draw(t, "bool") }
	list := func(subs ...string) func() any {
		return func() any {
			out := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				e := map[string]any{}
				for _, sub := range subs {
					maybe(e, sub, func() any {
						if sub == "primary" {
							return boolean()
						}
						return text(sub)
					})
				}
				out = append(out, e)
			}
			return out
		}
	}
	doc := Document{
		"userName": text("userName"),
		"meta":     map[string]any{"lastModified": rapid.SampledFrom(instants).Draw(t, "modified").Format(time.RFC3339Nano)},
	}
	for _, name := range []string{"title", "displayName", "externalId", "id"} {
		maybe(doc, name, func() any { return text(name) })
	}
	maybe(doc, "active", boolean)
	maybe(doc, "name", func() any {
		m := map[string]any{}
		maybe(m, "givenName", func() any { return text("givenName") })
		return m
	})
	maybe(doc, "emails", list("value", "type", "primary"))
	maybe(doc, "groups", list("value"))
	maybe(doc, wis, func() any {
		m := map[string]any{}
		maybe(m, "seats", func() any { return int64(rapid.IntRange(-2, 2).Draw(t, "seats")) })
		maybe(m, "region", func() any { return text("region") })
		return m
	})
	return doc
}

// holds evaluates an index as a store does: on its columns, which are folded and lack
// what is empty.
func (i *Index) holds(doc Document) bool {
	switch {
	case i == nil:
		return true
	case i.All != nil:
		return !slices.ContainsFunc(i.All, func(k *Index) bool { return !k.holds(doc) })
	case i.Any != nil:
		return slices.ContainsFunc(i.Any, func(k *Index) bool { return k.holds(doc) })
	}
	return slices.ContainsFunc(valuesAt(doc, string(i.Field)), func(v any) bool {
		switch want := i.Value.(type) {
		case bool:
			return v == want
		case time.Time:
			at, err := time.Parse(time.RFC3339Nano, v.(string))
			order := at.Compare(want)
			return err == nil && map[Op]bool{Eq: order == 0, Gt: order > 0, Ge: order >= 0, Lt: order < 0, Le: order <= 0}[i.Op]
		case string:
			text, _ := v.(string)
			switch i.Field {
			case UserName, DisplayName, Email:
				text = strings.ToLower(text)
			}
			return text != "" && (text == want || i.Op == Sw && strings.HasPrefix(text, want))
		}
		return false
	})
}

func mustParse(t *rapid.T, text string, opts Options) *Filter {
	f, err := Parse(text, users, opts)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func TestF63Properties(t *testing.T) {
	cache := NewCache(64)
	paths := sortedKeys(kinds)
	rapid.Check(t, func(t *rapid.T) {
		opts := Options{Cache: cache, Strict: rapid.Bool().Draw(t, "strict")}
		left, right := drawExpr(t, 3, "", paths), drawExpr(t, 2, "", paths)
		l, r := left.text(t), right.text(t)
		f, g := mustParse(t, l, opts), mustParse(t, r, opts)
		not := mustParse(t, "not ("+l+")", opts)
		and := mustParse(t, l+" and "+r, opts)
		or := mustParse(t, l+" or "+r, opts)
		for range 4 {
			doc := drawDocument(t)
			inF, inG := f.Match(doc), g.Match(doc)
			if want := left.holds(doc); inF != want {
				t.Fatalf("%s is %v on %v, want %v", l, inF, doc, want)
			}
			if not.Match(doc) == inF {
				t.Fatalf("not (%s) is no complement on %v", l, doc)
			}
			if and.Match(doc) != (inF && inG) {
				t.Fatalf("%s and %s is no intersection on %v", l, r, doc)
			}
			if or.Match(doc) != (inF || inG) {
				t.Fatalf("%s or %s is no union on %v", l, r, doc)
			}
		}
	})
}

// TestF63IndexHoldsTheMatches: whatever matches is in the index, and if that is exact
// nothing else is. Most of the attributes drawn have one, so that indexes are deep.
func TestF63IndexHoldsTheMatches(t *testing.T) {
	paths := []string{"userName", "displayName", "externalId", "id", "active", "emails.value", "groups.value", "meta.lastModified", "title"}
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpr(t, 3, "", paths)
		text := e.text(t)
		f := mustParse(t, text, lenient)
		index, exact := f.Split()
		for range 8 {
			doc := drawDocument(t)
			matches := f.Match(doc)
			if matches && !index.holds(doc) {
				t.Fatalf("%s matches %v, which is not in its index %s", text, doc, index)
			}
			if exact && index.holds(doc) != matches {
				t.Fatalf("%s: the index %s is said to be exact and is not, on %v", text, index, doc)
			}
		}
	})
}

// TestF63ValueFilters: the brackets of a PATCH path select what the same brackets in a filter find.
func TestF63ValueFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpr(t, 2, "emails", nil)
		text := "emails[" + e.text(t) + "]"
		p, err := ParsePath(text, users, lenient)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		f := mustParse(t, text, lenient)
		doc := drawDocument(t)
		emails, _ := doc["emails"].([]any)
		found := false
		for _, email := range emails {
			selected := p.Filter.Match(email)
			if want := e.holds(email.(map[string]any)); selected != want {
				t.Fatalf("%s on %v is %v", text, email, selected)
			}
			found = found || selected
		}
		if f.Match(doc) != found {
			t.Fatalf("%s: the filter says %v", text, !found)
		}
		if values, ok := p.Filter.Eq(); ok && !p.Filter.Match(values) {
			t.Fatalf("%s does not select what its Eq says: %v", text, values)
		}
	})
}
