package filter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// String shows an index as a filter: "everything" for nil.
func (i *Index) String() string {
	join := func(list []*Index, word string) string {
		parts := make([]string, len(list))
		for j, kid := range list {
			parts[j] = kid.String()
		}
		return "(" + strings.Join(parts, word) + ")"
	}
	switch {
	case i == nil:
		return "everything"
	case i.All != nil:
		return join(i.All, " and ")
	case i.Any != nil:
		return join(i.Any, " or ")
	}
	value := i.Value
	if at, ok := value.(time.Time); ok {
		value = at.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%s %s %v", i.Field, i.Op, value)
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		rt     *schema.ResourceType
		filter string
		index  string
		exact  bool
	}{
		{users, `userName eq "ANN"`, "userName eq ann", true},
		{users, `userName sw "An"`, "userName sw an", true},
		{users, `displayName sw "An"`, "displayName sw an", true},
		{users, `displayName eq "Ann J"`, "displayName eq ann j", true},
		{users, `externalId eq "ABC"`, "externalId eq ABC", true},
		{users, `id eq "1a"`, "id eq 1a", true},
		{users, `active eq false`, "active eq false", true},
		{users, `active eq "False"`, "active eq false", true},
		{users, `emails.value eq "A@x.test"`, "emails.value eq a@x.test", true},
		{users, `emails eq "A@x.test"`, "emails.value eq a@x.test", true},
		{users, `emails[value eq "a@x.test"]`, "emails.value eq a@x.test", true},
		{users, `emails[type eq "work" and value eq "a@x.test"]`, "emails.value eq a@x.test", false},
		{users, `emails[type eq "work"].value eq "a@x.test"`, "emails.value eq a@x.test", false},
		{users, `emails[value eq "a" or value eq "b"]`, "(emails.value eq a or emails.value eq b)", true},
		{users, `emails[value eq "a" and value eq "b"]`, "(emails.value eq a and emails.value eq b)", false},
		{users, `emails.value eq "a" and emails.value eq "b"`, "(emails.value eq a and emails.value eq b)", true},
		{users, `emails[value eq "a" or type eq "work"]`, "everything", false},
		{users, `groups.value eq "g1"`, "groups.value eq g1", true},
		{groups, `members.value eq "1A"`, "members.value eq 1A", true},
		{groups, `members eq "1a"`, "members.value eq 1a", true},
		{groups, `members[value eq "1a"]`, "members.value eq 1a", true},
		{groups, `id eq "g" and members eq "u"`, "(id eq g and members.value eq u)", true},
		{groups, `displayName eq "G"`, "displayName eq g", true},
		{users, `meta.lastModified gt "2026-01-01T02:00:00.5+02:00"`, "meta.lastModified gt 2026-01-01T00:00:00.5Z", true},
		{users, `meta.lastModified ge "2026-01-01T00:00:00Z" and meta.lastModified lt "2026-02-01T00:00:00Z"`,
			"(meta.lastModified ge 2026-01-01T00:00:00Z and meta.lastModified lt 2026-02-01T00:00:00Z)", true},
		{users, `meta[lastModified le "2026-01-01T00:00:00Z"]`, "meta.lastModified le 2026-01-01T00:00:00Z", true},
		{users, `meta.lastModified eq "2026-01-01T00:00:00Z"`, "meta.lastModified eq 2026-01-01T00:00:00Z", true},

		{users, `userName eq "ann" and title pr`, "userName eq ann", false},
		{users, `title pr and userName eq "ann" and active eq true`, "(userName eq ann and active eq true)", false},
		{users, `userName eq "ann" or userName eq "bob"`, "(userName eq ann or userName eq bob)", true},
		{users, `userName eq "ann" or title pr`, "everything", false},
		{users, `(userName eq "ann" or id eq "x") and (title pr or active eq true)`, "(userName eq ann or id eq x)", false},
		{users, `userName eq "ann" or externalId eq "x" and title pr`, "(userName eq ann or externalId eq x)", false},
		{users, `not (userName eq "ann")`, "everything", false},
		{users, `userName eq "ann" and not (active eq true)`, "userName eq ann", false},

		{users, `userName ne "ann"`, "everything", false},
		{users, `userName co "ann"`, "everything", false},
		{users, `userName ew "ann"`, "everything", false},
		{users, `userName gt "ann"`, "everything", false},
		{users, `userName pr`, "everything", false},
		{users, `userName eq ""`, "everything", false},
		{users, `externalId sw "A"`, "everything", false},
		{users, `externalId eq null`, "everything", false},
		{users, `active ne true`, "everything", false},
		{users, `emails.value sw "a"`, "everything", false},
		{users, `emails.type eq "work"`, "everything", false},
		{users, `meta.lastModified ne "2026-01-01T00:00:00Z"`, "everything", false},
		{users, `meta.created eq "2026-01-01T00:00:00Z"`, "everything", false},
		{users, `title eq "x"`, "everything", false},
		{users, ent + `:manager.value eq "x"`, "everything", false},
	} {
		f, err := Parse(c.filter, c.rt, lenient)
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		index, exact := f.Split()
		if index.String() != c.index || exact != c.exact {
			t.Errorf("%s\ngot  %s, exact %v\nwant %s, exact %v", c.filter, index, exact, c.index, c.exact)
		}
	}
}

