package patch

import (
	"errors"
	"net/http"
	"reflect"
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// FuzzPatch feeds any body to both resource types in both modes. What it starts from
// is a line of each kind that the tables have; package dialect starts from what identity
// providers send.
func FuzzPatch(f *testing.F) {
	for _, ops := range []string{
		`[]`,
		`[{"op":"replace","value":{"active":false}}]`,
		`[{"op":"add","path":"emails[type eq \"work\"].value","value":"x@example.com"}]`,
		`[{"op":"replace","path":"emails[type eq \"home\" or primary eq true]","value":{"value":"x","primary":true}}]`,
		`[{"op":"remove","path":"members","value":[{"$ref":null,"value":"u1"}]}]`,
		`[{"op":"remove","path":"members[value eq \"u1\"]"},{"op":"add","path":"members","value":{"value":"u2","type":"User"}}]`,
		`[{"op":"replace","value":{"id":"g","displayName":"N","members":[]}}]`,
		`[{"op":"add","path":"<wis>:attributes[key eq \"a\"].value","value":"b"},{"op":"remove","path":"<ent>"}]`,
		`[{"op":"add","path":"<wis>:customerIds[value eq \"c-1\"]","value":"c-1"}]`,
		`[{"op":"replace","path":"name","value":{"givenName":null,"familyName":""}}]`,
		`[{"op":"replace","path":"schemas","value":["<core>"]}]`,
		`[{"op":"add","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}]`,
		`[{"op":"replace","path":"<wis>:seats","value":1.5}]`,
		`[{"op":"replace","path":"emails[","value":{}}]`,
	} {
		f.Add([]byte(expand.Replace(`{"schemas":["` + URN + `"],"Operations":` + ops + `}`)))
	}
	people, groups := users(), schema.Group(true)
	person := canonical(f, people, ann)
	group := canonical(f, groups, `{"displayName":"G","members":[{"value":"u1","type":"User"},{"value":"u2"}]}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		sent, err := body.Decode(data, body.Limits{})
		if err != nil {
			return
		}
		for _, opts := range []Options{strict, lenient} {
			fuzzOne(t, people, opts, person, sent)
			fuzzOne(t, groups, opts, group, sent)
		}
	})
}

func fuzzOne(t *testing.T, rt *schema.ResourceType, opts Options, doc, sent map[string]any) {
	t.Helper()
	before := clone(doc)
	req, err := Decode(rt, sent, opts)
	if err != nil {
		refused(t, err)
		return
	}
	if rt.Name == "Group" {
		changes, err := req.GroupChanges()
		if err != nil {
			refused(t, err)
		}
		for _, c := range changes {
			set, fields := 0, reflect.ValueOf(c)
			for i := range fields.NumField() {
				if !fields.Field(i).IsNil() {
					set++
				}
			}
			if set != 1 {
				t.Errorf("a change sets %d things: %+v", set, c)
			}
		}
	}
	got, err := req.Apply(doc)
	if diff := cmp.Diff(before, any(doc)); diff != "" {
		t.Fatalf("the input changed: %s", diff)
	}
	if err != nil {
		refused(t, err)
		return
	}
	again, inv := rt.Check(got)
	if inv != nil {
		t.Fatalf("the result is no resource: %v", inv)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Fatalf("the result is not canonical: %s", diff)
	}
}

// refused sees to it that an error is one that a client can be told.
func refused(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[scimerrors.ScimError](err); !ok || e.Detail == "" || e.Status != http.StatusBadRequest && e.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %#v", err)
	}
}
