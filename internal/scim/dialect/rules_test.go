package dialect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

var expand = strings.NewReplacer("<core>", schema.UserURN, "<group>", schema.GroupURN, "<ent>", schema.EnterpriseURN, "<wis>", schema.WisdomURN, "<patch>", patch.URN,
	"<microsoft>", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group")

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	doc, err := body.Decode([]byte(expand.Replace(text)), body.Limits{})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return doc
}

// operations is a PATCH message, or if text is an object that object.
func operations(t testing.TB, text string) map[string]any {
	t.Helper()
	if strings.HasPrefix(text, "[") {
		text = `{"schemas":["<patch>"],"Operations":` + text + `}`
	}
	return object(t, text)
}

// plain makes the operations that one was split into a list, as JSON would have it.
func plain(message map[string]any) map[string]any {
	list, _ := message["Operations"].([]any)
	for i, op := range list {
		if several, ok := op.(patch.Several); ok {
			var all []any
			for _, one := range several {
				all = append(all, one)
			}
			list[i] = all
		}
	}
	return message
}

// A rule's recorded shapes, and what the RFC has for them.
var shapes = []struct {
	rule, kind string // kind: user, group: a body; patch, patch group, bulk: a message
	sent, want string
}{
	{"operations-case", "patch", `{"schemas":["<patch>"],"operations":[{"op":"replace","path":"title","value":"T2"}]}`, `[{"op":"replace","path":"title","value":"T2"}]`},
	{"operations-case", "patch", `{"Schemas":["<patch>"],"OPERATIONS":[{"Op":"replace","Path":"title","Value":"T2"}]}`, `[{"op":"replace","path":"title","value":"T2"}]`},

	{"no-schemas", "patch", `{"Operations":[{"op":"replace","path":"title","value":"T1"}]}`, `[{"op":"replace","path":"title","value":"T1"}]`},
	{"no-schemas", "patch", `{"schemas":null,"Operations":[]}`, `[]`},
	{"no-schemas", "patch", `{"schemas":[],"Operations":[]}`, `[]`},
	{"no-schemas", "user", `{"userName":"bo@example.com"}`, `{"schemas":["<core>"],"userName":"bo@example.com"}`},
	{"no-schemas", "user", `{"schemas":[],"userName":"bo@example.com"}`, `{"schemas":["<core>"],"userName":"bo@example.com"}`},
	{"no-schemas", "user", `{"Schemas":["<ent>"],"userName":"bo@example.com"}`, `{"Schemas":["<core>","<ent>"],"userName":"bo@example.com"}`},
	{"no-schemas", "group", `{"displayName":"G"}`, `{"schemas":["<group>"],"displayName":"G"}`},

	{"unknown-schema", "group", `{"schemas":["<group>","<microsoft>"],"displayName":"G"}`, `{"schemas":["<group>"],"displayName":"G"}`},
	{"unknown-schema", "user", `{"schemas":["urn:x","<core>","<ent>"],"userName":"u"}`, `{"schemas":["<core>","<ent>"],"userName":"u"}`},
	{"unknown-schema", "patch", `{"schemas":["<patch>","urn:x"],"Operations":[]}`, `[]`},

	// The core attributes may stand under their own URN.
	{"bool-string", "patch", `[{"op":"replace","value":{"<core>":{"active":"False"}}}]`, `[{"op":"replace","value":{"<core>":{"active":false}}}]`},

	{"op-case", "patch", `[{"op":"Replace","path":"title","value":"x"},{"op":"REMOVE","path":"title"},{"op":"Add","value":{"title":"x"}}]`,
		`[{"op":"replace","path":"title","value":"x"},{"op":"remove","path":"title"},{"op":"add","value":{"title":"x"}}]`},

	{"urn-dot", "patch", `[{"op":"replace","path":"<ent>.department","value":"Audit"}]`, `[{"op":"replace","path":"<ent>:department","value":"Audit"}]`},
	{"urn-dot", "patch", `[{"op":"replace","path":"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value","value":"m"}]`, `[{"op":"replace","path":"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value","value":"m"}]`},
	{"urn-dot", "patch", `[{"op":"replace","value":{"<ent>.department":"Audit"}}]`, `[{"op":"replace","path":"<ent>:department","value":"Audit"}]`},

	{"dotted-keys", "patch", `[{"op":"replace","value":{"displayName":"Lana","name.givenName":"L","<ent>:department":"Sales","emails[type eq \"work\"].value":"l@example.com","<core>:title":"T"}}]`,
		`[[{"op":"replace","value":{"displayName":"Lana"}},{"op":"replace","path":"emails[type eq \"work\"].value","value":"l@example.com"},{"op":"replace","path":"name.givenName","value":"L"},{"op":"replace","path":"<core>:title","value":"T"},{"op":"replace","path":"<ent>:department","value":"Sales"}]]`},
	{"dotted-keys", "patch", `[{"op":"add","value":{"name.givenName":"L"}}]`, `[{"op":"add","path":"name.givenName","value":"L"}]`},
	// What means nothing or is readOnly is ignored in a value without path, whatever its key; an extension is no path.
	{"dotted-keys", "patch", `[{"op":"add","value":{"nope.x":1,"urn:nope:2.0:User:x":1,"meta.created":"x","<ent>:manager.displayName":"x","<ent>":{"department":"D"},"name.givenName":"L"}}]`,
		`[[{"op":"add","value":{"nope.x":1,"urn:nope:2.0:User:x":1,"meta.created":"x","<ent>:manager.displayName":"x","<ent>":{"department":"D"}}},{"op":"add","path":"name.givenName","value":"L"}]]`},

	{"value-array-scalar", "patch", `[{"op":"replace","path":"userName","value":[{"$ref":null,"value":"x@example.com"}]}]`, `[{"op":"replace","path":"userName","value":"x@example.com"}]`},
	{"value-array-scalar", "patch", `[{"op":"replace","path":"title","value":["T"]}]`, `[{"op":"replace","path":"title","value":"T"}]`},
	{"value-array-scalar", "patch", `[{"op":"replace","path":"emails[type eq \"work\"].value","value":[{"value":"x@example.com"}]}]`, `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"x@example.com"}]`},
	{"value-array-scalar", "patch", `[{"op":"replace","path":"<ent>:manager","value":[{"$ref":null,"value":"m"}]}]`, `[{"op":"replace","path":"<ent>:manager","value":{"$ref":null,"value":"m"}}]`},

	{"manager-string", "patch", `[{"op":"add","path":"<ent>:manager","value":"m"}]`, `[{"op":"add","path":"<ent>:manager","value":{"value":"m"}}]`},
	{"manager-string", "patch", `[{"op":"replace","value":{"<ent>:manager":"m"}}]`, `[{"op":"replace","path":"<ent>:manager","value":{"value":"m"}}]`},
	{"manager-string", "patch", `[{"op":"replace","path":"<ent>","value":{"manager":"m"}}]`, `[{"op":"replace","path":"<ent>","value":{"manager":{"value":"m"}}}]`},
	{"manager-string", "user", `{"schemas":["<core>"],"<ent>":{"Manager":"m"}}`, `{"schemas":["<core>"],"<ent>":{"Manager":{"value":"m"}}}`},
	{"manager-empty", "patch", `[{"op":"replace","path":"<ent>:manager","value":""}]`, `[{"op":"replace","path":"<ent>:manager","value":null}]`},
	{"manager-empty", "patch", `[{"op":"replace","path":"<ent>:manager","value":{"value":""}}]`, `[{"op":"replace","path":"<ent>:manager","value":null}]`},
	{"manager-empty", "patch", `[{"op":"replace","path":"<ent>:manager","value":{"Value":null,"$ref":"x"}}]`, `[{"op":"replace","path":"<ent>:manager","value":null}]`},
	{"manager-empty", "user", `{"schemas":["<core>"],"<ent>":{"manager":{"value":""}}}`, `{"schemas":["<core>"],"<ent>":{"manager":null}}`},

	{"empty-string", "user", `{"schemas":["<core>"],"title":"","name":{"middleName":"","givenName":"A"},"emails":[{"value":"a","type":""}],"<wis>":{"region":"","customerIds":""}}`,
		`{"schemas":["<core>"],"title":null,"name":{"middleName":null,"givenName":"A"},"emails":[{"value":"a","type":null}],"<wis>":{"region":null,"customerIds":null}}`},
	{"empty-string", "user", `{"schemas":["<core>"],"phoneNumbers":"","name":""}`, `{"schemas":["<core>"],"phoneNumbers":null,"name":null}`},
	{"empty-string", "patch", `[{"op":"replace","path":"title","value":""},{"op":"replace","path":"<ent>:department","value":""}]`, `[{"op":"replace","path":"title","value":null},{"op":"replace","path":"<ent>:department","value":null}]`},

	{"members-string", "patch group", `[{"op":"add","path":"members","value":"u1"}]`, `[{"op":"add","path":"members","value":[{"value":"u1"}]}]`},
	{"members-string", "patch group", `[{"op":"remove","path":"Members","value":["u1","u2"]}]`, `[{"op":"remove","path":"Members","value":[{"value":"u1"},{"value":"u2"}]}]`},
	{"members-string", "group", `{"schemas":["<group>"],"members":["u1"]}`, `{"schemas":["<group>"],"members":[{"value":"u1"}]}`},
	{"members-object", "patch group", `[{"op":"add","path":"members","value":{"value":"u1"}}]`, `[{"op":"add","path":"members","value":[{"value":"u1"}]}]`},
	{"members-object", "patch group", `[{"op":"replace","value":{"members":{"value":"u1"}}}]`, `[{"op":"replace","value":{"members":[{"value":"u1"}]}}]`},
	{"members-object", "user", `{"schemas":["<core>"],"emails":{"value":"a"}}`, `{"schemas":["<core>"],"emails":[{"value":"a"}]}`},
	{"members-ref", "patch group", `[{"op":"add","path":"members","value":[{"$ref":"https://x/scim/v2/Users/u%201"},{"$ref":"../Groups/g1/","value":null}]}]`,
		`[{"op":"add","path":"members","value":[{"$ref":"https://x/scim/v2/Users/u%201","value":"u 1","type":"User"},{"$ref":"../Groups/g1/","value":"g1","type":"Group"}]}]`},
	{"members-ref", "group", `{"schemas":["<group>"],"members":[{"$ref":"Users/u1","type":"User"}]}`, `{"schemas":["<group>"],"members":[{"$ref":"Users/u1","type":"User","value":"u1"}]}`},
	{"string-for-list", "patch", `[{"op":"add","path":"<wis>:customerIds","value":"c-1"}]`, `[{"op":"add","path":"<wis>:customerIds","value":["c-1"]}]`},
	{"string-for-list", "user", `{"schemas":"<core>","<wis>":{"customerIds":"c-1,c-2"}}`, `{"schemas":["<core>"],"<wis>":{"customerIds":["c-1,c-2"]}}`},

	{"role-json-string", "patch", `[{"op":"add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"ADMIN\",\"displayName\":\"Admin\"}"}]}]`, `[{"op":"add","path":"roles","value":[{"value":"ADMIN","display":"Admin"}]}]`},
	{"role-json-string", "user", `{"schemas":["<core>"],"roles":[{"Value":"{\"value\":\"25\",\"display\":\"R\"}","display":null},{"value":"{\"value\":\"26\"}","display":"Mine"}]}`,
		`{"schemas":["<core>"],"roles":[{"Value":"25","display":"R"},{"value":"26","display":"Mine"}]}`},
	{"role-display-name", "user", `{"schemas":["<core>"],"roles":[{"primary":false,"displayName":"Explorer","value":"EXPLORER"},{"display":"D","displayName":"X","value":"V"}]}`,
		`{"schemas":["<core>"],"roles":[{"primary":false,"display":"Explorer","value":"EXPLORER"},{"display":"D","displayName":"X","value":"V"}]}`},

	{"bool-string", "patch", `[{"op":"replace","path":"active","value":"False"},{"op":"replace","value":{"active":"TRUE"}},{"op":"add","path":"URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:WISDOMAI:2.0:USER:betaAccess","value":"True"}]`,
		`[{"op":"replace","path":"active","value":false},{"op":"replace","value":{"active":true}},{"op":"add","path":"URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:WISDOMAI:2.0:USER:betaAccess","value":true}]`},
	{"bool-string", "user", `{"schemas":["<core>"],"Active":"true","<wis>":{"betaAccess":"false"}}`, `{"schemas":["<core>"],"Active":true,"<wis>":{"betaAccess":false}}`},
	{"bulk-method-case", "bulk", `{"operations":[{"Method":"post","path":"/Users"},{"method":"DELETE"},{"method":7},"x"]}`, `{"operations":[{"Method":"POST","path":"/Users"},{"method":"DELETE"},{"method":7},"x"]}`},
	{"bulk-fail-on-zero", "bulk", `{"failOnErrors":0,"Operations":[]}`, `{"Operations":[]}`},
	{"bulk-fail-on-zero", "bulk", `{"FAILONERRORS":0}`, `{}`},

	{"bool-string-sub", "user", `{"schemas":["<core>"],"emails":[{"primary":"true","value":"a"}]}`, `{"schemas":["<core>"],"emails":[{"primary":true,"value":"a"}]}`},
	{"bool-string-sub", "patch", `[{"op":"replace","path":"emails[type eq \"work\"].primary","value":"True"},{"op":"add","path":"emails","value":{"primary":"False"}}]`,
		`[{"op":"replace","path":"emails[type eq \"work\"].primary","value":true},{"op":"add","path":"emails","value":[{"primary":false}]}]`},
}

