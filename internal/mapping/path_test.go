package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathsReadADocument(t *testing.T) {
	user := document(t, `{
		"userName": "alice", "nickName": null,
		"name": {"givenName": "Alice"},
		"emails": [
			{"value": "w@x.com", "type": "work", "primary": true},
			{"value": "h@x.com", "type": "Home"},
			{"type": "other", "display": "a \"b\\c"}
		],
		"phoneNumbers": ["+41", null, "+49"],
		"ims": {"value": "one"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales", "manager": {"$ref": "../Users/7"}},
		"urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User": {"ids": ["a", "b"], "attributes": [{"key": "plan", "value": "gold"}]}
	}`)
	vocabulary := newVocabulary([]ExtensionAttribute{{Name: "ids", MultiValued: true}})
	one := func(v any) []any { return []any{v} }
	for _, c := range []struct {
		path string
		want []any
		list bool
	}{
		{"userName", one("alice"), false},
		{"USERNAME", one("alice"), false},
		{"urn:ietf:params:scim:schemas:core:2.0:User:userName", one("alice"), false},
		{"nickName", nil, false},
		{"title", nil, false},
		{"name.givenName", one("Alice"), false},
		{"name.familyName", nil, false},
		{"emails.value", []any{"w@x.com", "h@x.com"}, true},
		{"emails[primary eq true].value", one("w@x.com"), false},
		{`emails[Primary EQ "True"].Value`, one("w@x.com"), false},
		{"emails[primary eq false].value", one("h@x.com"), true}, // RFC 7643 2.4: not specified is false
		{"emails[primary ne true].value", one("h@x.com"), true},
		{`emails[type eq "home"].value`, one("h@x.com"), true},
		{`emails[type ne "home"].value`, one("w@x.com"), true},
		{`emails[type co "O"].value`, []any{"w@x.com", "h@x.com"}, true},
		{`emails[type sw "ho"].value`, one("h@x.com"), true},
		{`emails[type ew "rk"].value`, one("w@x.com"), true},
		{`emails[value pr].type`, []any{"work", "Home"}, true},
		{`emails[value eq null].type`, one("other"), true},
		{`emails[value ne null].type`, []any{"work", "Home"}, true},
		{`emails[not (value pr)].type`, one("other"), true},
		{`emails[type eq "work" and not (primary eq false)].value`, one("w@x.com"), true},
		{`emails[(type eq "work" or type eq "home") and primary eq true].value`, one("w@x.com"), false},
		{`emails[type eq "work" or primary eq true].value`, one("w@x.com"), true},
		{`emails[display eq "a \"b\\c"].type`, one("other"), true},
		{`emails[type eq "none"].value`, nil, true},
		{"phoneNumbers", []any{"+41", "+49"}, true},
		{"phoneNumbers.value", []any{"+41", "+49"}, true},
		{`phoneNumbers[value eq "+49"]`, one("+49"), true},
		{"ims.value", one("one"), true},
		{enterpriseURN + ":department", one("Sales"), false},
		{"URN:ietf:params:scim:schemas:extension:enterprise:2.0:USER:Department", one("Sales"), false},
		{enterpriseURN + ":manager.$ref", one("../Users/7"), false},
		{wisdomURN + ":ids", []any{"a", "b"}, true},
		{wisdomURN + `:ids[value eq "b"]`, one("b"), true},
		{wisdomURN + `:attributes[key eq "plan"].value`, one("gold"), true},
	} {
		p, err := vocabulary.path(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		values, list := p.read(user)
		if diff := cmp.Diff(c.want, values); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.path, diff)
		}
		if list != c.list {
			t.Errorf("%s: list is %v, want %v", c.path, list, c.list)
		}
	}
}

// TestLookupDoesNotDependOnMapOrder: of two wrong spellings always the same one.
func TestLookupDoesNotDependOnMapOrder(t *testing.T) {
	for range 50 {
		if got := lookup(map[string]any{"TITLE": "a", "Title": "b", "tITLE": "c"}, "title"); got != "a" {
			t.Fatalf("got %v", got)
		}
	}
}
