package scim_test

import (
	"context"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim"
	wisdomai "github.com/scimbridge/scimbridge/internal/wisdom"
)

// panicking is a directory with a bug.
type panicking struct{ scim.Directory }

func (panicking) User(context.Context, string) (directory.User, error) { panic("a bug") }

// errorsOf sends one request for each kind of error. refused, by which each answer goes,
// wants the Error body, its Content-Type, its status in both places and a detail.
func errorsOf(c *client) []reply {
	c.Helper()
	u, _ := c.user("ann", ""), c.user("bob", "")
	small, broken := c.limited(func(o *scim.Options) { o.Limits.Body = 500 }), c.limited(func(o *scim.Options) { o.Directory = panicking{o.Directory} })
	return []reply{
		c.get("/Users", "Authorization: Bearer wrong").refused(401, ""),
		c.get(u.path+"?attributes=id&excludedAttributes=id").refused(400, "invalidValue"),
		c.get("/Users/nobody").refused(404, ""),
		c.get("/Nope").refused(404, ""),
		c.get("/Users/a/b").refused(404, ""),
		c.do("BREW", "/Users", "").refused(405, ""),
		c.put(u.path, c.userBody("bob", "")).refused(409, "uniqueness"),
		c.put(u.path, c.userBody("ann", ""), `If-Match: "77"`).refused(412, ""),
		small.put(u.path, c.userBody("ann", `"title":"`+strings.Repeat("x", 500)+`"`)).refused(413, ""),
		c.put(u.path, c.userBody("ann", ""), "Content-Type: text/plain").refused(415, ""),
		c.filter("/Users", "(").refused(400, "invalidFilter"),
		c.filter("/Schemas", `id pr`).refused(403, ""),
		c.get("/Me").refused(501, ""),
		broken.get(u.path).refused(500, ""),
	}
}

