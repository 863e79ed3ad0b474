package scim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scim"
)

// The tests named TestField are what went wrong in the field, elsewhere: each would have
// caught what public issue trackers tell of other programs, which the tests' comments name.

// granting is the name of a group that gives its members a role.
const granting = "Field Explorers"

// newField starts a world of its own, whose client is lenient: a group that grants, and a
// role that a user may carry.
func newField(t *testing.T, o bridgetest.Options) *client {
	t.Helper()
	o.Rules = rules()
	o.Rules.Roles = mapping.RolesSpec{
		Groups:    []mapping.GroupRule{{Group: granting, Role: "EXPLORER"}},
		SCIMRoles: map[string]string{"EXPLORER": "EXPLORER"},
	}
	w := &world{Bridge: bridgetest.Start(t, o)}
	w.lenient = w.serve(t, func(*scim.Options) {})
	return &client{T: t, w: w, id: "field", base: w.lenient}
}

// some makes n users at once; more is JSON members of each.
func (c *client) some(n int, more string) []resource {
	c.Helper()
	made, refused := make([]resource, n), make([]reply, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("u%03d", i)
			if refused[i] = c.post("/Users", c.userBody(name, more)); refused[i].status == 201 {
				id := refused[i].id()
				made[i] = resource{id, "/Users/" + id, c.name(name)}
			}
		})
	}
	wg.Wait()
	for _, r := range refused {
		r.is(201)
	}
	return made
}

// grantingGroup makes the group that grants.
func (c *client) grantingGroup(members ...resource) resource {
	c.Helper()
	ids := []string{}
	for _, m := range members {
		ids = append(ids, m.id)
	}
	id := c.post("/Groups", scim.GroupBody(granting, ids...)).is(201).id()
	return resource{id, "/Groups/" + id, granting}
}

// atWisdomAI is what WisdomAI has of a user: his scim_state, and the names of his roles.
func (c *client) atWisdomAI() map[string]string {
	has := map[string]string{}
	for _, u := range c.w.Simulator.Users() {
		name, _, _ := strings.Cut(u.Email, "@")
		var words []string
		for _, a := range u.UserAttributes {
			if a.Key == "scim_state" {
				words = append(words, a.Value)
			}
		}
		for _, r := range u.RoleAssignments {
			words = append(words, mapping.RoleName(r.RoleID))
		}
		has[name] = strings.Join(words, " ")
	}
	return has
}

// grants wants these, and of all nobody else, to have the group's role at WisdomAI.
func (c *client) grants(all []resource, to ...resource) {
	c.Helper()
	c.w.Settled(c)
	has := c.atWisdomAI()
	for _, u := range all {
		want := "active"
		if slices.Contains(to, u) {
			want = "active EXPLORER"
		}
		if has[u.name] != want {
			c.Errorf("%s at WisdomAI: %q, want %q", u.name, has[u.name], want)
		}
	}
}

