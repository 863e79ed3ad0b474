package scim_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim"
)

// paging is a row whose client is in a world with 1,000 users.
func paging(check func(c *client, users []string)) func(*client) {
	return func(c *client) {
		crowd := c.crowd()
		check(crowd.of(c), crowd.users)
	}
}

var paginationRows = []row{
	{"P-01 startIndex is 1 by default", paging(func(c *client, _ []string) {
		c.get("/Users?attributes=id&count=2").is(200).wants(1, "startIndex").same(c.get("/Users?attributes=id&startIndex=1&count=2"))
	})},
	{"P-02 startIndex below 1", paging(func(c *client, _ []string) {
		for _, index := range []string{"0", "-5"} {
			c.get("/Users?count=2&startIndex="+index).is(200).wants(1, "startIndex").same(c.get("/Users?count=2"))
		}
	})},
	{"P-03 never more than count", paging(func(c *client, _ []string) {
		if n := len(c.get("/Users?count=3").is(200).ids()); n != 3 {
			c.Errorf("%d resources", n)
		}
	})},
	{"P-04 count 0", paging(func(c *client, users []string) {
		c.get("/Users?count=0").is(200).wants(len(users), "totalResults").wants(0, "itemsPerPage").wants([]any{}, "Resources")
	})},
	{"P-05 a negative count", paging(func(c *client, _ []string) {
		c.get("/Users?count=-1").is(200).same(c.get("/Users?count=0"))
	})},
	{"P-06 itemsPerPage is what is there", paging(func(c *client, users []string) {
		for _, at := range []int{1, 301, 901} {
			r := c.get(fmt.Sprintf("/Users?startIndex=%d&count=300", at)).is(200).wants(at, "startIndex")
			r.wants(min(300, len(users)-at+1), "itemsPerPage").wants(len(r.ids()), "itemsPerPage")
		}
	})},
	{"P-07 maxResults", paging(func(c *client, users []string) {
		c = c.limited(func(o *scim.Options) { o.Limits.MaxPage = 9 })
		c.get(config).is(200).wants(9, "filter", "maxResults")
		r := c.get("/Users?count=1000000").is(200).wants(9, "itemsPerPage").wants(len(users), "totalResults")
		if len(r.ids()) != 9 {
			c.Errorf("%d resources", len(r.ids()))
		}
	})},
	{"P-08 without count", paging(func(c *client, users []string) {
		r := c.get("/Users").is(200).wants(len(users), "totalResults")
		if n, most := len(r.ids()), c.get(config).at("filter", "maxResults").(float64); n == 0 || float64(n) > most {
			c.Errorf("%d resources, of at most %v", n, most)
		}
	})},
	{"P-09 past the end", paging(func(c *client, users []string) {
		c.get("/Users?startIndex=5000&count=10").is(200).wants(5000, "startIndex").wants(0, "itemsPerPage").wants(len(users), "totalResults").wants([]any{}, "Resources")
	})},
	{"P-10 not a number", paging(func(c *client, _ []string) {
		for _, query := range []string{"count=ten", "startIndex=1.5", "count=", "startIndex=", "count=1e2", "startIndex=0x1"} {
			c.get("/Users?"+query).refused(400, "invalidValue")
		}
	})},
	{"P-11 huge numbers", paging(func(c *client, users []string) {
		for _, n := range []string{"2147483648", "9223372036854775808", "18446744073709551616", "-9223372036854775809"} {
			c.get("/Users?startIndex="+n+"&count=1").is(200).wants(len(users), "totalResults")
			c.get("/Users?startIndex=999&attributes=id&count="+n).is(200).wants(len(users), "totalResults")
		}
	})},
	{"P-12 all pages are the whole set", paging(func(c *client, users []string) {
		for _, size := range []int{1, 7, 100, 1000} {
			// By ones only the first hundred: the rest is no other.
			var walked []string
			if size == 1 {
				for i := range 100 {
					walked = append(walked, c.get(fmt.Sprintf("/Users?attributes=id&count=1&startIndex=%d", i+1)).is(200).ids()...)
				}
				if first := c.get("/Users?attributes=id&count=100").is(200).ids(); !slices.Equal(walked, first) {
					c.Errorf("by ones %v, at once %v", walked, first)
				}
				continue
			}
			walked = walk(c, "/Users", size, "attributes", "id")
			slices.Sort(walked)
			if !slices.Equal(walked, users) {
				c.Errorf("by %d: %d resources in the pages", size, len(walked))
			}
		}
	})},
	{"P-13 a change between pages", func(c *client) {
		c = c.fresh()
		made := []resource{}
		for i := range 9 {
			made = append(made, c.user(fmt.Sprint("u", i), ""))
		}
		first := c.get("/Users?count=3").is(200).ids()
		c.do("DELETE", "/Users/"+first[0], "").is(204)
		for at := 4; at <= len(made); at += 3 {
			page := c.get(fmt.Sprintf("/Users?startIndex=%d&count=3", at)).is(200).wants(8, "totalResults").ids()
			slices.Sort(page)
			if len(slices.Compact(slices.Clone(page))) != len(page) || slices.Contains(page, first[0]) {
				c.Errorf("page %v", page)
			}
		}
	}},
	{"P-14 no query finds too many", paging(func(c *client, users []string) { // but sorted over all types, and far into the list
		c.filter("/Users", `userName co "u" or title co "x" or not (nickName pr)`, "count=1").is(200).wants(len(users), "totalResults")
		c.get("/?sortBy=displayName&startIndex=9223372036854775807").refused(400, "tooMany").says("cursor")
		c.get("/?sortBy=displayName&startIndex=100&count=1").is(200).wants(1, "itemsPerPage")
	})},
	{"P-15 the same on every endpoint", func(c *client) {
		mixing(mixedPages)(c)
		c = c.fresh()
		for i := range 5 {
			c.group(fmt.Sprint("g", i), c.user(fmt.Sprint("u", i), ""))
		}
		for endpoint, total := range map[string]int{"/Users": 5, "/Groups": 5, "/": 10} {
			all := c.get(endpoint).is(200).wants(total, "totalResults").ids()
			for _, tt := range []struct {
				start, count int
				want         []string
			}{{1, 2, all[:2]}, {0, 2, all[:2]}, {4, 3, all[3:min(6, total)]}, {total - 1, 3, all[total-2:]}, {total + 4, 3, nil}, {1, 0, nil}, {1, -1, nil}} {
				r := c.get(fmt.Sprintf("%s?startIndex=%d&count=%d", endpoint, tt.start, tt.count)).is(200).wants(total, "totalResults").wants(max(1, tt.start), "startIndex").wants(len(tt.want), "itemsPerPage")
				if !slices.Equal(r.ids(), append([]string{}, tt.want...)) {
					c.Errorf("%s: %v, want %v", r.what, r.ids(), tt.want)
				}
				r.same(c.search(strings.TrimSuffix(endpoint, "/"), map[string]any{"startIndex": tt.start, "count": tt.count}).is(200))
			}
			c.get(endpoint+"?count=ten").refused(400, "invalidValue")
			c.get(endpoint+"?startIndex=9223372036854775807").is(200).wants(total, "totalResults").wants([]any{}, "Resources")
		}
	}},
}
