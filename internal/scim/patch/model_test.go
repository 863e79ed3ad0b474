package patch

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"pgregory.net/rapid"
)

// The model is a user as a plain struct, with the RFC's sentences written out for each
// of its few attributes. It shares nothing with the code under test but the document
// it prints itself as. "" is a string without value.
type model struct {
	title, dept   string
	active        *bool
	given, family string
	emails        []mail
	ids           []string
}

type mail struct {
	value, kind, display string
	primary              *bool
}

// action is one operation in the model's words.
type action struct {
	op     string // add, remove, replace
	what   string // title, dept, active, name, givenName, emails, matching, sub, ids, userName, several
	text   string
	flag   bool
	mails  []mail
	ids    []string
	by     string // matching and sub: the filter's sub-attribute, "type", "value" or "primary"
	is     string // what it is compared with
	sub    string // sub: "value", "type", "display" or "primary"
	given  string
	family string
}

// errors of the model are the scimTypes.
const fine = ""

func (m *model) do(a action, creates bool) string {
	switch a.what {
	case "userName":
		if a.op == "remove" {
			return "mutability"
		}
		return "invalidValue" // the generator gives no text
	case "title":
		m.title = unless(a.op == "remove", a.text)
	case "dept":
		m.dept = unless(a.op == "remove", a.text)
	case "active":
		if m.active = nil; a.op != "remove" {
			m.active = &a.flag
		}
	case "givenName":
		m.given = unless(a.op == "remove", a.text)
	case "name":
		if a.op == "remove" {
			m.given, m.family = "", ""
			break
		}
		if a.given != "" {
			m.given = a.given
		}
		if a.family != "" {
			m.family = a.family
		}
	case "several": // without path: title and name, and a list of mails
		m.title = a.text
		m.given = a.given
		return m.do(action{op: a.op, what: "emails", mails: a.mails}, creates)
	case "ids":
		switch a.op {
		case "remove":
			m.ids = nil
		case "replace":
			m.ids = distinct(a.ids)
		case "add":
			m.ids = distinct(append(slices.Clone(m.ids), a.ids...))
		}
	case "emails":
		given := distinctMails(a.mails)
		if a.op != "remove" && primaries(given) > 1 {
			return "invalidValue"
		}
		switch a.op {
		case "remove":
			m.emails = nil
		case "replace":
			m.emails = given
		case "add":
			for _, e := range given {
				i := slices.IndexFunc(m.emails, func(x mail) bool {
					return x.value == e.value && (e.kind == "" || e.kind == x.kind)
				})
				if i < 0 {
					m.emails = append(m.emails, e)
					i = len(m.emails) - 1
				} else {
					m.emails[i] = over(m.emails[i], e)
				}
				if isTrue(e.primary) {
					m.only(i)
				}
			}
		}
	case "matching", "sub":
		return m.selected(a, creates)
	}
	return fine
}

func (m *model) selected(a action, creates bool) string {
	var hits []int
	for i, e := range m.emails {
		if e.is(a.by, a.is) {
			hits = append(hits, i)
		}
	}
	if a.op == "remove" && a.what == "matching" {
		m.emails = slices.DeleteFunc(m.emails, func(e mail) bool { return e.is(a.by, a.is) })
		return fine
	}
	if len(hits) == 0 {
		if a.op == "remove" {
			return fine
		}
		var e mail
		e = e.with(a.by, a.is)
		if a.what == "sub" {
			e = e.with(a.sub, a.subText())
		} else {
			e = over(e, a.mails[0])
		}
		if !creates || !e.is(a.by, a.is) {
			return "noTarget"
		}
		m.emails = append(m.emails, e)
		if isTrue(e.primary) {
			m.only(len(m.emails) - 1)
		}
		return fine
	}
	var chosen []int
	for _, i := range hits {
		switch {
		case a.op == "remove":
			m.emails[i] = m.emails[i].with(a.sub, "")
		case a.what == "sub":
			m.emails[i] = m.emails[i].with(a.sub, a.subText())
			if a.sub == "primary" && a.flag {
				chosen = append(chosen, i)
			}
		case a.op == "add":
			m.emails[i] = over(m.emails[i], a.mails[0])
			if isTrue(a.mails[0].primary) {
				chosen = append(chosen, i)
			}
		default:
			m.emails[i] = a.mails[0]
			if isTrue(a.mails[0].primary) {
				chosen = append(chosen, i)
			}
		}
	}
	if len(chosen) > 1 {
		return "invalidValue"
	}
	if len(chosen) == 1 {
		m.only(chosen[0])
	}
	m.emails = slices.DeleteFunc(m.emails, func(e mail) bool { return e == mail{} })
	return fine
}