// TestField09EveryRemovalIsSeen: goauthentik/authentik#25686 and #24173. A removal that was
// answered with success and not done. After every shape of it, GET shows it, and so does WisdomAI.
func TestField09EveryRemovalIsSeen(t *testing.T) {
	c := newField(t, bridgetest.Options{})
	users := c.some(3, "")
	a, b, d := users[0], users[1], users[2]
	g := c.grantingGroup()
	whole := scim.JSONOf([]any{map[string]any{"value": a.id}, map[string]any{"value": b.id}, map[string]any{"value": d.id}})
	for _, shape := range []string{
		`{"op":"remove","path":"members[value eq \"<b>\"]"}`,
		`{"op":"Remove","path":"Members[Value eq \"<b>\"]"}`,
		`{"op":"remove","path":"members[value eq \"<b>\"]","value":null}`,
		`{"op":"remove","path":"members[value eq \"<b>\" or value eq \"nobody\"]"}`,
		`{"op":"remove","path":"members[not (value eq \"<a>\") and value ne \"<d>\"]"}`,
		`{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq \"<b>\"]"}`,
		`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"<b>"}]}`,
		`{"op":"remove","path":"members","value":[{"value":"<b>"},{"value":"nobody"}]}`,
		`{"op":"remove","path":"members","value":{"value":"<b>"}}`,
		`{"op":"remove","path":"members","value":"<b>"}`,
		`{"op":"remove","path":"members","value":["<b>"]}`,
		`{"op":"remove","path":"members","value":[{"$ref":"https://scim.example.com/scim/v2/Users/<b>"}]}`,
		`{"op":"replace","path":"members","value":[{"value":"<a>"},{"value":"<d>"}]}`,
		`{"op":"Replace","value":{"members":[{"value":"<a>"},{"value":"<d>"}]}}`,
		`PUT`,
	} {
		c.patch(g.path, op("replace", "members", whole)).is(204)
		c.grants(users, users...)
		if shape == "PUT" {
			c.put(g.path, scim.GroupBody(granting, a.id, d.id)).is(200)
		} else {
			c.patch(g.path, strings.NewReplacer("<a>", a.id, "<b>", b.id, "<d>", d.id).Replace(shape)).is(204)
		}
		c.members(g, a, d)
		c.get(b.path).is(200).wants(nil, "groups")
		c.grants(users, a, d)
		if c.Failed() {
			t.Fatalf("after %s", shape)
		}
	}
}

// TestField10RemovalTakesNobodyElse: AzureAD/SCIMReferenceCode#10, SimpleIdServer#164. One
// member's removal took all. A value names who goes; only its absence means everybody.
func TestField10RemovalTakesNobodyElse(t *testing.T) {
	c := newField(t, bridgetest.Options{})
	users := c.some(4, "")
	g := c.grantingGroup()
	value := func(of ...resource) string {
		list := []any{}
		for _, u := range of {
			list = append(list, map[string]any{"value": u.id})
		}
		return scim.JSONOf(list)
	}
	for _, tt := range []struct {
		name, operation string
		status          int
		want            []resource
	}{
		{"of one", op("remove", "members", value(users[1])), 204, []resource{users[0], users[2], users[3]}},
		{"of two", op("Remove", "members", value(users[1], users[3])), 204, []resource{users[0], users[2]}},
		{"of nobody there", op("remove", "members", `[{"value":"nobody"}]`), 204, users},
		{"of an empty list", op("remove", "members", `[]`), 0, users},
		{"of null among them", op("remove", "members", `[null]`), 0, users},
		{"of an object that names nobody", op("remove", "members", `[{"display":"u"}]`), 0, users},
		{"of the empty string", op("remove", "members", `""`), 0, users},
		{"by a filter that finds nobody", op("remove", `members[value eq "nobody"]`, ""), 204, users},
		{"of everybody", op("remove", "members", ""), 204, nil},
	} {
		c.patch(g.path, op("replace", "members", value(users...))).is(204)
		r := c.patch(g.path, tt.operation)
		if tt.status != 0 && r.status != tt.status {
			c.Errorf("%s: status %d %s", tt.name, r.status, r.text)
		}
		c.members(g, tt.want...)
		if c.Failed() {
			t.Fatalf("after the removal %s: %s", tt.name, tt.operation)
		}
	}
	c.grants(users)
}

