package scim_test

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
)

// crowd is a world with many users, for the rows that want as many. They are made when the
// first row asks. Rows may put them into groups, and change nothing else.
type crowd struct {
	w     *world
	users []string // their ids, sorted
}

// crowdOf makes a crowd of n users, when it is called for the first time. It ends with the
// test t.
func crowdOf(t *testing.T, n int) func() crowd {
	return sync.OnceValue(func() crowd {
		w := newWorld(t, bridgetest.Options{})
		made := crowd{w, make([]string, n)}
		var wg sync.WaitGroup
		const writers = 64 // who queue share one fsync
		for first := range writers {
			wg.Go(func() {
				for i := first; i < n; i += writers {
					c := &client{T: t, w: w, id: "crowd", base: w.strict}
					r := c.post("/Users", c.userBody(fmt.Sprint("u", i), ""))
					if r.status != 201 {
						t.Errorf("%s: %d %s", r.what, r.status, r.text)
						return
					}
					made.users[i] = r.id()
				}
			})
		}
		wg.Wait()
		slices.Sort(made.users)
		return made
	})
}

// of is the client in the crowd's world.
func (made crowd) of(c *client) *client {
	return &client{T: c.T, w: made.w, id: c.id, base: made.w.strict}
}

// walk reads a list page by page, by index, and gives all ids in the order of the pages.
func walk(c *client, endpoint string, size int, parameters ...string) []string {
	c.Helper()
	var all []string
	for {
		query := fmt.Sprintf("?startIndex=%d&count=%d", len(all)+1, size)
		for i := 0; i < len(parameters); i += 2 {
			query += "&" + parameters[i] + "=" + url.QueryEscape(parameters[i+1])
		}
		r := c.get(endpoint + query).is(200)
		page := r.ids()
		r.wants(len(page), "itemsPerPage").wants(len(all)+1, "startIndex")
		if len(page) == 0 || len(page) > size {
			c.Fatalf("%s: %d resources", r.what, len(page))
		}
		if all = append(all, page...); r.at("totalResults") == float64(len(all)) {
			return all
		}
	}
}
