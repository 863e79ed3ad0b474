package schema

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// walk visits every attribute of a resource type with its path.
func walk(rt *ResourceType, visit func(path string, a *Attribute, parent *Attribute)) {
	families := map[string][]*Attribute{"": rt.Schema.Attributes, "common ": rt.Common}
	for _, ext := range rt.Extensions {
		families[ext.ID+":"] = ext.Attributes
	}
	for prefix, attrs := range families {
		for _, a := range attrs {
			visit(prefix+a.Name, a, nil)
			for _, sub := range a.SubAttributes {
				visit(prefix+a.Name+"."+sub.Name, sub, a)
			}
		}
	}
}

func TestD15EveryAttributeIsDescribedInTheWordsOfTheRFC(t *testing.T) {
	words := map[string][]string{
		"type":       {"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"},
		"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
		"returned":   {"always", "never", "default", "request"},
		"uniqueness": {"none", "server", "global"},
	}
	name := regexp.MustCompile(`^(\$ref|[A-Za-z][A-Za-z0-9_-]*)$`)
	for _, rt := range []*ResourceType{user(), Group(true)} {
		walk(rt, func(path string, a *Attribute, _ *Attribute) {
			text, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := json.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			for key, allowed := range words {
				if got, _ := object[key].(string); !slices.Contains(allowed, got) {
					t.Errorf("%s: %s is %q", path, key, got)
				}
			}
			for _, key := range []string{"multiValued", "required", "caseExact"} {
				if _, ok := object[key].(bool); !ok {
					t.Errorf("%s: no %s", path, key)
				}
			}
			if a.Description == "" || !name.MatchString(a.Name) {
				t.Errorf("%s: description %q", path, a.Description)
			}
		})
	}
}

func TestD16ComplexAttributesAreOneLevelDeep(t *testing.T) {
	for _, rt := range []*ResourceType{user(), Group(true)} {
		walk(rt, func(path string, a, parent *Attribute) {
			if (a.Type == Complex) != (len(a.SubAttributes) > 0) {
				t.Errorf("%s: type %s with %d sub-attributes", path, a.Type, len(a.SubAttributes))
			}
			if parent != nil && a.Type == Complex {
				t.Errorf("%s: a complex sub-attribute", path)
			}
		})
	}
}

func TestCorrections(t *testing.T) {
	at := func(rt *ResourceType, urn, name, sub string) *Attribute {
		t.Helper()
		ref, ok := rt.Resolve(urn, name, sub, false)
		if !ok {
			t.Fatalf("no %s:%s.%s", urn, name, sub)
		}
		return ref.Target()
	}
	u, g := user(), Group(true)
	for _, c := range []struct {
		name string
		a    *Attribute
		is   func(*Attribute) bool
	}{
		{"D-17 userName", at(u, "", "userName", ""), func(a *Attribute) bool { return a.Required && !a.CaseExact && a.Uniqueness == UniqueServer }},
		{"D-17 password", at(u, "", "password", ""), func(a *Attribute) bool { return a.Mutability == WriteOnly && a.Returned == Never }},
		{"D-17 groups", at(u, "", "groups", ""), func(a *Attribute) bool { return a.Mutability == ReadOnly }},
		{"D-18 id", at(u, "", "id", ""), func(a *Attribute) bool { return a.Mutability == ReadOnly && a.Returned == Always && a.CaseExact }},
		{"D-18 externalId", at(u, "", "externalId", ""), func(a *Attribute) bool { return a.Mutability == ReadWrite && a.CaseExact }},
		{"D-19 displayName of a group", at(g, "", "displayName", ""), func(a *Attribute) bool { return a.Required && a.Uniqueness == UniqueServer && !a.CaseExact }},
		{"G-09 names that need not be unique", at(Group(false), "", "displayName", ""), func(a *Attribute) bool { return a.Required && a.Uniqueness == UniqueNone }},
		{"M-44 manager.displayName", at(u, EnterpriseURN, "manager", "displayName"), func(a *Attribute) bool { return a.Mutability == ReadOnly }},
		{"manager.$ref", at(u, EnterpriseURN, "manager", "$ref"), func(a *Attribute) bool { return a.Type == Reference }},
		{"roles.primary", at(u, "", "roles", "primary"), func(a *Attribute) bool { return a.Type == Boolean }},
		{"entitlements.display", at(u, "", "entitlements", "display"), func(a *Attribute) bool { return a.Type == String }},
		{"M-47 members.value", at(g, "", "members", "value"), func(a *Attribute) bool { return a.Mutability == Immutable && a.CaseExact }},
		{"M-47 members.type", at(g, "", "members", "type"), func(a *Attribute) bool { return a.Mutability == Immutable }},
		{"M-47 members.$ref", at(g, "", "members", "$ref"), func(a *Attribute) bool { return a.Mutability == Immutable && a.Type == Reference }},
		{"M-47 members.display", at(g, "", "members", "display"), func(a *Attribute) bool { return a.Mutability == ReadWrite }},
		{"A-12 delivery", at(u, WisdomURN, "delivery", ""), func(a *Attribute) bool { return a.Mutability == ReadOnly && a.Returned == Request }},
		{"D-23 a declared attribute", at(u, WisdomURN, "customerIds", ""), func(a *Attribute) bool {
			return a.MultiValued && a.Type == String && !a.Required && a.Returned == Default
		}},
		{"schemas", at(u, "", "schemas", ""), func(a *Attribute) bool { return a.Returned == Always && a.MultiValued }},
	} {
		if !c.is(c.a) {
			t.Errorf("%s: %+v", c.name, *c.a)
		}
	}
	if u.Schema.Description != "User Account" {
		t.Errorf("description %q", u.Schema.Description)
	}
}

