package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// users is the User type with declared attributes of every kind, and one that is immutable.
func users() *schema.ResourceType {
	rt := schema.User([]schema.Declared{
		{Name: "region", Type: schema.String},
		{Name: "customerIds", Type: schema.String, MultiValued: true},
		{Name: "betaAccess", Type: schema.Boolean},
		{Name: "seats", Type: schema.Integer},
		{Name: "rate", Type: schema.Decimal},
		{Name: "hired", Type: schema.DateTime},
		{Name: "badge", Type: schema.String},
	})
	wisdom := rt.Extension(schema.WisdomURN)
	wisdom.Attribute("badge").Mutability = schema.Immutable
	text := func(name string) *schema.Attribute {
		return &schema.Attribute{Name: name, Type: schema.String, Mutability: schema.ReadWrite, Returned: schema.Default}
	}
	wisdom.Attributes = append(wisdom.Attributes,
		&schema.Attribute{Name: "desk", Type: schema.Complex, Mutability: schema.Immutable, Returned: schema.Default, SubAttributes: []*schema.Attribute{text("room"), text("floor")}},
		&schema.Attribute{Name: "keys", Type: schema.String, MultiValued: true, Mutability: schema.Immutable, Returned: schema.Default})
	return rt
}

var strict = Options{Paths: filter.Options{Strict: true}}

var lenient = Options{FilterCreates: true, RemoveListed: true, EmptyOperations: true}

// ann is the document that the table starts from.
const ann = `{
	"userName": "ann", "externalId": "AbC", "title": "Engineer", "active": true,
	"name": {"givenName": "Ann", "familyName": "Lee"},
	"emails": [
		{"value": "ann@example.com", "type": "work", "primary": true},
		{"value": "ann@home.test", "type": "home"}
	],
	"addresses": [{"type": "work", "locality": "Lyon"}, {"type": "home", "locality": "Bonn"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
		"department": "Sales", "manager": {"value": "m1"}
	},
	"urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User": {
		"customerIds": ["c-1", "c-2"], "seats": 3,
		"attributes": [{"key": "plan", "value": "1"}, {"key": "tier", "value": "1"}]
	}
}`

// expand writes the URNs out that the tables shorten.
var expand = strings.NewReplacer("<core>", schema.UserURN, "<ent>", schema.EnterpriseURN, "<wis>", schema.WisdomURN)

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	doc, err := body.Decode([]byte(expand.Replace(text)), body.Limits{})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return doc
}

func canonical(t testing.TB, rt *schema.ResourceType, text string) map[string]any {
	t.Helper()
	doc, inv := rt.Check(object(t, text))
	if inv != nil {
		t.Fatalf("%v in %s", inv, text)
	}
	return doc
}

func message(t testing.TB, operations string) map[string]any {
	t.Helper()
	return object(t, fmt.Sprintf(`{"schemas":[%q],"Operations":%s}`, URN, operations))
}

// run decodes and applies operations, and sees to what holds for all of them: the
// input stays as it is, a second application gives the same, and nothing is shared.
func run(t testing.TB, rt *schema.ResourceType, opts Options, doc map[string]any, operations map[string]any) (map[string]any, error) {
	t.Helper()
	before := clone(doc)
	sent := clone(operations)
	req, err := Decode(rt, operations, opts)
	if diff := cmp.Diff(sent, any(operations)); diff != "" {
		t.Errorf("Decode changed the message: %s", diff)
	}
	if err != nil {
		return nil, err
	}
	got, err := req.Apply(doc)
	if diff := cmp.Diff(before, any(doc)); diff != "" {
		t.Errorf("Apply changed its input: %s", diff)
	}
	if err != nil {
		return nil, err
	}
	want := clone(got)
	scribble(got)
	again, err := req.Apply(doc)
	if diff := cmp.Diff(want, any(again)); err != nil || diff != "" {
		t.Errorf("the second application differs: %v %s", err, diff)
	}
	return again, nil
}

// scribble spoils a document, so that what shares it shows.
func scribble(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			scribble(v[k])
			v[k] = "spoiled"
		}
	case []any:
		for i := range v {
			scribble(v[i])
			v[i] = "spoiled"
		}
	}
}