func TestRules(t *testing.T) {
	users, groups := idpUsers(), schema.Group(true)
	apply := func(d *Dialect, kind, text string) map[string]any {
		rt := users
		if strings.HasSuffix(kind, "group") {
			rt = groups
		}
		if strings.HasPrefix(kind, "patch") {
			message := operations(t, text)
			d.Patch(rt, message)
			return plain(message)
		}
		doc := object(t, text)
		if kind == "bulk" {
			d.Bulk(doc)
			return doc
		}
		d.Resource(rt, doc)
		return doc
	}
	read := func(kind, text string) map[string]any {
		if strings.HasPrefix(kind, "patch") {
			return operations(t, text)
		}
		return object(t, text)
	}
	for _, tt := range shapes {
		t.Run(tt.rule, func(t *testing.T) {
			d := New(false)
			if diff := cmp.Diff(read(tt.kind, tt.want), apply(d, tt.kind, tt.sent)); diff != "" {
				t.Error(diff)
			}
			if d.Counts()[tt.rule] == 0 {
				t.Errorf("the rule was not counted: %v", d.Counts())
			}

			d = New(false) // what the RFC asks for is left as it is
			if diff := cmp.Diff(read(tt.kind, tt.want), apply(d, tt.kind, tt.want)); diff != "" && !strings.Contains(tt.want, "[[") {
				t.Errorf("the result changes again: %s", diff)
			}
			if n := d.Counts()[tt.rule]; n != 0 {
				t.Errorf("counted %d on what needs no rule", n)
			}

			d = New(true)
			if diff := cmp.Diff(read(tt.kind, tt.sent), apply(d, tt.kind, tt.sent)); diff != "" {
				t.Errorf("strict mode changes it: %s", diff)
			}
		})
	}
}

