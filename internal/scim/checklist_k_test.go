package scim_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim"
)

var unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// walkOn reads a list by cursor to its end, calls between after each page, and gives the
// ids in order and how many pages there were.
func walkOn(c *client, query string, between func()) (ids []string, pages int) {
	c.Helper()
	cursor := ""
	for pages < 1000 {
		r := c.get(query + "&cursor=" + cursor).is(200)
		page := r.ids()
		ids, pages = append(ids, page...), pages+1
		r.wants(len(page), "itemsPerPage").wants(nil, "startIndex").wants(nil, "previousCursor") // K-04
		next := r.at("nextCursor")
		if next == nil {
			return ids, pages
		}
		if cursor, _ = next.(string); !unreserved.MatchString(cursor) { // K-03
			c.Fatalf("nextCursor %v", next)
		}
		if between != nil {
			between()
		}
	}
	c.Fatal("the walk does not end")
	return nil, 0
}

// walking is a row whose client is in a world with 95 users, u0 to u94.
func walking(check func(c *client, users []string)) func(*client) {
	return func(c *client) {
		line := c.line()
		at := line.of(c)
		at.shared = c.shared
		check(at, line.users)
	}
}

// nextOf is the cursor that a query's answer gives.
func nextOf(c *client, query string) string {
	c.Helper()
	return c.get(query).is(200).string("nextCursor")
}

// sameWalk wants a query by cursor to give what it gives by index, in as many pages.
func sameWalk(c *client, query string, size, pages int) {
	c.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		c.Fatal(err)
	}
	parameters := []string{"attributes", "id"}
	for key := range values {
		parameters = append(parameters, key, values.Get(key))
	}
	want := walk(c, "/Users", 50, parameters...)
	got, n := walkOn(c, fmt.Sprintf("/Users?%s&count=%d", query, size), nil)
	if diff := cmp.Diff(want, got); diff != "" || n != pages {
		c.Errorf("%s: %d pages, want %d (-by index +by cursor)\n%s", query, n, pages, diff)
	}
}

