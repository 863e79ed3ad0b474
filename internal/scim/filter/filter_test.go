package filter

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"golang.org/x/text/unicode/norm"
)

const (
	ent  = schema.EnterpriseURN
	wis  = schema.WisdomURN
	core = schema.UserURN
)

var (
	users = schema.User([]schema.Declared{
		{Name: "region", Type: schema.String},
		{Name: "customerIds", Type: schema.String, MultiValued: true},
		{Name: "seats", Type: schema.Integer},
		{Name: "ratio", Type: schema.Decimal},
		{Name: "since", Type: schema.DateTime},
		{Name: "levels", Type: schema.Integer, MultiValued: true},
		{Name: "cost_center-2", Type: schema.String},
		{Name: "both", Type: schema.String},
	})
	groups = schema.Group(true)

	lenient = Options{}
	strict  = Options{Strict: true}
)

// people are the data of the checklist's section F, and what its rows ask for besides.
func people() []Document {
	meta := func(created string) map[string]any {
		return map[string]any{"resourceType": "User", "created": created, "lastModified": created,
			"location": "https://x.test/Users/1", "version": `W/"1"`}
	}
	ann := Document{
		"id": "1a", "externalId": "ABC", "userName": "ann", "title": "Engineer", "active": true,
		"schemas": []any{core, ent},
		"name":    map[string]any{"givenName": "Ann", "familyName": "J"},
		"emails": []any{
			map[string]any{"value": "ann@example.com", "type": "work", "primary": true},
			map[string]any{"value": "ann@home.test", "type": "home"},
		},
		"ims":              []any{map[string]any{"value": "ann", "type": "xmpp"}},
		"x509Certificates": []any{map[string]any{"value": "AQID"}},
		"roles":            []any{map[string]any{"value": "Admin", "primary": true}, map[string]any{"value": "Guest", "primary": false}},
		"groups":           []any{map[string]any{"value": "g1", "display": "Team One"}},
		ent:                map[string]any{"department": "Sales", "manager": map[string]any{"value": "2b"}},
		wis: map[string]any{"seats": int64(10), "ratio": 1.5, "customerIds": []any{"c-1", "c-2"}, "levels": []any{int64(1), int64(5)},
			"since": "2020-06-01T12:00:00.25+02:00", "cost_center-2": "77", "region": "emea"},
		"meta": meta("2026-01-01T10:00:00.5Z"),
	}
	bob := Document{
		"id": "2b", "externalId": "abc", "userName": "bob", "active": false,
		"schemas": []string{core},
		"emails":  []map[string]any{{"value": "bob@example.com", "type": "work"}},
		wis:       map[string]any{"seats": int64(9)},
		"meta":    meta("2026-01-01T10:00:01Z"),
	}
	zoe := Document{
		"id": "3c", "userName": "Zoë", "title": "engineer II", "active": true,
		"schemas": []any{core},
		"emails":  []any{map[string]any{"value": "zoe@example.com", "type": "home"}},
		wis:       map[string]any{"seats": int64(-3)},
		"meta": map[string]any{"resourceType": "User", "created": time.Date(2026, 1, 1, 11, 0, 2, 0, time.FixedZone("", 3600)),
			"lastModified": time.Date(2026, 1, 1, 10, 0, 2, 1000, time.UTC)},
	}
	return []Document{ann, bob, zoe}
}

// found are the people a filter finds: "a", "b", "z" in this order.
func found(t testing.TB, text string, opts Options, docs []Document) string {
	t.Helper()
	f, err := Parse(text, users, opts)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var names strings.Builder
	for _, doc := range docs {
		if f.Match(doc) {
			names.WriteString(strings.ToLower(doc["userName"].(string)[:1]))
		}
	}
	return names.String()
}

