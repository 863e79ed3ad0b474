package filter

import (
	"strings"
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
)

// TestFiltersAreRefused: each with the place of the fault (marked by ^ below it) and a
// detail that says what was found and what was expected.
func TestFiltersAreRefused(t *testing.T) {
	const operators = "eq, ne, co, sw, ew, pr, gt, ge, lt, le"
	const operand, value, connective = "expected an attribute, not or an opening parenthesis", "expected a value (a string in double quotes, a number, true, false or null)", "expected and, or, or the end"
	for _, c := range []struct{ row, filter, at, detail string }{
		{"F-12", `active gt false`, `       ^`, "active cannot be compared with gt: its type is boolean"},
		{"F-12", `active ge false`, `       ^`, "active cannot be compared with ge: its type is boolean"},
		{"F-12", `active lt false`, `       ^`, "active cannot be compared with lt: its type is boolean"},
		{"F-12", `active le false`, `       ^`, "active cannot be compared with le: its type is boolean"},
		{"F-13", `x509Certificates.value gt "a"`, `                       ^`, "x509Certificates.value cannot be compared with gt: its type is binary"},
		{"F-14", `active co "t"`, `       ^`, "active cannot be compared with co: its type is boolean"},
		{"F-14", `active sw true`, `       ^`, "active cannot be compared with sw: its type is boolean"},
		{"F-14", `meta.created sw "2020"`, `             ^`, "meta.created cannot be compared with sw: its type is dateTime"},
		{"F-14", wis + `:seats co 1`, strings.Repeat(" ", len(wis)+7) + `^`, wis + ":seats cannot be compared with co: its type is integer"},
		{"F-15", `userName eq 5`, `            ^`, `userName is compared with a string in double quotes, found "5"`},
		{"F-15", `title eq true`, `         ^`, `title is compared with a string in double quotes, found "true"`},
		{"F-15", `active eq "maybe"`, `          ^`, `active is compared with true or false, found "maybe"`},
		{"F-15", `active eq 1`, `          ^`, `active is compared with true or false, found "1"`},
		{"F-15", wis + `:seats eq "1"`, strings.Repeat(" ", len(wis)+10) + `^`, wis + `:seats is compared with a number, found "\"1\""`},
		{"F-18", `meta.created gt "yesterday"`, `                ^`, `created is compared with a date and time like "2026-01-31T08:30:00Z", found "yesterday"`},
		{"F-18", `meta.created gt "2020-13-01T00:00:00Z"`, `                ^`, `created is compared with a date and time like "2026-01-31T08:30:00Z", found "2020-13-01T00:00:00Z"`},
		{"F-18", `meta.created gt 2020`, `                ^`, `meta.created is compared with a string in double quotes, found "2020"`},
		{"F-21", `title gt null`, `      ^`, "null can be compared with eq and ne only, not gt"},
		{"F-21", `title co null`, `      ^`, "null can be compared with eq and ne only, not co"},
		{"F-32", `name eq "x"`, `^`, "name is complex; compare one of its sub-attributes"},
		{"F-32", `addresses eq "x"`, `^`, "addresses is complex; compare one of its sub-attributes"},
		{"F-32", ent + ` eq "x"`, `^`, ent + " is a schema; it has no value to compare"},
		{"F-33", `emails[x[y eq 1]]`, `        ^`, "brackets within brackets are not allowed"},
		{"F-33", `userName[value eq "x"]`, `^`, "userName is not complex, so no brackets can follow it"},
		{"F-33", `emails.value[value eq "x"]`, `^`, "emails.value is not complex, so no brackets can follow it"},
		{"F-33", ent + `[value eq "x"]`, `^`, ent + " is not complex, so no brackets can follow it"},
		{"F-37", `not title pr`, `    ^`, "not needs a parenthesis: not (...)"},
		{"F-42", `nope eq "x"`, `^`, `a User has no attribute "nope"`},
		{"F-42", `title pr or emails.nope eq "x"`, `            ^`, `a User has no attribute "emails.nope"`},
		{"F-42", `emails[type eq "work" and nope pr]`, `                          ^`, `emails has no sub-attribute "nope"`},
		{"F-42", `emails[emails.type eq "work"]`, `       ^`, `emails has no sub-attribute "emails.type"`},
		{"F-42", `emails[type eq "work"].nope pr`, `                       ^`, `emails has no sub-attribute "nope"`},
		{"F-42", `urn:x:title eq "x"`, `^`, `a User has no attribute "urn:x:title"`},
		{"F-42", wis + `:customerIds[key eq "x"]`, strings.Repeat(" ", len(wis)+13) + `^`, wis + `:customerIds has no sub-attributes; a value of it is called value here, found "key"`},
		{"F-44", `meta.resourceType eq Group`, `                     ^`, value + `, found "Group"`},
		{"F-49", `title eq "open`, `         ^`, "the string that begins here has no closing quote"},
		{"F-49", `title eq "open\"`, `         ^`, "the string that begins here has no closing quote"},
		{"F-49", `title eq 'single'`, `         ^`, value + `, found "'single'"`},
		{"F-49", `title eq "\x"`, `         ^`, `"\"\\x\"" has an escape that JSON does not know`},
		{"F-49", `title eq "\ud83d"`, `         ^`, `"\"\\ud83d\"" has an escape that JSON does not know`},
		{"F-49", `title eq "\ude00x"`, `         ^`, `"\"\\ude00x\"" has an escape that JSON does not know`},
		{"F-49", `title eq "\u12"`, `         ^`, `"\"\\u12\"" has an escape that JSON does not know`},
		{"F-49", "title eq \"a\nb\"", `           ^`, "a control character in a string must be escaped"},
		{"F-49", "title eq \"a\x00b\"", `           ^`, "a control character in a string must be escaped"},
		{"F-49", "title eq \"a\xffb\"", `           ^`, "the text is not valid UTF-8"},
		{"F-53", `userName regex "a"`, `         ^`, `unknown operator "regex"; expected one of ` + operators},
		{"F-53", `userName = "a"`, `         ^`, `unknown operator "="; expected one of ` + operators},
		{"F-53", `userName like "a"`, `         ^`, `unknown operator "like"; expected one of ` + operators},
		{"F-53", `emails[type is "a"]`, `            ^`, `unknown operator "is"; expected one of ` + operators},
		{"F-54", ``, `^`, "the filter is empty"},
		{"F-54", "  \t ", `^`, "the filter is empty"},
		{"F-54", `userName`, `        ^`, "expected an operator (eq, ne, co, sw, ew, pr, gt, ge, lt, le), found the end"},
		{"F-54", `userName eq`, `           ^`, value + ", found the end"},
		{"F-54", `userName eq `, `            ^`, value + ", found the end"},
		{"F-54", `eq "x"`, `   ^`, `expected an operator (eq, ne, co, sw, ew, pr, gt, ge, lt, le), found "\""`},
		{"F-54", `userName pr "x"`, `            ^`, connective + `, found "\""`},
		{"F-54", `(`, ` ^`, operand + ", found the end"},
		{"F-54", `userName pr and`, `               ^`, operand + ", found the end"},
		{"F-54", `)`, `^`, operand + `, found ")"`},
		{"F-54", `title pr)`, `        ^`, connective + `, found ")"`},
		{"F-54", `(title pr`, `         ^`, `expected ")", found the end`},
		{"F-54", `emails[type pr`, `              ^`, `expected "]", found the end`},
		{"F-54", `emails[]`, `       ^`, operand + `, found "]"`},
		{"F-54", `()`, ` ^`, operand + `, found ")"`},
		{"F-54", `(title pr]`, `         ^`, connective + `, found "]"`},
		{"F-54", `emails[(type pr])`, `               ^`, connective + `, found "]"`},
		{"F-54", `title pr trailing words`, `         ^`, connective + `, found "trailing"`},
		{"F-54", `title pr and and title pr`, `                 ^`, `unknown operator "title"; expected one of ` + operators},
		{"F-54", `"x" eq title`, `^`, operand + `, found "\""`},
		{"F-54", `[type pr]`, `^`, operand + `, found "["`},
		{"F-54", `title eq "x"and title pr`, `            ^`, `expected a blank before "and"`},
		{"F-54", `title pr or(title pr)`, `           ^`, `expected a blank after "or"`},
		{"F-54", `title eq"x"`, `        ^`, value + `, found "\""`},
		{"F-54", `1a eq "x"`, `^`, `"1a" is not an attribute path`},
		{"F-54", `a..b eq "x"`, `^`, `"a..b" is not an attribute path`},
		{"F-54", `a.b.c pr`, `^`, `"a.b.c" is not an attribute path`},
		{"F-54", `Zoë pr`, `^`, `"Zoë" is not an attribute path`},
		{"F-54", `title eq 01`, `         ^`, value + `, found "01"`},
		{"F-54", `title eq 1.`, `         ^`, value + `, found "1."`},
		{"F-54", `title eq -`, `         ^`, value + `, found "-"`},
		{"F-56", `title eq Null`, `         ^`, value + `, found "Null"`},
		{"F-56", `title ne NULL`, `         ^`, value + `, found "NULL"`},
		{"F-57", `password eq "x"`, `^`, "password cannot be filtered"},
		{"F-57", `password pr`, `^`, "password cannot be filtered"},
		{"F-57", `password sw "x"`, `^`, "password cannot be filtered"},
		{"F-57", `password eq null`, `^`, "password cannot be filtered"},
		{"F-57", `title pr or not (PASSWORD eq "x")`, `                 ^`, "password cannot be filtered"},
		{"F-57", core + `:password pr`, `^`, "password cannot be filtered"},
		{"F-57", `password[value eq "x"]`, `^`, "password cannot be filtered"},
	} {
		t.Run(c.row+"_"+c.filter, func(t *testing.T) {
			_, err := Parse(c.filter, users, lenient)
			if err == nil {
				t.Fatal("not refused")
			}
			if want := strings.IndexByte(c.at, '^'); err.Position != want || err.Detail != c.detail {
				t.Errorf("got  %d %s\nwant %d %s", err.Position, err.Detail, want, c.detail)
			}
			if err.ScimType != scimerrors.ScimTypeInvalidFilter {
				t.Errorf("scimType %s", err.ScimType)
			}
			if _, err := Parse(c.filter, users, strict); err == nil {
				t.Error("strict mode takes it")
			}
		})
	}
}

