package filter

import (
	"strings"
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/google/go-cmp/cmp"
)

func TestPaths(t *testing.T) {
	for _, c := range []struct{ row, path, want string }{
		{"M-12", `title`, "title"},
		{"M-18", `name.middleName`, "name.middleName"},
		{"M-50", `USERNAME`, "userName"},
		{"M-50", `NAME.givenname`, "name.givenName"},
		{"M-50", core + `:name.givenName`, "name.givenName"},
		{"M-51", ent + `:department`, ent + ":department"},
		{"M-51", strings.ToUpper(ent) + `:MANAGER.value`, ent + ":manager.value"},
		{"M-52", ent, ent},
		{"M-52", strings.ToUpper(ent), ent},
		{"M-24", `emails[type eq "work" and value ew "example.com"]`, "emails[...]"},
		{"M-26", `emails[type eq "work"].display`, "emails[...].display"},
		{"M-29", `members[value eq "x"]`, ""},
		{"M-64", `emails[type eq "work" or primary eq true].display`, "emails[...].display"},
		{"M-64", `emails[type eq "work" and primary eq true and not (value ew "x" or display pr)].Value`, "emails[...].value"},
		{"M-28", `meta.created`, "meta.created"},
		{"M-63", `password`, "password"},
		{"members.$ref", `groups.$ref`, "groups.$ref"},
		{"declared", wis + `:attributes[key eq "plan"].value`, wis + ":attributes[...].value"},
		{"manager", ent + `:manager[value eq "x"].$ref`, ent + ":manager[...].$ref"},
	} {
		t.Run(c.row+"_"+c.path, func(t *testing.T) {
			rt := users
			if strings.HasPrefix(c.path, "members") {
				rt, c.want = groups, "members[...]"
			}
			for _, opts := range []Options{lenient, strict} {
				p, err := ParsePath(c.path, rt, opts)
				if err != nil {
					t.Fatal(err)
				}
				if p.String() != c.want {
					t.Errorf("got %s, want %s", p, c.want)
				}
				if (p.Filter != nil) != strings.Contains(c.path, "[") {
					t.Errorf("filter %v", p.Filter)
				}
			}
		})
	}
}

func TestLenientPaths(t *testing.T) {
	for path, want := range map[string]string{
		ent + `.department`:                     ent + ":department", // urn-dot
		strings.ToUpper(ent) + `.manager.value`: ent + ":manager.value",
		core + `.title`:                         "title",
		`department`:                            ent + ":department",
		`roles[primary eq "True"].value`:        "roles[...].value", // roles-primary-path
		wis + `:customerIds[value eq "c-1"]`:    wis + ":customerIds[...]",
		`emails[type eq "work"].Value`:          "emails[...].value", // subattr-case
	} {
		p, err := ParsePath(path, users, lenient)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if p.String() != want {
			t.Errorf("%s: got %s, want %s", path, p, want)
		}
		if _, err := ParsePath(path, users, strict); (err == nil) != strings.HasSuffix(path, ".Value") {
			t.Errorf("%s in strict mode: %v", path, err)
		}
	}
}

func TestPathsAreRefused(t *testing.T) {
	const path, filter = scimerrors.ScimTypeInvalidPath, scimerrors.ScimTypeInvalidFilter
	for _, c := range []struct {
		row, path string
		at        int
		scimType  scimerrors.ScimType
		detail    string
	}{
		{"M-48", ``, 0, path, "the path is empty"},
		{"M-48", `emails[`, 7, path, "expected an attribute, not or an opening parenthesis, found the end"},
		{"M-48", `emails[type eq]`, 14, path, `expected a value (a string in double quotes, a number, true, false or null), found "]"`},
		{"M-48", `emails[type eq "work"`, 21, path, `expected "]", found the end`},
		{"M-48", `.x`, 0, path, `".x" is not an attribute path`},
		{"M-48", `a..b`, 0, path, `"a..b" is not an attribute path`},
		{"M-48", `1a`, 0, path, `"1a" is not an attribute path`},
		{"M-48", `title `, 0, path, `"title " is not an attribute path`},
		{"M-48", `emails/value`, 0, path, `"emails/value" is not an attribute path`},
		{"M-48", `emails[type eq "work"]x`, 22, path, `expected the end or a dot and a sub-attribute after the bracket, found "x"`},
		{"M-48", `emails[type eq "work"].`, 22, path, `expected the end or a dot and a sub-attribute after the bracket, found "."`},
		{"M-48", `emails[type eq "work"].value.x`, 22, path, `emails has no sub-attribute "value.x"`},
		{"M-48", `emails[type eq "work"][value pr]`, 22, path, `expected the end or a dot and a sub-attribute after the bracket, found "[value pr]"`},
		{"M-48", `emails[type[value pr]]`, 11, path, "brackets within brackets are not allowed"},
		{"M-48", `[type pr]`, 0, path, `"" is not an attribute path`},
		{"M-48", "title\xff", 0, path, `"title\xff" is not an attribute path`},
		{"M-49", `nope`, 0, path, `a User has no attribute "nope"`},
		{"M-49", `name.nope`, 0, path, `a User has no attribute "name.nope"`},
		{"M-49", `nosuchattribute.at`, 0, path, `a User has no attribute "nosuchattribute.at"`},
		{"M-49", `nope[type eq "x"]`, 0, path, `a User has no attribute "nope"`},
		{"M-49", `emails[type eq "work"].nope`, 22, path, `emails has no sub-attribute "nope"`},
		{"M-57", `emails[0]`, 7, path, "SCIM has no array indexes; a value is selected by a filter in the brackets"},
		{"M-57", `emails[12].value`, 7, path, "SCIM has no array indexes; a value is selected by a filter in the brackets"},
		{"F-33", `userName[value eq "x"]`, 0, path, "userName is not complex, so no brackets can follow it"},
		{"F-33", `password[value eq "x"]`, 0, path, "password cannot be filtered"},
		{"bad_filter", `emails[nope eq "work"]`, 7, filter, `emails has no sub-attribute "nope"`},
		{"bad_filter", `emails[type eq 5]`, 15, filter, `emails.type is compared with a string in double quotes, found "5"`},
		{"bad_filter", `emails[primary gt true].value`, 15, filter, "emails.primary cannot be compared with gt: its type is boolean"},
		{"bad_filter", `emails[primary eq "x"].value`, 18, filter, `primary is compared with true or false, found "x"`},
		{"bad_filter", `emails[type eq "\x"].value`, 15, filter, `"\"\\x\"" has an escape that JSON does not know`},
		{"limit", strings.Repeat("a", 20000), 16384, path, "the path has 20000 bytes; at most 16384 are allowed"},
	} {
		t.Run(c.row+"_"+c.path[:min(len(c.path), 40)], func(t *testing.T) {
			_, err := ParsePath(c.path, users, lenient)
			if err == nil {
				t.Fatal("not refused")
			}
			if err.Position != c.at || err.Detail != c.detail || err.ScimType != c.scimType {
				t.Errorf("got  %d %s %s\nwant %d %s %s", err.Position, err.ScimType, err.Detail, c.at, c.scimType, c.detail)
			}
		})
	}
}

