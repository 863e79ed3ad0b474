package scim_test

import (
	"fmt"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim"
)

// remove deletes a resource.
func (c *client) remove(r resource) {
	c.Helper()
	c.do("DELETE", r.path, "").is(204)
}

var deleteRows = []row{
	{"X-01 204 without body", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			if got := c.do("DELETE", r.path, "").is(204); got.text != "" || got.header.Get("Content-Type") != "" {
				c.Errorf("%q, %v", got.text, got.header)
			}
		}
	}},
	{"X-02 404 afterwards", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			c.remove(r)
			c.get(r.path).refused(404, "")
			c.put(r.path, c.userBody("ann", "")).refused(404, "")
			c.patch(r.path, bare("replace", `{"displayName":"x"}`)).refused(404, "")
			c.do("DELETE", r.path, "").refused(404, "")
		}
	}},
	{"X-03 gone from queries", func(c *client) {
		c = c.fresh()
		u, v := c.user("ann", ""), c.user("bob", "")
		g := c.group("G", u, v)
		c.remove(u)
		c.finds("/Users", `id eq "`+u.id+`"`)
		c.finds("/Users", `userName eq "`+u.name+`"`)
		c.finds("/Groups", `members eq "`+u.id+`"`)
		c.finds("/", `id eq "`+u.id+`"`)
		c.finds("/", `userName pr`, v)
		c.get("/").is(200).wants(2, "totalResults")
		c.get("/Users").is(200).wants(1, "totalResults")
		c.members(g, v)
	}},
	{"X-04 the userName is free again", func(c *client) {
		u := c.user("ann", "")
		c.remove(u)
		if again := c.user("ann", ""); again.id == u.id {
			c.Error("the id was used again")
		}
	}},
	{"X-05 an unknown id", func(c *client) {
		c.do("DELETE", "/Users/nobody", "").refused(404, "")
		c.do("DELETE", "/Groups/nobody", "").refused(404, "")
	}},
	{"X-06 memberships go", func(c *client) {
		u, v := c.user("ann", ""), c.user("bob", "")
		g, h := c.group("G", u, v), c.group("H", v)
		c.remove(u)
		c.members(g, v)
		c.remove(g)
		c.get(v.path).is(200).wants(h.id, "groups", 0, "value").wants(nil, "groups", 1)
	}},
	{"X-07 If-Match", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			old := c.get(r.path).header.Get("ETag")
			c.patch(r.path, bare("replace", `{"displayName":"`+c.name("new")+`"}`))
			c.unchanged(r, "DELETE", r.path, "", 412, "", "If-Match: "+old)
			c.do("DELETE", r.path, "", "If-Match: "+c.get(r.path).header.Get("ETag")).is(204)
		}
	}},
	{"X-08 collections and discovery", func(c *client) {
		for _, path := range []string{"/Users", "/Groups", "/Schemas", types, config, "/Schemas/" + core} {
			if allow := c.do("DELETE", path, "").refused(405, "").header.Get("Allow"); allow == "" || strings.Contains(allow, "DELETE") {
				c.Errorf("%s: Allow %q", path, allow)
			}
		}
	}},
	{"X-09 ids are not used again", func(c *client) {
		ids := make([]string, 300)
		count := atOnce(len(ids), func(i int) reply {
			r := c.post("/Groups", c.groupBody(fmt.Sprint("g", i%10, "-", i)))
			ids[i], _ = r.at("id").(string)
			return c.do("DELETE", "/Groups/"+ids[i], "")
		})
		for range 10 { // one name, time and again
			u := c.user("ann", "")
			ids = append(ids, u.id)
			c.remove(u)
		}
		seen := map[string]bool{}
		for _, id := range ids {
			seen[id] = true
		}
		if len(seen) != len(ids) || count[204] != 300 {
			c.Errorf("%d ids for %d resources, statuses %v", len(seen), len(ids), count)
		}
	}},
	{"X-10 a manager who is gone", func(c *client) {
		boss := c.user("boss", "")
		u := c.user("ann", `"`+ent+`":{"manager":{"value":"`+boss.id+`"}}`)
		c.remove(boss)
		c.get(u.path).is(200).wants(boss.id, ent, "manager", "value")
		c.finds("/Users", ent+`:manager.value eq "`+boss.id+`"`, u)
		c.patch(u.path, op("replace", "title", `"T"`)).is(200).wants(boss.id, ent, "manager", "value")
		c.get(scim.Filtered("/Users", ent+`:manager.displayName pr`)).is(200)
	}},
	{"X-11 two at once", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			if count := atOnce(2, func(int) reply { return c.do("DELETE", r.path, "") }); count[204] != 1 || count[404] != 1 {
				c.Errorf("statuses %v", count)
			}
		}
	}},
}
