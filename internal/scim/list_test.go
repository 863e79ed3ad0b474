package scim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/store"
)

func TestChecklistList(t *testing.T) {
	s := serve(t, func(o *Options) { o.Limits.PageSize, o.Limits.MaxPage = 3, 5 })
	var all []string
	for i := range 8 {
		all = append(all, s.user(fmt.Sprintf("u%d@suite.example", i), fmt.Sprintf(`"title":"T%d"`, i%2)))
	}
	tests := []struct {
		id, query                  string
		startIndex, perPage, total int
		ids                        []string
	}{
		{"P-01 P-08 R-05 R-07 neither", "", 1, 3, 8, all[:3]},
		{"P-01 count alone", "count=2", 1, 2, 8, all[:2]},
		{"P-02 zero", "startIndex=0&count=2", 1, 2, 8, all[:2]},
		{"P-02 negative", "startIndex=-5&count=2", 1, 2, 8, all[:2]},
		{"P-03 P-06 a page", "startIndex=4&count=3", 4, 3, 8, all[3:6]},
		{"P-06 the last page", "startIndex=7&count=5", 7, 2, 8, all[6:]},
		{"P-04 count 0", "count=0", 1, 0, 8, nil},
		{"P-05 negative count", "count=-1", 1, 0, 8, nil},
		{"P-07 more than allowed", "count=1000000", 1, 5, 8, all[:5]},
		{"P-09 R-06 past the end", "startIndex=100", 100, 0, 8, nil},
		{"P-11 2^31", "startIndex=2147483648&count=2147483648", 2147483648, 0, 8, nil},
		{"P-11 2^64", "startIndex=1&count=18446744073709551616", 1, 5, 8, all[:5]},
		{"P-11 -2^64", "startIndex=-18446744073709551616&count=1", 1, 1, 8, all[:1]},
		{"F-61 of a filter", "filter=title+eq+%22T1%22&count=1", 1, 1, 4, all[1:2]},
		{"R-08 unknown parameters", "foo=bar&aadOptscim062020&%zz&count=1", 1, 1, 8, all[:1]},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			r := (&suite{t: t, url: s.url}).get("/Users?" + tt.query).is(200)
			r.wants([]string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}, "schemas")
			r.wants(tt.total, "totalResults").wants(tt.startIndex, "startIndex").wants(tt.perPage, "itemsPerPage")
			if _, isList := r.at("Resources").([]any); !isList {
				t.Errorf("Resources is %v", r.at("Resources"))
			}
			if got := r.ids(); !slices.Equal(got, append([]string{}, tt.ids...)) {
				t.Errorf("ids %v, want %v", got, tt.ids)
			}
			if r.header.Get("ETag") != "" { // E-11
				t.Error("a list has an ETag")
			}
		})
	}
	for _, query := range []string{"count=ten", "startIndex=1.5", "count=", "startIndex=%2B1", "count=1&count=2", "count=%zz", "attributes=%zz"} {
		t.Run("P-10 P-15 "+query, func(t *testing.T) {
			name, _, _ := strings.Cut(query, "=")
			for _, endpoint := range []string{"/Users", "/Groups"} { // P-15
				if detail := (&suite{t: t, url: s.url}).get(endpoint+"?"+query).refused(400, "invalidValue"); !strings.Contains(detail, name) {
					t.Errorf("the detail %q does not name %s", detail, name)
				}
			}
		})
	}
	t.Run("R-11 P-12 pages tile the set", func(t *testing.T) {
		s := &suite{t: t, url: s.url}
		for _, size := range []int{1, 2, 5} {
			var got []string
			for at := 1; at <= 8; at += size {
				got = append(got, s.get(fmt.Sprintf("/Users?startIndex=%d&count=%d", at, size)).is(200).ids()...)
			}
			if !slices.Equal(got, all) {
				t.Errorf("by %d: %v", size, got)
			}
		}
	})
	t.Run("R-15 location in lists", func(t *testing.T) {
		s := &suite{t: t, url: s.url}
		for i, id := range all[:3] {
			s.get("/Users").wants(s.url+"/Users/"+id, "Resources", i, "meta", "location")
		}
	})
}

