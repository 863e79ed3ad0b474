package dialect

import (
	"errors"
	"fmt"
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// patched is what a PATCH makes of a document, through dialect and patch.
func patched(t testing.TB, d *Dialect, rt *schema.ResourceType, doc map[string]any, ops string) (map[string]any, error) {
	t.Helper()
	message := operations(t, ops)
	d.Patch(rt, message)
	req, err := patch.Decode(rt, message, d.Options())
	if err != nil {
		return nil, err
	}
	return req.Apply(doc)
}

// The habits that need no rule: what comes of each, in both modes.
func TestHabitsWithoutRule(t *testing.T) {
	users, groups := idpUsers(), schema.Group(true)
	bodies := []struct {
		tag        string
		rt         *schema.ResourceType
		sent, want string
	}{
		{"attr-case", users, `{"Schemas":["<core>"],"username":"u","Name":{"GivenName":"V"},"Emails":[{"Value":"v","Type":"work"}],"Active":true}`, `{"userName":"u","name":{"givenName":"V"},"emails":[{"value":"v","type":"work"}],"active":true}`},
		{"urn-case", users, `{"schemas":["<core>","urn:ietf:params:scim:schemas:extension:Enterprise:2.0:user"],"userName":"u","urn:ietf:params:scim:schemas:extension:Enterprise:2.0:user":{"Department":"D"}}`, `{"userName":"u","<ent>":{"department":"D"}}`},
		{"null", users, `{"schemas":["<core>"],"userName":"u","title":null,"emails":[{"value":"v","display":null}],"<ent>":{"department":null}}`, `{"userName":"u","emails":[{"value":"v"}]}`},
		{"meta-in-post", users, `{"schemas":["<core>"],"userName":"u","id":"x","meta":{"resourceType":"User","created":"1999-01-01T00:00:00Z"}}`, `{"userName":"u"}`},
		{"groups-empty", users, `{"schemas":["<core>"],"userName":"u","groups":[]}`, `{"userName":"u"}`},
		{"groups-on-user", users, `{"schemas":["<core>"],"userName":"u","groups":[{"value":"g"}]}`, `{"userName":"u"}`},
		{"password", users, `{"schemas":["<core>"],"userName":"u","password":"hunter2"}`, `{"userName":"u"}`},
		{"roles-empty", users, `{"schemas":["<core>"],"userName":"u","roles":[]}`, `{"userName":"u"}`},
		{"unknown-attr", users, `{"schemas":["<core>"],"userName":"u","costCentre":"x","name":{"nick":"x"}}`, `{"userName":"u"}`},
		{"ext-not-in-schemas", users, `{"schemas":["<core>"],"userName":"u","<wis>":{"region":"emea"}}`, `{"userName":"u","<wis>":{"region":"emea"}}`},
		{"member-no-type", groups, `{"schemas":["<group>"],"displayName":"G","members":[{"value":"u","display":"U"}]}`, `{"displayName":"G","members":[{"value":"u","display":"U"}]}`},
		{"members-empty", groups, `{"schemas":["<group>"],"displayName":"G","members":[]}`, `{"displayName":"G"}`},
	}
	for _, tt := range bodies {
		for _, strict := range []bool{false, true} {
			got, err := accept(New(strict), tt.rt, object(t, tt.sent))
			if err != nil {
				t.Errorf("%s, strict %v: %v", tt.tag, strict, err)
				continue
			}
			if diff := cmp.Diff(object(t, tt.want), got); diff != "" {
				t.Errorf("%s, strict %v: %s", tt.tag, strict, diff)
			}
		}
	}
	patches := []struct{ tag, ops, want string }{
		{"attr-case", `[{"op":"replace","path":"DisplayName","value":"J"},{"op":"replace","path":"Name.FamilyName","value":"F"}]`, `{"userName":"u","displayName":"J","name":{"familyName":"F"}}`},
		{"subattr-case", `[{"op":"add","path":"emails","value":[{"type":"other","value":"a"}]},{"op":"replace","path":"emails[type eq \"other\"].Value","value":"b"}]`, `{"userName":"u","emails":[{"type":"other","value":"b"}]}`},
		{"urn-case", `[{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:Enterprise:2.0:User:Department","value":"Tax"}]`, `{"userName":"u","<ent>":{"department":"Tax"}}`},
		{"null", `[{"op":"add","path":"title","value":"T"},{"op":"replace","path":"title","value":null}]`, `{"userName":"u"}`},
		{"id-in-value", `[{"op":"replace","value":{"id":"x","title":"T","groups":[{"value":"g"}],"meta":{"created":"x"}}}]`, `{"userName":"u","title":"T"}`},
		{"password", `[{"op":"replace","value":{"password":"w9Tq0-example"}}]`, `{"userName":"u"}`},
		{"manager-object", `[{"op":"add","path":"<ent>:manager","value":{"value":"m"}}]`, `{"userName":"u","<ent>":{"manager":{"value":"m"}}}`},
		{"op-extra-keys", `[{"name":"setTitle","op":"add","path":"title","value":"T"}]`, `{"userName":"u","title":"T"}`},
		{"external-id-change", `[{"op":"replace","path":"externalId","value":"e2"}]`, `{"userName":"u","externalId":"e2"}`},
	}
	for _, tt := range patches {
		for _, strict := range []bool{false, true} {
			got, err := patched(t, New(strict), users, map[string]any{"userName": "u"}, tt.ops)
			if err != nil {
				t.Errorf("%s, strict %v: %v", tt.tag, strict, err)
				continue
			}
			if diff := cmp.Diff(object(t, tt.want), got); diff != "" {
				t.Errorf("%s, strict %v: %s", tt.tag, strict, diff)
			}
		}
	}
	for _, ops := range []string{`[{"op":"remove","path":"groups[value eq \"g\"]"}]`, `[{"op":"add","path":"groups","value":[{"value":"g"}]}]`} {
		_, err := patched(t, New(false), users, map[string]any{"userName": "u"}, ops)
		if refused, ok := errors.AsType[scimerrors.ScimError](err); !ok || refused.ScimType != scimerrors.ScimTypeMutability {
			t.Errorf("groups-on-user by path: got %v, want mutability", err)
		}
	}
}

// TestField19StrictIsAnOffSwitch: each workaround is a rule that can be turned off: what real
// IdPs send and the RFC does not allow is refused in strict mode, and accepted otherwise.
func TestField19StrictIsAnOffSwitch(t *testing.T) {
	users := idpUsers()
	for _, ops := range []string{
		`{"Operations":[{"op":"remove","path":"title"}]}`, `{"schemas":["<patch>"],"operations":[{"op":"remove","path":"title"}]}`, `[]`,
		`[{"op":"Replace","path":"title","value":"x"}]`, `[{"op":"replace","path":"active","value":"False"}]`, `[{"op":"replace","path":"<ent>.department","value":"x"}]`,
		`[{"op":"replace","path":"<ent>:manager","value":"m"}]`, `[{"op":"replace","path":"userName","value":[{"value":"x"}]}]`, `[{"op":"replace","path":"emails","value":{"value":"x"}}]`,
		`[{"op":"remove","path":"emails","value":[{"value":"x"}]}]`, `[{"op":"add","path":"emails[type eq \"work\"].value","value":"x"}]`, `[{"op":"replace","path":"roles[primary eq \"True\"].value","value":"x"}]`,
	} {
		if _, err := patched(t, New(true), users, map[string]any{"userName": "u"}, ops); err == nil {
			t.Errorf("accepted: %s", ops)
		}
		if _, err := patched(t, New(false), users, map[string]any{"userName": "u"}, ops); err != nil {
			t.Errorf("refused in lenient mode: %s: %v", ops, err)
		}
	}
	for _, doc := range []string{
		`{"userName":"u"}`, `{"schemas":["<core>","urn:x"],"userName":"u"}`, `{"schemas":["<core>"],"userName":"u","active":"true"}`,
		`{"schemas":["<core>"],"userName":"u","emails":{"value":"x"}}`, `{"schemas":["<core>"],"userName":"u","emails":[{"value":"x","primary":"true"}]}`, `{"schemas":["<core>"],"userName":"u","<ent>":{"manager":"m"}}`,
	} {
		if _, err := accept(New(true), users, object(t, doc)); err == nil {
			t.Errorf("accepted: %s", doc)
		}
		if _, err := accept(New(false), users, object(t, doc)); err != nil {
			t.Errorf("refused in lenient mode: %s: %v", doc, err)
		}
	}
}

// An error says the place in the list that the client sent, whatever was split before it.
func TestSplitOperationsKeepTheirPlace(t *testing.T) {
	_, err := patched(t, New(false), idpUsers(), map[string]any{"userName": "u"}, `[{"op":"replace","value":{"name.givenName":"A","name.familyName":"B"}},{"op":"replace","value":{"title":"T","name.givenName":7}}]`)
	refused, ok := errors.AsType[scimerrors.ScimError](err)
	if want := "Operations[1] (replace name.givenName): name.givenName: expected a string, found the number 7"; !ok || refused.Detail != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzDialect feeds any body to everything that a request passes here. Nothing panics,
// what is accepted is a canonical resource, and refusals are ones a client can be told.
func FuzzDialect(f *testing.F) {
	for _, tt := range shapes {
		text := expand.Replace(tt.sent)
		if text[0] == '[' {
			text = fmt.Sprintf(`{"schemas":[%q],"Operations":%s}`, patch.URN, text)
		}
		f.Add([]byte(text))
	}
	users, groups := idpUsers(), schema.Group(true)
	person := map[string]any{"userName": "u", "title": "T"}
	group := map[string]any{"displayName": "G", "members": []any{map[string]any{"value": "u"}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, strict := range []bool{false, true} {
			for rt, current := range map[*schema.ResourceType]map[string]any{users: person, groups: group} {
				if sent, err := body.Decode(data, body.Limits{}); err == nil {
					doc, err := accept(New(strict), rt, sent)
					judge(t, rt, doc, err)
				}
				if message, err := body.Decode(data, body.Limits{}); err == nil {
					d := New(strict)
					d.Patch(rt, message)
					req, err := patch.Decode(rt, message, d.Options())
					if err != nil {
						judge(t, rt, nil, err)
						continue
					}
					doc, err := req.Apply(current)
					judge(t, rt, doc, err)
					if rt == groups {
						if _, err := req.GroupChanges(); err != nil {
							judge(t, rt, nil, err)
						}
					}
				}
			}
		}
	})
}

func judge(t *testing.T, rt *schema.ResourceType, doc map[string]any, err error) {
	t.Helper()
	if err != nil {
		_, refused := errors.AsType[scimerrors.ScimError](err)
		_, invalid := errors.AsType[*schema.Invalid](err)
		if !refused && !invalid {
			t.Errorf("got %#v", err)
		}
		return
	}
	again, inv := rt.Check(doc)
	if inv != nil {
		t.Fatalf("%v in what was accepted: %v", inv, doc)
	}
	if diff := cmp.Diff(doc, again); diff != "" {
		t.Errorf("not canonical: %s", diff)
	}
}