func TestFiltersFind(t *testing.T) {
	for _, c := range []struct{ row, filter, want string }{
		{"F-01", `title eq "Engineer"`, "a"},
		{"F-01", `title eq "Engine"`, ""},
		{"F-02", `userName ne "ann"`, "bz"},
		{"F-03", `title co "gine"`, "az"},
		{"F-04", `userName sw "an"`, "a"},
		{"F-04", `userName sw "ann"`, "a"},
		{"F-05", `emails.value ew "home.test"`, "a"},
		{"F-05", `emails.value ew "ann@home.test"`, "a"},
		{"F-06", `title pr`, "az"},
		{"F-07", `userName gt "ann"`, "bz"},
		{"F-07", `userName ge "ann"`, "abz"},
		{"F-07", `userName lt "ann"`, ""},
		{"F-07", `userName le "ann"`, "a"},
		{"F-08", `userName eq "ANN"`, "a"},
		{"F-08", `userName ne "ANN"`, "bz"},
		{"F-08", `title co "GINE"`, "az"},
		{"F-08", `title sw "ENG"`, "az"},
		{"F-08", `title ew "EER"`, "a"},
		{"F-08", `userName ge "ANN"`, "abz"},
		{"F-08", `userName gt "ANN"`, "bz"},
		{"F-08", `userName le "ANN"`, "a"},
		{"F-08", `userName lt "ANN"`, ""},
		{"F-09", `externalId eq "abc"`, "b"},
		{"F-09", `externalId eq "ABC"`, "a"},
		{"F-09", `externalId co "B"`, "a"},
		{"F-09", `id eq "1A"`, ""},
		{"F-09", `meta.resourceType eq "user"`, ""},
		{"F-09", `meta.resourceType eq "User"`, "abz"},
		{"F-10", `USERNAME EQ "ann"`, "a"},
		{"F-10", `Emails.Value Co "home"`, "a"},
		{"F-10", `title PR`, "az"},
		{"F-10", `title pr AND NOT (userName eq "ann") Or userName Eq "bob"`, "bz"},
		{"F-11", `active eq true`, "az"},
		{"F-11", `active ne true`, "b"},
		{"F-11", `active eq false`, "b"},
		{"F-16", `meta.created eq "2026-01-01T10:00:00.5Z"`, "a"},
		{"F-16", `meta.created eq "2026-01-01T12:00:00.500+02:00"`, "a"},
		{"F-16", `meta.created eq "2026-01-01T10:00:02Z"`, "z"},
		{"F-16", `meta.created ne "2026-01-01T10:00:02.000Z"`, "ab"},
		{"F-17", `meta.lastModified gt "2026-01-01T10:00:01Z"`, "z"},
		{"F-17", `meta.lastModified ge "2026-01-01T10:00:01Z"`, "bz"},
		{"F-17", `meta.lastModified lt "2026-01-01T10:00:00.6Z"`, "a"},
		{"F-17", `meta.lastModified le "2026-01-01T10:00:01Z"`, "ab"},
		{"F-17", `meta.lastModified gt "2026-01-01T10:00:02Z"`, "z"},
		{"F-17", wis + `:since gt "2020-06-01T10:00:00.2Z"`, "a"},
		{"F-19", wis + `:seats gt 9`, "a"},
		{"F-19", wis + `:seats eq 10`, "a"},
		{"F-19", wis + `:seats eq 10.0`, "a"},
		{"F-19", wis + `:seats eq 1e1`, "a"},
		{"F-19", wis + `:seats le -3`, "z"},
		{"F-19", wis + `:seats ge -3.5`, "abz"},
		{"F-19", wis + `:seats lt 9223372036854775808`, "abz"},
		{"F-19", wis + `:seats gt 9223372036854775808`, ""},
		{"F-19", wis + `:seats gt -1e400`, "abz"},
		{"F-19", wis + `:seats lt 9.5 and ` + wis + `:seats gt 8.5`, "b"},
		{"F-19", wis + `:ratio eq 15e-1`, "a"},
		{"F-19", wis + `:ratio gt 1`, "a"},
		{"F-19", wis + `:levels gt 4`, "a"},
		{"F-20", `title eq null`, "b"},
		{"F-20", `title ne null`, "az"},
		{"F-20", `emails.display eq null`, "abz"},
		{"F-20", `name eq null`, "bz"},
		{"F-22", `title ne "Engineer"`, "bz"},
		{"F-22", `ims.value ne "ann"`, "bz"},
		{"F-22", wis + `:ratio ne 1`, "abz"},
		{"F-22", wis + `:since ne "2020-01-01T00:00:00Z"`, "abz"},
		{"F-23", `title gt "a"`, "az"},
		{"F-23", `title ge "a"`, "az"},
		{"F-23", `title lt "z"`, "az"},
		{"F-23", `title le "z"`, "az"},
		{"F-23", wis + `:ratio lt 100`, "a"},
		{"F-24", `emails.value eq "ann@home.test"`, "a"},
		{"F-25", `emails.type ne "work"`, "az"},
		{"F-25", `not (emails.type eq "work")`, "z"},
		{"F-26", `emails.type eq "home" and emails.value co "example.com"`, "az"},
		{"F-27", `emails[type eq "home" and value co "example.com"]`, "z"},
		{"F-28", `emails[type eq "home" or value ew "home.test"]`, "az"},
		{"F-28", `emails[not (type eq "work")]`, "az"},
		{"F-28", `emails[(type eq "home" or type eq "other") and not (value ew "home.test")]`, "z"},
		{"F-28", `emails[type eq "work" and value co "ann" and primary eq true]`, "a"},
		{"F-28", `emails[display eq null and type pr]`, "abz"},
		{"F-29", `active eq true and emails[type eq "work"]`, "a"},
		{"F-29", `not (emails[type eq "work"])`, "z"},
		{"F-29", `emails[type eq "other"] or ims[type eq "xmpp"]`, "a"},
		{"F-30", `emails co "example.com"`, "abz"},
		{"F-30", `emails eq "ANN@home.test"`, "a"},
		{"F-31", `name pr`, "a"},
		{"F-31", `emails pr`, "abz"},
		{"F-31", ent + `:manager pr`, "a"},
		{"F-31", ent + ` pr`, "a"},
		{"F-34", `name[familyName eq "J"]`, "a"},
		{"F-34", `name[familyName ne "J"]`, "bz"},
		{"F-34", `meta[resourceType eq "User" and created ge "2026-01-01T10:00:01Z"]`, "bz"},
		{"F-37", `not (title pr)`, "b"},
		{"F-37", `not(title pr)`, "b"},
		{"F-37", `not (not (title pr))`, "az"},
		{"F-39", core + `:userName eq "ann"`, "a"},
		{"F-39", core + `:name.givenName eq "ann"`, "a"},
		{"F-39", strings.ToUpper(core) + `:USERNAME eq "ann"`, "a"},
		{"F-39", core + `:id eq "1a"`, "a"},
		{"F-40", ent + `:department eq "Sales"`, "a"},
		{"F-40", strings.ToUpper(ent) + `:Department eq "sales"`, "a"},
		{"F-40", ent + `:manager.value eq "2b"`, "a"},
		{"F-40", ent + `:manager[value eq "2b"]`, "a"},
		{"F-45", `schemas eq "` + ent + `"`, "a"},
		{"F-46", `id eq "2b"`, "b"},
		{"F-46", `meta.location eq "https://x.test/Users/1"`, "ab"},
		{"F-46", `meta.version eq "W/\"1\""`, "ab"},
		{"F-47", `groups.value eq "g1"`, "a"},
		{"F-47", `groups.display eq "team one"`, "a"},
		{"F-47", `groups[value eq "g1"]`, "a"},
		{"F-52", `userName sw "Zo"`, "z"},
		{"F-52", `userName co "ë"`, "z"},
		{"F-52", `userName co "Ë"`, "z"},
		{"F-52", `userName ew "e\u0308"`, "z"},
		{"F-55", "  userName \t eq    \"ann\"  and  ( title  pr )\t", "a"},
		{"F-55", `emails[ type eq "home" ]`, "az"},
		{"F-59", `active eq true`, "az"},
		{"F-60", wis + `:cost_center-2 eq "77"`, "a"},
		{"F-60", ent + `:manager.$ref ew "x"`, ""},
		{"F-60", `groups.$ref pr`, ""},
		{"x509", `x509Certificates.value eq "AQID"`, "a"},
		{"x509_is_caseExact", `x509Certificates.value eq "aqid"`, ""},
		{"boolean_in_a_list", `roles[primary eq false].value pr`, "a"},
	} {
		t.Run(c.row+"_"+c.filter, func(t *testing.T) {
			if got := found(t, c.filter, lenient, people()); got != c.want {
				t.Errorf("lenient: found %q, want %q", got, c.want)
			}
			if c.row == "boolean_in_a_list" { // the RFC has no path after brackets
				return
			}
			if got := found(t, c.filter, strict, people()); got != c.want {
				t.Errorf("strict: found %q, want %q", got, c.want)
			}
		})
	}
}