func (a action) subText() string {
	if a.sub == "primary" {
		return fmt.Sprint(a.flag)
	}
	return a.text
}

// only makes one mail the primary one.
func (m *model) only(chosen int) {
	for i := range m.emails {
		if i != chosen && isTrue(m.emails[i].primary) {
			no := false
			m.emails[i].primary = &no
		}
	}
}

func (e mail) is(sub, what string) bool {
	switch sub {
	case "type":
		return e.kind == what
	case "value":
		return e.value == what
	default:
		return isTrue(e.primary)
	}
}

func (e mail) with(sub, text string) mail {
	switch sub {
	case "type":
		e.kind = text
	case "value":
		e.value = text
	case "display":
		e.display = text
	case "primary":
		yes := text == "true"
		if e.primary = &yes; text == "" {
			e.primary = nil
		}
	}
	return e
}

func over(e, given mail) mail {
	if given.value != "" {
		e.value = given.value
	}
	if given.kind != "" {
		e.kind = given.kind
	}
	if given.display != "" {
		e.display = given.display
	}
	if given.primary != nil {
		e.primary = given.primary
	}
	return e
}

func isTrue(b *bool) bool { return b != nil && *b }

func unless(gone bool, s string) string {
	if gone {
		return ""
	}
	return s
}

func primaries(mails []mail) (n int) {
	for _, e := range mails {
		if isTrue(e.primary) {
			n++
		}
	}
	return n
}

func distinct(ids []string) (out []string) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// distinctMails keeps one of each type and value (RFC 7643 section 2.4), and of the
// others what it lacks.
func distinctMails(mails []mail) (out []mail) {
	for _, e := range mails {
		i := slices.IndexFunc(out, func(x mail) bool { return e.value != "" && x.value == e.value && x.kind == e.kind })
		switch {
		case e == mail{}:
		case i < 0:
			out = append(out, e)
		default:
			if out[i].display == "" {
				out[i].display = e.display
			}
			if out[i].primary == nil || isTrue(e.primary) {
				out[i].primary = e.primary
			}
		}
	}
	return out
}

// document prints the model in canonical form.
func (m *model) document() map[string]any {
	doc := map[string]any{"userName": "ann"}
	put := func(into map[string]any, name, text string) {
		if text != "" {
			into[name] = text
		}
	}
	put(doc, "title", m.title)
	if m.active != nil {
		doc["active"] = *m.active
	}
	name := map[string]any{}
	put(name, "givenName", m.given)
	put(name, "familyName", m.family)
	enterprise, wisdom := map[string]any{}, map[string]any{}
	put(enterprise, "department", m.dept)
	if len(m.ids) > 0 {
		wisdom["customerIds"] = texts(m.ids)
	}
	for key, object := range map[string]map[string]any{"name": name, schema.EnterpriseURN: enterprise, schema.WisdomURN: wisdom} {
		if len(object) > 0 {
			doc[key] = object
		}
	}
	if len(m.emails) > 0 {
		doc["emails"] = mailObjects(m.emails)
	}
	return doc
}

func texts(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}

func mailObjects(mails []mail) []any {
	out := make([]any, len(mails))
	for i, e := range mails {
		out[i] = e.object()
	}
	return out
}

func (e mail) object() map[string]any {
	object := map[string]any{}
	for name, text := range map[string]string{"value": e.value, "type": e.kind, "display": e.display} {
		if text != "" {
			object[name] = text
		}
	}
	if e.primary != nil {
		object["primary"] = *e.primary
	}
	return object
}

