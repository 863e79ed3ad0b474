package scim_test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim"
)

var readRows = []row{
	{"R-01 the create answer", func(c *client) {
		for endpoint, body := range map[string]string{"/Users": c.userBody("ann", `"title":"T"`), "/Groups": c.groupBody("G", c.user("bob", ""))} {
			r := c.post(endpoint, body).is(201)
			r.same(c.get(endpoint + "/" + r.id()).is(200))
		}
	}},
	{"R-02 unknown ids", func(c *client) {
		for _, id := range []string{"nobody", "a%2Fb", "..", "%2e%2e", "%00", strings.Repeat("x", 10<<10), "%25"} {
			for _, endpoint := range []string{"/Users/", "/Groups/"} {
				c.get(endpoint+id).refused(404, "")
			}
		}
	}},
	{"R-03 ids are case-exact", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		c.get("/Users/"+strings.ToUpper(u.id)).refused(404, "")
		c.get("/Groups/"+strings.ToUpper(g.id)).refused(404, "")
	}},
	{"R-04 an id of another type", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		c.get("/Users/"+g.id).refused(404, "")
		c.get("/Groups/"+u.id).refused(404, "")
	}},
	{"R-05 a list", func(c *client) {
		u := c.user("ann", "")
		for _, path := range []string{"/Users", scim.Filtered("/Users", `id eq "`+u.id+`"`), "/Groups"} {
			r := c.get(path).is(200).wants([]string{listURN}, "schemas")
			if n, ok := r.at("totalResults").(float64); !ok || n != float64(int(n)) {
				c.Errorf("totalResults %v", r.at("totalResults"))
			}
		}
	}},
	{"R-06 nothing found", func(c *client) {
		c.filter("/Users", `userName eq "nobody"`).is(200).wants(0, "totalResults").wants([]any{}, "Resources")
		c.filter("/Groups", `displayName eq "nobody"`).is(200).wants(0, "totalResults").wants([]any{}, "Resources")
	}},
	{"R-07 Resources are there", func(c *client) {
		u := c.user("ann", "")
		c.filter("/Users", `id eq "`+u.id+`"`).is(200).wants(1, "totalResults").wants(u.id, "Resources", 0, "id")
	}},
	{"R-08 unknown parameters", func(c *client) {
		u := c.user("ann", "")
		path := scim.Filtered("/Users", `id eq "`+u.id+`"`)
		c.get(path).is(200).same(c.get(path + "&foo=bar&aadOptscim062020").is(200))
		c.get(u.path).is(200).same(c.get(u.path + "?foo=bar").is(200))
	}},
	{"R-09 what is returned by default", func(c *client) {
		u := c.user("ann", `"title":"T","nickName":"N","password":"p","emails":[{"value":"a@x.test","type":"work","display":"A","primary":true}],"roles":[{"value":"r"}],"`+wisdom+`":{"level":7}`)
		g := c.group("G", u)
		r := c.get(u.path).is(200).shows("schemas", "id", "userName", "active", "title", "nickName", "emails", "roles", "groups", "meta", wisdom)
		if got := r.keys(wisdom); !slices.Equal(got, []string{"level"}) { // delivery is returned on request
			c.Errorf("%v", got)
		}
		c.get(g.path).is(200).shows("schemas", "id", "displayName", "members", "meta")
	}},
	{"R-10 schemas of an answer", func(c *client) {
		bare, full := c.user("bare", ""), c.user("full", `"`+ent+`":{"department":"D"}`)
		c.get(bare.path).is(200).wants([]string{core}, "schemas")
		c.get(full.path).is(200).wants([]string{core, ent}, "schemas")
		c.filter("/Users", `id eq "`+bare.id+`"`).is(200).wants([]string{core}, "Resources", 0, "schemas")
	}},
	{"R-11 1000 users, all pages", func(c *client) {
		crowd := c.crowd()
		walked := walk(crowd.of(c), "/Users", 100)
		slices.Sort(walked)
		if !slices.Equal(walked, crowd.users) {
			c.Errorf("%d resources in the pages, %d users", len(walked), len(crowd.users))
		}
	}},
	{"R-12 answers are JSON values", func(c *client) {
		// The same user with his members in another order is the same user: no change, no version.
		u := c.user("ann", `"title":"T","name":{"givenName":"A","familyName":"L"}`)
		before := c.get(u.path).is(200)
		c.put(u.path, `{"name":{"familyName":"L","givenName":"A"},"title":"T","userName":"`+u.name+`","schemas":["`+core+`"]}`).is(200).same(before)
	}},
	{"R-13 all types at once", mixing(everythingRow)},
	{"R-14 a query aimed at one resource", func(c *client) {
		u := c.user("ann", "")
		c.get(u.path).same(c.filter(u.path, `userName eq "nobody"`).is(200))
		c.filter(u.path, `userName eq "nobody"`, "startIndex=2&count=1&sortBy=id").is(200).wants(u.id, "id").wants(nil, "Resources")
	}},
	{"R-15 meta.location in lists", func(c *client) {
		c.group("G", c.user("ann", ""), c.user("bob", ""))
		for _, endpoint := range []string{"/Users?count=5", "/Groups?count=5"} {
			r := c.get(endpoint).is(200)
			for i, id := range r.ids() {
				location := r.string("Resources", i, "meta", "location")
				c.get(strings.TrimPrefix(location, c.base)).is(200).wants(id, "id").wants(location, "meta", "location")
			}
		}
	}},
	{"R-17 slashes", func(c *client) {
		u := c.user("ann", "")
		one := c.get(u.path).is(200)
		for _, path := range []string{u.path + "/", "/" + u.path, "//Users//" + u.id + "//"} {
			one.same(c.get(path).is(200))
		}
		found := scim.Filtered("", `id eq "`+u.id+`"`)
		c.get("/Users" + found).is(200).same(c.get("//Users/" + found).is(200))
		c.post("//Users/", c.userBody("bob", "")).is(201)
	}},
	{"R-18 versions in the path", func(c *client) {
		for _, version := range []string{"v1", "v3", "v1.1"} {
			r, err := http.NewRequest("GET", strings.Replace(c.base, "/v2", "/"+version, 1)+"/Users", nil)
			if err != nil {
				c.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+c.w.Token)
			c.send(r).refused(400, "invalidVers")
		}
		c.get("/Users?count=0").is(200)
	}},
}