var errorRows = []row{
	{"Z-01 every error has a body", func(c *client) { errorsOf(c) }},
	{"Z-02 Content-Type of errors", func(c *client) {
		for _, r := range errorsOf(c) {
			if got := r.header.Values("Content-Type"); len(got) != 1 || got[0] != "application/scim+json" {
				c.Errorf("%s: %q", r.what, got)
			}
		}
		c.get("/Nope", "Accept: text/html").refused(404, "")
	}},
	{"Z-03 detail says what to do, and no secrets", func(c *client) {
		for _, r := range errorsOf(c) {
			for _, secret := range []string{"goroutine", ".go:", "SELECT", "sqlite", "a bug", c.w.Token} {
				if strings.Contains(r.string("detail"), secret) {
					c.Errorf("%s: %s", r.what, r.text)
				}
			}
		}
		u := c.user("eve", "")
		c.put(u.path, c.userBody("eve", `"active":"x"`)).refused(400, "invalidValue").says("active")
		c.patch(u.path, op("add", "title", `"T"`), op("add", "nope", `"x"`)).refused(400, "invalidPath").says("Operations[1]", "nope")
		c.filter("/Users", `title xx "y"`).refused(400, "invalidFilter").says("xx")
	}},
	{"Z-04 scimType and status belong together", func(c *client) {
		for _, r := range errorsOf(c) {
			kind, _ := r.at("scimType").(string)
			if ok := kind == "" || r.status == 400 || r.status == 409 && kind == "uniqueness" || r.status == 403 && kind == "sensitive"; !ok {
				c.Errorf("%s: %s", r.what, r.text)
			}
		}
	}},
	{"Z-05 invalidFilter", func(c *client) {
		for _, f := range []string{`active gt false`, `userName regex "a"`, `userName eq`} {
			c.filter("/Users", f).refused(400, "invalidFilter")
			c.filter("/Groups", strings.ReplaceAll(f, "active gt", "userName gt")).refused(400, "invalidFilter")
		}
	}},
	{"Z-06 tooMany", func(c *client) { // no limit, so never: P-14
		c.filter("/Users", `not (nickName pr)`).is(200)
	}},
	{"Z-07 uniqueness", func(c *client) {
		u := c.user("ann", "")
		c.user("bob", "")
		c.post("/Users", c.userBody("ann", "")).refused(409, "uniqueness")
		c.put(u.path, c.userBody("bob", "")).refused(409, "uniqueness")
		c.patch(u.path, op("replace", "userName", scim.JSONOf(c.name("bob")))).refused(409, "uniqueness")
	}},
	{"Z-08 mutability", func(c *client) {
		u := c.user("ann", "")
		c.patch(u.path, op("remove", "userName", "")).refused(400, "mutability")
		c.patch(u.path, op("remove", "groups", "")).refused(400, "mutability")
		c.patch(u.path, op("replace", "id", `"x"`)).refused(400, "mutability")
	}},
	{"Z-09 invalidSyntax", func(c *client) {
		u := c.user("ann", "")
		c.post("/Users", "{").refused(400, "invalidSyntax")
		c.do("PATCH", u.path, `{"Operations":[]}`).refused(400, "invalidSyntax")
		c.post("/Users/.search", `{"count":1}`).refused(400, "invalidSyntax")
	}},
	{"Z-10 invalidPath", func(c *client) {
		u := c.user("ann", "")
		c.patch(u.path, op("replace", "emails[", `"x"`)).refused(400, "invalidPath")
		c.patch(u.path, op("replace", "emails[0]", `"x"`)).refused(400, "invalidPath")
	}},
	{"Z-11 noTarget", func(c *client) {
		u := c.user("ann", "")
		c.patch(u.path, `{"op":"remove"}`).refused(400, "noTarget")
		c.patch(u.path, op("replace", work+".value", `"x@x.test"`)).refused(400, "noTarget")
	}},
	{"Z-12 invalidValue", func(c *client) {
		c.post("/Users", c.userBody("", `"active":1`)).refused(400, "invalidValue")
		c.post("/Users", `{"schemas":["`+core+`"]}`).refused(400, "invalidValue")
		c.get("/Users?count=ten").refused(400, "invalidValue")
	}},
	{"Z-13 invalidVers", func(c *client) {
		old := &client{c.T, c.w, c.id, strings.Replace(c.base, "/v2", "/v1", 1), c.shared}
		old.get("/Users").refused(400, "invalidVers").says("v1", "/scim/v2")
	}},
	{"Z-15 invalidCursor, invalidCount", func(c *client) { // expiredCursor: they do not expire (K-08)
		for _, endpoint := range []string{"/Users", "/Groups", "/"} {
			c.get(endpoint+"?cursor=nonsense").refused(400, "invalidCursor").says("cursor")
			c.get(endpoint+"?cursor&count=ten").refused(400, "invalidCount").says("count")
		}
		c.search("/Users", map[string]any{"cursor": "nonsense"}).refused(400, "invalidCursor")
	}},
	{"Z-16 WisdomAI is unreachable", func(c *client) {
		c = c.fresh(bridgetest.Options{Change: func(o *directory.Options) {
			nowhere, err := wisdomai.New(wisdomai.Options{URL: "http://127.0.0.1:1/graphql", Workspace: "ws_sim", Token: "x", Log: o.Log})
			if err != nil {
				c.Fatal(err)
			}
			o.WisdomAI, o.Delivery.RequestBudget = nowhere, 50*time.Millisecond
		}})
		for _, r := range []reply{c.get("/Users/nobody"), c.get("/Users"), c.do("DELETE", "/Users/nobody", "")} {
			if after := r.refused(503, "").header.Get("Retry-After"); after == "" {
				c.Errorf("%s: no Retry-After", r.what)
			}
		}
		c.filter("/Users", `userName eq "nobody"`).is(200).wants(0, "totalResults")
		// What can be recorded is recorded: the delivery comes when WisdomAI is back.
		c.get(c.user("ann", "").path).is(200)
	}},
	{"Z-18 order of checks", func(c *client) {
		c = c.limited(func(o *scim.Options) { o.Limits.Body = 500 })
		u := c.user("ann", "")
		c.user("bob", "")
		big, taken, stale := strings.Repeat("x", 501), c.userBody("bob", ""), `If-Match: "77"`
		c.do("BREW", "/Users/nobody", big, "Authorization: Bearer x", "Content-Type: text/plain", stale).refused(401, "")
		c.put("/Users/nobody", big, "Content-Type: text/plain", stale).refused(404, "")
		c.do("BREW", u.path, big, "Content-Type: text/plain", stale).refused(405, "")
		c.put(u.path, big, "Content-Type: text/plain", stale).refused(415, "")
		c.put(u.path, big, stale).refused(413, "")
		c.put(u.path, "{", stale).refused(400, "invalidSyntax")
		c.put(u.path, taken, stale).refused(412, "")
		c.put(u.path, taken).refused(409, "uniqueness")
	}},
	{"Z-19 a panic in a handler", func(c *client) {
		u := c.user("ann", "")
		c = c.limited(func(o *scim.Options) { o.Directory = panicking{o.Directory} })
		for range 2 {
			c.get(u.path, "X-Request-Id: z19-find-me").refused(500, "")
		}
		c.get("/Users?count=1").is(200)
		lines := 0
		for line := range strings.Lines(c.w.Logged()) {
			if strings.Contains(line, "request panicked") && strings.Contains(line, "z19-find-me") {
				lines++
			}
		}
		if lines != 2 {
			c.Errorf("%d log lines for 2 panics", lines)
		}
	}},
}