// TestField11EveryShapeOfActiveFalse: rancher#54025, ssoready#155, OneUptime#3852 and others.
// Each refused a shape of deprovisioning, or answered 200 and let the leaver stay. In the end
// WisdomAI has him suspended, without a role.
func TestField11EveryShapeOfActiveFalse(t *testing.T) {
	c := newField(t, bridgetest.Options{})
	var shapes []string
	for _, kind := range []string{"add", "Add", "ADD", "replace", "Replace", "REPLACE"} {
		for _, value := range []string{`false`, `"false"`, `"False"`, `"FALSE"`} {
			for _, shape := range []string{
				`{"op":%q,"path":"active","value":%s}`,
				`{"op":%q,"path":"Active","value":%s}`,
				`{"op":%q,"path":"` + core + `:active","value":%s}`,
				`{"op":%q,"path":"` + core + `.active","value":%s}`,
				`{"op":%q,"path":"active","value":[{"$ref":null,"value":%s}]}`,
				`{"op":%q,"path":"active","value":[%s]}`,
				`{"op":%q,"value":{"active":%s}}`,
				`{"op":%q,"value":{"ACTIVE":%s,"id":"x"}}`,
				`{"op":%q,"path":null,"value":{"active":%s}}`,
				`{"op":%q,"value":{"` + core + `:active":%s}}`,
				`{"op":%q,"value":{"active":%s,"name.givenName":"G"}}`,
			} {
				shapes = append(shapes, fmt.Sprintf(shape, kind, value))
			}
		}
	}
	users := c.some(len(shapes), `"active":true,"roles":[{"value":"EXPLORER"}]`)
	c.grants(users, users...)
	replies := make([]reply, len(shapes))
	var wg sync.WaitGroup
	for i, shape := range shapes {
		wg.Go(func() { replies[i] = c.patch(users[i].path, shape) })
	}
	wg.Wait()
	c.w.Settled(t)
	has := c.atWisdomAI()
	for i, r := range replies {
		if r.status != 200 || r.at("active") != false || has[users[i].name] != "suspended" {
			t.Errorf("%s: %d %s; at WisdomAI %q", shapes[i], r.status, r.text, has[users[i].name])
		}
	}

	// The third operation. Unassigning says nothing about who may come in, whatever value
	// is sent along: it reactivates nobody.
	for _, shape := range []string{`{"op":"remove","path":"active"}`, `{"op":"Remove","path":"active","value":"False"}`, `{"op":"REMOVE","path":"active","value":false}`} {
		c.patch(users[0].path, shape).is(200).wants(false, "active")
	}
	// What says neither is refused, and changes nothing.
	for _, shape := range []string{
		`{"op":"replace","path":"active","value":"maybe"}`, `{"op":"replace","path":"active","value":""}`, `{"op":"replace","path":"active","value":0}`,
		`{"op":"replace","value":"active"}`, `{"op":"remove","value":{"active":false}}`, `{"op":"Disable","path":"active","value":false}`,
	} {
		if r := c.patch(users[0].path, shape); r.status != 400 {
			t.Errorf("%s: %d %s", shape, r.status, r.text)
		}
	}
	c.w.Settled(t)
	if got := c.atWisdomAI()[users[0].name]; got != "suspended" {
		t.Errorf("after it at WisdomAI: %q", got)
	}
}

// TestField13ConcurrentAddsLoseNobody: Captain-P-Goldfish/scim-for-keycloak#90. PATCHes of one
// group read, modified and wrote the whole of it, and the last one won.
func TestField13ConcurrentAddsLoseNobody(t *testing.T) {
	c := newField(t, bridgetest.Options{})
	users := c.some(64, "")
	g := c.grantingGroup()
	if count := atOnce(len(users), func(i int) reply { return c.patch(g.path, op("add", "members", "["+member(users[i])+"]")) }); count[204] != len(users) {
		t.Errorf("answers %v", count)
	}
	c.members(g, users...)
	c.grants(users, users...)
}

// TestField13WritersInAnyShape: 16 writers, each of whom adds and removes his own people in
// shapes drawn at random. What is left is the union of what each of them wants in the end.
func TestField13WritersInAnyShape(t *testing.T) {
	c := newField(t, bridgetest.Options{})
	const writers, people, rounds, each = 16, 3, 4, 5
	users := c.some(writers*people, "")
	g := c.grantingGroup()
	in := make([]map[resource]bool, writers) // what each writer left in the group
	for w := range writers {
		in[w] = map[resource]bool{}
	}
	for round := range rounds {
		sent := make([][]string, writers)
		replies := make([]reply, writers)
		var wg sync.WaitGroup
		for w := range writers {
			dice := rand.New(rand.NewPCG(uint64(round), uint64(w)))
			wg.Go(func() {
				for range each {
					var operations []string
					for range 1 + dice.IntN(3) {
						u := users[w*people+dice.IntN(people)]
						in[w][u] = dice.IntN(2) == 0
						shapes := removals
						if in[w][u] {
							shapes = additions
						}
						operations = append(operations, strings.ReplaceAll(shapes[dice.IntN(len(shapes))], "<u>", u.id))
					}
					sent[w] = append(sent[w], strings.Join(operations, ","))
					if replies[w] = c.patch(g.path, operations...); replies[w].status != 204 {
						return
					}
				}
			})
		}
		wg.Wait()
		var want []resource
		for w, r := range replies {
			if r.status != 204 {
				t.Fatalf("writer %d: %d %s after %s", w, r.status, r.text, sent[w])
			}
			for _, u := range slices.SortedFunc(maps.Keys(in[w]), func(x, y resource) int { return strings.Compare(x.id, y.id) }) {
				if in[w][u] {
					want = append(want, u)
				}
			}
		}
		c.members(g, want...)
		c.grants(users, want...)
		if t.Failed() {
			t.Fatalf("in round %d, after %s", round, strings.Join(slices.Concat(sent...), "\n"))
		}
	}
}