func TestResolve(t *testing.T) {
	rt := User([]Declared{{Name: "region"}, {Name: "division"}})
	for _, c := range []struct {
		urn, name, sub string
		lenient        bool
		want           string // "" for not found
	}{
		{"", "userName", "", false, "userName"},
		{"", "USERNAME", "", false, "userName"},
		{"", "Name", "GIVENNAME", false, "name.givenName"},
		{"", "meta", "created", false, "meta.created"},
		{UserURN, "id", "", false, "id"},
		{"URN:ietf:params:scim:schemas:CORE:2.0:user", "emails", "value", false, "emails.value"},
		{EnterpriseURN, "manager", "$REF", false, EnterpriseURN + ":manager.$ref"},
		{"urn:ietf:params:scim:schemas:extension:Enterprise:2.0:USER", "Department", "", false, EnterpriseURN + ":department"},
		{EnterpriseURN, "", "", false, EnterpriseURN},
		{"urn:ietf:params:scim:schemas:extension:enterprise:2.0", "User", "", false, EnterpriseURN},
		{"", "department", "", false, ""},
		{"", "department", "", true, EnterpriseURN + ":department"},
		{"", "manager", "value", true, EnterpriseURN + ":manager.value"},
		{"", "division", "", true, ""}, // in both extensions
		{"", "nope", "", true, ""},
		{"", "userName", "value", true, ""},
		{"", "emails", "nope", true, ""},
		{UserURN, "department", "", true, ""},
		{GroupURN, "displayName", "", true, ""},
		{"urn:x", "displayName", "", true, ""},
		{EnterpriseURN, "userName", "", true, ""},
		{EnterpriseURN, "", "value", true, ""},
		{"", "", "", true, ""},
	} {
		ref, ok := rt.Resolve(c.urn, c.name, c.sub, c.lenient)
		got := ""
		if ok {
			got = ref.String()
		}
		if got != c.want {
			t.Errorf("%q %q %q lenient %v: got %q, want %q", c.urn, c.name, c.sub, c.lenient, got, c.want)
		}
	}
}

func TestDiscoveryDocuments(t *testing.T) {
	text, err := json.Marshal(user().Document())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"description":"User Account","endpoint":"/Users","id":"User","name":"User","schema":"` + UserURN + `",` +
		`"schemaExtensions":[{"required":false,"schema":"` + EnterpriseURN + `"},{"required":false,"schema":"` + WisdomURN + `"}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if _, there := Group(true).Document()["schemaExtensions"]; there {
		t.Error("a group has no extensions")
	}

	text, err = json.Marshal(User([]Declared{{Name: "customerIds", Type: String, MultiValued: true}}).Extensions[1].Document())
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		ID, Name   string
		Attributes []struct {
			Name          string
			Type          string
			MultiValued   bool
			SubAttributes []struct{ Name string }
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.ID != WisdomURN || len(schema.Attributes) != 3 {
		t.Fatalf("%+v", schema)
	}
	if a := schema.Attributes[0]; a.Name != "customerIds" || a.Type != "string" || !a.MultiValued {
		t.Errorf("%+v", a)
	}
	if a := schema.Attributes[1]; a.Name != "attributes" || len(a.SubAttributes) != 2 || a.SubAttributes[0].Name != "key" {
		t.Errorf("%+v", a)
	}
}

func TestParseDateTime(t *testing.T) {
	for text, want := range map[string]string{
		"2020-01-02T03:04:05Z":           "2020-01-02T03:04:05Z",
		"2020-01-02T03:04:05.678+02:00":  "2020-01-02T01:04:05.678Z",
		"2020-01-02T03:04:05":            "2020-01-02T03:04:05Z",
		"2020-01-02":                     "",
		"03:04:05":                       "",
		"2020-01-02 03:04:05Z":           "",
		"2020-01-02T3:04:05Z":            "",
		"2020-01-02T03:04:05,5Z":         "",
		"2020-01-02T03:04:05+25:00":      "",
		"2020-02-30T00:00:00Z":           "",
		"yesterday":                      "",
		"":                               "",
		"2020-01-02T03:04:05.123456789Z": "2020-01-02T03:04:05.123456789Z",
	} {
		got := ""
		if at, ok := ParseDateTime(text); ok {
			got = at.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
