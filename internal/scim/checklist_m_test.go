package scim_test

import (
	"fmt"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim"
)

// op is one operation of a PATCH with a path; value is JSON, "" for none.
func op(kind, path, value string) string {
	o := `{"op":"` + kind + `","path":` + scim.JSONOf(path)
	if value != "" {
		o += `,"value":` + value
	}
	return o + "}"
}

// bare is an operation without path.
func bare(kind, value string) string { return `{"op":"` + kind + `","value":` + value + `}` }

// email is one value of emails.
func email(value, kind string) map[string]any { return map[string]any{"value": value, "type": kind} }

// member is one value of members.
func member(r resource) string { return `{"value":"` + r.id + `"}` }

// members wants a group to have exactly these members.
func (c *client) members(g resource, want ...resource) {
	c.Helper()
	ids := map[string]bool{}
	list := c.get(g.path).is(200).list("members")
	for _, m := range list {
		ids[scim.Dig(m, "value").(string)] = true
	}
	if len(list) != len(want) {
		c.Errorf("%d members, want %d: %v", len(list), len(want), list)
	}
	for _, r := range want {
		if !ids[r.id] {
			c.Errorf("%s is no member", r.name)
		}
	}
}

const (
	work = `emails[type eq "work"]`
	home = `emails[type eq "home"]`
)