// additions and removals are shapes of one member's coming and going.
var (
	additions = []string{
		`{"op":"add","path":"members","value":[{"value":"<u>"}]}`,
		`{"op":"Add","path":"members","value":[{"$ref":null,"value":"<u>"}]}`,
		`{"op":"add","path":"members","value":{"value":"<u>","type":"User"}}`,
		`{"op":"add","path":"members","value":["<u>"]}`,
		`{"op":"add","value":{"members":[{"value":"<u>"}]}}`,
		`{"op":"add","path":"members","value":[{"value":"<u>"},{"value":"<u>"}]}`,
	}
	removals = []string{
		`{"op":"remove","path":"members[value eq \"<u>\"]"}`,
		`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"<u>"}]}`,
		`{"op":"remove","path":"members","value":{"value":"<u>"}}`,
		`{"op":"remove","path":"members","value":"<u>"}`,
		`{"op":"remove","path":"members[value eq \"<u>\" or value eq \"nobody\"]"}`,
	}
)

// TestField20UnknownAttributesAreIgnored: snipe-it#14138 and #11913. Fields that a server does
// not have were refused, and the IdP put the whole job into quarantine.
func TestField20UnknownAttributesAreIgnored(t *testing.T) {
	c := newField(t, bridgetest.Options{})
	const unknown = `"costCentre":"7","shoes":[{"size":44}],"name":{"givenName":"Ann","spirit":"A"},"emails":[{"value":"a@x.test","colour":"red"}],
		"urn:example:2.0:User":{"badge":7},"` + ent + `":{"department":"Sales","desk":"4b"}`
	known := map[string]any{"name": map[string]any{"givenName": "Ann"}, "emails": []any{map[string]any{"value": "a@x.test"}}, ent: map[string]any{"department": "Sales"}}
	keys := []string{"schemas", "id", "userName", "active", "name", "emails", "meta", ent}
	wants := func(r reply, status int) {
		t.Helper()
		r.is(status).shows(keys...)
		for key, value := range known {
			r.wants(value, key)
		}
	}
	body := strings.Replace(c.userBody("ann", unknown), `"`+core+`"`, `"`+core+`","urn:example:2.0:User"`, 1)
	made := c.post("/Users", body)
	wants(made, 201)
	path := "/Users/" + made.id()
	wants(c.put(path, body), 200)
	for _, operation := range []string{bare("replace", "{"+unknown+"}"), bare("Add", `{"costCentre":"8","name.spirit":"B","urn:example:2.0:User:badge":8,"urn:example:2.0:User":{"badge":8}}`)} {
		wants(c.patch(path, operation), 200)
	}
	g := c.post("/Groups", strings.Replace(scim.GroupBody(granting, made.id()), `"displayName"`, `"description":"D","owner":{"value":"x"},"displayName"`, 1)).is(201).
		shows("schemas", "id", "displayName", "members", "meta")
	c.patch("/Groups/"+g.id(), bare("replace", `{"description":"E","displayName":"`+granting+`"}`)).is(204)
	c.w.Settled(t)
	if diff := cmp.Diff("active EXPLORER", c.atWisdomAI()[c.name("ann")]); diff != "" {
		t.Error(diff)
	}
}
