package scim_test

import (
	"fmt"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim"
)

// immutables wants no attribute to be immutable but those of a member, on which the rows
// about immutable attributes stand: one more needs their steps too.
func immutables(c *client) {
	c.Helper()
	attributesOf(c, func(path string, a any) {
		if scim.Dig(a, "mutability") == "immutable" && !strings.Contains(path, ":members.") {
			c.Errorf("%s is immutable: write this row's steps for it", path)
		}
	})
}

var putRows = []row{
	{"U-01 200 with the whole resource", func(c *client) {
		u := c.user("ann", full)
		whole := c.get(u.path).text
		r := c.put(u.path, strings.Replace(whole, `"title":"T"`, `"title":"U"`, 1)).is(200).wants("U", "title").shows(fullKeys...)
		r.same(c.get(u.path))
	}},
	{"U-02 PUT on nothing", func(c *client) {
		u := c.user("ann", "")
		c.do("DELETE", u.path, "").is(204)
		for _, path := range []string{u.path, "/Users/nobody"} {
			c.put(path, c.userBody("bob", "")).refused(404, "")
		}
		c.finds("/Users", `userName eq "`+c.name("bob")+`"`)
	}},
	{"U-03 lists are replaced whole", func(c *client) {
		u := c.user("ann", full)
		c.put(u.path, c.userBody("ann", `"emails":[{"value":"b@x.test"}]`)).is(200).wants([]any{map[string]any{"value": "b@x.test"}}, "emails")
	}},
	{"U-04 readOnly input is ignored", func(c *client) {
		u := c.user("ann", "")
		before := c.get(u.path)
		c.put(u.path, c.userBody("ann", `"id":"x","meta":{"created":"1999-01-01T00:00:00Z","version":"x"},"groups":[{"value":"g"}]`)).is(200).same(before)
	}},
	{"U-05 what is left out is cleared", func(c *client) {
		u := c.user("ann", full)
		c.put(u.path, c.userBody("ann", "")).is(200).shows("schemas", "id", "userName", "active", "meta")
	}},
	{"U-06 but for active", func(c *client) {
		for _, active := range []bool{true, false} {
			u := c.user(fmt.Sprint(active), fmt.Sprintf(`"active":%t`, active))
			c.put(u.path, c.userBody(fmt.Sprint(active), `"title":"T"`)).is(200).wants(active, "active")
		}
	}},
	{"U-07 null and the empty list clear", func(c *client) {
		u := c.user("ann", full)
		c.put(u.path, c.userBody("ann", `"title":null,"emails":[],"name":null`)).is(200).wants(nil, "title").wants(nil, "emails").wants(nil, "name")
	}},
	{"U-08 required attributes", func(c *client) {
		u, g := c.user("ann", full), c.group("G")
		c.unchanged(u, "PUT", u.path, `{"schemas":["`+core+`"],"title":"U"}`, 400, "invalidValue").says("userName")
		c.unchanged(g, "PUT", g.path, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}`, 400, "invalidValue").says("displayName")
	}},
	{"U-09 immutable attributes", func(c *client) {
		immutables(c)
		u, inner := c.user("ann", ""), c.group("Inner")
		g := c.group("G", u) // the first value is taken
		of := func(r resource, kind string) string {
			return `{"value":"` + r.id + `","$ref":"` + c.base + r.path + `","type":"` + kind + `"}`
		}
		before := c.get(g.path)
		c.put(g.path, c.groupOf("G", "["+of(u, "User")+"]")).is(200).same(before) // equal is fine
		c.unchanged(g, "PUT", g.path, c.groupOf("G", "["+of(u, "Group")+"]"), 400, "invalidValue").says(u.id)
		c.unchanged(g, "PUT", g.path, c.groupOf("G", "["+of(u, "User")+","+of(inner, "User")+"]"), 400, "invalidValue").says(inner.id)
	}},
	{"U-10 immutable attributes left out", func(c *client) {
		immutables(c)
		u, inner := c.user("ann", ""), c.group("Inner")
		g := c.group("G", u, inner)
		before := c.get(g.path).wants("User", "members", 0, "type").wants("Group", "members", 1, "type")
		c.put(g.path, c.groupOf("G", "["+member(u)+","+member(inner)+"]")).is(200).same(before)
	}},
	{"U-11 a userName in use", func(c *client) {
		u := c.user("ann", "")
		c.user("bob", "")
		c.unchanged(u, "PUT", u.path, c.userBody("Bob", ""), 409, "uniqueness")
		c.put(u.path, c.userBody("ANN", "")).is(200).wants(c.name("ANN"), "userName")
	}},
	{"U-12 a rename", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", u)
		created := c.get(u.path).string("meta", "created")
		c.put(u.path, c.userBody("lee", "")).is(200).wants(u.id, "id").wants(created, "meta", "created").wants(g.id, "groups", 0, "value")
		c.get(g.path).is(200).wants(u.id, "members", 0, "value").wants(c.name("lee"), "members", 0, "display").wants(nil, "members", 1)
	}},
	{"U-13 meta moves", func(c *client) {
		u := c.user("ann", "")
		before := c.get(u.path)
		after := c.put(u.path, c.userBody("ann", `"title":"T"`)).is(200).wants(before.at("meta", "created"), "meta", "created")
		if after.string("meta", "lastModified") <= before.string("meta", "lastModified") || after.at("meta", "version") == before.at("meta", "version") {
			c.Errorf("meta %v after %v", after.at("meta"), before.at("meta"))
		}
	}},
	{"U-14 what changes nothing", func(c *client) {
		u := c.user("ann", full)
		g := c.group("G", u)
		for _, path := range []string{u.path, g.path} {
			before := c.get(path)
			for range 2 {
				c.put(path, before.text).is(200).same(before)
			}
		}
	}},
	{"U-15 extension data left out", func(c *client) {
		u := c.user("ann", full)
		c.put(u.path, c.userBody("ann", `"title":"T"`)).is(200).wants(nil, ent).wants([]string{core}, "schemas")
	}},
	{"U-16 two primaries", func(c *client) {
		u := c.user("ann", full)
		c.unchanged(u, "PUT", u.path, c.userBody("ann", `"emails":[{"value":"a@x.test","primary":true},{"value":"b@x.test","primary":true}]`), 400, "invalidValue")
	}},
	{"U-17 malformed bodies", func(c *client) {
		badBody(c, 400, "invalidSyntax", `{"schemas":["`+core+`"],"userName":`, `[{}]`, `{"a":1,"A":2}`)
	}},
	{"U-18 If-Match", func(c *client) {
		u := c.user("ann", "")
		old := c.get(u.path).header.Get("ETag")
		c.put(u.path, c.userBody("ann", `"title":"T"`), "If-Match: "+old).is(200)
		c.unchanged(u, "PUT", u.path, c.userBody("ann", `"title":"U"`), 412, "", "If-Match: "+old)
	}},
	{"U-19 a group's members", func(c *client) {
		a, b, d, e, f := c.user("a", ""), c.user("b", ""), c.user("d", ""), c.user("e", ""), c.user("f", "")
		g := c.group("G", a, b, d)
		c.put(g.path, c.groupBody("G", e, f)).is(200)
		c.finds("/Users", `groups.value eq "`+g.id+`"`, e, f)
		for _, gone := range []resource{a, b, d} {
			c.get(gone.path).is(200).wants(nil, "groups")
		}
		c.get(e.path).is(200).wants(g.id, "groups", 0, "value")
	}},
	{"U-20 PUT on a collection", func(c *client) {
		for _, path := range []string{"/Users", "/Groups"} {
			if got := c.put(path, c.userBody("ann", "")).refused(405, "").header.Get("Allow"); !strings.Contains(got, "POST") {
				c.Errorf("Allow %q", got)
			}
		}
	}},
	{"U-21 PUT and PATCH at once", func(c *client) {
		u := c.user("ann", "")
		count := atOnce(40, func(i int) reply {
			if i%2 == 0 {
				return c.put(u.path, c.userBody("ann", fmt.Sprintf(`"title":"T%d","nickName":"T%d"`, i, i)))
			}
			return c.patch(u.path, fmt.Sprintf(`{"op":"replace","value":{"locale":"l%d","timezone":"l%d"}}`, i, i))
		})
		if r := c.get(u.path).is(200); count[200] != 40 || r.at("title") != r.at("nickName") || r.at("locale") != r.at("timezone") {
			c.Errorf("statuses %v, left with %s", count, r.text)
		}
	}},
	{"U-22 an id in the body", func(c *client) {
		u, other := c.user("ann", ""), c.user("bob", "")
		before := c.get(other.path)
		c.put(u.path, c.userBody("ann", `"id":"`+other.id+`","title":"T"`)).is(200).wants(u.id, "id").wants("T", "title")
		c.get(other.path).same(before)
	}},
	{"U-23 projection", func(c *client) {
		c.put(c.user("ann", full).path+"?attributes=userName", c.userBody("ann", full)).is(200).shows(onlyName...)
	}},
}