func TestF06PresentNeedsContent(t *testing.T) {
	for _, title := range []any{"", nil, []any{}, map[string]any{}} {
		if got := found(t, "title pr", lenient, []Document{{"userName": "x", "title": title}}); got != "" {
			t.Errorf("%#v counts as present", title)
		}
	}
	for value, want := range map[string]string{`[]`: "", `[{}]`: "", `[{"display":""}]`: "", `[{"primary":false}]`: "x"} {
		doc := Document{"userName": "x"}
		switch value {
		case `[]`:
			doc["emails"] = []any{}
		case `[{}]`:
			doc["emails"] = []any{map[string]any{}}
		case `[{"display":""}]`:
			doc["emails"] = []any{map[string]any{"display": ""}}
		default:
			doc["emails"] = []any{map[string]any{"primary": false}}
		}
		if got := found(t, "emails pr", lenient, []Document{doc}); got != want {
			t.Errorf("%s: found %q, want %q", value, got, want)
		}
	}
}

// TestWhatClientsSend are the shapes that the RFC does not have: found leniently, refused strictly.
func TestWhatClientsSend(t *testing.T) {
	for _, c := range []struct{ row, filter, want string }{
		{"F-15_string_for_boolean", `active eq "true"`, "az"},
		{"F-15_string_for_boolean", `active ne "True"`, "b"},
		{"F-15_in_brackets", `roles[primary eq "True"]`, "a"},
		{"F-41_extension_without_URN", `department eq "Sales"`, "a"},
		{"F-41_extension_without_URN", `manager.value eq "2b"`, "a"},
		{"F-56_True", `active eq True`, "az"},
		{"F-56_TRUE", `active eq TRUE`, "az"},
		{"F-56_False", `active eq False`, "b"},
		{"filter_on_manager", `id eq "1a" and manager eq "2b"`, "a"},
		{"filter_on_manager", ent + `:manager eq "2b"`, "a"},
		{"path_after_brackets", `emails[type eq "work"].value eq "ANN@example.com"`, "a"},
		{"path_after_brackets", `emails[type eq "home"].value eq "ann@example.com"`, ""},
		{"path_after_brackets", `emails[type eq "work"].Value sw "b" or not (emails[type eq "work"].value pr)`, "bz"},
		{"path_after_brackets", `emails[type eq "work"].primary ne true`, "b"},
		{"urn_dot", ent + `.department eq "Sales"`, "a"},
		{"urn_dot", strings.ToUpper(ent) + `.manager.value eq "2b"`, "a"},
		{"urn_dot", core + `.name.givenName eq "ann"`, "a"},
		{"brackets_on_a_simple_list", wis + `:customerIds[value eq "C-1"]`, "a"},
		{"brackets_on_a_simple_list", wis + `:customerIds[not (value sw "c-1")]`, "a"},
		{"brackets_on_a_simple_list", `schemas[value eq "` + core + `"]`, "abz"},
	} {
		t.Run(c.row+"_"+c.filter, func(t *testing.T) {
			if got := found(t, c.filter, lenient, people()); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if _, err := Parse(c.filter, users, strict); err == nil {
				t.Error("strict mode takes it")
			}
		})
	}
}

