package config

import (
	"strings"
	"testing"
)

// TestReferenceIsWhole walks the typed configuration: every field has a rule that
// says what it means, every rule has a field, and what may be left out has a default.
func TestReferenceIsWhole(t *testing.T) {
	rules := keys()
	for _, k := range Reference() {
		r, ok := rules[k.Path]
		delete(rules, k.Path)
		switch {
		case !ok || k.Meaning == "":
			t.Errorf("%s is not documented", k.Path)
		case !strings.HasSuffix(k.Meaning, "."):
			t.Errorf("%s: its meaning is no sentence: %q", k.Path, k.Meaning)
		case r.needed && r.def != "":
			t.Errorf("%s is needed and has a default", k.Path)
		case r.later && r.def == "":
			t.Errorf("%s is still to come and has no default to stand at", k.Path)
		}
		scalar := !strings.HasPrefix(k.Type, "a table") && !strings.Contains(k.Type, "table of keys")
		placeholder := strings.HasSuffix(k.Path, ".VALUE") || strings.HasSuffix(k.Path, ".KEY.value")
		if scalar && !placeholder && !r.needed && r.def == "" {
			t.Errorf("%s has no default and is not needed", k.Path)
		}
	}
	for path := range rules {
		t.Errorf("there is a rule for %s and no such field", path)
	}
}

func TestReferenceVariables(t *testing.T) {
	want := map[string]string{
		"listen":                       "SCIMBRIDGE_LISTEN",
		"tenants.NAME.wisdom.url":      "SCIMBRIDGE_TENANTS__NAME__WISDOM__URL",
		"tenants.NAME.email":           "",
		"tenants.NAME.email[].cel":     "",
		"tenants.NAME.brake":           "",
		"tenants.NAME.attributes":      "",
		"tenants.NAME.listing.max_age": "SCIMBRIDGE_TENANTS__NAME__LISTING__MAX_AGE",
	}
	for _, k := range Reference() {
		if variable, ok := want[k.Path]; ok {
			if got := k.Variable(); got != variable {
				t.Errorf("%s: Variable() = %q, want %q", k.Path, got, variable)
			}
			delete(want, k.Path)
		}
	}
	for path := range want {
		t.Errorf("the reference lacks %s", path)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"on_delete", "on_deactivate", "url", "workspace"}
	tests := []struct{ word, want string }{
		{"on_delte", "on_delete"}, {"ondelete", "on_delete"}, {"on_deactivated", "on_deactivate"},
		{"ulr", "url"}, {"URL", ""}, {"x", ""}, {"worksapce", "workspace"}, {"working", ""}, {"", ""},
	}
	for _, test := range tests {
		if got := nearest(test.word, words); got != test.want {
			t.Errorf("nearest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}