var cursorRows = []row{
	{"K-01 an empty cursor", walking(func(c *client, users []string) {
		first := c.get("/Users?count=10").is(200).ids()
		for _, query := range []string{"cursor&count=10", "cursor=&count=10"} {
			page := c.get("/Users?"+query).is(200).wants(95, "totalResults").wants(10, "itemsPerPage").wants(nil, "startIndex")
			if !slices.Equal(page.ids(), first) || page.string("nextCursor") == "" {
				c.Errorf("%s: %v, want %v", page.what, page.ids(), first)
			}
		}
	})},
	{"K-02 nextCursor but on the last page", walking(func(c *client, _ []string) {
		for size, pages := range map[int]int{10: 10, 19: 5, 94: 2, 95: 1, 96: 1} {
			if _, n := walkOn(c, fmt.Sprint("/Users?count=", size), nil); n != pages {
				c.Errorf("95 by %d: %d pages, want %d", size, n, pages)
			}
		}
		c.get("/Groups?cursor").is(200).wants(0, "totalResults").wants(nil, "nextCursor")
	})},
	{"K-03 unreserved characters", walking(func(c *client, _ []string) {
		for _, query := range []string{"/Users?count=1&cursor", "/Users?count=7&sortBy=userName&cursor", "/?count=3&cursor"} {
			if next := nextOf(c, query); !unreserved.MatchString(next) {
				c.Errorf("%s: nextCursor %q", query, next)
			}
		}
	})},
	{"K-04 no previousCursor on the first page", walking(func(c *client, _ []string) {
		c.get("/Users?cursor&count=10").is(200).wants(nil, "previousCursor")
	})},
	{"K-05 each resource once", walking(func(c *client, users []string) {
		for _, size := range []int{1, 7, 10, 50} {
			got, _ := walkOn(c, fmt.Sprint("/Users?count=", size), nil)
			if slices.Sort(got); !slices.Equal(got, users) {
				c.Errorf("by %d: %d resources, %d users", size, len(got), len(users))
			}
		}
	})},
	{"K-06 writes during the walk", walkAmongWrites},
	{"K-07 a cursor of something else", walking(func(c *client, _ []string) {
		cursor := nextOf(c, "/Users?count=10&sortBy=userName&cursor")
		c.get("/Users?count=10&sortBy=userName&cursor=" + cursor).is(200)
		other := "A"
		if cursor[0] == 'A' {
			other = "B"
		}
		for _, damaged := range []string{"nonsense", "%00%ff", cursor[1:], cursor[:len(cursor)-4], other + cursor[1:], cursor + "AAAA", strings.ToUpper(cursor)} {
			c.get("/Users?sortBy=userName&cursor="+damaged).refused(400, "invalidCursor")
		}
		for _, foreign := range []string{
			"/Users?cursor=", "/Users?sortBy=displayName&cursor=", "/Users?sortBy=userName&sortOrder=descending&cursor=",
			"/Users?sortBy=userName&filter=title+pr&cursor=", "/?sortBy=userName&cursor=", "/Groups?sortBy=displayName&cursor=",
		} {
			c.get(foreign+cursor).refused(400, "invalidCursor")
		}
		for _, key := range [][]byte{bytes.Repeat([]byte{1}, 32), nil} { // as another tenant has one, and another process without
			c.limited(func(o *scim.Options) { o.CursorKey = key }).get("/Users?sortBy=userName&cursor="+cursor).refused(400, "invalidCursor")
		}
		c.Log("skipped: a cursor of another tenant, as there is one tenant a server (R-16); what was checked is one under another key")
	})},
	{"K-08 cursors do not expire", walking(func(c *client, _ []string) {
		c.get(config).is(200).wants(true, "pagination", "cursor").wants(nil, "pagination", "cursorTimeout")
		cursor := nextOf(c, "/Users?count=10&cursor")
		next := c.get("/Users?count=10&cursor=" + cursor).is(200)
		again := c.limited(func(*scim.Options) {}).get("/Users?count=10&cursor=" + cursor).is(200) // nor with the process
		if !slices.Equal(again.ids(), next.ids()) {
			c.Errorf("another process goes on with %v, want %v", again.ids(), next.ids())
		}
	})},
	{"K-09 count", walking(func(c *client, _ []string) {
		for _, count := range []string{"ten", "", "1.5"} {
			c.get("/Users?cursor&count="+count).refused(400, "invalidCount")
			c.get("/Users?count="+count).refused(400, "invalidValue")
		}
		c.search("/Users", map[string]any{"cursor": "", "count": "x"}).refused(400, "invalidCount")
		c.get("/Users?cursor&count=-1").is(200).wants(0, "itemsPerPage").wants(95, "totalResults")
		c.get("/Users?count=3&cursor="+nextOf(c, "/Users?count=10&cursor")).is(200).wants(3, "itemsPerPage")
		c = c.limited(func(o *scim.Options) { o.Limits.PageSize, o.Limits.MaxPage = 7, 50 })
		c.get("/Users?cursor").is(200).wants(7, "itemsPerPage")
		c.get("/Users?cursor&count=1000").is(200).wants(50, "itemsPerPage")
	})},
	{"K-10 count 0", walking(func(c *client, _ []string) {
		for query, n := range map[string]int{"x": 95, "sortBy=title": 95, "filter=userName+sw+%22u1%22": 11} {
			c.get("/Users?cursor&count=0&"+query).is(200).wants(n, "totalResults").wants([]any{}, "Resources").wants(nil, "nextCursor")
		}
	})},
	{"K-11 totalResults on every page", walking(func(c *client, _ []string) {
		cursor := ""
		for range 4 {
			r := c.get("/Users?count=30&cursor="+cursor).is(200).wants(95, "totalResults")
			cursor, _ = r.at("nextCursor").(string)
		}
		if cursor != "" {
			c.Error("95 by 30 are more than four pages")
		}
	})},
	{"K-12 a sort order holds over the pages", walking(func(c *client, _ []string) {
		for _, by := range []string{"userName", "active", "meta.lastModified", "nickName", ent + ":department", "emails"} {
			sameWalk(c, "sortBy="+by, 10, 10)
			sameWalk(c, "sortBy="+by+"&sortOrder=descending", 10, 10)
		}
	})},
	{"K-13 index is the default", walking(func(c *client, _ []string) {
		c.get(config).is(200).wants("index", "pagination", "defaultPaginationMethod")
		c.get("/Users?count=10").is(200).wants(1, "startIndex").wants(nil, "nextCursor")
		c.get("/Users").is(200).wants(1, "startIndex").wants(nil, "nextCursor")
	})},
	{"K-14 cursor and startIndex", walking(func(c *client, _ []string) {
		c.get("/Users?cursor&startIndex=1").refused(400, "invalidValue")
		c.get("/Users?startIndex=2&cursor="+nextOf(c, "/Users?count=10&cursor")).refused(400, "invalidValue")
		c.get("/Users?cursor&cursor").refused(400, "invalidValue")
		c.search("/Users", map[string]any{"cursor": "", "startIndex": 1}).refused(400, "invalidValue")
	})},
	{"K-15 by POST", walking(func(c *client, _ []string) {
		want, _ := walkOn(c, "/Users?count=40", nil)
		var got []string
		for next := any(""); next != nil && len(got) <= len(want); {
			page := c.search("/Users", map[string]any{"cursor": next, "count": 40}).is(200).wants(nil, "startIndex").wants(95, "totalResults")
			got, next = append(got, page.ids()...), page.at("nextCursor")
		}
		if !slices.Equal(got, want) {
			c.Errorf("%v, want %v", got, want)
		}
		cursor := nextOf(c, "/Users?count=10&sortBy=userName&cursor") // of a GET
		c.search("/Users", map[string]any{"sortBy": "userName", "cursor": cursor, "count": 7}).is(200).wants(7, "itemsPerPage")
		c.search("/Users", map[string]any{"cursor": cursor}).refused(400, "invalidCursor")
		c.search("/Users", map[string]any{"cursor": 5}).refused(400, "invalidValue")
		c.search("/Users", map[string]any{"cursor": nil}).is(200).wants(1, "startIndex")
	})},
	{"K-16 a cursor says and grants nothing", walking(func(c *client, _ []string) {
		query := scim.Filtered("/Users", `userName co "-crowd"`, "count=10", "sortBy=userName", "cursor=")
		cursor := nextOf(c, query)
		plain, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			c.Fatal(err)
		}
		for _, secret := range []string{"-crowd", "userName", "suite"} {
			if strings.Contains(cursor, secret) || bytes.Contains(plain, []byte(secret)) {
				c.Errorf("%q shows %s", plain, secret)
			}
		}
		c.get(query+cursor, "Authorization: ").refused(401, "")
		c.get(query+cursor, "Authorization: Bearer "+cursor).refused(401, "")
	})},
	{"K-17 each request repeats the query", walking(func(c *client, _ []string) {
		filter := scim.Filtered("/Users", `userName sw "u1"`, "count=5", "cursor=")
		cursor := nextOf(c, filter)
		c.get(filter+cursor).is(200).wants(11, "totalResults")
		c.get("/Users?count=5&cursor="+cursor).refused(400, "invalidCursor")
		c.get(scim.Filtered("/Users", `userName sw "u2"`, "count=5", "cursor="+cursor)).refused(400, "invalidCursor")
		c.get(filter+cursor+"&sortBy=userName").refused(400, "invalidCursor")
		for _, query := range []string{`userName sw "u1"`, `not (userName sw "u2")`} { // by an index, and without
			total := int(c.filter("/Users", query, "count=0").at("totalResults").(float64))
			sameWalk(c, "filter="+url.QueryEscape(query), 5, (total+4)/5)
			sameWalk(c, "sortBy=userName&sortOrder=descending&filter="+url.QueryEscape(query), 5, (total+4)/5)
		}
	})},
}