// scimType is the scimType of a refusal that is well made.
func scimType(t testing.TB, err error) string {
	t.Helper()
	refused, ok := errors.AsType[scimerrors.ScimError](err)
	if !ok {
		t.Fatalf("%v is no SCIM error", err)
	}
	if refused.Status != http.StatusBadRequest || refused.Detail == "" {
		t.Errorf("got %#v, want a 400 with detail", refused)
	}
	return string(refused.ScimType)
}

// row is one row of the checklist: operations on ann, and the attributes that differ
// afterwards (null: gone), or the scimType of the error.
type row struct {
	name string
	opts Options
	ops  string
	want string // "" with err "": unchanged
	err  string
}

func check(t *testing.T, rows []row) {
	rt := users()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			doc := canonical(t, rt, ann)
			got, err := run(t, rt, r.opts, doc, message(t, r.ops))
			if r.err != "" {
				if err == nil {
					t.Fatalf("accepted: %s", cmp.Diff(doc, got))
				}
				if got := scimType(t, err); got != r.err {
					t.Errorf("got %v, want %s", err, r.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := canonical(t, rt, ann)
			if r.want != "" {
				for key, v := range object(t, r.want) {
					if extension, ok := v.(map[string]any); ok && rt.Extension(key) != nil {
						for name, v := range extension {
							if want[key] == nil {
								want[key] = map[string]any{}
							}
							want[key].(map[string]any)[name] = v
						}
						continue
					}
					want[key] = v
				}
				var inv *schema.Invalid
				if want, inv = rt.Check(want); inv != nil {
					t.Fatal(inv)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMessage(t *testing.T) {
	rt := users()
	tests := []struct {
		name, message string
		opts          Options
		err           string
	}{
		{"M-01 no schemas", `{"Operations":[{"op":"remove","path":"title"}]}`, strict, "invalidSyntax"},
		{"M-01 other schemas", `{"schemas":["<core>"],"Operations":[{"op":"remove","path":"title"}]}`, strict, "invalidSyntax"},
		{"M-01 empty schemas", `{"schemas":[],"Operations":[{"op":"remove","path":"title"}]}`, strict, "invalidSyntax"},
		{"M-02 no operations", `{"schemas":["P"]}`, strict, "invalidSyntax"},
		{"M-02 null", `{"schemas":["P"],"Operations":null}`, strict, "invalidSyntax"},
		{"M-02 object", `{"schemas":["P"],"Operations":{"op":"remove","path":"title"}}`, strict, "invalidSyntax"},
		{"M-02 empty", `{"schemas":["P"],"Operations":[]}`, strict, "invalidSyntax"},
		{"M-02 empty, lenient", `{"schemas":["P"],"Operations":[]}`, lenient, ""},
		{"M-02 not objects", `{"schemas":["P"],"Operations":["add"]}`, strict, "invalidSyntax"},
		{"M-02 lists in the list", `{"schemas":["P"],"Operations":[[{"op":"remove","path":"title"}]]}`, strict, "invalidSyntax"},
		{"M-03 move", `{"schemas":["P"],"Operations":[{"op":"move","path":"title","value":"x"}]}`, strict, "invalidSyntax"},
		{"M-03 copy", `{"schemas":["P"],"Operations":[{"op":"copy","path":"title","value":"x"}]}`, strict, "invalidSyntax"},
		{"M-03 test", `{"schemas":["P"],"Operations":[{"op":"test","path":"title","value":"x"}]}`, strict, "invalidSyntax"},
		{"M-03 missing", `{"schemas":["P"],"Operations":[{"path":"title","value":"x"}]}`, strict, "invalidSyntax"},
		{"M-03 not text", `{"schemas":["P"],"Operations":[{"op":1,"path":"title","value":"x"}]}`, strict, "invalidSyntax"},
		{"M-04 other case", `{"schemas":["P"],"Operations":[{"op":"Replace","path":"title","value":"x"}]}`, strict, "invalidSyntax"},
		{"M-48 path not text", `{"schemas":["P"],"Operations":[{"op":"add","path":5,"value":"x"}]}`, strict, "invalidPath"},
		{"M-11 null is a path that is not given", `{"schemas":["P"],"Operations":[{"op":"add","path":null,"value":{"title":"x"}}]}`, strict, ""},
		{"op-extra-keys", `{"schemas":["P"],"Operations":[{"name":"x","op":"add","path":"title","value":"x"}],"id":"y"}`, strict, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := Decode(rt, object(t, strings.Replace(tt.message, `"P"`, `"`+URN+`"`, 1)), tt.opts)
			switch {
			case tt.err == "" && (err != nil || req == nil):
				t.Errorf("got %v", err)
			case tt.err != "" && (err == nil || scimType(t, err) != tt.err):
				t.Errorf("got %v, want %s", err, tt.err)
			}
		})
	}
}

func TestM65ManyOperations(t *testing.T) {
	rt := users()
	operations := make([]any, 1001)
	for i := range operations {
		operations[i] = map[string]any{"op": "replace", "path": "title", "value": fmt.Sprint(i)}
	}
	at := map[string]any{"schemas": []any{URN}, "Operations": operations[:1000]}
	got, err := run(t, rt, strict, canonical(t, rt, ann), at)
	if err != nil || got["title"] != "999" {
		t.Errorf("1000 operations: %v, title %v", err, got["title"])
	}
	at["Operations"] = operations
	_, err = Decode(rt, at, strict)
	if refused, ok := errors.AsType[scimerrors.ScimError](err); !ok || refused.Status != http.StatusRequestEntityTooLarge || !strings.Contains(refused.Detail, "1000") {
		t.Errorf("1001 operations: got %v, want 413 that names the limit", err)
	}
	if _, err := Decode(rt, at, Options{MaxOperations: 1001}); err != nil {
		t.Errorf("the limit is not a setting: %v", err)
	}
}

// What an error says is all that an administrator of an IdP sees.
func TestErrorsNameOperationAndAttribute(t *testing.T) {
	rt := users()
	tests := []struct{ ops, want string }{
		{`[{"op":"add","path":"title","value":"x"},{"op":"replace","path":"active","value":"maybe"}]`, "Operations[1] (replace active): active: "},
		{`[{"op":"replace","value":{"name":{"givenName":7}}}]`, "Operations[0] (replace name): name.givenName: "},
		{`[{"op":"replace","value":{"<ent>":{"department":7}}}]`, "Operations[0] (replace <ent>:department): <ent>:department"},
		{`[{"op":"remove","path":"userName"}]`, "Operations[0] (remove userName): userName is required"},
		{`[{"op":"add","path":"nope","value":1}]`, "Operations[0] (add nope): "},
		{`[{"op":"add","path":"id","value":"1"}]`, "id is read-only"},
		{`[{"op":"replace","path":"emails[type eq \"x\"].value","value":"1"}]`, `Operations[0] (replace emails[type eq "x"].value): no value of emails matches`},
	}
	for _, tt := range tests {
		_, err := run(t, rt, strict, canonical(t, rt, ann), message(t, tt.ops))
		if err == nil || !strings.Contains(err.Error(), expand.Replace(tt.want)) {
			t.Errorf("%s\n got %v\nwant %s", tt.ops, err, expand.Replace(tt.want))
		}
	}
	// A path as long as a body does not come back whole.
	_, err := run(t, rt, strict, canonical(t, rt, ann), message(t, `[{"op":"add","path":"`+strings.Repeat("é", 5000)+`","value":1}]`))
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("%d bytes of error", len(fmt.Sprint(err)))
	}
	if text, err := json.Marshal(err); err != nil || !json.Valid(text) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestOnUse(t *testing.T) {
	rt := users()
	var used []string
	opts := lenient
	opts.OnUse = func(rule string) { used = append(used, rule) }
	for _, ops := range []string{
		`[]`,
		`[{"op":"remove","path":"emails","value":[{"value":"ann@home.test"}]}]`,
		`[{"op":"add","path":"emails[type eq \"other\"].value","value":"x@example.com"}]`,
		`[{"op":"add","path":"emails[type eq \"work\"].value","value":"x@example.com"}]`, // there: no rule needed
		`[{"op":"remove","path":"emails"}]`,
	} {
		req, err := Decode(rt, message(t, ops), opts)
		if err == nil {
			_, err = req.Apply(canonical(t, rt, ann))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"empty-operations", "remove-value-array", "filter-creates"}, used); diff != "" {
		t.Error(diff)
	}
}