func TestSplitFoldsAsTheDirectoryDoes(t *testing.T) {
	f, err := Parse(`userName eq "Ann" and externalId eq "Ann"`, users, Options{Fold: func(s string) string { return "<" + s + ">" }})
	if err != nil {
		t.Fatal(err)
	}
	if index, _ := f.Split(); index.String() != "(userName eq <Ann> and externalId eq Ann)" {
		t.Error(index)
	}
}

// TestF43NothingMatches: a group has no userName, and no index says so.
func TestF43NothingMatches(t *testing.T) {
	for text, want := range map[string]string{
		`userName eq "x"`:                          "everything false",
		`userName eq "x" or id eq "g"`:             "everything false",
		`userName ne "x"`:                          "everything true",
		`userName ne "x" and id eq "g"`:            "id eq g true",
		`userName ne "x" or id eq "g"`:             "everything false",
		`emails[value eq "x"] and displayName pr`:  "everything false",
		`emails[value eq "x"] and members eq "1a"`: "members.value eq 1a false",
	} {
		f, err := Parse(text, groups, Options{AbsentUnknown: true})
		if err != nil {
			t.Fatal(err)
		}
		index, exact := f.Split()
		if got := fmt.Sprint(index, " ", exact); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	type lookup struct{ UserNames, Emails []string }
	for text, want := range map[string]lookup{
		`userName eq "Ann"`:                                            {UserNames: []string{"Ann"}},
		`emails.value eq "A@x"`:                                        {Emails: []string{"A@x"}},
		`emails eq "A@x"`:                                              {Emails: []string{"A@x"}},
		`emails[type eq "work" and value eq "A@x"]`:                    {Emails: []string{"A@x"}},
		`emails[type eq "work"].value eq "A@x"`:                        {Emails: []string{"A@x"}},
		`active eq true and (userName eq "a" and emails.value eq "b")`: {UserNames: []string{"a"}, Emails: []string{"b"}},
		`userName eq "\u00c9"`:                                         {UserNames: []string{"É"}},
		`userName eq "a" or userName eq "b"`:                           {},
		`emails[value eq "a" or value eq "b"]`:                         {},
		`not (userName eq "a")`:                                        {},
		`userName sw "a"`:                                              {},
		`userName eq null`:                                             {},
		`externalId eq "a"`:                                            {},
		`emails.type eq "work"`:                                        {},
	} {
		f, err := Parse(text, users, lenient)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got lookup
		got.UserNames, got.Emails = f.Lookup()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