func TestValueFilterSelects(t *testing.T) {
	emails := people()[0]["emails"].([]any)
	for path, want := range map[string][]bool{
		`emails[type eq "work"]`:                            {true, false},
		`emails[type eq "WORK" and value ew "example.com"]`: {true, false},
		`emails[primary eq "True"].value`:                   {true, false},
		`emails[primary ne true].value`:                     {false, true},
		`emails[value sw "ann"].display`:                    {true, true},
		`emails[display pr]`:                                {false, false},
		`emails[not (primary eq true) or type eq "work"]`:   {true, true},
	} {
		p, err := ParsePath(path, users, lenient)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for i, email := range emails {
			if got := p.Filter.Match(email); got != want[i] {
				t.Errorf("%s on value %d: %v", path, i+1, got)
			}
		}
	}
	p, err := ParsePath(wis+`:customerIds[value eq "C-1"]`, users, lenient)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Filter.Match("c-1") || p.Filter.Match("c-2") || p.Filter.Match(nil) || p.Filter.Match(map[string]any{"value": "c-1"}) {
		t.Error("values of a simple list")
	}
}

// TestEq: what a value must be for the filter to select it, for Entra's adds to values
// that are not there yet.
func TestEq(t *testing.T) {
	for path, want := range map[string]map[string]any{
		`emails[type eq "work"].value`:                                {"type": "work"},
		`emails[TYPE eq "Work" and primary eq true]`:                  {"type": "Work", "primary": true},
		`emails[(type eq "a") and (value eq "b" and display eq "c")]`: {"type": "a", "value": "b", "display": "c"},
		`roles[primary eq "True"].value`:                              {"primary": true},
		`roles[value eq "\u00e9"]`:                                    {"value": "é"},
		`emails[type eq "work" and type eq "work"]`:                   {"type": "work"},
		`emails[type eq ""]`:                                          {"type": ""},
		wis + `:customerIds[value eq "c"]`:                            {"value": "c"},
		wis + `:levels[value eq 5]`:                                   {"value": int64(5)},
		`meta[created eq "2020-01-01T00:00:00Z"]`:                     {"created": "2020-01-01T00:00:00Z"},
		`emails[type eq "work" and type eq "home"]`:                   nil,
		`emails[type eq "work" or type eq "home"]`:                    nil,
		`emails[not (type eq "work")]`:                                nil,
		`emails[type ne "work"]`:                                      nil,
		`emails[type eq "work" and value pr]`:                         nil,
		`emails[type eq null]`:                                        nil,
		`emails[type eq "work" and value sw "a"]`:                     nil,
	} {
		p, err := ParsePath(path, users, lenient)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got, ok := p.Filter.Eq()
		if ok != (want != nil) {
			t.Errorf("%s: ok %v", path, ok)
		} else if diff := cmp.Diff(want, got); ok && diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestPathsAreCached(t *testing.T) {
	cache := NewCache(10)
	opts := Options{Cache: cache}
	for _, id := range []string{"a", "b"} {
		p, err := ParsePath(`members[value eq "`+id+`"]`, groups, opts)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Filter.Match(map[string]any{"value": id}) || p.Filter.Match(map[string]any{"value": "c"}) {
			t.Error("the literal of another path")
		}
		if p, err = ParsePath(`displayName`, groups, opts); err != nil || p.String() != "displayName" || p.Filter != nil {
			t.Errorf("%v %v", p, err)
		}
	}
	if len(cache.plans) != 2 {
		t.Errorf("%d plans", len(cache.plans))
	}
	// A path and a filter of the same text have different plans.
	if _, err := Parse(`members[value eq "a"]`, groups, opts); err != nil {
		t.Error(err)
	}
}
