package scim_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// mixed is a world with five users and four groups, for the rows about queries over all types.
// Sorted by displayName, a user and a group take turns; rows are not to change them.
type mixed struct {
	*client
	users, groups []string // ids, in the order of creation
}

// mixedOf makes them when it is called for the first time. They end with the test t.
func mixedOf(t *testing.T) func() mixed {
	return sync.OnceValue(func() mixed {
		w := newWorld(t, bridgetest.Options{})
		m := mixed{client: &client{T: t, w: w, base: w.strict}}
		for i := range 5 {
			more := fmt.Sprintf(`"displayName":"Name %d","title":"T","externalId":"x%d"`, 2*i, 9-i)
			m.users = append(m.users, m.post("/Users", scim.UserBody(fmt.Sprint("u", i), more)).is(201).id())
		}
		for i := range 4 {
			m.groups = append(m.groups, m.post("/Groups", scim.GroupBody(fmt.Sprint("name ", 7-2*i), m.users[0])).is(201).id())
		}
		return m
	})
}

// mixing is a row whose client is in the world of users and groups.
func mixing(check func(mixed)) func(*client) {
	return func(c *client) {
		m := c.mixed()
		m.client = &client{c.T, m.w, c.id, m.w.strict, c.shared}
		check(m)
	}
}

// all are the users and then the groups, as an unsorted list has them.
func (m mixed) all() []string { return slices.Concat(m.users, m.groups) }

// find wants a filter on all types to find exactly these, in this order, by GET and by POST.
func (m mixed) find(filter string, want ...string) {
	m.Helper()
	r := m.filter("/", filter).is(200).wants(len(want), "totalResults").wants([]string{listURN}, "schemas")
	if !slices.Equal(r.ids(), append([]string{}, want...)) {
		m.Errorf("%s: %v, want %v", r.what, r.ids(), want)
	}
	m.search("", map[string]any{"filter": filter}).is(200).same(r)
}

// everythingRow is R-13.
func everythingRow(m mixed) {
	list := m.get("/").is(200).wants(len(m.all()), "totalResults").wants([]string{listURN}, "schemas")
	list.same(m.get("").is(200))
	if !slices.Equal(list.ids(), m.all()) {
		m.Fatalf("%v, want %v", list.ids(), m.all())
	}
	for i, id := range m.all() {
		endpoint := "/Users/"
		if i >= len(m.users) {
			endpoint = "/Groups/"
		}
		list.wants(m.get(endpoint+id).is(200).at(), "Resources", i)
	}
	m.get("/?attributes=userName,members").is(200).wants("u0", "Resources", 0, "userName").wants(m.users[0], "Resources", 5, "members", 0, "value")
	m.find(`displayName eq "Name 4" or displayName eq "Name 5"`, m.users[2], m.groups[1])
	m.find(`id eq "`+m.groups[3]+`"`, m.groups[3])
	m.post("/", `{}`).refused(405, "")
}

// mixedPages is P-15 at the root: by index and by cursor, whatever the order and the size.
func mixedPages(m mixed) {
	u, g := m.users, m.groups
	for query, want := range map[string][]string{
		"x=":                 m.all(),
		"sortBy=displayName": {u[0], g[3], u[1], g[2], u[2], g[1], u[3], g[0], u[4]},
		"sortBy=userName":    slices.Concat(u, slices.Sorted(slices.Values(g))), // which groups do not have
		"filter=displayName+co+%22name%22+and+not+(displayName+eq+%22name+0%22)": m.all()[1:],
	} {
		for _, size := range []int{1, 2, 4, 5, 9, 10} {
			var byIndex []string
			for at := 1; at <= len(want); at += size {
				page := m.get(fmt.Sprintf("/?count=%d&startIndex=%d&%s", size, at, query)).is(200).wants(len(want), "totalResults").wants(at, "startIndex")
				byIndex = append(byIndex, page.wants(len(page.ids()), "itemsPerPage").ids()...)
			}
			byCursor, pages := walkOn(m.client, fmt.Sprintf("/?count=%d&%s", size, query), nil)
			if !slices.Equal(byIndex, want) || !slices.Equal(byCursor, want) || pages != (len(want)+size-1)/size {
				m.Errorf("%s by %d: by index %v, by cursor %d pages of %v, want %v", query, size, byIndex, pages, byCursor, want)
			}
			if strings.HasPrefix(query, "sortBy") {
				down, _ := walkOn(m.client, fmt.Sprintf("/?count=%d&%s&sortOrder=descending", size, query), nil)
				if slices.Reverse(down); !slices.Equal(down, want) {
					m.Errorf("%s by %d, descending: %v, want the reverse of %v", query, size, down, want)
				}
			}
		}
		for _, none := range []string{"count=0", "startIndex=100"} {
			m.get("/?"+none+"&"+query).is(200).wants(len(want), "totalResults").wants([]any{}, "Resources")
		}
	}
}

// searchAllRow is Q-03.
func searchAllRow(m mixed) {
	m.search("", nil).is(200).same(m.get("/"))
	m.search("/Groups", nil).is(200).same(m.get("/Groups"))
	m.find(`userName eq "u3" or displayName eq "NAME 7"`, m.users[3], m.groups[0])
	for endpoint, want := range map[string][]string{"/Users": m.users, "/Groups": m.groups, "": m.all()} { // K-15
		var walked []string
		for next := any(""); next != nil && len(walked) <= len(want); {
			page := m.search(endpoint, map[string]any{"count": 2, "cursor": next}).is(200)
			walked, next = append(walked, page.ids()...), page.at("nextCursor")
		}
		if !slices.Equal(walked, want) {
			m.Errorf("%s/.search by cursor: %v, want %v", endpoint, walked, want)
		}
	}
	m.post("/.search", `{"schemas":["`+schema.GroupURN+`"]}`).refused(400, "invalidSyntax")
}
