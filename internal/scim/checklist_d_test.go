package scim_test

import (
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

const (
	config = "/ServiceProviderConfig"
	types  = "/ResourceTypes"
)

// attributesOf calls a function for each attribute of each schema, sub-attributes included.
func attributesOf(c *client, each func(path string, attribute any)) {
	c.Helper()
	var walk func(path string, list any)
	walk = func(path string, list any) {
		attributes, _ := list.([]any)
		for _, a := range attributes {
			name, _ := scim.Dig(a, "name").(string)
			each(path+name, a)
			walk(path+name+".", scim.Dig(a, "subAttributes"))
		}
	}
	r := c.get("/Schemas").is(200)
	for i, id := range r.ids() {
		walk(id+":", r.at("Resources", i, "attributes"))
	}
}

// attribute is the definition of one attribute, as /Schemas has it.
func attribute(c *client, path string) (found any) {
	c.Helper()
	attributesOf(c, func(at string, a any) {
		if at == path {
			found = a
		}
	})
	if found == nil {
		c.Fatalf("/Schemas has no %s", path)
	}
	return found
}

var discoveryRows = []row{
	{"D-01 the configuration is one resource", func(c *client) {
		c.get(config).is(200).wants([]string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"}, "schemas").wants(nil, "Resources")
	}},
	{"D-02 it states what is supported", func(c *client) {
		r := c.get(config).is(200)
		for _, what := range []string{"patch", "bulk", "filter", "changePassword", "sort", "etag"} {
			if _, ok := r.at(what, "supported").(bool); !ok {
				c.Errorf("%s.supported is %v", what, r.at(what, "supported"))
			}
		}
	}},
	{"D-03 limits are those enforced", func(c *client) {
		c = c.limited(func(o *scim.Options) { o.Limits = scim.Limits{MaxPage: 2, Body: 3000} })
		r := c.get(config).is(200).wants(2, "filter", "maxResults").wants(3000, "bulk", "maxPayloadSize")
		if n, _ := r.at("bulk", "maxOperations").(float64); n <= 0 || n != float64(int(n)) {
			c.Errorf("bulk.maxOperations is %v", r.at("bulk", "maxOperations"))
		}
		for _, name := range []string{"a", "b", "c"} {
			c.user(name, "")
		}
		c.get("/Users?count=100").is(200).wants(2, "itemsPerPage")
		c.post("/Users", c.userBody("d", `"title":"`+strings.Repeat("x", 3000)+`"`)).refused(413, "").says("3000")
	}},
	{"D-04 ways in", func(c *client) {
		schemes := c.get(config).is(200).list("authenticationSchemes")
		if len(schemes) != 1 || scim.Dig(schemes[0], "type") != "oauthbearertoken" { // all that there is
			c.Errorf("authenticationSchemes %v", schemes)
		}
		for _, s := range schemes {
			for _, key := range []string{"name", "description"} {
				if text, _ := scim.Dig(s, key).(string); text == "" {
					c.Errorf("%s is %q", key, text)
				}
			}
		}
	}},
	{"D-05 by auth.discovery", func(c *client) {
		open := c.limited(func(o *scim.Options) { o.DiscoveryNeedsAuth = false })
		for _, path := range []string{config, types, types + "/User", "/Schemas", "/Schemas/" + core} {
			c.get(path, "Authorization: ").refused(401, "")
			open.get(path, "Authorization: ").is(200)
		}
		open.get("/Users", "Authorization: ").refused(401, "")
	}},
	{"D-06 discovery tells the truth", func(c *client) {
		r := c.get(config).is(200).wants(true, "patch", "supported").wants(true, "filter", "supported").wants(true, "etag", "supported")
		a, b := c.user("a", ""), c.user("b", "")
		c.patch(a.path, `{"op":"replace","path":"title","value":"T"}`).is(200).wants("T", "title")
		c.finds("/Users", `userName eq "`+a.name+`"`, a)
		c.get(a.path, "If-None-Match: *").is(304)
		sorted := c.filter("/Users", `id eq "`+a.id+`" or id eq "`+b.id+`"`, "sortBy=userName&sortOrder=descending").is(200)
		if !slices.Equal(sorted.ids(), []string{b.id, a.id}) {
			c.Errorf("not sorted: %s", sorted.text)
		}
		r.wants(true, "sort", "supported").wants(true, "bulk", "supported")
		c.post("/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"`+b.path+`"}]}`).is(200)
		// A password that cannot be changed is not taken, and does not come back (M-63).
		r.wants(false, "changePassword", "supported")
		c.patchKeeps(a, `{"op":"replace","path":"password","value":"hunter2"}`)
	}},
	{"D-07 resource types are a list", func(c *client) {
		r := c.get(types).is(200).wants([]string{listURN}, "schemas")
		r.wants(len(r.list("Resources")), "totalResults")
		for _, want := range []string{"User", "Group"} {
			if !slices.Contains(r.ids(), want) {
				c.Errorf("no %s in %v", want, r.ids())
			}
		}
	}},
	{"D-08 a type's schema is there", func(c *client) {
		r := c.get(types).is(200)
		for i := range r.list("Resources") {
			_, _ = r.string("Resources", i, "name"), r.string("Resources", i, "endpoint")
			id := r.string("Resources", i, "schema")
			c.get("/Schemas/"+id).is(200).wants(id, "id")
			c.get(r.string("Resources", i, "endpoint") + "?count=0").is(200)
		}
	}},
	{"D-09 extensions are schemas too", func(c *client) {
		extensions := c.get(types+"/User").is(200).wants([]any{
			map[string]any{"schema": ent, "required": false}, map[string]any{"schema": wisdom, "required": false},
		}, "schemaExtensions").list("schemaExtensions")
		for _, e := range extensions {
			c.get("/Schemas/" + scim.Dig(e, "schema").(string)).is(200)
		}
	}},
	{"D-10 one resource type", func(c *client) {
		c.get(types+"/User").is(200).wants("User", "name").wants("/Users", "endpoint").wants(core, "schema")
		c.get(types+"/Nope").refused(404, "")
	}},
	{"D-11 schemas are a list", func(c *client) {
		r := c.get("/Schemas").is(200).wants([]string{listURN}, "schemas")
		r.wants(len(r.ids()), "totalResults")
		for _, want := range []string{core, schema.GroupURN, ent, wisdom} {
			if !slices.Contains(r.ids(), want) {
				c.Errorf("no %s in %v", want, r.ids())
			}
		}
	}},
	{"D-12 one schema by its URN", func(c *client) {
		plain := c.get("/Schemas/"+core).is(200).wants(core, "id")
		plain.same(c.get("/Schemas/" + strings.ReplaceAll(core, ":", "%3A")).is(200))
		c.get("/Schemas/urn:x:nope").refused(404, "")
	}},
	{"D-13 schemas have schemas and meta", func(c *client) {
		list := c.get("/Schemas").is(200)
		for i, id := range list.ids() {
			one := c.get("/Schemas/"+id).is(200).wants([]string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "schemas").wants("Schema", "meta", "resourceType")
			if diff := cmp.Diff(list.at("Resources", i), one.at()); diff != "" {
				c.Error(diff)
			}
			one.same(c.get(strings.TrimPrefix(one.string("meta", "location"), c.base)).is(200))
		}
	}},
	{"D-14 message schemas are not discoverable", func(c *client) {
		for _, id := range c.get("/Schemas").is(200).ids() {
			if strings.Contains(id, "api:messages") {
				c.Errorf("%s is listed", id)
			}
		}
		for _, urn := range []string{listURN, searchURN, patchURN, errorURN} {
			c.get("/Schemas/"+urn).refused(404, "")
		}
	}},
	{"D-15 each attribute is described whole", func(c *client) {
		words := map[string][]string{
			"type":       {"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"},
			"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
			"returned":   {"always", "never", "default", "request"},
			"uniqueness": {"none", "server", "global"},
		}
		attributesOf(c, func(path string, a any) {
			for key, allowed := range words {
				if word, _ := scim.Dig(a, key).(string); !slices.Contains(allowed, word) {
					c.Errorf("%s: %s is %q", path, key, word)
				}
			}
			for _, key := range []string{"name", "description"} {
				if text, _ := scim.Dig(a, key).(string); text == "" {
					c.Errorf("%s has no %s", path, key)
				}
			}
			for _, key := range []string{"multiValued", "required", "caseExact"} {
				if _, ok := scim.Dig(a, key).(bool); !ok {
					c.Errorf("%s: %s is no boolean", path, key)
				}
			}
		})
	}},
	{"D-16 complex attributes have simple sub-attributes", func(c *client) {
		attributesOf(c, func(path string, a any) {
			subs, _ := scim.Dig(a, "subAttributes").([]any)
			if isComplex := scim.Dig(a, "type") == "complex"; isComplex != (len(subs) > 0) {
				c.Errorf("%s: type %v with %d sub-attributes", path, scim.Dig(a, "type"), len(subs))
			}
			for _, sub := range subs {
				if scim.Dig(sub, "type") == "complex" {
					c.Errorf("%s.%v is complex", path, scim.Dig(sub, "name"))
				}
			}
		})
	}},
	{"D-17 userName, password and groups", func(c *client) {
		for path, want := range map[string]map[string]any{
			"userName": {"required": true, "caseExact": false, "uniqueness": "server"},
			"password": {"mutability": "writeOnly", "returned": "never"},
			"groups":   {"mutability": "readOnly"},
		} {
			a := attribute(c, core+":"+path)
			for key, value := range want {
				if got := scim.Dig(a, key); got != value {
					c.Errorf("%s: %s is %v, want %v", path, key, got, value)
				}
			}
		}
	}},
	{"D-18 id and externalId behave as such", func(c *client) {
		u := c.user("ann", `"externalId":"AbC-d18"`)
		c.put(u.path, c.userBody("ann", `"id":"other","externalId":"xYz-d18"`)).is(200).wants(u.id, "id").wants("xYz-d18", "externalId")
		c.get(u.path+"?attributes=userName").is(200).wants(u.id, "id")
		c.finds("/Users", `externalId eq "xYz-d18"`, u)
		c.finds("/Users", `externalId eq "xyz-d18"`)
		c.get("/Users/"+strings.ToUpper(u.id)).refused(404, "")
	}},
	{"D-19 a group's displayName is required", func(c *client) {
		if a := attribute(c, schema.GroupURN+":displayName"); scim.Dig(a, "required") != true {
			c.Errorf("displayName is %v", a)
		}
		c.post("/Groups", `{"schemas":["`+schema.GroupURN+`"]}`).refused(400, "invalidValue").says("displayName")
	}},
	{"D-20 parameters do not change an answer", func(c *client) {
		for _, path := range []string{"/Schemas", types, config, "/Schemas/" + core, types + "/User"} {
			c.get(path).is(200).same(c.get(path + "?startIndex=2&count=1&sortBy=id&sortOrder=descending&attributes=id&excludedAttributes=meta"))
		}
	}},
	{"D-21 a filter is refused", func(c *client) {
		for _, path := range []string{types, "/Schemas", config} {
			c.filter(path, `name eq "User"`).refused(403, "")
		}
	}},
	{"D-22 discovery is read-only", func(c *client) {
		for _, path := range []string{config, types, "/Schemas", types + "/User", "/Schemas/" + core} {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				if got := c.do(method, path, "{}").refused(405, "").header.Get("Allow"); !strings.Contains(got, "GET") || strings.Contains(got, method) {
					c.Errorf("%s %s: Allow %q", method, path, got)
				}
			}
		}
	}},
	{"D-23 the extension does what its schema says", func(c *client) {
		values := map[schema.Type][3]string{ // two good ones and one of another type
			schema.String: {`"a"`, `"b"`, `1`}, schema.Integer: {`7`, `-8`, `1.5`}, schema.Decimal: {`0.5`, `7`, `"x"`}, schema.Boolean: {`true`, `false`, `1`},
			schema.DateTime: {`"2026-01-31T08:30:00Z"`, `"2026-02-01T08:30:00Z"`, `"2026-01-31"`}, schema.Reference: {`"https://a.test/"`, `"https://b.test/"`, `1`},
		}
		for _, d := range declared {
			a := attribute(c, wisdom+":"+d.Name)
			if scim.Dig(a, "type") != string(d.Type) || scim.Dig(a, "multiValued") != d.MultiValued || scim.Dig(a, "required") != false || scim.Dig(a, "returned") != "default" {
				c.Errorf("%s is announced as %v", d.Name, a)
			}
			good, bad := values[d.Type][0], values[d.Type][2]
			if d.MultiValued {
				good, bad = "["+good+","+values[d.Type][1]+"]", "["+bad+"]"
			}
			name := "u" + strings.ReplaceAll(d.Name, "_", "")
			r := c.post("/Users", c.userBody(name, `"`+wisdom+`":{"`+d.Name+`":`+good+`}`)).is(201)
			if got := scim.JSONOf(r.at(wisdom, d.Name)); got != good {
				c.Errorf("%s: sent %s, shown %s", d.Name, good, got)
			}
			c.post("/Users", c.userBody(name+"x", `"`+wisdom+`":{"`+d.Name+`":`+bad+`}`)).refused(400, "invalidValue").says(d.Name)
		}
	}},
	{"D-24 cursors are announced", func(c *client) {
		c = c.limited(func(o *scim.Options) { o.Limits.PageSize, o.Limits.MaxPage = 2, 3 })
		for _, name := range []string{"a", "b", "c", "d"} {
			c.user(name, "")
		}
		c.get(config).is(200).wants(map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 2, "maxPageSize": 3,
		}, "pagination")
		_ = c.get("/Users?cursor").is(200).wants(2, "itemsPerPage").string("nextCursor")
		c.get("/Users?cursor&count=100").is(200).wants(3, "itemsPerPage")
		c.get("/Users").is(200).wants(2, "itemsPerPage").wants(1, "startIndex")
	}},
	{"D-25 no security events", func(c *client) {
		c.get(config).is(200).wants(nil, "securityEvents")
		u := c.user("ann", "")
		r := c.put(u.path, c.userBody("ann", `"title":"T"`), "Prefer: respond-async").is(200).wants("T", "title")
		if got := r.header.Get("Preference-Applied"); got != "" {
			c.Errorf("Preference-Applied %q", got)
		}
	}},
	{"D-26 meta of the configuration", func(c *client) {
		r := c.get(config).is(200).wants("ServiceProviderConfig", "meta", "resourceType")
		if u, err := url.Parse(r.string("meta", "location")); err != nil || !u.IsAbs() {
			c.Errorf("location %v", u)
		}
		r.same(c.get(strings.TrimPrefix(r.string("meta", "location"), c.base)))
	}},
}
