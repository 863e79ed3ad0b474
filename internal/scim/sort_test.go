package scim

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// sortedUsers are five people whose every attribute is in another order. ids are by name.
func sortedUsers(s *suite) map[string]string {
	const work, home = `"type":"work"`, `"type":"home"`
	people := []struct{ name, more string }{
		{"dora", `"externalId":"B","title":"b","displayName":"Ärmel","name":{"familyName":"zed"},
			"emails":[{"value":"z@suite.example",` + work + `},{"value":"a@suite.example",` + home + `,"primary":true}],
			"` + ent + `":{"department":"sales"},"` + wisdom + `":{"level":10,"share":-0.5,"customerIds":["m","a"]}`},
		{"Carl", `"externalId":"a","displayName":"zorro","active":false,"name":{"familyName":"Young"},
			"emails":[{"value":"C@suite.example",` + work + `},{"value":"y@suite.example",` + home + `}],
			"` + ent + `":{"department":"Marketing"},"` + wisdom + `":{"level":9,"share":2.25}`},
		{"bob", `"externalId":"b","title":"A","displayName":"zebra","name":{"familyName":"xi"},"emails":[{"value":"b@suite.example",` + work + `}],
			"` + ent + `":{"manager":{"value":"m2"}},"` + wisdom + `":{"level":-3,"customerIds":["b"]}`},
		{"Eve", `"title":"B","displayName":"Zebra","` + ent + `":{"department":"finance","manager":{"value":"M1"}},"` + wisdom + `":{"level":9007199254740991}`},
		{"ann", `"externalId":"A","active":false,"displayName":"\ud83d\ude00"`},
	}
	ids := map[string]string{}
	for _, p := range people {
		ids[p.name] = s.user(p.name+"@suite.example", p.more)
	}
	return ids
}

func (s *suite) names(path string) string {
	s.t.Helper()
	var names []string
	r := s.get(path).is(200)
	list, _ := r.at("Resources").([]any)
	for _, resource := range list {
		name, ok := dig(resource, "userName").(string)
		if !ok {
			name, _ = dig(resource, "displayName").(string)
		}
		names = append(names, strings.TrimSuffix(name, "@suite.example"))
	}
	return strings.Join(names, " ")
}