func TestStrictRefuses(t *testing.T) {
	for _, c := range []struct{ row, filter, detail string }{
		{"F-15", `active eq "true"`, `active is compared with true or false, found "\"true\""`},
		{"F-41", `department eq "Sales"`, `"department" needs its schema: ` + ent + ":department"},
		{"F-56", `active eq TRUE`, `expected a value (a string in double quotes, a number, true, false or null), found "TRUE"`},
		{"F-33", wis + `:customerIds[value eq "x"]`, wis + ":customerIds is not complex, so no brackets can follow it"},
		{"F-32", ent + `:manager eq "x"`, ent + ":manager is complex; compare one of its sub-attributes"},
	} {
		_, err := Parse(c.filter, users, strict)
		if err == nil || err.Detail != c.detail {
			t.Errorf("%s %s:\ngot  %v\nwant %s", c.row, c.filter, err, c.detail)
		}
	}
	if _, err := Parse(`manager.value eq "x"`, groups, lenient); err == nil {
		t.Error("F-42: a group has no manager")
	}
}

func TestF58Limits(t *testing.T) {
	opts := Options{}.withDefaults()
	for name, c := range map[string]struct {
		text, detail string
	}{
		"F-58_100_kB":             {`title eq "` + strings.Repeat("x", 100_000) + `"`, "the filter has 100011 bytes; at most 16384 are allowed"},
		"F-58_10,000_terms":       {strings.Repeat(`title pr or `, 10_000) + `title pr`, "the filter has 120008 bytes; at most 16384 are allowed"},
		"F-58_too_many_terms":     {strings.Repeat(`id pr or `, opts.MaxTerms) + `id pr`, "more than 256 comparisons"},
		"F-58_1,000_parentheses":  {strings.Repeat("(", 1000) + "title pr" + strings.Repeat(")", 1000), "more than 32 parentheses and brackets within one another"},
		"F-58_1,000_times_not":    {strings.Repeat("not (", 1000) + "title pr" + strings.Repeat(")", 1000), "more than 32 parentheses and brackets within one another"},
		"F-58_only_open_ones":     {strings.Repeat("(", 16000), "more than 32 parentheses and brackets within one another"},
		"F-58_a_long_bad_word":    {strings.Repeat("é", 5000) + " pr", `"` + strings.Repeat("é", 30) + `", cut here is not an attribute path`},
		"F-58_a_long_bad_literal": {"title eq " + strings.Repeat("x", 5000), `expected a value (a string in double quotes, a number, true, false or null), found "` + strings.Repeat("x", 60) + `", cut here`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.text, users, lenient)
			if err == nil || err.Detail != c.detail || err.Position < 0 || err.Position > len(c.text) {
				t.Errorf("got  %v\nwant %s", err, c.detail)
			}
		})
	}

	if _, err := Parse(strings.Repeat("(", 32)+"title pr"+strings.Repeat(")", 32), users, lenient); err != nil {
		t.Error("32 parentheses:", err)
	}
	if _, err := Parse(strings.Repeat(`title pr or `, 255)+`title pr`, users, lenient); err != nil {
		t.Error("256 terms:", err)
	}
	if _, err := Parse(`title pr`, users, Options{MaxLength: 7}); err == nil {
		t.Error("MaxLength 7")
	}
	if _, err := Parse(`(title pr)`, users, Options{MaxDepth: 1}); err != nil {
		t.Error("MaxDepth 1:", err)
	}
	if _, err := Parse(`emails[(type pr)]`, users, Options{MaxDepth: 1}); err == nil {
		t.Error("MaxDepth 1 with two")
	}
	if _, err := Parse(`id pr and id pr`, users, Options{MaxTerms: 1}); err == nil {
		t.Error("MaxTerms 1 with two")
	}
}