// What looks like a rule's shape and is not stays, for the schema to refuse or to keep.
func TestRulesLeaveAlone(t *testing.T) {
	users, groups := idpUsers(), schema.Group(true)
	for _, text := range []string{
		`[{"op":"replace","path":"active","value":"maybe"}]`,
		`[{"op":"replace","path":"active","value":""}]`, // an absent active would be an active one
		`[{"op":"replace","path":"active","value":" false"}]`,
		`[{"op":"replace","path":"active","value":0}]`,
		`[{"op":"replace","path":"userName","value":""}]`, // required
		`[{"op":"replace","path":"title","value":"False"}]`,
		`[{"op":"replace","path":"title","value":["a","b"]}]`,
		`[{"op":"replace","path":"title","value":{"value":"a"}}]`,
		`[{"op":"replace","path":"emails","value":"x"}]`,
		`[{"op":"replace","path":"roles","value":[{"value":"{broken"}]}]`,
		`[{"op":"replace","path":"roles","value":[{"value":"{\"id\":\"x\"}"}]}]`,
		`[{"op":"replace","path":"emails","value":[{"value":"{\"value\":\"x\"}"}]}]`,
		`[{"op":"replace","path":"<ent>:manager","value":7}]`,
		`[{"op":"replace","path":"<wis>:customerIds","value":7}]`,
		`[{"op":"replace","path":"nope","value":"False"}]`,
		`[{"op":"replace","path":"emails[","value":"False"}]`,
		`[{"op":"move","path":"title"},{"op":7},"x",null]`,
		`{"schemas":["urn:x"],"Operations":[]}`,
		`{"schemas":"<patch>","Operations":{}}`,
		`[{"op":"remove","value":{"name.givenName":"x"}}]`,
		`[{"op":"replace","value":"name.givenName"}]`,
	} {
		d := New(false)
		got := operations(t, text)
		d.Patch(users, got)
		if diff := cmp.Diff(operations(t, text), plain(got)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{
		`[{"op":"replace","path":"members","value":""}]`, // emptying a group takes an empty list
		`[{"op":"remove","path":"members","value":""}]`,
		`[{"op":"add","path":"members","value":[{"$ref":"nonsense"},{"$ref":""},{"$ref":null},{"value":""},{}]}]`,
		`[{"op":"add","path":"members","value":[[{"value":"u"}]]}]`,
		`[{"op":"add","path":"members","value":7}]`,
	} {
		d := New(false)
		got := operations(t, text)
		d.Patch(groups, got)
		if diff := cmp.Diff(operations(t, text), plain(got)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// Every rule says what it is for, is a habit of its own, and has a shape above or, as a
// switch of package patch, below; TestRules and TestSwitches see too that strict mode has none.
func TestRulesAreComplete(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range shapes {
		tested[tt.rule] = true
	}
	for _, tt := range switches {
		tested[tt.rule] = true
	}
	names := map[string]bool{}
	for _, rule := range Rules() {
		if rule.Name == "" || rule.Doc == "" || names[rule.Name] {
			t.Errorf("%q: no name, no description or not the only one", rule.Name)
		}
		names[rule.Name] = true
		if !tested[rule.Name] {
			t.Errorf("%s: no recorded shape", rule.Name)
		}
	}
	if diff := cmp.Diff(len(names), len(New(false).Counts())); diff != "" {
		t.Error(diff)
	}
	if n := len(New(true).Counts()); n != 0 {
		t.Errorf("strict mode has %d rules", n)
	}
}

// A rule's recorded shapes that package patch accepts by its switch, and refuses without.
var switches = []struct{ rule, ops string }{
	{"empty-operations", `[]`},
	{"remove-value-array", `[{"op":"remove","path":"emails","value":[{"value":"a@example.com"}]}]`},
	{"filter-creates", `[{"op":"add","path":"emails[type eq \"work\"].value","value":"w@example.com"}]`},
}

func TestSwitches(t *testing.T) {
	rt := idpUsers()
	doc := map[string]any{"userName": "ann", "emails": []any{map[string]any{"value": "a@example.com"}, map[string]any{"value": "b@example.com"}}}
	for _, tt := range switches {
		for _, strict := range []bool{false, true} {
			d := New(strict)
			message := operations(t, tt.ops)
			d.Patch(rt, message)
			req, err := patch.Decode(rt, message, d.Options())
			if err == nil {
				_, err = req.Apply(doc)
			}
			if accepted := err == nil; accepted == strict || !strict && d.Counts()[tt.rule] != 1 {
				t.Errorf("%s, strict %v: %v, %v", tt.rule, strict, err, d.Counts())
			}
		}
	}
}