func TestChecklistSort(t *testing.T) {
	r := serveReal(t)
	ids := sortedUsers(r.suite)
	byID := func(names ...string) string {
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(ids[a], ids[b]) })
		return strings.Join(names, " ")
	}
	level := wisdom + ":level"
	tests := []struct{ id, sortBy, want string }{
		{"S-01 S-03 userName", "userName", "ann bob Carl dora Eve"},
		{"S-04 S-05 externalId", "externalId", "ann dora Carl bob Eve"},
		{"S-05 S-12 title", "title", "bob " + byID("dora", "Eve") + " " + byID("Carl", "ann")},
		{"S-06 S-07 emails.value", "emails.value", "dora bob Carl " + byID("Eve", "ann")},
		{"S-07 emails", "emails", "dora bob Carl " + byID("Eve", "ann")},
		{"S-07 name.familyName", "name.familyName", "bob Carl dora " + byID("Eve", "ann")},
		{"S-08 meta.created", "meta.created", "dora Carl bob Eve ann"},
		{"S-08 meta.lastModified", "meta.lastModified", "dora Carl bob Eve ann"},
		{"S-08 integer", level, "bob Carl dora Eve ann"},
		{"S-08 decimal", wisdom + ":share", "dora Carl " + byID("bob", "Eve", "ann")},
		{"S-08 active", "active", byID("Carl", "ann") + " " + byID("dora", "bob", "Eve")},
		{"S-09 URN", ent + ":department", "Eve Carl dora " + byID("bob", "ann")},
		{"S-09 URN of the core", strings.ToUpper(core) + ":USERNAME", "ann bob Carl dora Eve"},
		{"S-09 any case", "USERNAME", "ann bob Carl dora Eve"},
		{"S-09 extension-without-urn", "department", "Eve Carl dora " + byID("bob", "ann")},
		{"S-14 displayName", "displayName", byID("bob", "Eve") + " Carl dora ann"},
		{"S-06 simple list", wisdom + ":customerIds", "bob dora " + byID("Carl", "Eve", "ann")},
		{"S-07 manager", ent + ":manager.value", "Eve bob " + byID("dora", "Carl", "ann")},
		{"id", "id", byID("ann", "bob", "Carl", "dora", "Eve")},
		{"meta.resourceType", "meta.resourceType", byID("ann", "bob", "Carl", "dora", "Eve")},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			s := r.on(t)
			by := "sortBy=" + url.QueryEscape(tt.sortBy)
			if got := s.names("/Users?" + by); got != tt.want {
				t.Errorf("ascending: %s\nwant       %s", got, tt.want)
			}
			want := strings.Fields(tt.want)
			slices.Reverse(want) // S-02, S-05: none first
			if got := s.names("/Users?sortOrder=Descending&" + by); got != strings.Join(want, " ") {
				t.Errorf("descending: %s\nwant        %s", got, want)
			}
			// S-13: sorted first, then cut into pages; also of what a filter finds, by index and without.
			for _, filter := range []string{"", `userName co "@"`, `meta.lastModified gt "2020-01-01T00:00:00Z"`} {
				query := "/Users?" + by
				if filter != "" {
					query += "&filter=" + url.QueryEscape(filter)
				}
				first, second, third := s.names(query+"&count=2"), s.names(query+"&count=2&startIndex=3"), s.names(query+"&count=2&startIndex=5")
				if got := first + " " + second + " " + third; got != tt.want {
					t.Errorf("%s by pages: %s\nwant %s", filter, got, tt.want)
				}
			}
			body := jsonOf(map[string]any{"schemas": []string{searchURN}, "sortBy": tt.sortBy, "sortOrder": "descending"})
			if got, want := s.do("POST", "/Users/.search", body).is(200).text, s.get("/Users?sortOrder=descending&"+by).text; got != want {
				t.Errorf(".search answers\n%s\nGET answers\n%s", got, want)
			}
		})
	}
	for _, tt := range []struct{ id, query string }{
		{"S-07 name", "sortBy=name"}, {"S-07 meta", "sortBy=meta"},
		{"S-10 unknown", "sortBy=nope"}, {"S-10 unknown sub-attribute", "sortBy=name.nope"}, {"S-10 bad order", "sortBy=userName&sortOrder=up"},
		{"S-10 a filter", "sortBy=" + url.QueryEscape(`emails[type eq "work"].value`)}, {"S-10 a schema", "sortBy=" + ent},
		{"S-10 twice", "sortBy=userName&sortBy=id"}, {"S-15 F-57 password", "sortBy=password"}, {"S-15 URN", "sortBy=" + core + ":password"},
	} {
		t.Run(tt.id, func(t *testing.T) {
			if detail := r.on(t).get("/Users?"+tt.query).refused(400, "invalidValue"); !strings.Contains(detail, "sort") {
				t.Errorf("the detail %q does not name the parameter", detail)
			}
		})
	}
	t.Run("S-11 sortOrder alone", func(t *testing.T) {
		if got := r.on(t).names("/Users?sortOrder=descending"); got != "dora Carl bob Eve ann" {
			t.Error(got)
		}
		if got := r.on(t).names("/Users?sortBy=&sortOrder=nonsense"); got != "dora Carl bob Eve ann" {
			t.Error(got)
		}
	})
	t.Run("S-03 S-05 groups", func(t *testing.T) {
		s := r.on(t)
		for _, g := range []struct{ name, more string }{{"beta", `"externalId":"1"`}, {"Alpha", `"members":[{"value":"` + ids["ann"] + `"}]`}, {"gamma", `"externalId":"0"`}} {
			s.do("POST", "/Groups", `{"schemas":["`+schema.GroupURN+`"],"displayName":"`+g.name+`",`+g.more+`}`).is(201)
		}
		for query, want := range map[string]string{
			"sortBy=displayName": "Alpha beta gamma", "sortBy=externalId": "gamma beta Alpha", "sortBy=externalId&sortOrder=descending": "Alpha beta gamma",
			"sortBy=meta.created&sortOrder=descending": "gamma Alpha beta", "sortBy=members&count=1": "Alpha",
		} {
			if got := s.names("/Groups?" + query); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		s.get("/Groups?sortBy=userName").refused(400, "invalidValue")
	})
	t.Run("S-06 S-08 what the server adds", func(t *testing.T) {
		s := r.on(t)
		only := "&filter=" + url.QueryEscape(`groups pr or userName eq "bob@suite.example"`)
		for by, want := range map[string]string{
			"groups": "ann bob", "groups.display": "ann bob", "meta.version": "bob ann", "meta.location": byID("ann", "bob"), "schemas": byID("ann", "bob"),
		} {
			if got := s.names("/Users?sortBy=" + by + only); got != want {
				t.Errorf("%s: %s, want %s", by, got, want)
			}
		}
		// How far a delivery is changes as we look; that it has a value, and so comes before who has none, does not.
		names := strings.Fields(s.names("/?sortBy=" + wisdom + ":delivery.state"))
		if last := slices.Sorted(slices.Values(names[5:])); !slices.Equal(last, []string{"Alpha", "beta", "gamma"}) {
			t.Errorf("by delivery: %v; groups have none and come last", names)
		}
	})
	t.Run("S-07 S-09 strictly", func(t *testing.T) {
		s := r.over(t, func(o *Options) { o.Strict = true })
		s.get("/Users?sortBy=department").refused(400, "invalidValue")
		s.get("/Users?sortBy="+ent+":manager").refused(400, "invalidValue")
		s.get("/Users?sortBy=emails").is(200)
	})
}

