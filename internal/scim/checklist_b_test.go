package scim_test

import (
	"fmt"
	"io"
	"strings"
	"testing/iotest"

	"github.com/scimbridge/scimbridge/internal/scim"
)

var bulkRows = []row{
	{"B-01 a BulkResponse", func(c *client) {
		u, gone := c.user("ann", ""), c.user("gone", "")
		r := c.bulk("", c.posting("new", ""), deleting("/Users/nobody"), patching(u.path, op("add", "title", `"T"`)), deleting(gone.path)).is(200).
			shows("schemas", "Operations").wants([]string{bulkResponseURN}, "schemas").did("201", "404", "200", "204")
		for i, method := range []string{"POST", "DELETE", "PATCH", "DELETE"} {
			r.wants(method, "Operations", i, "method")
		}
		c.get(u.path).is(200).wants("T", "title")
		c.onlyUsers(u, r.made(0))
	}},
	{"B-02 schemas and Operations", func(c *client) {
		good := c.posting("q", "")
		for _, body := range []string{
			`{"Operations":[` + good + `]}`,
			`{"schemas":[],"Operations":[` + good + `]}`,
			`{"schemas":["` + searchURN + `"],"Operations":[` + good + `]}`,
			`{"schemas":["` + bulkURN + `"]}`,
			`{"schemas":["` + bulkURN + `"],"Operations":` + good + `}`,
			scim.BulkBody("", good, `"x"`),
		} {
			c.nothing(400, "invalidSyntax", body)
		}
	}},
	{"B-03 POST", func(c *client) {
		r := c.bulk("", c.posting("q", `"title":"T"`)).did("201")
		u := r.made(0)
		r.wants([]any{map[string]any{"method": "POST", "bulkId": "q", "status": "201", "location": c.base + "/Users/" + u.id,
			"version": c.get(u.path).header.Get("ETag")}}, "Operations")
		c.get(u.path).is(200).wants(c.name("q"), "userName").wants("T", "title")
	}},
	{"B-04 POST needs a bulkId", func(c *client) {
		body := c.userBody("q", "")
		c.bulk("", scim.Operation("POST", "/Users", "", body), `{"method":"POST","path":"/Users","bulkId":7,"data":`+body+`}`).
			did("400", "400").failed(0, 400, "invalidSyntax").failed(1, 400, "invalidSyntax")
		c.onlyUsers()
	}},
	{"B-05 PUT, PATCH and DELETE", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		location := c.base + u.path
		c.bulk("", scim.Operation("PUT", u.path, "", c.userBody("ann", `"title":"T"`)), patching(u.path, op("add", "nickName", `"N"`)), patching(g.path, op("add", "members", "["+member(u)+"]"))).
			did("200", "200", "204").wants(location, "Operations", 0, "location").wants(location, "Operations", 1, "location").wants(c.base+g.path, "Operations", 2, "location")
		c.get(u.path).is(200).wants("T", "title").wants("N", "nickName").wants(g.id, "groups", 0, "value")
		c.bulk("", deleting(u.path)).did("204").wants(location, "Operations", 0, "location")
		c.get(u.path).refused(404, "")
		c.members(g)
	}},
	{"B-06 the method", func(c *client) {
		u := c.user("ann", "")
		lower := strings.Replace(c.posting("q", ""), "POST", "post", 1)
		c.bulk("", scim.Operation("GET", u.path, "", ""), `{"path":"`+u.path+`"}`, lower).did("400", "400", "400").
			failed(0, 400, "invalidSyntax").failed(1, 400, "invalidSyntax").failed(2, 400, "invalidSyntax")
		c.onlyUsers(u)
		r := c.lenient().bulk("", lower).did("201")
		c.onlyUsers(u, r.made(0))
	}},
	{"B-07 the path", func(c *client) {
		u := c.user("ann", "")
		before := c.get(u.path)
		data := c.userBody("q", "")
		operations := []string{
			scim.Operation("POST", u.path, "a", data), patching("/Users", op("add", "title", `"T"`)), deleting("/Users/"), deleting(c.base + u.path), `{"method":"DELETE"}`,
			scim.Operation("POST", "/Nope", "b", data), scim.Operation("POST", "/Bulk", "d", scim.BulkBody("", deleting(u.path))), deleting("/Me"),
			deleting("/Users/.."), deleting("/Groups/.." + u.path), scim.Operation("POST", "/Users/.search", "e", data),
		}
		r := c.bulk("", operations...).did("400", "400", "400", "400", "400", "404", "404", "404", "404", "404", "404")
		for i := range operations {
			if i < 5 {
				r.failed(i, 400, "invalidSyntax")
			} else {
				r.failed(i, 404, "")
			}
		}
		c.get(u.path).same(before)
		c.onlyUsers(u)
	}},
	{"B-08 data", func(c *client) {
		u := c.user("ann", "")
		before := c.get(u.path)
		r := c.bulk("", scim.Operation("POST", "/Users", "q", ""), scim.Operation("PUT", u.path, "", "null"), scim.Operation("PATCH", u.path, "", `"x"`)).did("400", "400", "400")
		for i := range 3 {
			r.failed(i, 400, "invalidSyntax")
		}
		c.get(u.path).same(before)
	}},
	{"B-09 a failed operation", func(c *client) {
		u := c.user("ann", "")
		r := c.bulk("", patching("/Users/nobody", op("add", "title", `"T"`)), scim.Operation("POST", "/Users", "q", c.userBody("Ann", ""))).did("404", "409")
		r.failed(0, 404, "").wants(c.base+"/Users/nobody", "Operations", 0, "location").wants(nil, "Operations", 0, "version")
		r.failed(1, 409, "uniqueness").wants(nil, "Operations", 1, "location").wants("q", "Operations", 1, "bulkId")
		c.onlyUsers(u)
	}},
	{"B-10 statuses are strings", func(c *client) {
		r := c.bulk("", c.posting("q", ""), deleting("/Users/nobody"))
		if !strings.Contains(r.is(200).text, `"status":"201"`) || !strings.Contains(r.text, `"status":"404"`) {
			c.Error(r.text)
		}
	}},
	{"B-11 everything possible is done", func(c *client) {
		r := c.bulk("", deleting("/Users/nobody"), c.posting("a", ""), c.grouping("G", "nobody"), c.posting("b", "")).did("404", "201", "400", "201")
		c.onlyUsers(r.made(1), r.made(3))
		c.onlyGroups()
	}},
	{"B-12 failOnErrors", func(c *client) {
		bad := deleting("/Users/nobody")
		first := c.bulk(`"failOnErrors":1`, c.posting("a", ""), bad, c.posting("b", "")).did("201", "404").made(0)
		c.onlyUsers(first)
		second := c.bulk(`"failOnErrors":2`, bad, c.posting("b", ""), bad, c.posting("d", "")).did("404", "201", "404").made(1)
		c.onlyUsers(first, second) // what was done before the end stays
		c.bulk(`"failOnErrors":1`, c.grouping("G", "bulkId:a"), c.posting("a", ""), c.posting("d", "")).did("409")
		c.onlyUsers(first, second)
		c.onlyGroups()
	}},
	{"B-13 a failOnErrors that is none", func(c *client) {
		good := c.posting("q", "")
		for _, n := range []string{"0", "-1", `"1"`, "1.5", "true"} {
			c.nothing(400, "invalidValue", scim.BulkBody(`"failOnErrors":`+n, good), "failOnErrors")
		}
		r := c.lenient().bulk(`"failOnErrors":0`, deleting("/Users/nobody"), good).did("404", "201")
		c.onlyUsers(r.made(1))
	}},
	{"B-14 a bulkId in data", func(c *client) {
		r := c.bulk("", c.posting("q", ""), c.grouping("G", "bulkId:q"), c.posting("r", managedBy("bulkId:q"))).did("201", "201", "201")
		c.members(r.made(1), r.made(0))
		c.get(r.made(0).path).is(200).wants(r.made(1).id, "groups", 0, "value")
		c.manages(r.made(0), r.made(2))
	}},
	{"B-15 a bulkId in paths and PATCH values", func(c *client) {
		r := c.bulk("", c.grouping("g"), c.posting("u", ""), c.posting("v", ""),
			patching("/Groups/bulkId:g", op("add", "members", `[{"value":"bulkId:u"},{"value":"bulkId:v"}]`)),
			patching("/Groups/bulkId:g", op("remove", `members[value eq "bulkId:u"]`, "")),
			patching("/Users/bulkId:u", op("add", ent+":manager", `{"value":"bulkId:v"}`)),
			scim.Operation("PUT", "/Users/bulkId:v", "", c.userBody("v", `"title":"T"`)),
			c.posting("gone", ""), deleting("/Users/bulkId:gone")).did("201", "201", "201", "204", "204", "200", "200", "201", "204")
		g, u, v := r.made(0), r.made(1), r.made(2)
		r.wants(c.base+g.path, "Operations", 3, "location")
		c.members(g, v)
		c.manages(v, u)
		c.get(v.path).is(200).wants("T", "title")
		c.onlyUsers(u, v)
	}},
	{"B-16 a reference further down", func(c *client) {
		// One bulk with users and a group, to its end at WisdomAI.
		c = c.exploring()
		r := c.bulk("", c.grouping("Explorers", "bulkId:a", "bulkId:b", "bulkId:Inner"), c.posting("a", `"`+wisdom+`":{"region":"EU"},`+managedBy("bulkId:b")),
			c.grouping("Inner"), c.posting("b", ""), c.posting("d", `"active":false`)).did("201", "201", "201", "201", "201")
		c.members(r.made(0), r.made(1), r.made(2), r.made(3))
		c.manages(r.made(3), r.made(1))
		for i, name := range []string{"Explorers", "a", "Inner", "b", "d"} { // in the order of the request, whatever was done first
			r.wants(name, "Operations", i, "bulkId")
		}
		c.delivers(c.name("a")+": EXPLORER test_region=EU", c.name("b")+": EXPLORER")
		c.bulk("", patching(r.made(0).path, op("remove", `members[value eq "`+r.made(1).id+`"]`, "")), deleting(r.made(3).path)).did("204", "204")
		c.delivers(c.name("a") + ": test_region=EU")
	}},
	{"B-17 circular references", func(c *client) {
		r := c.bulk(`"failOnErrors":1`, c.grouping("A", "bulkId:B", "bulkId:u"), c.grouping("B", "bulkId:A"), c.posting("u", managedBy("bulkId:v")), c.posting("v", managedBy("bulkId:u"))).
			did("201", "201", "201", "201")
		a, b, u, v := r.made(0), r.made(1), r.made(2), r.made(3)
		c.members(a, b, u)
		c.members(b, a)
		c.manages(v, u)
		c.manages(u, v)
		for i, one := range map[int]resource{0: a, 1: b, 3: v} { // a client can go on with the version it was told; joining a group moves u's (E-12)
			c.get(one.path).is(200).wants(r.string("Operations", i, "version"), "meta", "version")
		}
		c.bulk("", c.grouping("a", "bulkId:D"), c.grouping("D", "bulkId:a")).did("409", "409").failed(0, 409, "uniqueness").failed(1, 409, "")
		c.onlyGroups(a, b)
	}},
	{"B-18 references to nothing", func(c *client) {
		g := c.group("Old")
		before := c.get(g.path)
		r := c.bulk(`"failOnErrors":5`, scim.Operation("POST", "/Users", "bad", scim.UserBody("", "")), c.grouping("G", "bulkId:bad"), c.posting("u", managedBy("bulkId:nope")),
			patching("/Groups/bulkId:G", op("remove", "members", "")), patching(g.path, op("add", "members", `[{"value":"bulkId:nope"}]`)), c.posting("late", "")).
			did("400", "409", "409", "409", "409")
		for i := 1; i < 5; i++ {
			r.failed(i, 409, "")
		}
		c.get(g.path).same(before)
		c.onlyUsers()
		c.onlyGroups(g)
	}},
	{"B-19 one bulkId for two", func(c *client) {
		c.nothing(400, "invalidValue", scim.BulkBody("", c.posting("q", ""), scim.Operation("POST", "/Users", "q", c.userBody("r", ""))), "q")
	}},
	{"B-20 maxOperations", func(c *client) {
		c = c.limited(func(o *scim.Options) { o.Limits.Operations = 3 })
		c.get(config).is(200).wants(3, "bulk", "maxOperations")
		c.nothing(413, "", scim.BulkBody("", c.posting("a", ""), c.posting("b", ""), c.posting("d", ""), c.posting("e", "")), "3")
		r := c.bulk("", c.posting("a", ""), c.posting("b", ""), c.posting("d", "")).did("201", "201", "201")
		c.onlyUsers(r.made(0), r.made(1), r.made(2))
	}},
	{"B-21 maxPayloadSize", func(c *client) {
		c = c.limited(func(o *scim.Options) { o.Limits.Body = 1000 })
		c.get(config).is(200).wants(1000, "bulk", "maxPayloadSize")
		body := scim.BulkBody("", c.posting("q", ""))
		c.nothing(413, "", body+strings.Repeat(" ", 1001-len(body)), "1000")
		endless := iotest.DataErrReader(io.MultiReader(strings.NewReader(body), neverEnding{}))
		c.send(c.request("POST", "/Bulk", endless)).refused(413, "").says("1000")
		c.onlyUsers()
		c.post("/Bulk", body+strings.Repeat(" ", 1000-len(body))).did("201")
	}},
	{"B-22 version is If-Match", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		versioned := func(operation, version string) string {
			return `{"version":` + scim.JSONOf(version) + "," + operation[1:]
		}
		old, oldGroup := c.get(u.path).header.Get("ETag"), c.get(g.path).header.Get("ETag")
		title := patching(u.path, op("add", "title", `"T"`))
		c.bulk("", versioned(title, old), versioned(patching(u.path, op("add", "title", `"U"`)), old), versioned(scim.Operation("PUT", u.path, "", c.userBody("ann", "")), old), versioned(deleting(u.path), old),
			versioned(patching(g.path, op("add", "externalId", `"x"`)), oldGroup), versioned(deleting(g.path), oldGroup)).
			did("200", "412", "412", "412", "204", "412").failed(1, 412, "")
		c.get(u.path).is(200).wants("T", "title")
		c.get(g.path).is(200).wants("x", "externalId")
		c.bulk("", versioned(deleting(u.path), c.get(u.path).header.Get("ETag")), versioned(deleting(g.path), "*")).did("204", "204")
		c.onlyUsers()
		c.onlyGroups()
	}},
	{"B-23 no operation", func(c *client) { c.nothing(400, "invalidSyntax", scim.BulkBody(""), "at least one") }},
	{"B-24 an unparsable body", func(c *client) {
		good := scim.BulkBody("", c.posting("q", ""))
		for _, body := range []string{"", good + "}", good[:len(good)-1], "[" + good + "]", strings.Replace(good, "{", "{,", 1), `{"operations":[],` + good[1:]} {
			c.nothing(400, "invalidSyntax", body)
		}
	}},
	{"B-25 an operation is judged and delivered as if alone", func(c *client) {
		// What is refused, in depth: TestChecklistBulkAlone. There is no audit yet.
		c = c.exploring()
		u, _, g := c.user("u", ""), c.user("taken", ""), c.group("Explorers")
		for _, tt := range []struct{ id, method, path, data string }{
			{"C-06", "POST", "/Users", scim.UserBody("", "")},
			{"C-08", "POST", "/Users", c.userBody("Taken", "")},
			{"G-04", "POST", "/Groups", scim.GroupBody("New", "nobody")},
			{"G-09", "POST", "/Groups", c.groupBody("explorers")},
			{"V-03", "POST", "/Users", scim.UserBody("x@wisdom.invalid", "")},
			{"U-02", "PUT", "/Users/nobody", c.userBody("x", "")},
			{"U-16", "PUT", u.path, c.userBody("u", `"emails":[{"value":"a@x.test","primary":true},{"value":"b@x.test","primary":true}]`)},
			{"M-44", "PATCH", u.path, scim.PatchBody(op("replace", "id", `"x"`))},
			{"M-48", "PATCH", u.path, scim.PatchBody(op("replace", "emails[", `"x"`))},
			{"M-58", "PATCH", u.path, scim.PatchBody(op("replace", "userName", scim.JSONOf(c.name("taken"))))},
			{"X-05", "DELETE", "/Groups/nobody", ""},
		} {
			alone := c.do(tt.method, tt.path, tt.data)
			if alone.status < 400 {
				c.Fatalf("%s: status %d", tt.id, alone.status)
			}
			bulkID := ""
			if tt.method == "POST" {
				bulkID = "x"
			}
			c.bulk("", scim.Operation(tt.method, tt.path, bulkID, tt.data)).did(fmt.Sprint(alone.status)).wants(alone.at(), "Operations", 0, "response")
		}
		region := func(value string) string { return op("replace", wisdom+":region", scim.JSONOf(value)) }
		a, gone := c.user("alone", `"`+wisdom+`":{"region":"EU"}`), c.user("gone", "")
		c.patch(g.path, op("add", "members", "["+member(a)+"]")).is(204)
		c.patch(a.path, region("US")).is(200)
		c.remove(gone)
		c.bulk("", c.posting("bulk", `"`+wisdom+`":{"region":"EU"}`), c.posting("lost", ""), patching(g.path, op("add", "members", `[{"value":"bulkId:bulk"}]`)),
			patching("/Users/bulkId:bulk", region("US")), deleting("/Users/bulkId:lost")).did("201", "201", "204", "200", "204")
		c.delivers(c.name("alone")+": EXPLORER test_region=US", c.name("bulk")+": EXPLORER test_region=US", c.name("taken")+":", c.name("u")+":")
	}},
	{"B-27 only POST", func(c *client) {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			if got := c.do(method, "/Bulk", "").refused(405, "").header.Get("Allow"); !strings.Contains(got, "POST") || strings.Contains(got, method) {
				c.Errorf("%s: Allow %q", method, got)
			}
		}
	}},
	{"B-28 bulkId: outside a bulk", func(c *client) {
		u, g := c.user("ann", ""), c.group("Old")
		c.post("/Groups", scim.GroupBody(c.name("G"), "bulkId:x")).refused(400, "invalidValue").says("bulkId:x")
		c.patchFails(g, 400, "invalidValue", op("add", "members", `[{"value":"bulkId:x"}]`))
		c.get("/Users/bulkId:x").refused(404, "")
		c.bulk("", c.posting("x", "")).did("201") // its names end with it
		c.patchFails(g, 400, "invalidValue", op("add", "members", `[{"value":"bulkId:x"},`+member(u)+`]`))
		c.onlyGroups(g)
	}},
}