func TestF35Precedence(t *testing.T) {
	truth := map[bool]string{true: "pr", false: "eq null"}
	for bits := range 8 {
		a, b, c := bits&4 != 0, bits&2 != 0, bits&1 != 0
		term := func(v bool) string { return "userName " + truth[v] }
		for text, want := range map[string]bool{
			fmt.Sprintf("%s or %s and %s", term(a), term(b), term(c)):                  a || b && c,
			fmt.Sprintf("%s and %s or %s", term(a), term(b), term(c)):                  a && b || c,
			fmt.Sprintf("not (%s) and %s", term(a), term(b)):                           !a && b,
			fmt.Sprintf("not (%s) or %s and %s", term(a), term(b), term(c)):            !a || b && c,
			fmt.Sprintf("(%s or %s) and %s", term(a), term(b), term(c)):                (a || b) && c, // F-36
			fmt.Sprintf("((%s)) and (%s or (%s))", term(a), term(b), term(c)):          a && (b || c), // F-36
			fmt.Sprintf("not (%s or %s) or not (not (%s))", term(a), term(b), term(c)): !(a || b) || c,
		} {
			f, err := Parse(text, users, strict)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got := f.Match(Document{"userName": "x"}); got != want {
				t.Errorf("F-35, F-36: %s is %v, want %v", text, got, want)
			}
		}
	}
}

func TestF38LongChains(t *testing.T) {
	for _, connective := range []string{" or ", " and "} {
		terms := make([]string, 100)
		for i := range terms {
			terms[i] = fmt.Sprintf(`userName ne "u%d"`, i)
		}
		f, err := Parse(strings.Join(terms, connective), users, lenient)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Match(Document{"userName": "x"}) || f.Match(Document{"userName": "u99"}) != (connective == " or ") {
			t.Errorf("chain of%s", connective)
		}
	}
}

