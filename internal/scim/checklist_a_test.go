package scim_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim"
)

// countingMembers is a directory that counts the members it hands out.
type countingMembers struct {
	scim.Directory
	read *atomic.Int64
}

func (d countingMembers) Group(ctx context.Context, id string, withMembers bool) (directory.Group, error) {
	g, err := d.Directory.Group(ctx, id, withMembers)
	d.read.Add(int64(len(g.Members)))
	return g, err
}

func (d countingMembers) Groups(ctx context.Context, q directory.GroupQuery) (int, []directory.Group, error) {
	total, page, err := d.Directory.Groups(ctx, q)
	for _, g := range page {
		d.read.Add(int64(len(g.Members)))
	}
	return total, page, err
}

func (d countingMembers) UpdateGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, changes []directory.GroupChange) (directory.Group, error) {
	g, err := d.Directory.UpdateGroup(ctx, by, id, pre, changes)
	d.read.Add(int64(len(g.Members)))
	return g, err
}

// counting is the same client on a server that counts the members that it is handed.
func (c *client) counting() (counted *client, read *atomic.Int64) {
	c.Helper()
	read = new(atomic.Int64)
	return c.limited(func(o *scim.Options) { o.Directory = countingMembers{o.Directory, read} }), read
}

// full are members of a user with something of every kind.
const full = `"title":"T","name":{"givenName":"Ann","familyName":"Lee"},"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test","type":"home"}],
	"` + ent + `":{"department":"Sales","costCenter":"7","manager":{"value":"m"}}`

var (
	fullKeys  = []string{"schemas", "id", "userName", "active", "title", "name", "emails", "meta", ent}
	minimum   = []string{"schemas", "id"}
	onlyName  = []string{"schemas", "id", "userName"}
	nameTitle = []string{"schemas", "id", "userName", "title"}
)

// without are all keys of a full user but some.
func without(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(fullKeys), func(key string) bool { return slices.Contains(names, key) })
}

