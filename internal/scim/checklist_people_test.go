package scim_test

import (
	"slices"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/scim"
)

// people are the three of the checklist's section on filters, and a group, in a world with
// nobody else. Their numbers are the rows' about numbers.
type people struct {
	*client
	ann, bob, zoe resource
	team          resource // ann and Zoë
}

// peopleOf makes the people when it is called for the first time. They end with the test t.
func peopleOf(t *testing.T) func() people {
	return sync.OnceValue(func() people {
		w := newWorld(t, bridgetest.Options{})
		return newPeople(&client{T: t, w: w, base: w.strict})
	})
}

// newPeople makes people in a world where there is nobody.
func newPeople(c *client) people {
	c.Helper()
	make := func(endpoint, body string) resource {
		c.Helper()
		r := c.post(endpoint, body).is(201)
		name, _ := r.at("userName").(string)
		return resource{r.id(), endpoint + "/" + r.id(), name}
	}
	p := people{client: c}
	p.bob = make("/Users", scim.UserBody("bob", `"active":false,"emails":[{"value":"bob@example.com","type":"work"}],"`+wisdom+`":{"level":9}`))
	p.ann = make("/Users", scim.UserBody("ann", `"title":"Engineer","externalId":"ABC","displayName":"Ann Lee","name":{"givenName":"Ann","familyName":"Lee"},
		"emails":[{"value":"ann@example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home"}],
		"x509Certificates":[{"value":"aGVsbG8="}],
		"`+ent+`":{"department":"Sales","manager":{"value":"`+p.bob.id+`"}},"`+wisdom+`":{"level":10,"cost_center-2":"R&D"}`))
	p.zoe = make("/Users", scim.UserBody("Zoë", `"title":"engineer II","emails":[{"value":"zoe@example.com","type":"home"}],"`+wisdom+`":{"level":-3}`))
	p.team = make("/Groups", scim.GroupBody("Team", p.ann.id, p.zoe.id))
	return p
}

// filtering is a row whose client is in the people's world; they are not to be changed.
func filtering(check func(people)) func(*client) {
	return func(c *client) {
		p := c.people()
		p.client = &client{c.T, p.w, c.id, p.w.strict, c.shared}
		check(p)
	}
}

// find wants a filter on the users to find exactly these people: as it stands, where an
// index answers what it can; negated twice, where none does; and by POST.
func (p people) find(filter string, want ...resource) {
	p.Helper()
	p.findAt("/Users", filter, want...)
}

// findAt is find for any endpoint.
func (p people) findAt(endpoint, filter string, want ...resource) {
	p.Helper()
	p.finds(endpoint, filter, want...)
	p.finds(endpoint, "not (not ("+filter+"))", want...)
	got := p.post(endpoint+"/.search", scim.JSONOf(map[string]any{"schemas": []string{searchURN}, "filter": filter})).is(200).ids()
	ids := []string{}
	for _, r := range want {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	slices.Sort(got)
	if diff := cmp.Diff(ids, got); diff != "" {
		p.Errorf("%s/.search %s (-want +got)\n%s", endpoint, filter, diff)
	}
}

// refuse wants filters on the users to be refused; each answer says what in it is wrong.
func (p people) refuse(filters ...string) {
	p.Helper()
	for _, f := range filters {
		p.filter("/Users", f).refused(400, "invalidFilter")
		if utf8.ValidString(f) { // JSON holds no other
			p.post("/Users/.search", scim.JSONOf(map[string]any{"schemas": []string{searchURN}, "filter": f})).refused(400, "invalidFilter")
		}
	}
}