func TestF48LiteralsAreJSONStrings(t *testing.T) {
	for text, want := range map[string]string{
		`"O'Malley"`:            "O'Malley",
		`"say \"hi\""`:          `say "hi"`,
		`"a\\b"`:                `a\b`,
		`"\u00e9"`:              "é",
		`"\u00E9"`:              "é",
		`"\ud83d\ude00"`:        "😀",
		`"a\/b"`:                "a/b",
		`"\b\f\n\r\t"`:          "\b\f\n\r\t",
		`"uid=ines,ou=people"`:  "uid=ines,ou=people",
		`"a [b] (c) and not d"`: "a [b] (c) and not d",
		`"a+b is not a blank"`:  "a+b is not a blank",
		`"\u0000"`:              "\x00",
		`"İß😀"`:                 "İß😀",
	} {
		f, err := Parse("externalId eq "+text, users, strict)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !f.Match(Document{"externalId": want}) || f.Match(Document{"externalId": want + "x"}) {
			t.Errorf("%s does not mean %q", text, want)
		}
	}
}

func TestF51UserNamesAreComparedAsTheDirectoryDoes(t *testing.T) {
	for _, name := range []string{"caf\u00e9", "cafe\u0301", "CAFÉ", "straße", "İstanbul"} {
		for _, op := range []string{"eq", "sw", "ew", "co", "ge", "le"} {
			literal := `"` + norm.NFD.String(name) + `"`
			if got := found(t, "userName "+op+" "+literal, lenient, []Document{{"userName": name}}); got == "" {
				t.Errorf("userName %s %s does not find %q", op, literal, name)
			}
		}
	}
	opts := Options{Fold: func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "ß", "ss") }}
	if got := found(t, `userName eq "STRASSE"`, opts, []Document{{"userName": "straße"}}); got == "" {
		t.Error("Options.Fold is not applied to the value")
	}
	if got := found(t, `userName eq "straße"`, opts, []Document{{"userName": "Strasse"}}); got == "" {
		t.Error("Options.Fold is not applied to the literal")
	}
	if got := found(t, `externalId eq "straße"`, opts, []Document{{"userName": "x", "externalId": "strasse"}}); got != "" {
		t.Error("Options.Fold is applied to a caseExact attribute")
	}
}

func TestF47Groups(t *testing.T) {
	docs := []Document{
		{"id": "g1", "displayName": "Admins", "members": []any{map[string]any{"value": "1a", "type": "User"}, map[string]any{"value": "2b", "type": "User"}}},
		{"id": "g2", "displayName": "Empty"},
	}
	for text, want := range map[string]string{
		`members.value eq "1a"`:                     "g1",
		`members[value eq "2b"]`:                    "g1",
		`members eq "1a"`:                           "g1",
		`id eq "g1" and members eq "2b"`:            "g1",
		`id eq "g2" and members eq "2b"`:            "",
		`members[value eq "1a" and type ne "User"]`: "",
		`displayName eq "ADMINS"`:                   "g1", // G-14
		`not (members pr)`:                          "g2",
		`members.$ref ew "1a"`:                      "", // F-60
	} {
		f, err := Parse(text, groups, lenient)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, doc := range docs {
			if f.Match(doc) {
				got = append(got, doc["id"].(string))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s finds %v, want %q", text, got, want)
		}
	}
}

// TestF43AtTheRoot: an attribute that a type does not have is one without value.
func TestF43AtTheRoot(t *testing.T) {
	opts := Options{AbsentUnknown: true}
	group := Document{"id": "g", "displayName": "G", "meta": map[string]any{"resourceType": "Group"}}
	for text, want := range map[string]bool{
		`userName pr`:                               false,
		`userName eq "x"`:                           false,
		`userName ne "x"`:                           true,
		`userName eq null`:                          true,
		`userName ne null`:                          false,
		`emails[type eq "x" and primary eq true]`:   false,
		`emails[type eq "x"] or displayName eq "g"`: true,
		`not (emails[type eq "x"].value eq "y") and displayName sw "G"`: true,
		`meta.resourceType eq "Group"`:                                  true, // F-44
		`nope gt 5`:                                                     false,
	} {
		f, err := Parse(text, groups, opts)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.Match(group); got != want {
			t.Errorf("%s is %v", text, got)
		}
	}
	if _, err := Parse(`userName eq "\x"`, groups, opts); err == nil {
		t.Error("a broken literal is an error whatever it is compared with")
	}
}

func TestReads(t *testing.T) {
	f, err := Parse(`userName eq "x" and not (groups[value eq "g"]) or `+wis+`:delivery.state eq "held"`, users, lenient)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		urn, name string
		want      bool
	}{{"", "userName", true}, {"", "groups", true}, {wis, "delivery", true}, {"", "delivery", false}, {"", "title", false}, {ent, "manager", false}} {
		if got := f.Reads(c.urn, c.name); got != c.want {
			t.Errorf("Reads(%q, %q) is %v", c.urn, c.name, got)
		}
	}
	whole, err := Parse(ent+" pr", users, lenient)
	if err != nil {
		t.Fatal(err)
	}
	if !whole.Reads(ent, "manager") || whole.Reads(wis, "region") {
		t.Error("a whole extension reads each of its attributes")
	}
}

