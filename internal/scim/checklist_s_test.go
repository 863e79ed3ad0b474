package scim_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// lineup is a world with five users whose every attribute is in another order, and three
// groups. Rows are not to change them.
type lineup struct {
	*client
	ids map[string]string // of the users, by name
}

// lineupOf makes them when it is called for the first time. They end with the test t.
func lineupOf(t *testing.T) func() lineup {
	return sync.OnceValue(func() lineup {
		w := newWorld(t, bridgetest.Options{})
		l := lineup{&client{T: t, w: w, base: w.strict}, map[string]string{}}
		const work, home = `"type":"work"`, `"type":"home"`
		for _, u := range []struct{ name, more string }{
			{"dora", `"externalId":"B","title":"b","displayName":"Ärmel","name":{"familyName":"zed"},
				"emails":[{"value":"z@suite.example",` + work + `},{"value":"a@suite.example",` + home + `,"primary":true}],
				"` + ent + `":{"department":"sales"},"` + wisdom + `":{"level":10,"ratio":-0.5,"customerIds":["m","a"]}`},
			{"Carl", `"externalId":"a","displayName":"zorro","active":false,"name":{"familyName":"Young"},
				"emails":[{"value":"C@suite.example",` + work + `},{"value":"y@suite.example",` + home + `}],
				"` + ent + `":{"department":"Marketing"},"` + wisdom + `":{"level":9,"ratio":2.25,"hired":"2026-01-02T01:00:00+05:00"}`},
			{"bob", `"externalId":"b","title":"A","displayName":"zebra","name":{"familyName":"xi"},"emails":[{"value":"b@suite.example",` + work + `}],
				"` + ent + `":{"manager":{"value":"m2"}},"` + wisdom + `":{"level":-3,"customerIds":["b"],"hired":"2026-01-01T22:00:00Z"}`},
			{"Eve", `"title":"B","displayName":"Zebra","` + ent + `":{"department":"finance","manager":{"value":"M1"}},"` + wisdom + `":{"level":9007199254740991}`},
			{"ann", `"externalId":"A","active":false,"displayName":"\ud83d\ude00"`},
		} {
			l.ids[u.name] = l.post("/Users", scim.UserBody(u.name, u.more)).is(201).id()
		}
		for _, g := range []struct{ name, more string }{{"beta", `"externalId":"1"`}, {"Alpha", `"members":[{"value":"` + l.ids["ann"] + `"}]`}, {"gamma", `"externalId":"0"`}} {
			l.post("/Groups", `{"schemas":["`+schema.GroupURN+`"],"displayName":"`+g.name+`",`+g.more+`}`).is(201)
		}
		return l
	})
}

// sorting is a row whose client is in the lineup's world.
func sorting(check func(lineup)) func(*client) {
	return func(c *client) {
		l := c.lineup()
		l.client = &client{c.T, l.w, c.id, l.w.strict, c.shared}
		check(l)
	}
}

// byID is the order of people who are equal.
func (l lineup) byID(names ...string) string {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(l.ids[a], l.ids[b]) })
	return strings.Join(names, " ")
}