// walkAmongWrites is K-06: whoever is not written during a walk is shown once, in his
// place, whatever is created, changed and deleted between its pages.
func walkAmongWrites(c *client) {
	c = c.fresh(bridgetest.Options{Change: func(o *directory.Options) { o.Delivery.RequestBudget = time.Nanosecond }}) // writes need not wait for WisdomAI
	serial := 0
	create := func(title string) string {
		serial++
		return c.user(fmt.Sprint("u", serial*7919%10007), fmt.Sprintf(`"title":%q,"displayName":%q`, title, title)).id
	}
	var there []string
	for range 12 {
		there = append(there, create("m"))
	}
	c.w.Settled(c.T) // lists wait for the first look (V-29), for a nanosecond
	rapid.Check(c.T, func(rt *rapid.T) {
		query := rapid.SampledFrom([]string{"", "sortBy=userName", "sortBy=displayName", "sortBy=title", "sortBy=meta.lastModified", "sortBy=id",
			"sortBy=nickName", "filter=title+pr", "filter=title+pr&sortBy=displayName", "filter=title+pr&sortBy=title"}).Draw(rt, "query")
		if strings.Contains(query, "sortBy") && rapid.Bool().Draw(rt, "descending") {
			query += "&sortOrder=descending"
		}
		title := rapid.SampledFrom([]string{"a", "m", "M", "z", "ä"})
		touched := map[string]bool{}
		before := slices.Clone(there)
		got, _ := walkOn(c, fmt.Sprintf("/Users?%s&count=%d", query, rapid.IntRange(1, 5).Draw(rt, "count")), func() {
			switch rapid.IntRange(0, 3).Draw(rt, "write") {
			case 0:
				id := create(title.Draw(rt, "title"))
				there, touched[id] = append(there, id), true
			case 1:
				if len(there) > 8 {
					i := rapid.IntRange(0, len(there)-1).Draw(rt, "who")
					c.do("DELETE", "/Users/"+there[i], "").is(204)
					touched[there[i]] = true
					there = slices.Delete(there, i, i+1)
				}
			case 2:
				id := there[rapid.IntRange(0, len(there)-1).Draw(rt, "who")]
				value := scim.JSONOf(title.Draw(rt, "title"))
				c.patch("/Users/"+id, `{"op":"replace","value":{"title":`+value+`,"displayName":`+value+`}}`).is(200)
				touched[id] = true
			}
		})
		isTouched := func(id string) bool { return touched[id] }
		want := slices.DeleteFunc(c.get("/Users?count=1000&"+query).is(200).ids(), isTouched)
		if got = slices.DeleteFunc(got, isTouched); !slices.Equal(got, want) {
			rt.Fatalf("%s: untouched ones in the walk %v\nwant %v", query, got, want)
		}
		if untouched := slices.DeleteFunc(before, isTouched); len(untouched) != len(want) {
			rt.Fatalf("%d were untouched, %d are listed", len(untouched), len(want))
		}
	})
}