func TestTheCacheChangesNothing(t *testing.T) {
	cache := NewCache(4)
	opts := Options{Cache: cache}
	for range 3 {
		for i, want := range []string{"a", "b", "z"} {
			name := []string{"ann", "bob", "ZOË"}[i]
			for _, text := range []string{
				fmt.Sprintf(`userName eq "%s"`, name),
				fmt.Sprintf(`userName eq "%s" and id pr`, name),
				fmt.Sprintf(`id pr and (userName eq "%s")`, name),
				fmt.Sprintf(`emails[value pr] and userName eq "%s"`, name),
				fmt.Sprintf(`userName sw "%s"`, name),
				fmt.Sprintf(`USERNAME eq "%s"`, name),
			} {
				if got := found(t, text, opts, people()); got != want {
					t.Errorf("%s finds %q, want %q", text, got, want)
				}
			}
		}
	}
	if n := len(cache.plans); n != 4 {
		t.Errorf("%d shapes are kept, want 4", n)
	}

	// The same words mean something else in another type, another mode, as a path.
	cache = NewCache(100)
	opts = Options{Cache: cache}
	if _, err := Parse(`displayName eq "x"`, users, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(`userName eq "x"`, users, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(`userName eq "x"`, groups, opts); err == nil {
		t.Error("a user's filter was taken for a group")
	}
	if _, err := Parse(`department eq "x"`, users, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(`department eq "x"`, users, Options{Cache: cache, Strict: true}); err == nil {
		t.Error("a lenient plan was taken for strict mode")
	}
	if _, err := Parse(`active eq "true"`, users, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(`active eq "maybe"`, users, opts); err == nil {
		t.Error("a literal was not checked because its shape was known")
	}
	long := `userName eq "x"` + strings.Repeat(` or userName eq "x"`, 100)
	before := len(cache.plans)
	if _, err := Parse(long, users, opts); err != nil {
		t.Fatal(err)
	}
	if len(cache.plans) != before {
		t.Error("a long shape is kept")
	}
}

func TestConcurrentUse(t *testing.T) {
	opts := Options{Cache: NewCache(3)} // small, so that plans come and go
	docs := people()
	shared, err := Parse(`emails[type eq "home"].value ew "test"`, users, opts)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("%d-%d", i, j)
				for _, text := range []string{`userName eq "` + name + `"`, `userName sw "` + name + `" and id eq null`, `not (userName ne "` + name + `")`, `displayName eq null and userName co "` + name + `"`} {
					f, err := Parse(text, users, opts)
					if err != nil || !f.Match(Document{"userName": name}) || f.Match(Document{"userName": "x"}) {
						t.Errorf("%s: %v", text, err)
					}
				}
				if !shared.Match(docs[0]) || shared.Match(docs[1]) {
					t.Error("the shared filter")
				}
			}
		})
	}
	wg.Wait()
}

func TestMatchDoesNotChangeTheDocument(t *testing.T) {
	before, after := people(), people()
	for _, text := range []string{`emails[type eq "work"].value ne "x"`, `schemas eq "x" or groups pr`, `not (` + ent + ` pr)`} {
		found(t, text, lenient, after)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestOperatorsHaveTheirNames(t *testing.T) {
	for _, name := range []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"} {
		op, ok := operatorOf(strings.ToUpper(name))
		if !ok || op.String() != name {
			t.Errorf("%s reads as %s, %v", name, op, ok)
		}
	}
	for _, name := range []string{"", "e", "eqq", "qn", "\x05\x11"} {
		if op, ok := operatorOf(name); ok {
			t.Errorf("%q reads as %s", name, op)
		}
	}
}
