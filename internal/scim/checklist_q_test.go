package scim_test

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim"
)

// search posts a SearchRequest with these members.
func (c *client) search(endpoint string, members map[string]any) reply {
	c.Helper()
	message := map[string]any{"schemas": []string{searchURN}}
	for k, v := range members {
		message[k] = v
	}
	return c.post(endpoint+"/.search", scim.JSONOf(message))
}

var searchRows = []row{
	{"Q-01 equals the GET", filtering(func(p people) {
		for _, filter := range []string{`userName eq "ann"`, `title pr`, `not (title pr)`, `userName eq "nobody"`} {
			p.search("/Users", map[string]any{"filter": filter}).is(200).same(p.filter("/Users", filter))
		}
		p.search("/Groups", map[string]any{"filter": `members eq "` + p.ann.id + `"`}).is(200).same(p.filter("/Groups", `members eq "`+p.ann.id+`"`))
	})},
	{"Q-02 all parameters", filtering(func(p people) {
		for _, tt := range []struct {
			body  map[string]any
			query string
		}{
			{map[string]any{"attributes": []string{"userName", "name.givenName"}}, "attributes=userName,name.givenName"},
			{map[string]any{"excludedAttributes": []string{"emails", "meta"}}, "excludedAttributes=emails,meta"},
			{map[string]any{"startIndex": 2, "count": 1}, "startIndex=2&count=1"},
			{map[string]any{"count": 0}, "count=0"},
			{map[string]any{"sortBy": "userName", "sortOrder": "descending"}, "sortBy=userName&sortOrder=descending"},
			{map[string]any{"filter": "title pr", "attributes": []string{"title"}, "count": 1, "startIndex": 2}, "filter=" + url.QueryEscape("title pr") + "&attributes=title&count=1&startIndex=2"},
		} {
			p.search("/Users", tt.body).is(200).same(p.get("/Users?" + tt.query))
		}
	})},
	{"Q-03 groups, and all types", mixing(searchAllRow)},
	{"Q-04 schemas", filtering(func(p people) {
		for _, schemas := range []string{``, `"schemas":[],`, `"schemas":["` + listURN + `"],`} {
			p.post("/Users/.search", `{`+schemas+`"count":1}`).refused(400, "invalidSyntax")
		}
		p.lenient().post("/Users/.search", `{"count":1}`).is(200).wants(1, "itemsPerPage")
	})},
	{"Q-05 wrong types", filtering(func(p people) {
		for name, value := range map[string]any{"count": "10", "attributes": "userName", "filter": 5, "startIndex": 1.5, "excludedAttributes": map[string]any{}} {
			p.search("/Users", map[string]any{name: value}).refused(400, "invalidValue").says(name)
		}
		p.lenient().search("/Users", map[string]any{"count": "1"}).is(200).wants(1, "itemsPerPage")
	})},
	{"Q-06 parameters in the URL", filtering(func(p people) {
		p.post("/Users/.search?count=1&filter=nonsense&attributes=id", `{"schemas":["`+searchURN+`"]}`).is(200).same(p.get("/Users"))
	})},
	{"Q-07 nothing is created", filtering(func(p people) {
		before := p.get("/Users")
		p.search("/Users", map[string]any{"userName": "new", "count": 1}).is(200)
		p.get("/Users").same(before)
	})},
	{"Q-08 nothing in the body", filtering(func(p people) {
		for _, c := range []*client{p.client, p.lenient()} {
			c.post("/Users/.search", `{}`).refused(400, "invalidSyntax")
			c.post("/Users/.search", ``).refused(400, "invalidSyntax")
		}
	})},
	{"Q-09 other methods", func(c *client) {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			for _, endpoint := range []string{"/Users", "/Groups", ""} {
				r := c.do(method, endpoint+"/.search", "").refused(405, "")
				if got := r.header.Get("Allow"); got != "OPTIONS, POST" {
					c.Errorf("%s: Allow %q", r.what, got)
				}
			}
		}
	}},
	{"Q-10 discovery", func(c *client) {
		c.search("/Schemas", nil).refused(404, "")
		c.search(types, nil).refused(404, "")
	}},
	{"Q-11 long filters", filtering(func(p people) {
		terms := make([]string, 1000)
		for i := range terms {
			terms[i] = fmt.Sprintf(`userName eq "somebody.who.is.not.here.%04d"`, i)
		}
		terms[999] = `userName eq "bob"`
		if filter := strings.Join(terms, " or "); len(filter) > 45_000 {
			p.search("/Users", map[string]any{"filter": filter}).is(200).wants(1, "totalResults").wants(p.bob.id, "Resources", 0, "id")
		} else {
			p.Errorf("the filter has %d bytes", len(filter))
		}
	})},
}

var meRows = []row{
	{"I-01 501", func(c *client) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			c.do(method, "/Me", "").refused(501, "")
		}
	}},
	{"I-02 without a token", func(c *client) { c.get("/Me", "Authorization: ").refused(401, "") }},
	{"I-03 below it", func(c *client) {
		if r := c.get("/Me/x"); r.status != 501 {
			r.refused(404, "")
		}
	}},
	{"I-04 Location, if it is ever supported", func(c *client) {
		if r := c.get("/Me").refused(501, ""); r.header.Get("Location") != "" || r.header.Get("Content-Location") != "" {
			c.Errorf("%v", r.header)
		}
	}},
}
