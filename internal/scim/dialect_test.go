package scim

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/dialect"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// habits are requests as identity providers send them, at least one for each rule of the dialect.
var habits = []struct {
	rule               string
	method, path, body string // a body that is a list is the operations of a PATCH
	strict             string // the scimType of the 400 in strict mode; nothing for an answer that reads the request as it stands
	means              string // what the resource has after it in lenient mode alone; after a "!" what it has in strict mode alone
}{
	{"operations-case", "PATCH", "/Users/ANN", `{"schemas":["<patch>"],"operations":[{"op":"replace","path":"title","value":"New"}]}`, "invalidSyntax", `"title":"New"`},
	{"operations-case", "PATCH", "/Users/ANN", `[{"Op":"replace","Path":"title","Value":"New"}]`, "invalidSyntax", `"title":"New"`},
	{"no-schemas", "PUT", "/Users/ANN", `{"userName":"ann@suite.example","title":"New"}`, "invalidSyntax", `"title":"New"`},
	{"no-schemas", "PATCH", "/Users/ANN", `{"Operations":[{"op":"replace","path":"title","value":"New"}]}`, "invalidSyntax", `"title":"New"`},
	{"unknown-schema", "PUT", "/Users/ANN", `{"schemas":["<core>","urn:x"],"userName":"ann@suite.example","title":"New"}`, "invalidSyntax", `"title":"New"`},
	{"unknown-schema", "PUT", "/Groups/GROUP", `{"schemas":["<group>","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"displayName":"New"}`,
		"invalidSyntax", `"displayName":"New"`},
	{"op-case", "PATCH", "/Users/ANN", `[{"op":"Replace","path":"title","value":"New"}]`, "invalidSyntax", `"title":"New"`},
	{"urn-dot", "PATCH", "/Users/ANN", `[{"op":"replace","path":"<ent>.department","value":"New"}]`, "invalidPath", `"department":"New"`},
	{"dotted-keys", "PATCH", "/Users/ANN", `[{"op":"replace","value":{"name.givenName":"New"}}]`, "invalidPath", `"givenName":"New"`},
	{"value-array-scalar", "PATCH", "/Users/ANN", `[{"op":"replace","path":"title","value":[{"$ref":null,"value":"New"}]}]`, "invalidValue", `"title":"New"`},
	{"manager-empty", "PATCH", "/Users/ANN", `[{"op":"replace","path":"<ent>:manager","value":""}]`, "invalidValue", `!"manager":`},
	{"manager-string", "PATCH", "/Users/ANN", `[{"op":"add","path":"<ent>:manager","value":"New"}]`, "invalidValue", `"value":"New"`},
	{"empty-string", "PUT", "/Users/ANN", `{"schemas":["<core>"],"userName":"ann@suite.example","title":"New","phoneNumbers":""}`, "invalidValue", `"title":"New"`},
	{"members-string", "PATCH", "/Groups/GROUP", `[{"op":"add","path":"members","value":["BOB"]}]`, "invalidValue", `"value":"BOB"`},
	{"members-object", "PUT", "/Groups/GROUP", `{"schemas":["<group>"],"displayName":"G","members":{"value":"BOB"}}`, "invalidValue", `"value":"BOB"`},
	{"members-ref", "PATCH", "/Groups/GROUP", `[{"op":"add","path":"members","value":[{"$ref":"https://x/scim/v2/Users/BOB"}]}]`, "invalidValue", `"value":"BOB"`},
	{"string-for-list", "PUT", "/Users/ANN", `{"schemas":["<core>"],"userName":"ann@suite.example","<wis>":{"customerIds":"New"}}`, "invalidValue", `"customerIds":["New"]`},
	{"role-json-string", "PATCH", "/Users/ANN", `[{"op":"add","path":"roles","value":[{"value":"{\"id\":\"06b0\",\"value\":\"ADMIN\"}"}]}]`, "", `"value":"ADMIN"`},
	{"role-display-name", "PATCH", "/Users/ANN", `[{"op":"add","path":"roles","value":[{"value":"ADMIN","displayName":"New"}]}]`, "", `"display":"New"`},
	{"bool-string", "PATCH", "/Users/ANN", `[{"op":"replace","path":"active","value":"False"}]`, "invalidValue", `"active":false`},
	{"bool-string", "PUT", "/Users/ANN", `{"schemas":["<core>"],"userName":"ann@suite.example","active":"false"}`, "invalidValue", `"active":false`},
	{"bool-string-sub", "PUT", "/Users/ANN", `{"schemas":["<core>"],"userName":"ann@suite.example","emails":[{"value":"a@x.test","primary":"true"}]}`, "invalidValue", `"primary":true`},
	{"bulk-method-case", "POST", "/Bulk", `{"schemas":["<bulk>"],"Operations":[{"method":"delete","path":"/Users/BOB"}]}`, "", `!"id":"BOB"`},
	{"bulk-fail-on-zero", "POST", "/Bulk", `{"schemas":["<bulk>"],"failOnErrors":0,"Operations":[{"method":"DELETE","path":"/Users/BOB"}]}`, "invalidValue", `!"id":"BOB"`},
	{"filter-creates", "PATCH", "/Users/ANN", `[{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@x.test"}]`, "noTarget", `"a@x.test"`},
	{"remove-value-array", "PATCH", "/Groups/GROUP", `[{"op":"remove","path":"members","value":[{"value":"ANN"}]}]`, "invalidSyntax", `!"value":"ANN"`},
	{"empty-operations", "PATCH", "/Users/ANN", `[]`, "invalidSyntax", ""},
}

