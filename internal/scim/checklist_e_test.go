package scim_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// tag is the ETag of a resource now.
func (c *client) tag(r resource) string {
	c.Helper()
	return c.get(r.path).is(200).header.Get("ETag")
}

// conditional wants a write to be refused with a stale tag, leaving everything as it was,
// and done with the current one.
func conditional(c *client, method string, body func(name string) string) {
	c.Helper()
	for _, r := range []resource{c.user("ann", ""), c.group("G")} {
		old := c.tag(r)
		c.patch(r.path, bare("replace", `{"externalId":"moved"}`))
		c.unchanged(r, method, r.path, body(r.path), 412, "", "If-Match: "+old)
		c.unchanged(r, method, r.path, body(r.path), 412, "", "If-Match: "+old+`, W/"77"`)
		if got := c.do(method, r.path, body(r.path), "If-Match: "+old+", "+c.tag(r)); got.status > 204 {
			c.Errorf("%s with the current tag: %d %s", method, got.status, got.text)
		}
	}
}

var versionRows = []row{
	{"E-01 ETag on every answer", func(c *client) {
		form := regexp.MustCompile(`^W/"[^"]+"$`)
		is := func(r reply) {
			c.Helper()
			if tag := r.header.Get("ETag"); !form.MatchString(tag) || r.text != "" && r.at("meta", "version") != tag {
				c.Errorf("%s: ETag %q, %s", r.what, tag, r.text)
			}
		}
		for endpoint, body := range map[string]string{"/Users": c.userBody("ann", ""), "/Groups": c.groupBody("G")} {
			r := c.post(endpoint, body).is(201)
			is(r)
			path := endpoint + "/" + r.id()
			is(c.get(path))
			is(c.put(path, body))
			is(c.patch(path, bare("replace", `{"externalId":"x"}`)))
			is(c.patch(path+"?attributes=meta", bare("replace", `{"externalId":"y"}`)).is(200))
		}
	}},
	{"E-02 each change gives a new one", func(c *client) {
		u, v := c.user("ann", ""), c.user("bob", "")
		g := c.group("G", u)
		seen := map[string]bool{c.tag(u): true}
		for i, change := range []func(){
			func() { c.put(u.path, c.userBody("ann", `"title":"A"`)).is(200) },
			func() { c.patch(u.path, op("replace", "title", `"B"`)).is(200) },
			func() { c.put(u.path, c.userBody("ann", `"title":"A"`)).is(200) },
		} {
			if change(); seen[c.tag(u)] {
				c.Errorf("change %d: %s again", i, c.tag(u))
			}
			seen[c.tag(u)] = true
		}
		seen = map[string]bool{c.tag(g): true}
		for i, operation := range []string{op("add", "members", "["+member(v)+"]"), op("remove", `members[value eq "`+u.id+`"]`, ""), op("remove", "members", "")} {
			if c.patch(g.path, operation).is(204); seen[c.tag(g)] {
				c.Errorf("membership %d: %s again", i, c.tag(g))
			}
			seen[c.tag(g)] = true
		}
	}},
	{"E-03 no change, same version", func(c *client) {
		place := enginetest.NewPlace(c.T)
		var u, g resource
		var before, group string
		c.Run("before the restart", func(t *testing.T) {
			c := (&client{t, nil, c.id, "", c.shared}).fresh(bridgetest.Options{Place: place})
			u = c.user("ann", full)
			g = c.group("G", u)
			before, group = c.tag(u), c.tag(g)
			c.patchKeeps(u, op("add", "title", `"T"`))
			c.put(u.path, c.get(u.path).text).is(200).wants(before, "meta", "version")
		})
		c.Run("after the restart", func(t *testing.T) {
			c := (&client{t, nil, c.id, "", c.shared}).fresh(bridgetest.Options{Place: place})
			if c.tag(u) != before || c.tag(g) != group {
				c.Errorf("versions %s and %s, before the restart %s and %s", c.tag(u), c.tag(g), before, group)
			}
		})
	}},
	{"E-04 If-None-Match", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			old := c.tag(r)
			c.patch(r.path, bare("replace", `{"externalId":"x"}`))
			now := c.tag(r)
			for _, tags := range []string{now, "*", `W/"77", ` + now, old + "," + now} {
				if got := c.get(r.path, "If-None-Match: "+tags).is(304); got.text != "" || got.header.Get("ETag") != now {
					c.Errorf("%s: %q, ETag %q", tags, got.text, got.header.Get("ETag"))
				}
			}
			c.get(r.path, "If-None-Match: "+old).is(200)
		}
	}},
	{"E-05 If-Match on PUT", func(c *client) {
		conditional(c, "PUT", func(path string) string {
			if path[1] == 'U' {
				return c.userBody("ann", `"title":"T"`)
			}
			return c.groupBody("H")
		})
	}},
	{"E-06 If-Match on PATCH and DELETE", func(c *client) {
		conditional(c, "PATCH", func(path string) string {
			return scim.PatchBody(bare("replace", `{"displayName":"`+c.name("new"+path[1:2])+`"}`))
		})
		c.remove(resource{path: "/Users/" + c.filter("/Users", `userName eq "`+c.name("ann")+`"`).ids()[0]})
		conditional(c, "DELETE", func(string) string { return "" })
	}},
	{"E-07 weak tags are compared weakly", func(c *client) {
		u := c.user("ann", "")
		weak := c.tag(u)
		c.put(u.path, c.userBody("ann", `"title":"A"`), "If-Match: "+weak).is(200)
		c.put(u.path, c.userBody("ann", `"title":"B"`), "If-Match: "+c.tag(u)[2:]).is(200)
		c.get(u.path, "If-None-Match: "+c.tag(u)[2:]).is(304)
	}},
	{"E-08 If-Match *", func(c *client) {
		u := c.user("ann", "")
		c.put(u.path, c.userBody("ann", `"title":"A"`), "If-Match: *").is(200)
		if r := c.put("/Users/nobody", c.userBody("bob", ""), "If-Match: *"); r.status != 404 && r.status != 412 {
			c.Errorf("status %d", r.status)
		}
	}},
	{"E-09 malformed tags", func(c *client) {
		u := c.user("ann", "")
		for _, tag := range []string{`nonsense`, `W/"1`, `W/1`, `"`, `""`, `,`, `W/"01"`, `"99999999999999999999"`} {
			c.unchanged(u, "PUT", u.path, c.userBody("ann", `"title":"T"`), 412, "", "If-Match: "+tag)
			c.get(u.path, "If-None-Match: "+tag).is(200)
		}
	}},
	{"E-10 20 writers with one tag", func(c *client) {
		u := c.user("ann", "")
		tag := c.tag(u)
		count := atOnce(20, func(i int) reply {
			return c.put(u.path, c.userBody("ann", fmt.Sprintf(`"title":"T%d"`, i)), "If-Match: "+tag)
		})
		if count[200] != 1 || count[412] != 19 {
			c.Errorf("statuses %v", count)
		}
	}},
	{"E-11 lists", func(c *client) {
		u := c.user("ann", "")
		for _, tag := range []string{"*", c.tag(u)} {
			for _, endpoint := range []string{"/Users", "/Groups"} {
				if r := c.get(endpoint+"?count=1", "If-None-Match: "+tag).is(200); r.header.Get("ETag") != "" {
					c.Errorf("ETag %q", r.header.Get("ETag"))
				}
			}
		}
	}},
	{"E-12 a user's version moves with his groups", func(c *client) {
		u := c.user("ann", "")
		old := c.tag(u)
		g := c.group("G", u)
		c.get(u.path, "If-None-Match: "+old).is(200).wants(g.id, "groups", 0, "value")
		old = c.tag(u)
		c.patch(g.path, op("replace", "displayName", scim.JSONOf(c.name("H")))).is(204)
		c.get(u.path, "If-None-Match: "+old).is(200).wants(c.name("H"), "groups", 0, "display")
		old = c.tag(u)
		c.remove(g)
		c.get(u.path, "If-None-Match: "+old).is(200).wants(nil, "groups")
	}},
}