// TestChecklistFilter runs filters over HTTP: that what the filter package says is what
// is answered, by way of the indexes and without them.
func TestChecklistFilter(t *testing.T) {
	s := serve(t)
	bob := s.user("bob@suite.example", `"active":false,"emails":[{"value":"bob@example.com","type":"work"}]`)
	ann := s.user("ann@suite.example", `"title":"Engineer","externalId":"AbC","displayName":"Ann O'Malley","emails":[{"value":"Ann@Example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home"}],
		"`+ent+`":{"department":"Sales","manager":{"value":"`+bob+`"}},"`+wisdom+`":{"level":10,"region":"emea"}`)
	zoe := s.user("zoë@suite.example", `"title":"engineer II","emails":[{"value":"zoe+x@example.com","type":"home"}]`)
	g := s.group("Analysts", ann, zoe)
	modified := s.get("/Users/"+ann).at("meta", "lastModified").(string)
	tests := []struct {
		id, filter string
		want       []string
		exact      bool // an index alone answers
	}{
		{"F-01", `title eq "Engineer"`, []string{ann}, false},
		{"F-02", `userName ne "ann@suite.example"`, []string{bob, zoe}, false},
		{"F-04", `userName sw "AN"`, []string{ann}, true},
		{"F-05", `emails.value ew "home.test"`, []string{ann}, false},
		{"F-08 userName", `userName eq "ANN@SUITE.EXAMPLE"`, []string{ann}, true},
		{"F-08 emails", `emails.value eq "ann@example.COM"`, []string{ann}, true},
		{"F-09 externalId", `externalId eq "abc"`, nil, true},
		{"F-46 externalId", `externalId eq "AbC"`, []string{ann}, true},
		{"F-46 id", `id eq "` + zoe + `"`, []string{zoe}, true},
		{"F-46 meta.location", `meta.location eq "` + s.url + "/Users/" + zoe + `"`, []string{zoe}, false},
		{"F-46 meta.version", `meta.version eq "W/\"2\""`, []string{ann, zoe}, false},
		{"F-46 meta.resourceType", `meta.resourceType eq "User"`, []string{bob, ann, zoe}, false},
		{"F-09 meta.resourceType", `meta.resourceType eq "user"`, nil, false},
		{"F-10", `USERNAME EQ "ann@suite.example" AND Title PR`, []string{ann}, false},
		{"F-11 F-59 active", `active eq true`, []string{ann, zoe}, true},
		{"F-15 bool-filter-string", `active eq "True"`, []string{ann, zoe}, true},
		{"F-16 own instant in another zone", `meta.lastModified eq "` + strings.Replace(strings.Replace(modified, "T09", "T11", 1), "Z", "+02:00", 1) + `"`, []string{ann}, true},
		{"F-17", `meta.lastModified gt "` + modified + `"`, []string{zoe}, true},
		{"F-17 or", `meta.lastModified le "` + modified + `" and title pr`, []string{ann}, false},
		{"F-19", wisdom + `:level gt 9`, []string{ann}, false},
		{"F-27", `emails[type eq "home" and value co "example.com"]`, []string{zoe}, false},
		{"F-30", `emails eq "bob@example.com"`, []string{bob}, true},
		{"F-35", `active eq false or title sw "eng" and emails.type eq "work"`, []string{bob, ann}, false},
		{"F-40", ent + `:department eq "sales"`, []string{ann}, false},
		{"F-40 id-and-manager", `id eq "` + ann + `" and manager eq "` + bob + `"`, []string{ann}, false},
		{"F-45 schemas", `schemas eq "` + ent + `"`, []string{ann}, false},
		{"F-47 groups.value", `groups.value eq "` + g + `"`, []string{ann, zoe}, true},
		{"F-47 groups.display", `groups.display eq "analysts"`, []string{ann, zoe}, false},
		{"F-48 escapes", `displayName eq "Ann O'Malle\u0079"`, []string{ann}, true},
		{"F-50 plus", `emails.value eq "zoe+x@example.com"`, []string{zoe}, true},
		{"F-51", "userName eq \"zoe\u0308@suite.example\"", []string{zoe}, true},
		{"F-63 not", `not (title pr)`, []string{bob}, false},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			s := &suite{t: t, directory: s.directory, url: s.url}
			r := s.get(filtered("/Users", tt.filter)).is(200)
			if got := r.ids(); !slices.Equal(got, append([]string{}, tt.want...)) {
				t.Errorf("ids %v, want %v", got, tt.want)
			}
			r.wants(len(tt.want), "totalResults")
			if exact := s.directory.query.Match == nil; exact != tt.exact {
				t.Errorf("answered by an index alone: %t, want %t", exact, tt.exact)
			}
			// what is shown changes nothing in what is found.
			if got := s.get(filtered("/Users", tt.filter, "attributes=userName")).is(200).ids(); !slices.Equal(got, append([]string{}, tt.want...)) {
				t.Errorf("with attributes=userName: ids %v, want %v", got, tt.want)
			}
			// the same filter by POST.
			body := jsonOf(map[string]any{"schemas": []string{searchURN}, "filter": tt.filter})
			if got := s.do("POST", "/Users/.search", body).is(200).text; got != r.text {
				t.Errorf(".search answers\n%s\nGET answers\n%s", got, r.text)
			}
		})
	}
	t.Run("Lookup is told to the directory", func(t *testing.T) {
		s := &suite{t: t, directory: s.directory, url: s.url}
		s.get(filtered("/Users", `userName eq "New@suite.example" and active eq true`)).is(200)
		if got, want := s.directory.query.UserNames, []string{"New@suite.example"}; !slices.Equal(got, want) {
			t.Errorf("UserNames %v, want %v", got, want)
		}
		s.get(filtered("/Users", `emails[type eq "work"].value eq "New@x.test"`)).is(200)
		if got, want := s.directory.query.Emails, []string{"New@x.test"}; !slices.Equal(got, want) {
			t.Errorf("Emails %v, want %v", got, want)
		}
	})
	for _, tt := range []struct{ id, query string }{
		{"raw-query", `filter=userName%20eq%20"ann@suite.example"`},
		{"plus-space", `filter=userName+eq+"ann@suite.example"`},
		{"percent", `filter=%75serName%20eq%20%22ann%40suite.example%22`},
	} {
		t.Run("F-50 "+tt.id, func(t *testing.T) {
			s := &suite{t: t, url: s.url}
			s.get("/Users?"+tt.query).is(200).wants(ann, "Resources", 0, "id")
		})
	}
	groups := []struct {
		id, filter string
		want       []string
		members    bool // they had to be read
	}{
		{"G-14 displayName", `displayName eq "ANALYSTS"`, []string{g}, false},
		{"F-47 members.value", `members.value eq "` + zoe + `"`, []string{g}, false},
		{"F-47 members[...]", `members[value eq "` + zoe + `"]`, []string{g}, false},
		{"F-47 nobody", `members eq "` + bob + `"`, nil, false},
		{"id-and-members", `id eq "` + g + `" and members eq "` + ann + `"`, []string{g}, false},
		{"G-18 members.display", `members.display co "o'mal"`, []string{g}, true},
		{"F-46 meta", `meta.resourceType eq "Group"`, []string{g}, false},
	}
	for _, tt := range groups {
		t.Run(tt.id, func(t *testing.T) {
			s := &suite{t: t, directory: s.directory, url: s.url}
			s.directory.calls = nil
			if got := s.get(filtered("/Groups", tt.filter, "attributes=id")).is(200).ids(); !slices.Equal(got, append([]string{}, tt.want...)) {
				t.Errorf("ids %v, want %v", got, tt.want)
			}
			if want := []string{fmt.Sprintf("Groups %t", tt.members)}; !slices.Equal(s.directory.calls, want) {
				t.Errorf("calls %v, want %v", s.directory.calls, want)
			}
		})
	}
	for _, text := range []string{``, ` `, `userName`, `userName eq`, `eq "x"`, `(`, `userName pr and`, `userName regex "a"`, `nope eq "x"`, `active gt false`,
		`title gt null`, `password eq "x"`, `not (password pr)`, `userName eq 5`, `meta.created gt "yesterday"`, `userName eq "open`, strings.Repeat("(", 1000), strings.Repeat("a", 100_000)} {
		t.Run("F-54 Z-05 "+text[:min(len(text), 30)], func(t *testing.T) {
			s := &suite{t: t, url: s.url}
			if detail := s.get(filtered("/Users", text)).refused(400, "invalidFilter"); !strings.Contains(detail, "filter") {
				t.Errorf("the detail %q does not name the parameter", detail)
			}
			s.do("POST", "/Users/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "filter": text})).refused(400, "invalidFilter")
		})
	}
	for _, query := range []string{
		"filter=userName%20pr&filter=userName%20pr",    // F-62
		"filter=userName%20eq%20%22100%%22",            // not percent-encoded
		"filter=userName%20eq%20%22a;b%22%20or%20nope", // net/url would drop it whole
	} {
		t.Run("F-62 "+query, func(t *testing.T) {
			(&suite{t: t, url: s.url}).get("/Users?"+query).refused(400, "invalidFilter")
		})
	}
}