// Every rule takes its habit for what is meant, and is off in strict mode: the answer is the RFC's, and
// what is refused changes nothing.
func TestDialect(t *testing.T) {
	tried := map[string]bool{}
	for _, tt := range habits {
		tried[tt.rule] = true
		t.Run(tt.rule, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				h, err := New(Options{
					Directory: newFake(), Authenticate: authenticate, Strict: strict, Log: slog.New(slog.DiscardHandler),
					Extension: []schema.Declared{{Name: "customerIds", Type: schema.String, MultiValued: true}},
				})
				if err != nil {
					t.Fatal(err)
				}
				server := httptest.NewServer(h)
				t.Cleanup(server.Close)
				s := &suite{t: t, url: server.URL + "/scim/v2"}
				ann, bob := s.user("ann@suite.example", `"`+ent+`":{"manager":{"value":"m"}}`), s.user("bob@suite.example", "")
				group := s.group("G", ann)
				fill := strings.NewReplacer("ANN", ann, "BOB", bob, "GROUP", group, "<core>", core, "<group>", schema.GroupURN, "<ent>", ent, "<wis>", wisdom,
					"<patch>", "urn:ietf:params:scim:api:messages:2.0:PatchOp", "<bulk>", "urn:ietf:params:scim:api:messages:2.0:BulkRequest")
				path, body := fill.Replace(tt.path), fill.Replace(tt.body)
				if strings.HasPrefix(body, "[") {
					body = patchBody(body[1 : len(body)-1])
				}
				resource := path
				if path == "/Bulk" {
					resource = "/Users"
				}
				if strict && tt.strict != "" {
					s.unchanged(resource, tt.method, path, body, 400, tt.strict)
				} else if r := s.do(tt.method, path, body); r.status != 200 && r.status != 204 {
					t.Errorf("strict %v: %d %s", strict, r.status, r.text)
				}
				meaning, inStrict := strings.CutPrefix(fill.Replace(tt.means), "!")
				if after := s.get(resource).is(200).text; meaning != "" && strings.Contains(after, meaning) != (strict == inStrict) {
					t.Errorf("strict %v: %s in %s", strict, meaning, after)
				}
				if n := h.DialectCounts()[tt.rule]; (n > 0) == strict {
					t.Errorf("strict %v: counted %d times", strict, n)
				}
			}
		})
	}
	for _, rule := range dialect.Rules() {
		if !tried[rule.Name] {
			t.Errorf("%s: no request shows that strict mode turns it off", rule.Name)
		}
	}
}