var projectionRows = []row{
	{"A-01 attributes", func(c *client) {
		c.get(c.user("ann", full).path + "?attributes=userName").is(200).shows(onlyName...)
	}},
	{"A-02 excludedAttributes", func(c *client) {
		c.get(c.user("ann", full).path + "?excludedAttributes=emails,meta").is(200).shows(without("emails", "meta")...)
	}},
	{"A-03 what is always returned", func(c *client) {
		c.get(c.user("ann", full).path + "?excludedAttributes=id,schemas").is(200).shows(without()...)
	}},
	{"A-04 both parameters", func(c *client) {
		u := c.user("ann", full)
		for _, path := range []string{u.path, "/Users"} {
			c.get(path+"?attributes=userName&excludedAttributes=emails").refused(400, "invalidValue")
		}
	}},
	{"A-05 sub-attributes", func(c *client) {
		u := c.user("ann", full)
		c.get(u.path+"?attributes=name.givenName").is(200).shows("schemas", "id", "name").wants(map[string]any{"givenName": "Ann"}, "name")
		c.get(u.path+"?attributes=emails.value").is(200).wants([]any{map[string]any{"value": "a@x.test"}, map[string]any{"value": "b@x.test"}}, "emails")
	}},
	{"A-06 sub-attributes left out", func(c *client) {
		c.get(c.user("ann", full).path+"?excludedAttributes=name.familyName,emails.type").is(200).shows(without()...).
			wants(map[string]any{"givenName": "Ann"}, "name").wants([]any{map[string]any{"value": "a@x.test"}, map[string]any{"value": "b@x.test"}}, "emails")
	}},
	{"A-07 with URN", func(c *client) {
		u := c.user("ann", full)
		c.get(u.path + "?attributes=" + core + ":userName").is(200).shows(onlyName...)
		c.get(u.path + "?attributes=" + strings.ToUpper(core) + ":USERNAME").is(200).shows(onlyName...)
		c.get(u.path+"?attributes="+ent+":department").is(200).wants(map[string]any{"department": "Sales"}, ent)
		c.get(u.path+"?attributes="+ent+":manager.value").is(200).wants(map[string]any{"manager": map[string]any{"value": "m"}}, ent)
		c.get(u.path+"?attributes="+ent+":manager.displayName").is(200).wants(nil, ent, "department")
		c.get(u.path+"?attributes="+ent).is(200).shows("schemas", "id", ent).wants(map[string]any{"department": "Sales", "costCenter": "7", "manager": map[string]any{"value": "m"}}, ent)
	}},
	{"A-08 an extension left out", func(c *client) {
		u := c.user("ann", full)
		c.get(u.path + "?excludedAttributes=" + ent).is(200).shows(without(ent)...)
		c.get(u.path+"?excludedAttributes="+ent+":department").is(200).shows(without()...).wants(nil, ent, "department").wants("7", ent, "costCenter")
	}},
	{"A-09 unknown names", func(c *client) {
		u := c.user("ann", full)
		c.get(u.path + "?attributes=nope,name.nope,urn:x:y").is(200).shows(minimum...)
		c.get(u.path + "?excludedAttributes=nope").is(200).shows(without()...)
	}},
	{"A-10 blanks, empty items, repeated parameters", func(c *client) {
		c.get(c.user("ann", full).path + "?attributes=userName,%20title,,&attributes=name").is(200).shows(append([]string{"name"}, nameTitle...)...)
	}},
	{"A-11 what is never returned", func(c *client) {
		u := c.user("ann", full+`,"password":"hunter2"`)
		c.get(u.path + "?attributes=password").is(200).shows(minimum...)
		c.get(u.path + "?attributes=password,userName").is(200).shows(onlyName...)
	}},
	{"A-12 what is returned on request", func(c *client) {
		u := c.user("ann", `"`+wisdom+`":{"level":7}`)
		c.get(u.path).is(200).wants(nil, wisdom, "delivery")
		c.get(u.path+"?attributes="+wisdom).is(200).wants(nil, wisdom, "delivery")
		_ = c.get(u.path+"?attributes="+wisdom+":delivery").is(200).string(wisdom, "delivery", "state")
	}},
	{"A-13 everywhere", func(c *client) {
		u, g := c.user("ann", full), c.group("G")
		const q = "?attributes=userName,title"
		c.get(u.path + q).is(200).shows(nameTitle...)
		c.put(u.path+q, c.userBody("ann", full)).is(200).shows(nameTitle...)
		c.patch(u.path+q, `{"op":"replace","path":"title","value":"U"}`).is(200).shows(nameTitle...)
		c.post("/Users"+q, c.userBody("bob", full)).is(201).shows(nameTitle...)
		want := map[string]any{"schemas": []string{core}, "id": u.id, "userName": u.name, "title": "U"}
		c.filter("/Users", `id eq "`+u.id+`"`, q[1:]).is(200).wants(want, "Resources", 0)
		c.post("/Users/.search", `{"schemas":["`+searchURN+`"],"attributes":["userName","title"],"filter":"id eq \"`+u.id+`\""}`).is(200).wants(want, "Resources", 0)
		c.get(g.path+"?attributes=displayName").is(200).shows("schemas", "id", "displayName")
		c.put(g.path+"?attributes=displayName", c.groupBody("G")).is(200).shows("schemas", "id", "displayName")
	}},
	{"A-14 PATCH with attributes has a body", func(c *client) {
		u := c.user("ann", full)
		g := c.group("G", u)
		c.patch(g.path+"?attributes=members", `{"op":"replace","path":"displayName","value":"`+c.name("H")+`"}`).is(200).shows("schemas", "id", "members").wants(u.id, "members", 0, "value")
		c.patch(u.path+"?attributes=userName", `{"op":"replace","path":"title","value":"U"}`).is(200).shows(onlyName...)
	}},
	{"A-15 projection changes neither set nor order", filtering(func(p people) {
		for _, filter := range []string{`title pr`, `emails.value co "example"`, `not (title pr)`, `active eq true and groups.display eq "team"`} {
			whole := p.filter("/Users", filter).is(200)
			for _, projection := range []string{"attributes=userName", "attributes=id", "excludedAttributes=title,emails,groups,active"} {
				if got := p.filter("/Users", filter, projection).is(200).wants(whole.at("totalResults"), "totalResults").ids(); !slices.Equal(got, whole.ids()) {
					p.Errorf("%s with %s: %v, want %v", filter, projection, got, whole.ids())
				}
			}
		}
	})},
	{"A-16 members that are not shown are not loaded", func(c *client) {
		c, read := c.counting()
		members := []resource{}
		for _, name := range []string{"a", "b", "c"} {
			members = append(members, c.user(name, ""))
		}
		g := c.group("G", members...)
		for _, path := range []string{g.path + "?excludedAttributes=members", g.path + "?attributes=displayName", "/Groups?excludedAttributes=members",
			scim.Filtered("/Groups", `displayName eq "`+g.name+`"`, "excludedAttributes=members"), scim.Filtered("/Groups", `members eq "`+members[0].id+`"`, "attributes=id")} {
			read.Store(0)
			if r := c.get(path).is(200); strings.Contains(r.text, `"members"`) || read.Load() != 0 {
				c.Errorf("%s: %d members were read: %s", path, read.Load(), r.text)
			}
		}
		if c.get(g.path).is(200); read.Load() != 3 {
			c.Errorf("%d members were read for a whole group of 3", read.Load())
		}
	}},
	{"A-17 schemas of a projected answer", func(c *client) {
		u := c.user("ann", full)
		c.get(u.path+"?attributes=userName").is(200).wants([]string{core}, "schemas")
		c.get(u.path+"?excludedAttributes="+ent).is(200).wants([]string{core}, "schemas")
		c.get(u.path+"?attributes="+ent+":department").is(200).wants([]string{core, ent}, "schemas")
		c.get(u.path+"?attributes="+ent+":division").is(200).wants([]string{core}, "schemas") // he has none
	}},
	{"A-18 the ETag is the resource's", func(c *client) {
		u := c.user("ann", full)
		tag := c.get(u.path).is(200).header.Get("ETag")
		for _, query := range []string{"attributes=userName", "excludedAttributes=meta", "attributes=" + url.QueryEscape(ent)} {
			if got := c.get(u.path + "?" + query).is(200).header.Get("ETag"); got != tag || tag == "" {
				c.Errorf("%s: ETag %q, of the whole %q", query, got, tag)
			}
		}
	}},
}