// TestConditionWords: the words of filter indexes are those of the store's, so that
// one can be taken for the other.
func TestConditionWords(t *testing.T) {
	fields := map[filter.Field]store.Field{
		filter.ID: store.FieldID, filter.UserName: store.FieldUserName, filter.ExternalID: store.FieldExternalID, filter.Email: store.FieldEmail,
		filter.DisplayName: store.FieldDisplayName, filter.Active: store.FieldActive, filter.Member: store.FieldMember,
		filter.GroupOf: store.FieldGroup, filter.LastModified: store.FieldLastModified,
	}
	for f, want := range fields {
		if string(f) != string(want) {
			t.Errorf("%q is %q in the store", f, want)
		}
	}
	for op, want := range map[filter.Op]store.Cmp{filter.Eq: store.Eq, filter.Sw: store.Sw, filter.Gt: store.Gt, filter.Ge: store.Ge, filter.Lt: store.Lt, filter.Le: store.Le} {
		if string(op) != string(want) {
			t.Errorf("%q is %q in the store", op, want)
		}
	}
	got := condition(&filter.Index{All: []*filter.Index{{Field: filter.ID, Op: filter.Eq, Value: "x"}, {Any: []*filter.Index{{Field: filter.Active, Op: filter.Eq, Value: true}}}}})
	want := &store.Condition{All: []*store.Condition{{Field: store.FieldID, Cmp: store.Eq, Value: "x"}, {Any: []*store.Condition{{Field: store.FieldActive, Cmp: store.Eq, Value: true}}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestChecklistSearch(t *testing.T) {
	serveWith := func(strict bool) *suite {
		s := serve(t, func(o *Options) { o.Strict = strict })
		for i := range 3 {
			s.user(fmt.Sprintf("u%d@suite.example", i), `"title":"T"`)
		}
		s.group("G", "u-0001")
		return s
	}
	lenient, strict := serveWith(false), serveWith(true)
	on := func(t *testing.T, s *suite) *suite { return &suite{t: t, directory: s.directory, url: s.url} }

	t.Run("Q-01 Q-02 Q-07 all parameters", func(t *testing.T) {
		s := on(t, strict)
		body := `{"schemas":["` + searchURN + `"],"filter":"title pr","attributes":["userName","meta.version"],"startIndex":2,"count":1}`
		got := s.do("POST", "/Users/.search", body).is(200)
		if want := s.get("/Users?filter=title+pr&attributes=userName,meta.version&startIndex=2&count=1"); got.text != want.text {
			t.Errorf(".search answers\n%s\nGET answers\n%s", got.text, want.text)
		}
		got.wants(3, "totalResults").wants(2, "startIndex")
		if again := s.get("/Users?count=0"); again.at("totalResults") != 3.0 {
			t.Error("something was created")
		}
	})
	t.Run("Q-03 groups", func(t *testing.T) {
		s := on(t, strict)
		r := s.do("POST", "/Groups/.search", `{"schemas":["`+searchURN+`"],"excludedAttributes":["members"]}`).is(200).wants("G", "Resources", 0, "displayName")
		if strings.Contains(r.text, "members") {
			t.Error("members are shown")
		}
	})
	t.Run("Q-04 schemas", func(t *testing.T) {
		on(t, strict).do("POST", "/Users/.search", `{"count":1}`).refused(400, "invalidSyntax")
		on(t, strict).do("POST", "/Users/.search", `{"schemas":["`+listURN+`"]}`).refused(400, "invalidSyntax")
		on(t, lenient).do("POST", "/Users/.search", `{"schemas":["`+listURN+`"]}`).refused(400, "invalidSyntax")
		on(t, lenient).do("POST", "/Users/.search", `{"count":1}`).is(200).wants(1, "itemsPerPage")
	})
	t.Run("Q-05 wrong types", func(t *testing.T) {
		for _, member := range []string{`"attributes":"userName"`, `"attributes":[1]`, `"filter":5`, `"startIndex":1.5`, `"startIndex":true`, `"excludedAttributes":{}`} {
			on(t, lenient).do("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],`+member+`}`).refused(400, "invalidValue")
		}
		on(t, strict).do("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"count":"1"}`).refused(400, "invalidValue")
		on(t, lenient).do("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"count":"1"}`).is(200).wants(1, "itemsPerPage")
	})
	t.Run("Q-06 the URL does not count", func(t *testing.T) {
		on(t, strict).do("POST", "/Users/.search?count=1&filter=nonsense", `{"schemas":["`+searchURN+`"]}`).is(200).wants(3, "itemsPerPage")
	})
	t.Run("Q-08 nothing", func(t *testing.T) {
		on(t, lenient).do("POST", "/Users/.search", `{}`).refused(400, "invalidSyntax")
		on(t, lenient).do("POST", "/Users/.search", ``).refused(400, "invalidSyntax")
	})
	t.Run("Q-09 other methods", func(t *testing.T) {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			if r := on(t, strict).do(method, "/Users/.search", ""); r.header.Get("Allow") != "OPTIONS, POST" {
				t.Errorf("%s: Allow %q", method, r.header.Get("Allow"))
			} else {
				r.refused(405, "")
			}
		}
	})
	t.Run("Q-10 discovery", func(t *testing.T) {
		on(t, strict).do("POST", "/Schemas/.search", `{"schemas":["`+searchURN+`"]}`).refused(404, "")
	})
	t.Run("Q-11 long filters", func(t *testing.T) {
		terms := make([]string, 1000)
		for i := range terms {
			terms[i] = fmt.Sprintf(`userName eq "somebody.%04d@suite.example"`, i)
		}
		terms[999] = `userName eq "u1@suite.example"`
		on(t, strict).do("POST", "/Users/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "filter": strings.Join(terms, " or ")})).is(200).wants(1, "totalResults")
	})
}