// operation prints an action as the RFC spells it.
func (a action) operation() map[string]any {
	op := map[string]any{"op": a.op}
	give := func(path string, value any) {
		op["path"] = path
		if a.op != "remove" {
			op["value"] = value
		}
	}
	condition := fmt.Sprintf("emails[%s eq %q]", a.by, a.is)
	if a.by == "primary" {
		condition = "emails[primary eq true]"
	}
	switch a.what {
	case "userName":
		give("userName", "")
	case "title":
		give("title", a.text)
	case "dept":
		give(schema.EnterpriseURN+":department", a.text)
	case "active":
		give("active", a.flag)
	case "givenName":
		give("name.givenName", a.text)
	case "name":
		object := map[string]any{}
		if a.given != "" {
			object["givenName"] = a.given
		}
		if a.family != "" {
			object["familyName"] = a.family
		}
		give("name", object)
	case "several":
		op["value"] = map[string]any{"title": a.text, "name": map[string]any{"givenName": a.given}, "emails": mailObjects(a.mails)}
	case "ids":
		give(schema.WisdomURN+":customerIds", texts(a.ids))
	case "emails":
		give("emails", mailObjects(a.mails))
	case "matching":
		give(condition, a.mails[0].object())
	case "sub":
		var value any = a.text
		if a.sub == "primary" {
			value = a.flag
		}
		give(condition+"."+a.sub, value)
	}
	return op
}

func actions() *rapid.Generator[action] {
	word := rapid.SampledFrom([]string{"a", "b", "c"})
	maybe := rapid.SampledFrom([]string{"", "a", "b"})
	aMail := rapid.Custom(func(t *rapid.T) mail {
		e := mail{value: word.Draw(t, "value"), kind: maybe.Draw(t, "type"), display: maybe.Draw(t, "display")}
		if rapid.IntRange(0, 2).Draw(t, "has primary") == 0 {
			flag := rapid.Bool().Draw(t, "primary")
			e.primary = &flag
		}
		return e
	})
	return rapid.Custom(func(t *rapid.T) action {
		a := action{
			op:     rapid.SampledFrom([]string{"add", "remove", "replace"}).Draw(t, "op"),
			what:   rapid.SampledFrom([]string{"title", "dept", "active", "name", "givenName", "emails", "emails", "matching", "matching", "sub", "sub", "sub", "ids", "several", "userName"}).Draw(t, "what"),
			text:   maybe.Draw(t, "text"),
			flag:   rapid.Bool().Draw(t, "flag"),
			mails:  rapid.SliceOfN(aMail, 1, 3).Draw(t, "mails"),
			ids:    rapid.SliceOfN(word, 0, 3).Draw(t, "ids"),
			by:     rapid.SampledFrom([]string{"type", "value", "primary"}).Draw(t, "by"),
			is:     word.Draw(t, "is"),
			sub:    rapid.SampledFrom([]string{"value", "type", "display", "primary"}).Draw(t, "sub"),
			given:  maybe.Draw(t, "given"),
			family: maybe.Draw(t, "family"),
		}
		if a.by == "primary" {
			a.is = "true"
		}
		switch a.what {
		case "several":
			if a.op == "remove" {
				a.op = "replace"
			}
		case "userName": // rarely, as everything before it is in vain
			if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
				a.what = "title"
			}
		case "sub":
			if a.sub != "primary" && a.text == "" { // to replace by nothing is to remove
				a.op = "remove"
			}
		}
		return a
	})
}

// M-68: random operation lists give what a plain model of the RFC gives, in both
// modes; a list that fails leaves the document equal.
func TestM68Model(t *testing.T) {
	rt := users()
	for name, opts := range map[string]Options{"strict": strict, "lenient": lenient} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				m := &model{}
				doc := m.document()
				for range rapid.IntRange(1, 4).Draw(r, "requests") {
					list := rapid.SliceOfN(actions(), 1, 5).Draw(r, "actions")
					next := *m
					next.emails = slices.Clone(m.emails)
					outcome := fine
					var operations []any
					for _, a := range list {
						operations = append(operations, a.operation())
						if outcome == fine {
							outcome = next.do(a, opts.FilterCreates)
						}
					}
					next.emails = distinctMails(next.emails)
					sent := map[string]any{"schemas": []any{URN}, "Operations": operations}
					got, err := run(t, rt, opts, doc, sent)
					if (err == nil) != (outcome == fine) {
						r.Fatalf("got %v, want %q", err, outcome)
					}
					if err != nil {
						continue // which error, when there are several, is not the model's to say
					}
					if diff := cmp.Diff(next.document(), got); diff != "" {
						r.Fatal(diff)
					}
					m, doc = &next, got
				}
			})
		})
	}
}
