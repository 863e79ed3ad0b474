package scim_test

import (
	"strings"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// groupOf is a Group with members as they are to be sent.
func (c *client) groupOf(name, members string) string {
	return `{"schemas":["` + schema.GroupURN + `"],"displayName":"` + c.name(name) + `","members":` + members + `}`
}

var groupRows = []row{
	{"G-01 members", func(c *client) {
		u, inner := c.user("ann", `"displayName":"Ann"`), c.group("Inner")
		r := c.post("/Groups", c.groupBody("Outer", u, inner)).is(201).wants([]any{
			map[string]any{"value": u.id, "$ref": c.base + u.path, "type": "User", "display": "Ann"},
			map[string]any{"value": inner.id, "$ref": c.base + inner.path, "type": "Group", "display": inner.name},
		}, "members")
		c.get(strings.TrimPrefix(r.string("members", 0, "$ref"), c.base)).is(200).wants(u.id, "id")
	}},
	{"G-02 groups of a user", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G")
		c.patch(g.path, op("add", "members", "["+member(u)+"]")).is(204)
		want := []any{map[string]any{"value": g.id, "$ref": c.base + g.path, "display": g.name, "type": "direct"}}
		c.get(u.path).is(200).wants(want, "groups")
		c.filter("/Users", `id eq "`+u.id+`"`).is(200).wants(want, "Resources", 0, "groups")
		c.finds("/Users", `groups.value eq "`+g.id+`"`, u)
		c.finds("/Users", `groups.display eq "`+strings.ToUpper(g.name)+`"`, u)
		c.finds("/Groups", `members.value eq "`+u.id+`"`, g)
	}},
	{"G-03 groups is readOnly", func(c *client) {
		g := c.group("G")
		u := c.user("ann", `"groups":[{"value":"`+g.id+`"}]`)
		c.put(u.path, c.userBody("ann", `"groups":[{"value":"`+g.id+`"}]`)).is(200).wants(nil, "groups")
		c.patchFails(u, 400, "mutability", op("add", "groups", "["+member(g)+"]"))
		c.members(g)
	}},
	{"G-04 an unknown member", func(c *client) {
		g := c.group("G", c.user("ann", ""))
		c.post("/Groups", c.groupOf("H", `[{"value":"nobody"}]`)).refused(400, "invalidValue").says("nobody")
		c.unchanged(g, "PUT", g.path, c.groupOf("G", `[{"value":"nobody"}]`), 400, "invalidValue").says("nobody")
		c.patchFails(g, 400, "invalidValue", op("add", "members", `[{"value":"nobody"}]`))
		dropping := c.fresh(bridgetest.Options{Change: func(o *directory.Options) { o.Groups.DropUnknownMembers = true }})
		u := dropping.user("ann", "")
		dropping.members(dropping.group("G", u, resource{id: "nobody"}), u)
	}},
	{"G-05 a member twice", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", u, u)
		c.members(g, u)
		c.patchKeeps(g, op("add", "members", "["+member(u)+","+member(u)+"]"))
		c.put(g.path, c.groupBody("G", u, u)).is(200)
		c.members(g, u)
	}},
	{"G-06 nested groups", func(c *client) {
		u := c.user("ann", "")
		b := c.group("B", u)
		a := c.group("A", b)
		c.patch(b.path, op("add", "members", "["+member(a)+"]")).is(204) // a circle
		c.members(a, b)
		c.members(b, u, a)
		c.get(u.path).is(200).wants(b.id, "groups", 0, "value").wants(nil, "groups", 1)
		c.remove(a)
		c.members(b, u)
	}},
	{"G-07 $ref and type that contradict value", func(c *client) {
		u := c.user("ann", "")
		c.post("/Groups", c.groupOf("G", `[{"value":"`+u.id+`","$ref":"https://evil.test/Users/x","display":"x"}]`)).is(201).
			wants(c.base+u.path, "members", 0, "$ref").wants("User", "members", 0, "type").wants(u.name, "members", 0, "display")
		c.post("/Groups", c.groupOf("H", `[{"value":"`+u.id+`","type":"Group"}]`)).refused(400, "invalidValue").says(u.id)
	}},
	{"G-08 a member by $ref or as text", func(c *client) {
		u := c.user("ann", "")
		for i, list := range []string{`[{"$ref":"` + c.base + u.path + `"}]`, `["` + u.id + `"]`} {
			c.post("/Groups", c.groupOf("G", list)).refused(400, "invalidValue")
			c.lenient().post("/Groups", c.groupOf([]string{"H", "I"}[i], list)).is(201).wants(u.id, "members", 0, "value")
		}
	}},
	{"G-09 two groups of one name", func(c *client) {
		g := c.group("G")
		c.group("H")
		c.post("/Groups", c.groupBody("g")).refused(409, "uniqueness")
		c.unchanged(g, "PUT", g.path, c.groupBody("h"), 409, "uniqueness")
		c.patchFails(g, 409, "uniqueness", op("replace", "displayName", scim.JSONOf(c.name("H"))))
		doubles := c.fresh(bridgetest.Options{Change: func(o *directory.Options) { o.Groups.NotUnique = true }})
		doubles.group("G")
		doubles.group("G")
	}},
	{"G-10 a rename", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", u)
		c.patch(g.path, op("replace", "displayName", scim.JSONOf(c.name("H")))).is(204)
		c.get(g.path).is(200).wants(g.id, "id").wants(c.name("H"), "displayName").wants(u.id, "members", 0, "value")
		c.get(u.path).is(200).wants(c.name("H"), "groups", 0, "display")
	}},
	{"G-11 remove all members", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", u)
		c.patch(g.path, op("remove", "members", "")).is(204)
		c.get(g.path).is(200).shows("schemas", "id", "displayName", "meta")
		c.get(u.path).is(200).wants(nil, "groups")
	}},
	{"G-12 a suspended member", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", u)
		for _, active := range []string{"false", "true"} {
			c.patch(u.path, op("replace", "active", active)).is(200).wants(g.id, "groups", 0, "value")
			c.members(g, u)
		}
	}},
	{"G-13 large groups", func(c *client) {
		crowd := c.crowd()
		c, read := crowd.of(c).counting()
		list := `[{"value":"` + strings.Join(crowd.users, `"},{"value":"`) + `"}]`
		r := c.post("/Groups?excludedAttributes=members", c.groupOf("G", list)).is(201).wants(nil, "members")
		path := "/Groups/" + r.id()
		if whole := c.get(path).is(200); len(whole.list("members")) != len(crowd.users) {
			c.Errorf("%d members", len(whole.list("members")))
		}
		read.Store(0)
		c.patch(path, op("remove", `members[value eq "`+crowd.users[7]+`"]`, "")).is(204)
		c.patch(path, op("add", "members", `[{"value":"`+crowd.users[7]+`"}]`)).is(204)
		if c.get(path + "?excludedAttributes=members").is(200); read.Load() != 0 {
			c.Errorf("%d members were read", read.Load())
		}
		c.do("DELETE", path, "").is(204)
	}},
	{"G-14 by displayName", func(c *client) {
		g := c.group("Analysts")
		c.finds("/Groups", `displayName eq "`+strings.ToUpper(g.name)+`"`, g)
		c.finds("/Groups", `displayName sw "ANALYSTS-G-14"`, g)
		c.finds("/Groups", `not (displayName ne "`+strings.ToLower(g.name)+`")`, g)
	}},
	{"G-15 several members in one PATCH", func(c *client) {
		a, b, d := c.user("a", ""), c.user("b", ""), c.user("d", "")
		g := c.group("G", a)
		c.patchFails(g, 400, "invalidValue", op("remove", `members[value eq "`+a.id+`"]`, ""), op("add", "members", "["+member(b)+`,{"value":"nobody"},`+member(d)+"]"))
		c.get(b.path).is(200).wants(nil, "groups")
		c.patch(g.path, op("remove", `members[value eq "`+a.id+`"]`, ""), op("add", "members", "["+member(b)+","+member(d)+"]")).is(204)
		c.members(g, b, d)
	}},
	{"G-16 deleting a group", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", u)
		c.remove(g)
		c.get(u.path).is(200).wants(nil, "groups")
		c.finds("/Users", `groups.value eq "`+g.id+`"`)
		outer := c.group("Outer", u)
		c.members(outer, u)
	}},
	{"G-17 order of members", func(c *client) {
		g := c.group("G", c.user("c", ""), c.user("a", ""), c.user("b", ""))
		first := c.get(g.path).is(200)
		for range 5 {
			c.get(g.path).is(200).same(first)
		}
		c.patch(g.path, op("add", "externalId", `"x"`)).is(204)
		c.get(g.path).is(200).wants(first.at("members"), "members")
	}},
	{"G-18 display of a member", func(c *client) {
		named, bare := c.user("ann", `"displayName":"Ann Lee"`), c.user("bob", "")
		g := c.group("G", named, bare)
		c.get(g.path).is(200).wants("Ann Lee", "members", 0, "display").wants(bare.name, "members", 1, "display")
		c.patch(named.path, op("replace", "displayName", `"Ann Ray"`)).is(200)
		c.get(g.path).is(200).wants("Ann Ray", "members", 0, "display")
		c.finds("/Groups", `members.display eq "ann ray" and id eq "`+g.id+`"`, g)
	}},
}