var patchRows = []row{
	{"M-01 schemas", func(c *client) {
		u := c.user("ann", "")
		body := `"Operations":[` + op("add", "title", `"T"`) + `]}`
		for _, schemas := range []string{`{`, `{"schemas":[],`, `{"schemas":["` + core + `"],`} {
			c.unchanged(u, "PATCH", u.path, schemas+body, 400, "invalidSyntax")
		}
		c.lenient().do("PATCH", u.path, `{`+body).is(200).wants("T", "title")
	}},
	{"M-02 Operations", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		for _, r := range []resource{u, g} {
			for _, list := range []string{``, `,"Operations":[]`, `,"Operations":{}`, `,"Operations":null`} {
				c.unchanged(r, "PATCH", r.path, `{"schemas":["`+patchURN+`"]`+list+`}`, 400, "invalidSyntax")
			}
		}
		before := c.get(u.path)
		c.lenient().patch(u.path).is(200)
		c.get(u.path).same(before)
	}},
	{"M-03 op", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			for _, kind := range []string{"move", "copy", "test", ""} {
				c.patchFails(r, 400, "invalidSyntax", op(kind, "displayName", `"x"`))
			}
			c.patchFails(r, 400, "invalidSyntax", `{"path":"displayName","value":"x"}`)
		}
	}},
	{"M-04 op in other case", func(c *client) {
		u := c.user("ann", "")
		for _, kind := range []string{"Add", "Replace", "REMOVE"} {
			value := `"T"`
			if kind == "REMOVE" {
				value = ""
			}
			c.patchFails(u, 400, "invalidSyntax", op(kind, "title", value))
			c.lenient().patch(u.path, op(kind, "title", value)).is(200)
		}
	}},
	{"M-05 200 for users, 204 for groups", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		c.patch(u.path, op("add", "title", `"T"`)).is(200).shows("schemas", "id", "userName", "active", "title", "meta")
		if r := c.patch(g.path, op("add", "members", `[`+member(u)+`]`)).is(204); r.text != "" || r.header.Get("ETag") == "" {
			c.Errorf("%q, %v", r.text, r.header)
		}
	}},
	{"M-06 attributes force a body", func(c *client) {
		g := c.group("G")
		c.patch(g.path+"?attributes=displayName", op("add", "members", `[`+member(c.user("ann", ""))+`]`)).is(200).shows("schemas", "id", "displayName")
	}},
	{"M-07 all or nothing", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		c.patchFails(u, 400, "invalidPath", op("add", "title", `"T"`), op("add", "nope", `"x"`))
		c.patchFails(g, 400, "invalidValue", op("add", "members", `[`+member(u)+`]`), op("add", "members", `[{"value":"nobody"}]`))
	}},
	{"M-08 in order", func(c *client) {
		u := c.user("ann", "")
		c.patch(u.path, op("add", "title", `"A"`), op("replace", "title", `"B"`), op("remove", "title", ""),
			op("add", "emails", `[{"value":"a@x.test","type":"work"}]`), op("replace", work+".value", `"b@x.test"`)).is(200).
			wants(nil, "title").wants([]any{email("b@x.test", "work")}, "emails")
		g := c.group("G")
		c.patch(g.path, op("add", "members", `[`+member(u)+`]`), op("remove", `members[value eq "`+u.id+`"]`, "")).is(204)
		c.members(g)
	}},
	{"M-09 add without path merges", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, bare("add", `{"nickName":"B","emails":[{"value":"c@x.test","type":"other"}]}`)).is(200).wants("B", "nickName").wants("T", "title").
			wants([]any{email("a@x.test", "work"), email("b@x.test", "home"), email("c@x.test", "other")}, "emails")
	}},
	{"M-10 a value that is no object", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			for _, kind := range []string{"add", "replace"} {
				for _, value := range []string{`"x"`, `["x"]`, `null`, `1`} {
					c.patchFails(r, 400, "invalidValue", bare(kind, value))
				}
				c.patchFails(r, 400, "invalidValue", `{"op":"`+kind+`"}`)
			}
		}
	}},
	{"M-11 a value is needed", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			c.patchFails(r, 400, "invalidValue", op("add", "displayName", ""))
			c.patchFails(r, 400, "invalidValue", op("replace", "displayName", ""))
		}
	}},
	{"M-12 add to a single value", func(c *client) {
		c.patch(c.user("ann", "").path, op("add", "title", `"A"`), op("add", "title", `"B"`)).is(200).wants("B", "title")
	}},
	{"M-13 add to what is unset", func(c *client) {
		c.patch(c.user("ann", "").path, op("add", "nickName", `"N"`)).is(200).wants("N", "nickName")
	}},
	{"M-14 add appends", func(c *client) {
		u, a, b := c.user("ann", `"emails":[{"value":"a@x.test","type":"work"}]`), c.user("a", ""), c.user("b", "")
		c.patch(u.path, op("add", "emails", `[{"value":"b@x.test","type":"home"}]`)).is(200)
		c.patch(u.path, op("add", "emails", `{"value":"c@x.test","type":"other"}`)).is(200).wants([]any{email("a@x.test", "work"), email("b@x.test", "home"), email("c@x.test", "other")}, "emails")
		g := c.group("G")
		c.patch(g.path, op("add", "members", `[`+member(a)+`]`)).is(204)
		c.patch(g.path, op("add", "members", member(b))).is(204)
		c.members(g, a, b)
	}},
	{"M-15 add of what is there", func(c *client) {
		u := c.user("ann", full)
		g := c.group("G", u)
		c.patchKeeps(u, op("add", "title", `"T"`), op("add", "emails", `[{"value":"a@x.test","type":"work"}]`), bare("add", `{"title":"T"}`))
		c.patchKeeps(g, op("add", "members", `[`+member(u)+`]`), op("add", "displayName", scim.JSONOf(g.name)))
	}},
	{"M-16 what is there already", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, op("add", "emails", `[{"value":"a@x.test","type":"work","display":"A"}]`)).is(200).
			wants([]any{map[string]any{"value": "a@x.test", "type": "work", "display": "A"}, email("b@x.test", "home")}, "emails")
		g := c.group("G", u)
		c.patchKeeps(g, op("add", "members", `[{"value":"`+u.id+`","display":"another"}]`))
	}},
	{"M-17 add merges sub-attributes", func(c *client) {
		c.patch(c.user("ann", full).path, op("add", "name", `{"givenName":"Bea"}`)).is(200).wants(map[string]any{"givenName": "Bea", "familyName": "Lee"}, "name")
	}},
	{"M-18 add to a sub-attribute", func(c *client) {
		c.patch(c.user("ann", full).path, op("add", "name.middleName", `"M"`)).is(200).wants(map[string]any{"givenName": "Ann", "familyName": "Lee", "middleName": "M"}, "name")
		c.patch(c.user("bob", "").path, op("add", "name.middleName", `"M"`)).is(200).wants(map[string]any{"middleName": "M"}, "name")
	}},
	{"M-19 add with a value filter", func(c *client) {
		u, none := c.user("ann", `"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test","type":"work"}]`), c.user("bob", "")
		r := c.patch(u.path, op("add", work+".display", `"D"`)).is(200)
		for i := range 2 {
			r.wants("D", "emails", i, "display")
		}
		c.patchFails(none, 400, "noTarget", op("add", work+".value", `"w@x.test"`))
		c.lenient().patch(none.path, op("add", work+".value", `"w@x.test"`)).is(200).wants([]any{email("w@x.test", "work")}, "emails")
	}},
	{"M-20 only the real change counts", func(c *client) {
		u := c.user("ann", full)
		before := c.get(u.path)
		after := c.patch(u.path, op("add", "title", `"T"`), op("replace", "nickName", `"N"`)).is(200)
		if after.at("meta", "version") == before.at("meta", "version") || after.string("meta", "lastModified") <= before.string("meta", "lastModified") {
			c.Errorf("meta %v", after.at("meta"))
		}
		c.patchKeeps(u, op("add", "title", `"T"`), op("replace", "nickName", `"N"`))
	}},
	{"M-21 remove needs a path", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			c.patchFails(r, 400, "noTarget", `{"op":"remove"}`)
		}
	}},
	{"M-22 remove a single value", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, op("remove", "title", "")).is(200).wants(nil, "title")
		c.finds("/Users", `title pr and id eq "`+u.id+`"`)
	}},
	{"M-23 remove a list", func(c *client) {
		u := c.user("ann", full)
		g := c.group("G", u)
		c.patch(u.path, op("remove", "emails", "")).is(200).wants(nil, "emails")
		c.patch(g.path, op("remove", "members", "")).is(204)
		c.members(g)
	}},
	{"M-24 remove by filter", func(c *client) {
		u := c.user("ann", `"emails":[{"value":"a@example.com","type":"work"},{"value":"a@x.test","type":"work"},{"value":"h@example.com","type":"home"}]`)
		c.patch(u.path, op("remove", `emails[type eq "work" and value ew "example.com"]`, "")).is(200).wants([]any{email("a@x.test", "work"), email("h@example.com", "home")}, "emails")
		g := c.group("G", u, c.user("bob", ""))
		c.patch(g.path, op("remove", `members[value eq "`+u.id+`"]`, "")).is(204)
		if list := c.get(g.path).list("members"); len(list) != 1 {
			c.Errorf("%v", list)
		}
	}},
	{"M-25 the last value goes", func(c *client) {
		u := c.user("ann", `"emails":[{"value":"a@x.test","type":"work"}]`)
		c.patch(u.path, op("remove", work, "")).is(200).shows("schemas", "id", "userName", "active", "meta")
		c.finds("/Users", `emails pr and id eq "`+u.id+`"`)
	}},
	{"M-26 remove of a sub-attribute", func(c *client) {
		u := c.user("ann", `"name":{"givenName":"A","middleName":"M"},"emails":[{"value":"a@x.test","type":"work","display":"D"},{"value":"b@x.test","type":"home","display":"D"}]`)
		c.patch(u.path, op("remove", "name.middleName", ""), op("remove", work+".display", "")).is(200).wants(map[string]any{"givenName": "A"}, "name").
			wants([]any{email("a@x.test", "work"), map[string]any{"value": "b@x.test", "type": "home", "display": "D"}}, "emails")
	}},
	{"M-27 remove of what is required", func(c *client) {
		c.patchFails(c.user("ann", ""), 400, "mutability", op("remove", "userName", ""))
		c.patchFails(c.group("G"), 400, "mutability", op("remove", "displayName", ""))
	}},
	{"M-28 remove of what is readOnly", func(c *client) {
		u, g := c.user("ann", ""), c.group("G")
		for _, path := range []string{"id", "meta", "meta.created"} {
			c.patchFails(u, 400, "mutability", op("remove", path, ""))
			c.patchFails(g, 400, "mutability", op("remove", path, ""))
		}
		c.patchFails(u, 400, "mutability", op("remove", "groups", ""))
	}},
	{"M-29 remove of a member who is none", func(c *client) {
		u := c.user("ann", "")
		g := c.group("G", c.user("bob", ""))
		c.patchKeeps(g, op("remove", `members[value eq "`+u.id+`"]`, ""), op("remove", `members[value eq "nobody"]`, ""))
	}},
	{"M-30 remove of what is unset", func(c *client) {
		c.patchKeeps(c.user("bob", ""), op("remove", "title", ""), op("remove", "emails", ""), op("remove", "name.givenName", ""), op("remove", ent+":department", ""))
	}},
	{"M-31 remove by filter without match", func(c *client) {
		c.patchKeeps(c.user("ann", full), op("remove", `emails[type eq "other"]`, ""), op("remove", `emails[type eq "other"].display`, ""))
	}},
	{"M-32 remove of members with a list", func(c *client) {
		a, b := c.user("a", ""), c.user("b", "")
		g := c.group("G", a, b)
		c.patchFails(g, 400, "invalidSyntax", op("remove", "members", `[`+member(a)+`]`))
		c.lenient().patch(g.path, op("remove", "members", `[`+member(a)+`]`)).is(204)
		c.members(g, b)
	}},
	{"M-33 replace without path", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, bare("replace", `{"active":false,"emails":[{"value":"c@x.test","type":"work"}]}`)).is(200).
			wants(false, "active").wants("T", "title").wants([]any{email("c@x.test", "work")}, "emails")
		g := c.group("G", u)
		c.patch(g.path, bare("replace", `{"displayName":"`+c.name("H")+`"}`)).is(204)
		c.get(g.path).wants(c.name("H"), "displayName").wants(u.id, "members", 0, "value")
	}},
	{"M-34 replace of a single value", func(c *client) {
		c.patch(c.user("ann", full).path, op("replace", "title", `"U"`)).is(200).wants("U", "title")
	}},
	{"M-35 replace of a list", func(c *client) {
		a, b, d := c.user("a", ""), c.user("b", ""), c.user("d", full)
		g := c.group("G", a, b)
		c.patch(g.path, op("replace", "members", `[`+member(b)+`,`+member(d)+`]`)).is(204)
		c.members(g, b, d)
		c.patch(d.path, op("replace", "emails", `[{"value":"c@x.test","type":"work"}]`)).is(200).wants([]any{email("c@x.test", "work")}, "emails")
	}},
	{"M-36 replace of what is unset", func(c *client) {
		c.patch(c.user("ann", "").path, op("replace", "nickName", `"N"`)).is(200).wants("N", "nickName")
	}},
	{"M-37 replace of a complex attribute", func(c *client) {
		c.patch(c.user("ann", full).path, op("replace", "name", `{"familyName":"Ray"}`)).is(200).wants(map[string]any{"givenName": "Ann", "familyName": "Ray"}, "name")
	}},
	{"M-38 replace with filter", func(c *client) {
		u := c.user("ann", `"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test","type":"work"},{"value":"h@x.test","type":"home"}]`)
		r := c.patch(u.path, op("replace", work, `{"type":"work","value":"w@x.test","display":"D"}`)).is(200)
		if strings.Contains(r.text, "a@x.test") || strings.Contains(r.text, "b@x.test") || !strings.Contains(r.text, "h@x.test") || !strings.Contains(r.text, "w@x.test") {
			c.Errorf("emails %v", r.at("emails"))
		}
		v := c.user("bob", `"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test","type":"work"}]`)
		c.patch(v.path, op("replace", work+".type", `"other"`)).is(200).wants([]any{email("a@x.test", "other"), email("b@x.test", "other")}, "emails")
	}},
	{"M-39 replace of one sub-attribute", func(c *client) {
		u := c.user("ann", `"addresses":[{"type":"work","locality":"A","country":"US"},{"type":"work","locality":"B"},{"type":"home","locality":"C"}]`)
		c.patch(u.path, op("replace", `addresses[type eq "work"].locality`, `"X"`)).is(200).wants([]any{
			map[string]any{"type": "work", "locality": "X", "country": "US"}, map[string]any{"type": "work", "locality": "X"}, map[string]any{"type": "home", "locality": "C"}}, "addresses")
	}},
	{"M-40 replace with filter, no match", func(c *client) {
		u := c.user("ann", "")
		c.patchFails(u, 400, "noTarget", op("replace", work+".value", `"w@x.test"`))
		c.lenient().patch(u.path, op("replace", work+".value", `"w@x.test"`)).is(200).wants([]any{email("w@x.test", "work")}, "emails")
	}},
	{"M-41 replace with nothing", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, op("replace", "title", "null"), op("replace", "emails", "[]"), bare("replace", `{"name":null}`)).is(200).wants(nil, "title").wants(nil, "emails").wants(nil, "name")
		c.patchFails(u, 400, "mutability", op("replace", "userName", "null"))
		c.patchFails(u, 400, "mutability", op("replace", "groups", "[]"))
		c.patchFails(c.group("G"), 400, "mutability", op("replace", "displayName", "null"))
	}},
	{"M-42 one primary", func(c *client) {
		const two = `"emails":[{"value":"a@x.test","type":"work","primary":true},{"value":"b@x.test","type":"home"}]`
		for i, operation := range []string{
			op("add", "emails", `[{"value":"c@x.test","primary":true}]`), op("replace", home+".primary", `true`), op("replace", home, `{"value":"b@x.test","type":"home","primary":true}`), op("add", home+".primary", `true`),
		} {
			r := c.patch(c.user(fmt.Sprint("u", i), two).path, operation).is(200)
			primaries := 0
			for j, e := range r.list("emails") {
				if scim.Dig(e, "primary") == true {
					if primaries++; j == 0 {
						c.Errorf("%s: the old one is still primary", operation)
					}
				}
			}
			if primaries != 1 {
				c.Errorf("%s: %d primaries in %v", operation, primaries, r.at("emails"))
			}
		}
	}},
	{"M-43 two primaries", func(c *client) {
		const two = `[{"value":"c@x.test","primary":true},{"value":"d@x.test","primary":true}]`
		u := c.user("ann", full)
		c.patchFails(u, 400, "invalidValue", op("add", "emails", two))
		c.patchFails(u, 400, "invalidValue", op("replace", "emails", two))
		c.patchFails(u, 400, "invalidValue", bare("replace", `{"emails":`+two+`}`))
	}},
	{"M-44 readOnly targets", func(c *client) {
		u := c.user("ann", full)
		for _, kind := range []string{"add", "replace"} {
			c.patchFails(u, 400, "mutability", op(kind, "id", `"x"`))
			c.patchFails(u, 400, "mutability", op(kind, "meta.created", `"1999-01-01T00:00:00Z"`))
			c.patchFails(u, 400, "mutability", op(kind, "groups", `[{"value":"g"}]`))
			c.patchFails(u, 400, "mutability", op(kind, ent+":manager.displayName", `"Bob"`))
		}
		c.patchFails(c.group("G"), 400, "mutability", op("replace", "id", `"x"`))
	}},
	{"M-45 readOnly inside a value", func(c *client) {
		c.patch(c.user("ann", "").path, bare("replace", `{"id":"x","meta":{"created":"1999-01-01T00:00:00Z"},"groups":[{"value":"g"}],"title":"T"}`)).is(200).wants("T", "title").wants(nil, "groups")
		g := c.group("G")
		c.patch(g.path, bare("replace", `{"id":"x","displayName":"`+c.name("H")+`"}`)).is(204)
		c.get(g.path).is(200).wants(g.id, "id").wants(c.name("H"), "displayName")
	}},
	{"M-46 immutable attributes", func(c *client) {
		immutables(c)
		u, v := c.user("ann", ""), c.user("bob", "")
		g := c.group("G", u)
		one := `members[value eq "` + u.id + `"]`
		for attribute, other := range map[string]string{"value": v.id, "type": "Group", "$ref": c.base + v.path} {
			for _, kind := range []string{"add", "replace"} {
				c.patchFails(g, 400, "mutability", op(kind, one+"."+attribute, scim.JSONOf(other)))
			}
			c.patchFails(g, 400, "mutability", op("remove", one+"."+attribute, ""))
		}
		same := `[{"value":"` + u.id + `","type":"User","$ref":"` + c.base + u.path + `"}]`
		c.patchKeeps(g, op("add", "members", same))
		c.patchKeeps(g, op("replace", "members", same))
		for _, kind := range []string{"add", "replace"} {
			c.patchFails(g, 400, "invalidValue", op(kind, "members", `[{"value":"`+u.id+`","type":"Group"}]`))
		}
		c.patch(g.path, op("add", "members", `[{"value":"`+v.id+`","type":"User"}]`)).is(204) // unset until then
		c.members(g, u, v)
	}},
	{"M-47 sub-attributes of members", func(c *client) {
		u, v := c.user("ann", ""), c.user("bob", "")
		g := c.group("G", u)
		one := `members[value eq "` + u.id + `"]`
		c.patchFails(g, 400, "mutability", op("replace", one+".value", `"`+v.id+`"`))
		c.patchKeeps(g, op("replace", one+".display", `"another"`))
	}},
	{"M-48 malformed paths", func(c *client) {
		u, g := c.user("ann", full), c.group("G")
		for _, path := range []string{`emails[`, `.x`, `a..b`, `1a`, ``, `emails[type eq "work"]x`, `emails]`, `emails[type eq "work"].`, `userName eq "x"`} {
			c.patchFails(u, 400, "invalidPath", op("replace", path, `"x"`))
			c.patchFails(g, 400, "invalidPath", op("replace", strings.ReplaceAll(path, "emails", "members"), `"x"`))
		}
		for _, path := range []string{`emails[type eq]`, `emails[type regex "x"]`} {
			if r := c.patch(u.path, op("replace", path, `"x"`)).is(400); r.at("scimType") != "invalidPath" && r.at("scimType") != "invalidFilter" {
				c.Errorf("%s: %s", path, r.text)
			}
		}
	}},
	{"M-49 paths to nothing", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			for _, path := range []string{"nope", "name.nope", "urn:x:y:nope", ent + ":nope"} {
				c.patchFails(r, 400, "invalidPath", op("replace", path, `"x"`))
			}
			c.patchKeeps(r, bare("replace", `{"nope":"x"}`))
		}
	}},
	{"M-50 paths in any case", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, op("replace", "USERNAME", scim.JSONOf(c.name("bea"))), op("replace", core+":name.givenName", `"Bea"`), op("replace", "NAME.familyname", `"Ray"`), op("replace", strings.ToUpper(core)+":TITLE", `"U"`)).is(200).
			wants(c.name("bea"), "userName").wants(map[string]any{"givenName": "Bea", "familyName": "Ray"}, "name").wants("U", "title")
	}},
	{"M-51 extension attributes", func(c *client) {
		u := c.user("ann", "")
		c.patch(u.path, op("add", ent+":department", `"D"`), op("replace", ent+":manager.value", `"m"`)).is(200).
			wants(map[string]any{"department": "D", "manager": map[string]any{"value": "m"}}, ent).wants([]string{core, ent}, "schemas")
	}},
	{"M-52 whole extensions", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, op("replace", ent, `{"department":"D"}`)).is(200).wants("D", ent, "department").wants("7", ent, "costCenter")
		c.patch(u.path, op("add", ent, `{"division":"E"}`)).is(200).wants("E", ent, "division").wants("D", ent, "department")
		c.patch(u.path, op("remove", ent, "")).is(200).wants(nil, ent).wants([]string{core}, "schemas")
	}},
	{"M-53 extensions in a value", func(c *client) {
		c.patch(c.user("ann", full).path, bare("add", `{"`+ent+`":{"department":"X"}}`)).is(200).wants("X", ent, "department").wants("7", ent, "costCenter")
	}},
	{"M-54 flat keys", func(c *client) {
		u := c.user("ann", full)
		c.lenient().patch(u.path, bare("replace", `{"name.givenName":"A","`+ent+`:department":"X","emails[type eq \"work\"].value":"x@x.test"}`)).is(200).
			wants(map[string]any{"givenName": "A", "familyName": "Lee"}, "name").wants("X", ent, "department").wants([]any{email("x@x.test", "work"), email("b@x.test", "home")}, "emails")
	}},
	{"M-55 manager as text", func(c *client) {
		u := c.user("ann", "")
		for _, path := range []string{ent + ":manager", "manager"} {
			c.lenient().patch(u.path, op("replace", path, `"m"`)).is(200).wants(map[string]any{"value": "m"}, ent, "manager")
			for _, nothing := range []string{`null`, `""`, `{"value":""}`} {
				c.lenient().patch(u.path, op("add", path, `"m"`)).is(200).wants("m", ent, "manager", "value")
				c.lenient().patch(u.path, op("replace", path, nothing)).is(200).wants(nil, ent)
			}
		}
	}},
	{"M-56 types of values", func(c *client) {
		u := c.user("ann", full)
		for path, value := range map[string]string{"active": `"maybe"`, "title": `{}`, "emails": `"x"`, "name": `"x"`, "name.givenName": `5`, work + ".primary": `"x"`} {
			c.patchFails(u, 400, "invalidValue", op("replace", path, value))
		}
		c.patchFails(u, 400, "invalidValue", op("replace", "active", `"False"`))
		c.lenient().patch(u.path, op("replace", "active", `"False"`)).is(200).wants(false, "active")
		c.lenient().patch(u.path, op("replace", "active", `"true"`)).is(200).wants(true, "active")
	}},
	{"M-57 indexes of lists", func(c *client) {
		u := c.user("ann", full)
		c.patchFails(u, 400, "invalidPath", op("replace", "emails[0]", `"x"`))
		c.patchFails(u, 400, "invalidPath", op("replace", "emails/0", `"x"`))
		c.patchFails(c.group("G", u), 400, "invalidPath", op("remove", "members[0]", ""))
	}},
	{"M-58 a userName in use", func(c *client) {
		c.user("bob", "")
		c.patchFails(c.user("ann", ""), 409, "uniqueness", op("replace", "title", `"T"`), op("replace", "userName", scim.JSONOf(c.name("BOB"))))
	}},
	{"M-59 an unknown resource", func(c *client) {
		for _, path := range []string{"/Users/nobody", "/Groups/nobody"} {
			c.patch(path, op("move", "nope", "")).refused(404, "")
			c.do("PATCH", path, "{").refused(404, "")
		}
	}},
	{"M-60 If-Match", func(c *client) {
		for _, r := range []resource{c.user("ann", ""), c.group("G")} {
			old := c.get(r.path).header.Get("ETag")
			if got := c.do("PATCH", r.path, scim.PatchBody(op("replace", "displayName", scim.JSONOf(c.name("new")))), "If-Match: "+old); got.status > 204 {
				c.Errorf("%d", got.status)
			}
			c.unchanged(r, "PATCH", r.path, scim.PatchBody(op("replace", "displayName", scim.JSONOf(c.name("newer")))), 412, "", "If-Match: "+old)
		}
	}},
	{"M-61 schemas as target", func(c *client) {
		u := c.user("ann", "")
		c.patchKeeps(u, op("add", "schemas", `["`+ent+`"]`))
		c.patchFails(u, 400, "mutability", op("remove", "schemas", ""))
	}},
	{"M-62 the empty string", func(c *client) {
		u := c.user("ann", full)
		c.patch(u.path, op("replace", "title", `""`)).is(200).wants(nil, "title")
		c.patchFails(u, 400, "invalidValue", op("replace", "userName", `""`))
		c.patchFails(c.group("G"), 400, "invalidValue", op("replace", "displayName", `""`))
	}},
	{"M-63 the password", func(c *client) {
		u := c.user("ann", "")
		c.patchKeeps(u, op("replace", "password", `"hunter2"`), bare("add", `{"password":"hunter2"}`))
	}},
	{"M-64 value paths with several conditions", func(c *client) {
		u := c.user("ann", `"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test","primary":true},{"value":"c@x.test","type":"home"}]`)
		c.patch(u.path, op("replace", `emails[type eq "work" or primary eq true].display`, `"D"`)).is(200).wants("D", "emails", 0, "display").wants("D", "emails", 1, "display").wants(nil, "emails", 2, "display")
		c.patch(u.path, op("replace", `emails[not (type eq "work") and value sw "c"].display`, `"E"`)).is(200).wants("E", "emails", 2, "display").wants("D", "emails", 1, "display")
		c.lenient().patch(u.path, op("replace", `roles[primary eq "True"].value`, `"r"`)).is(200).wants([]any{map[string]any{"value": "r", "primary": true}}, "roles")
		c.lenient().patch(u.path, op("replace", `roles[primary eq "True"].value`, `"s"`)).is(200).wants([]any{map[string]any{"value": "s", "primary": true}}, "roles")
	}},
	{"M-65 many operations", func(c *client) {
		crowd := c.crowd()
		c = crowd.of(c)
		g := c.group("G")
		adds := make([]string, len(crowd.users))
		for i, id := range crowd.users {
			adds[i] = op("add", "members", `[{"value":"`+id+`"}]`)
		}
		c.patch(g.path, adds...).is(204)
		if n := len(c.get(g.path).list("members")); n != len(adds) {
			c.Errorf("%d members", n)
		}
		c.do("DELETE", g.path, "").is(204)
		h := c.group("H")
		c.patchFails(h, 413, "", append(adds, adds[0])...)
	}},
	{"M-66 a large group", func(c *client) {
		crowd := c.crowd()
		c, read := crowd.of(c).counting()
		g := c.group("G")
		list := `{"value":"` + strings.Join(crowd.users[1:], `"},{"value":"`) + `"}`
		c.patch(g.path, op("add", "members", `[`+list+`]`)).is(204)
		read.Store(0)
		c.patch(g.path, op("add", "members", `[{"value":"`+crowd.users[0]+`"}]`)).is(204)
		c.patch(g.path+"?attributes=displayName", op("remove", `members[value eq "`+crowd.users[0]+`"]`, "")).is(200)
		if n := read.Load(); n != 0 {
			c.Errorf("%d members were read to change one", n)
		}
		c.do("DELETE", g.path, "").is(204)
	}},
	{"M-67 100 members at once", func(c *client) {
		crowd := c.crowd()
		c = crowd.of(c)
		g := c.group("G")
		count := atOnce(100, func(i int) reply {
			return c.patch(g.path, op("add", "members", `[{"value":"`+crowd.users[i]+`"}]`))
		})
		if n := len(c.get(g.path).list("members")); n != 100 || count[204] != 100 {
			c.Errorf("%d members, statuses %v", n, count)
		}
		c.do("DELETE", g.path, "").is(204)
	}},
	{"M-68 random operations against a model", patchAgainstModel},
	{"M-69 suspending", func(c *client) {
		for i, suspend := range []func(c *client, u resource) reply{
			func(c *client, u resource) reply { return c.patch(u.path, op("replace", "active", "false")) },
			func(c *client, u resource) reply { return c.patch(u.path, bare("replace", `{"active":false}`)) },
			func(c *client, u resource) reply {
				return c.lenient().patch(u.path, op("Replace", "active", `"False"`))
			},
		} {
			u := c.user(fmt.Sprint("u", i), `"title":"T"`)
			suspend(c, u).is(200).wants(false, "active").wants("T", "title")
			c.finds("/Users", `active eq false and id eq "`+u.id+`"`, u)
		}
	}},
}
