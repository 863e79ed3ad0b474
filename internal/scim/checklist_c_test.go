package scim_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// badUser wants users with these members refused, on POST and on PUT, and nobody created or changed.
func badUser(c *client, status int, scimType string, members ...string) {
	c.Helper()
	u := c.user("there", `"title":"T"`)
	for i, m := range members {
		name := fmt.Sprintf("bad%d", i)
		c.post("/Users", c.userBody(name, m)).refused(status, scimType)
		c.finds("/Users", `userName eq "`+c.name(name)+`"`)
		c.unchanged(u, "PUT", u.path, c.userBody("there", m), status, scimType)
	}
}

// badBody wants bodies refused as they are, on POST and on PUT, for users and groups.
func badBody(c *client, status int, scimType string, bodies ...string) {
	c.Helper()
	u, g := c.user("there", ""), c.group("there")
	for _, body := range bodies {
		for endpoint, r := range map[string]resource{"/Users": u, "/Groups": g} {
			c.post(endpoint, body).refused(status, scimType)
			c.unchanged(r, "PUT", r.path, body, status, scimType)
		}
	}
}

var createRows = []row{
	{"C-01 201 with the resource", func(c *client) {
		c.post("/Users", c.userBody("ann", "")).is(201).wants(c.name("ann"), "userName")
	}},
	{"C-02 Location", func(c *client) {
		for endpoint, body := range map[string]string{"/Users": c.userBody("ann", ""), "/Groups": c.groupBody("G")} {
			r := c.post(endpoint, body).is(201)
			if got := r.header.Get("Location"); got != r.string("meta", "location") || got != c.base+endpoint+"/"+r.id() {
				c.Errorf("Location %q, meta.location %q", got, r.string("meta", "location"))
			}
			c.get(endpoint + "/" + r.id()).is(200)
		}
	}},
	{"C-03 1000 ids", func(c *client) {
		var ids [1000]string
		count := atOnce(len(ids), func(i int) reply {
			endpoint, body := "/Users", c.userBody(fmt.Sprint("u", i), "")
			if i%2 == 1 {
				endpoint, body = "/Groups", c.groupBody(fmt.Sprint("g", i))
			}
			r := c.post(endpoint, body)
			ids[i], _ = r.at("id").(string)
			return r
		})
		seen := map[string]bool{}
		for _, id := range ids {
			if seen[id] || id == "" || strings.Contains(strings.ToLower(id), "bulkid") {
				c.Errorf("id %q", id)
			}
			seen[id] = true
		}
		if count[201] != len(ids) {
			c.Errorf("statuses %v", count)
		}
	}},
	{"C-04 meta", func(c *client) {
		for endpoint, body := range map[string]string{"/Users": c.userBody("ann", ""), "/Groups": c.groupBody("G")} {
			r := c.post(endpoint, body).is(201).wants(strings.Trim(endpoint, "/s"), "meta", "resourceType")
			if _, err := time.Parse(time.RFC3339, r.string("meta", "created")); err != nil || r.string("meta", "created") != r.string("meta", "lastModified") {
				c.Errorf("%v, meta %v", err, r.at("meta"))
			}
			_, _ = r.string("meta", "version"), r.string("meta", "location")
		}
	}},
	{"C-05 readOnly input is ignored", func(c *client) {
		r := c.post("/Users", c.userBody("ann", `"id":"x","meta":{"created":"1999-01-01T00:00:00Z","version":"W/\"9\""},"groups":[{"value":"g"}]`)).is(201).wants(nil, "groups")
		if r.id() == "x" || strings.HasPrefix(r.string("meta", "created"), "1999") || r.string("meta", "version") == `W/"9"` {
			c.Error(r.text)
		}
	}},
	{"C-06 userName is needed", func(c *client) {
		for _, name := range []string{``, `,"userName":null`, `,"userName":""`, `,"userName":"  "`} {
			c.post("/Users", `{"schemas":["`+core+`"]`+name+`}`).refused(400, "invalidValue").says("userName")
		}
	}},
	{"C-07 displayName is needed", func(c *client) {
		for _, name := range []string{``, `,"displayName":""`} {
			c.post("/Groups", `{"schemas":["`+schema.GroupURN+`"]`+name+`}`).refused(400, "invalidValue").says("displayName")
		}
	}},
	{"C-08 a userName in use", func(c *client) {
		u := c.user("ann", "")
		c.post("/Users", c.userBody("ann", `"title":"T"`)).refused(409, "uniqueness")
		c.finds("/Users", `userName eq "`+u.name+`"`, u)
		c.get(u.path).is(200).wants(nil, "title")
	}},
	{"C-09 in other case", func(c *client) {
		c.user("bjensen", "")
		c.post("/Users", c.userBody("BJensen", "")).refused(409, "uniqueness")
	}},
	{"C-10 in other characters", func(c *client) {
		c.user("ren\u00e9", "")
		for _, other := range []string{"rene\u0301", "RENÉ", "ｒｅｎé"} {
			c.post("/Users", c.userBody(other, "")).refused(409, "uniqueness")
		}
	}},
	{"C-11 one externalId for two", func(c *client) {
		a, b := c.user("a", `"externalId":"c11"`), c.user("b", `"externalId":"c11"`)
		c.finds("/Users", `externalId eq "c11"`, a, b)
	}},
	{"C-12 schemas", func(c *client) {
		for i, schemas := range []string{``, `"schemas":[],`, `"schemas":["` + ent + `"],`} {
			body := `{` + schemas + `"userName":"` + c.name(fmt.Sprint("u", i)) + `"}`
			c.post("/Users", body).refused(400, "invalidSyntax").says("schemas")
			c.lenient().post("/Users", body).is(201)
		}
	}},
	{"C-13 an unknown schema", func(c *client) {
		body := `{"schemas":["` + core + `","urn:x"],"userName":"` + c.name("ann") + `"}`
		c.post("/Users", body).refused(400, "invalidSyntax").says("urn:x")
		c.lenient().post("/Users", body).is(201).wants([]string{core}, "schemas")
	}},
	{"C-14 a schema twice", func(c *client) {
		c.post("/Users", `{"schemas":["`+core+`","`+core+`"],"userName":"`+c.name("ann")+`"}`).is(201).wants([]string{core}, "schemas")
	}},
	{"C-15 extensions", func(c *client) {
		c.post("/Users", `{"schemas":["`+core+`","`+ent+`"],"userName":"`+c.name("ann")+`","`+ent+`":{"department":"Sales"}}`).is(201).
			wants([]string{core, ent}, "schemas").wants(map[string]any{"department": "Sales"}, ent)
	}},
	{"C-16 an extension whose URN is missing", func(c *client) {
		c.post("/Users", c.userBody("ann", `"`+ent+`":{"department":"Sales"}`)).is(201).
			wants([]string{core, ent}, "schemas").wants("Sales", ent, "department")
	}},
	{"C-17 names in other case", func(c *client) {
		c.post("/Users", `{"SCHEMAS":["`+strings.ToUpper(core)+`"],"USERNAME":"`+c.name("ann")+`","Emails":[{"VALUE":"a@x.test","Type":"work"}],"`+strings.ToUpper(ent)+`":{"Department":"Sales"}}`).is(201).
			wants([]string{core, ent}, "schemas").wants(c.name("ann"), "userName").wants([]any{map[string]any{"value": "a@x.test", "type": "work"}}, "emails").wants("Sales", ent, "department")
	}},
	{"C-18 an unknown attribute", func(c *client) {
		for i, c := range []*client{c, c.lenient()} {
			r := c.post("/Users", c.userBody(fmt.Sprint("u", i), `"nope":{"a":1},"name":{"nope":1,"givenName":"A"}`)).is(201).wants(nil, "nope").wants(map[string]any{"givenName": "A"}, "name")
			r.same(c.get("/Users/" + r.id()))
		}
	}},
	{"C-19 wrong JSON types", func(c *client) {
		badUser(c, 400, "invalidValue", `"active":1`, `"active":"True"`, `"name":"x"`, `"emails":{"value":"x@x.test"}`, `"title":5`, `"emails":["x"]`)
		c.lenient().post("/Users", c.userBody("ann", `"active":"True","emails":{"value":"x@x.test"}`)).is(201).wants(true, "active").wants([]any{map[string]any{"value": "x@x.test"}}, "emails")
	}},
	{"C-20 integers", func(c *client) {
		badUser(c, 400, "invalidValue", `"`+wisdom+`":{"level":1.5}`, `"`+wisdom+`":{"level":1e2}`, `"`+wisdom+`":{"level":"1"}`)
	}},
	{"C-21 dateTime", func(c *client) {
		badUser(c, 400, "invalidValue", `"`+wisdom+`":{"hired":"2020-01-01"}`, `"`+wisdom+`":{"hired":"yesterday"}`)
		c.post("/Users", c.userBody("ann", `"`+wisdom+`":{"hired":"2020-01-01T00:00:00Z"}`)).is(201).wants("2020-01-01T00:00:00Z", wisdom, "hired")
	}},
	{"C-22 null, empty list and absent", func(c *client) {
		u := c.user("ann", `"title":null,"emails":[]`)
		c.get(u.path).is(200).wants(nil, "title").wants(nil, "emails").shows("schemas", "id", "userName", "active", "meta")
		for _, attribute := range []string{"title", "emails"} {
			c.finds("/Users", `id eq "`+u.id+`" and `+attribute+` pr`)
		}
	}},
	{"C-23 two primaries", func(c *client) {
		badUser(c, 400, "invalidValue", `"emails":[{"value":"a@x.test","primary":true},{"value":"b@x.test","primary":true}]`)
	}},
	{"C-24 a value twice", func(c *client) {
		c.post("/Users", c.userBody("ann", `"emails":[{"value":"a@x.test","type":"work"},{"value":"a@x.test","type":"work"}]`)).is(201).
			wants([]any{map[string]any{"value": "a@x.test", "type": "work"}}, "emails")
	}},
	{"C-25 the password never comes back", func(c *client) {
		place := enginetest.NewPlace(c.T)
		c = c.fresh(bridgetest.Options{Place: place})
		const canary = "hunter2-canary"
		answers := c.post("/Users", c.userBody("ann", `"password":"`+canary+`"`)).is(201)
		u := resource{answers.id(), "/Users/" + answers.id(), c.name("ann")}
		all := answers.text + c.get(u.path+"?attributes=password").is(200).text + c.get("/Users").is(200).text +
			c.put(u.path, c.userBody("ann", `"password":"`+canary+`"`)).is(200).text +
			c.patch(u.path, `{"op":"replace","path":"password","value":"`+canary+`"}`).is(200).text + c.w.Logged() +
			place.Content() // events too
		if strings.Contains(all, canary) {
			c.Error("the password came back")
		}
	}},
	{"C-26 case is kept", func(c *client) {
		c.post("/Users", c.userBody("AnN", `"externalId":"AbC"`)).is(201).wants("AbC", "externalId").wants(c.name("AnN"), "userName")
	}},
	{"C-27 active is true by default", func(c *client) {
		c.post("/Users", c.userBody("ann", "")).is(201).wants(true, "active")
	}},
	{"C-28 unparsable JSON", func(c *client) {
		badBody(c, 400, "invalidSyntax", `{`, ``, `[]`, `"x"`, `null`, `{"a":1}{"b":2}`)
	}},
	{"C-29 a key twice", func(c *client) {
		badBody(c, 400, "invalidSyntax", `{"schemas":["`+core+`"],"userName":"a","userName":"b"}`, `{"schemas":["`+core+`"],"userName":"a","USERNAME":"b"}`, `{"name":{"x":1,"X":2}}`)
	}},
	{"C-30 UTF-8", func(c *client) {
		badBody(c, 400, "invalidSyntax", c.userBody("a", "\"title\":\"\xff\""), "\xEF\xBB\xBF"+c.userBody("a", ""))
	}},
	{"C-31 Unicode", func(c *client) {
		const text = "😀 אבג e\u0301"
		u := c.user("ann", `"displayName":"`+text+`"`)
		c.get(u.path).is(200).wants(text, "displayName")
		badUser(c, 400, "invalidValue", `"displayName":"a\u0000"`)
	}},
	{"C-32 meta.resourceType", func(c *client) {
		c.post("/Users", c.userBody("ann", `"meta":{"resourceType":"Group"}`)).is(201).wants("User", "meta", "resourceType")
		c.post("/Groups", c.groupBody("G")).is(201).wants("Group", "meta", "resourceType")
	}},
	{"C-33 50 at once", func(c *client) {
		count := atOnce(50, func(int) reply { return c.post("/Users", c.userBody("ann", "")) })
		if count[201] != 1 || count[409] != 49 {
			c.Errorf("statuses %v", count)
		}
	}},
	{"C-34 projection", func(c *client) {
		c.post("/Users?attributes=userName", c.userBody("ann", `"title":"T"`)).is(201).shows("schemas", "id", "userName")
	}},
	{"C-35 the answer is the state", func(c *client) {
		r := c.post("/Users", c.userBody("ann", `"emails":[{"value":"a@x.test","type":"WORK","primary":true}],"name":{"familyName":"Lee"},"`+ent+`":{"manager":{"value":"m"}}`)).is(201)
		r.same(c.get("/Users/" + r.id()))
	}},
	{"C-36 PUT does not create", func(c *client) {
		c.put("/Users/nobody", c.userBody("ann", "")).refused(404, "")
		c.finds("/Users", `userName eq "`+c.name("ann")+`"`)
		c.put("/Groups/nobody", c.groupBody("G")).refused(404, "")
		c.finds("/Groups", `displayName eq "`+c.name("G")+`"`)
	}},
	{"C-37 POST to a resource", func(c *client) {
		u := c.user("ann", "")
		if got := c.post(u.path, scim.UserBody("x", "")).refused(405, "").header.Get("Allow"); !strings.Contains(got, "PUT") || strings.Contains(got, "POST") {
			c.Errorf("Allow %q", got)
		}
	}},
}
