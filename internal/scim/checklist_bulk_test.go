package scim_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scim"
)

const (
	bulkURN         = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulk sends a bulk request; more is JSON members before its Operations.
func (c *client) bulk(more string, operations ...string) reply {
	c.Helper()
	return c.post("/Bulk", scim.BulkBody(more, operations...))
}

// posting is the operation that makes a user whose name and bulkId are these; more is JSON
// members beside userName.
func (c *client) posting(name, more string) string {
	return scim.Operation("POST", "/Users", name, c.userBody(name, more))
}

// grouping is the operation that makes a group of these members, ids or references.
func (c *client) grouping(name string, members ...string) string {
	return scim.Operation("POST", "/Groups", name, scim.GroupBody(c.name(name), members...))
}

// patching is the operation that patches what is at a path.
func patching(path string, operations ...string) string {
	return scim.Operation("PATCH", path, "", scim.PatchBody(operations...))
}

// deleting is the operation that deletes what is at a path.
func deleting(path string) string { return scim.Operation("DELETE", path, "", "") }

// managedBy is the enterprise extension of a user with this manager.
func managedBy(manager string) string { return `"` + ent + `":{"manager":{"value":"` + manager + `"}}` }

// did wants the operations of a bulk's answer to have these statuses, as strings, in order.
func (r reply) did(statuses ...string) reply {
	r.c.Helper()
	got := []string{}
	for i := range r.is(200).list("Operations") {
		got = append(got, r.string("Operations", i, "status"))
	}
	if !slices.Equal(got, statuses) {
		r.c.Fatalf("%s: statuses %v, want %v\n%s", r.what, got, statuses, r.text)
	}
	return r
}

// failed wants the operation at i of a bulk's answer to carry an Error.
func (r reply) failed(i, status int, scimType string) reply {
	r.c.Helper()
	var kind any
	if scimType != "" {
		kind = scimType
	}
	r.wants(fmt.Sprint(status), "Operations", i, "status").wants([]string{errorURN}, "Operations", i, "response", "schemas").
		wants(fmt.Sprint(status), "Operations", i, "response", "status").wants(kind, "Operations", i, "response", "scimType")
	r.string("Operations", i, "response", "detail")
	return r
}

// made is what the operation at i made: where its location says.
func (r reply) made(i int) resource {
	r.c.Helper()
	path := strings.TrimPrefix(r.string("Operations", i, "location"), r.c.base)
	got := r.c.get(path).is(200)
	name, _ := got.at("userName").(string)
	return resource{got.id(), path, name}
}

// onlyUsers and onlyGroups want these to be all there are with a name of the row's own.
func (c *client) onlyUsers(want ...resource) {
	c.Helper()
	c.finds("/Users", `userName ew "`+c.name("")+`"`, want...)
}

func (c *client) onlyGroups(want ...resource) {
	c.Helper()
	c.finds("/Groups", `displayName ew "`+c.name("")+`"`, want...)
}

// nothing wants a bulk as a whole to be refused and to leave nothing behind.
func (c *client) nothing(status int, scimType, body string, words ...string) {
	c.Helper()
	c.post("/Bulk", body).refused(status, scimType).says(words...)
	c.onlyUsers()
	c.onlyGroups()
}

// manages wants a user to be another's manager.
func (c *client) manages(boss, user resource) {
	c.Helper()
	c.get(user.path).is(200).wants(boss.id, ent, "manager", "value")
}

// exploring is a world where the row's group Explorers gives a role.
func (c *client) exploring() *client {
	c.Helper()
	spec := rules()
	spec.Roles.Groups = []mapping.GroupRule{{Group: c.name("Explorers"), Role: "EXPLORER"}}
	compiled, faults := mapping.Compile(spec)
	if len(faults) > 0 {
		c.Fatal(faults)
	}
	return c.fresh(bridgetest.Options{Change: func(o *directory.Options) { o.Rules = compiled }})
}

// delivered is who has what at WisdomAI, by user, once everything is delivered:
// "ann-b-25: EXPLORER test_region=EU". The bridge's own attributes are left out.
func (c *client) delivered() []string {
	c.Helper()
	c.w.Settled(c)
	all := []string{}
	for _, u := range c.w.Simulator.Users() {
		name, ours := strings.CutSuffix(u.Email, "@suite.example")
		if !ours {
			continue
		}
		words := []string{name + ":"}
		for _, r := range u.RoleAssignments {
			words = append(words, mapping.RoleName(r.RoleID))
		}
		for _, a := range u.UserAttributes {
			if !strings.HasPrefix(a.Key, "scim_") {
				words = append(words, a.Key+"="+a.Value)
			}
		}
		slices.Sort(words[1:])
		all = append(all, strings.Join(words, " "))
	}
	slices.Sort(all)
	return all
}

// delivers wants this at WisdomAI, as delivered says it.
func (c *client) delivers(want ...string) {
	c.Helper()
	if diff := cmp.Diff(want, c.delivered()); diff != "" {
		c.Errorf("at WisdomAI (-want +got)\n%s", diff)
	}
}