// TestChecklistTies is S-12: people who are equal stay in one order, whatever the pages.
func TestChecklistTies(t *testing.T) {
	r := serveReal(t)
	for i := range 30 {
		r.user(fmt.Sprintf("u%d@suite.example", i), `"title":"Same","displayName":"Same"`)
	}
	for _, by := range []string{"title", "displayName", "active", "nickName"} {
		t.Run("S-12 "+by, func(t *testing.T) {
			s := r.on(t)
			whole := s.get("/Users?sortBy=" + by).is(200).ids()
			if len(whole) != 30 || !slices.IsSorted(whole) {
				t.Errorf("not by id: %v", whole)
			}
			var got []string
			for at := 1; at <= 30; at += 7 {
				got = append(got, s.get(fmt.Sprintf("/Users?sortBy=%s&count=7&startIndex=%d", by, at)).is(200).ids()...)
			}
			if !slices.Equal(got, whole) {
				t.Errorf("by pages %v\nwhole    %v", got, whole)
			}
		})
	}
}

func TestNumberKeys(t *testing.T) {
	ordered := []any{math.Inf(-1), -1e300, int64(math.MinInt64), -2.5, int64(-2), 0, 0.5, 1, 2.0, int64(9), 10, json.Number("9007199254740992"), json.Number("9007199254740993"), int64(1<<53 + 2), int64(math.MaxInt64), 1e300}
	var before string
	for i, n := range ordered {
		key, ok := numberKey(n)
		if !ok || i > 0 && key <= before {
			t.Errorf("%v does not come after %v", n, ordered[max(0, i-1)])
		}
		before = key
	}
	a, _ := numberKey(int64(5))
	b, _ := numberKey(5.0)
	if negative, _ := numberKey(math.Copysign(0, -1)); a != b {
		t.Error("5 is not 5.0")
	} else if zero, _ := numberKey(0); negative != zero {
		t.Error("-0 is not 0")
	}
	if c, _ := numberKey(json.Number("5.0")); c != a {
		t.Error("5.0 as it was written is not 5")
	}
	if _, ok := numberKey("5"); ok {
		t.Error("a text is a number")
	}
}