// names are the users' and groups' of a list, in order.
func names(r reply) string {
	r.c.Helper()
	var names []string
	for _, one := range r.is(200).list("Resources") {
		name, ok := scim.Dig(one, "userName").(string)
		if !ok {
			name, _ = scim.Dig(one, "displayName").(string)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// lists wants a list to have these names in this order.
func lists(c *client, path, want string) {
	c.Helper()
	if got := names(c.get(path)); got != want {
		c.Errorf("%s: %s, want %s", path, got, want)
	}
}

// orders wants the users, sorted by an attribute, to be in this order, and in the reverse of
// it descending; by GET and by POST.
func orders(c *client, sortBy, want string) {
	c.Helper()
	path := "/Users?sortBy=" + url.QueryEscape(sortBy)
	lists(c, path, want)
	c.get(path).same(c.search("/Users", map[string]any{"sortBy": sortBy, "sortOrder": "ascending"}).is(200))
	reverse := strings.Fields(want)
	slices.Reverse(reverse)
	lists(c, path+"&sortOrder=descending", strings.Join(reverse, " "))
	c.get(path + "&sortOrder=descending").same(c.search("/Users", map[string]any{"sortBy": sortBy, "sortOrder": "descending"}).is(200))
}

// level is an integer of the tenant's own, ratio a decimal.
const (
	level = wisdom + ":level"
	ratio = wisdom + ":ratio"
)

var sortRows = []row{
	{"S-01 ascending by default", sorting(func(l lineup) {
		lists(l.client, "/Users?sortBy=userName", "ann bob Carl dora Eve")
		l.get("/Users?sortBy=userName").same(l.get("/Users?sortBy=userName&sortOrder=ascending").is(200))
	})},
	{"S-02 descending", sorting(func(l lineup) {
		lists(l.client, "/Users?sortBy=userName&sortOrder=descending", "Eve dora Carl bob ann")
	})},
	{"S-03 without case", sorting(func(l lineup) {
		orders(l.client, "userName", "ann bob Carl dora Eve")
		lists(l.client, "/Groups?sortBy=displayName", "Alpha beta gamma")
	})},
	{"S-04 with case", sorting(func(l lineup) { orders(l.client, "externalId", "ann dora Carl bob Eve") })},
	{"S-05 no value", sorting(func(l lineup) {
		orders(l.client, "title", "bob "+l.byID("dora", "Eve")+" "+l.byID("Carl", "ann"))
		lists(l.client, "/Groups?sortBy=externalId", "gamma beta Alpha")
		lists(l.client, "/Groups?sortBy=externalId&sortOrder=descending", "Alpha beta gamma")
		lists(l.client, "/Groups?sortBy=members&count=1", "Alpha")
		// How far a delivery is changes as we look; that it has a value, and so comes before who has none, does not.
		all := strings.Fields(names(l.get("/?sortBy=" + wisdom + ":delivery.state")))
		if last := slices.Sorted(slices.Values(all[5:])); !slices.Equal(last, []string{"Alpha", "beta", "gamma"}) {
			l.Errorf("by delivery: %v; groups have none and come last", all)
		}
	})},
	{"S-06 the primary value, else the first", sorting(func(l lineup) {
		orders(l.client, "emails.value", "dora bob Carl "+l.byID("Eve", "ann"))
		orders(l.client, wisdom+":customerIds", "bob dora "+l.byID("Carl", "Eve", "ann"))
		for _, by := range []string{"groups", "groups.display"} { // which the server adds
			lists(l.client, scim.Filtered("/Users", `groups pr or userName eq "bob"`, "sortBy="+by), "ann bob")
			lists(l.client, scim.Filtered("/Users", `groups pr or userName eq "bob"`, "sortBy="+by, "sortOrder=descending"), "bob ann")
		}
	})},
	{"S-07 sub-attributes", sorting(func(l lineup) {
		orders(l.client, "name.familyName", "bob Carl dora "+l.byID("Eve", "ann"))
		orders(l.client, "emails", "dora bob Carl "+l.byID("Eve", "ann"))
		orders(l.client, ent+":manager.value", "Eve bob "+l.byID("dora", "Carl", "ann"))
		for _, by := range []string{"name", "meta", ent + ":manager"} {
			l.get("/Users?sortBy="+by).refused(400, "invalidValue").says("sortBy")
		}
		orders(l.lenient(), ent+":manager", "Eve bob "+l.byID("dora", "Carl", "ann"))
		l.lenient().get("/Users?sortBy=name").refused(400, "invalidValue")
	})},
	{"S-08 by type", sorting(func(l lineup) {
		orders(l.client, "meta.created", "dora Carl bob Eve ann")
		orders(l.client, "meta.lastModified", "dora Carl bob Eve ann")
		orders(l.client, wisdom+":hired", "Carl bob "+l.byID("dora", "Eve", "ann")) // times, not texts
		orders(l.client, level, "bob Carl dora Eve ann")
		orders(l.client, ratio, "dora Carl "+l.byID("bob", "Eve", "ann"))
		orders(l.client, "active", l.byID("Carl", "ann")+" "+l.byID("dora", "bob", "Eve"))
		lists(l.client, "/Groups?sortBy=meta.created&sortOrder=descending", "gamma Alpha beta")
	})},
	{"S-09 URN and case", sorting(func(l lineup) {
		orders(l.client, ent+":department", "Eve Carl dora "+l.byID("bob", "ann"))
		orders(l.client, "USERNAME", "ann bob Carl dora Eve")
		orders(l.client, strings.ToUpper(core)+":USERNAME", "ann bob Carl dora Eve")
		l.get("/Users?sortBy=department").refused(400, "invalidValue")
		orders(l.lenient(), "department", "Eve Carl dora "+l.byID("bob", "ann"))
	})},
	{"S-10 what cannot be sorted by", sorting(func(l lineup) {
		for _, query := range []string{
			"sortBy=nope", "sortBy=name.nope", "sortBy=userName&sortOrder=up", "sortBy=" + ent, "sortBy=userName&sortBy=id",
			"sortBy=" + url.QueryEscape(`emails[type eq "work"].value`),
		} {
			l.get("/Users?"+query).refused(400, "invalidValue").says("sort")
			l.get("/?"+query).refused(400, "invalidValue").says("sort")
		}
		l.get("/Groups?sortBy=userName").refused(400, "invalidValue")
		l.search("/Users", map[string]any{"sortBy": "nope"}).refused(400, "invalidValue")
		lists(l.client, "/Users?sortBy=userName&sortOrder=Descending", "Eve dora Carl bob ann")
	})},
	{"S-11 sortOrder alone", sorting(func(l lineup) {
		for _, query := range []string{"sortOrder=descending", "sortBy=&sortOrder=nonsense"} {
			l.get("/Users?" + query).is(200).same(l.get("/Users"))
		}
	})},
	{"S-12 ties", func(c *client) {
		c = c.fresh()
		count := atOnce(100, func(i int) reply {
			return c.post("/Users", c.userBody(fmt.Sprint("u", i), `"title":"Same","displayName":"Same"`))
		})
		if count[201] != 100 {
			c.Fatalf("statuses %v", count)
		}
		for _, by := range []string{"title", "displayName", "active", "nickName"} {
			whole := c.get("/Users?attributes=id&count=100&sortBy=" + by).is(200).ids()
			if len(whole) != 100 || !slices.IsSorted(whole) {
				c.Errorf("%s: not by id: %v", by, whole)
			}
			for range 2 {
				if pages := walk(c, "/Users", 7, "sortBy", by, "attributes", "id"); !slices.Equal(pages, whole) {
					c.Errorf("%s, by pages: %v\nwant %v", by, pages, whole)
				}
			}
		}
	}},
	{"S-13 before paging", sorting(func(l lineup) {
		for _, by := range []string{"userName", "externalId", "title", "emails", "name.familyName", "meta.created", "active", level, ratio, ent + ":department", "id", "meta.resourceType"} {
			for _, order := range []string{"ascending", "descending"} {
				whole := names(l.get("/Users?sortBy=" + by + "&sortOrder=" + order))
				for _, filter := range []string{`userName pr`, `meta.lastModified gt "2020-01-01T00:00:00Z"`} { // by index, and without
					lists(l.client, scim.Filtered("/Users", filter, "sortBy="+by, "sortOrder="+order), whole)
					var pages []string
					for at := 1; at <= 5; at += 2 {
						page := l.get(scim.Filtered("/Users", filter, "sortBy="+by, "sortOrder="+order, "count=2", fmt.Sprint("startIndex=", at)))
						pages = append(pages, names(page))
					}
					if got := strings.Join(pages, " "); got != whole {
						l.Errorf("%s %s where %s, by pages: %s, want %s", by, order, filter, got, whole)
					}
				}
				var pages []string
				for at := 1; at <= 5; at += 2 {
					pages = append(pages, names(l.get(fmt.Sprintf("/Users?sortBy=%s&sortOrder=%s&count=2&startIndex=%d", by, order, at))))
				}
				if got := strings.Join(pages, " "); got != whole {
					l.Errorf("%s %s, by pages: %s, want %s", by, order, got, whole)
				}
			}
		}
		lists(l.client, "/Users?sortBy=id", l.byID("ann", "bob", "Carl", "dora", "Eve"))
	})},
	{"S-14 by code point", sorting(func(l lineup) { orders(l.client, "displayName", l.byID("bob", "Eve")+" Carl dora ann") })},
	{"S-15 what is never returned", sorting(func(l lineup) {
		for _, by := range []string{"password", "PASSWORD", core + ":password"} {
			for _, endpoint := range []string{"/Users", "/"} {
				l.get(endpoint+"?sortBy="+by).refused(400, "invalidValue").says("sort")
			}
			l.search("/Users", map[string]any{"sortBy": by}).refused(400, "invalidValue")
		}
	})},
}
