package directory

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// spying is a tenant's WisdomAI: it writes down who was named in a mutation, and counts listings.
type spying struct {
	WisdomAI
	world *world
	looks *atomic.Int64
	named chan string
}

func (s *spying) ListUsers(ctx context.Context, yield func(wisdom.User) error) error {
	s.looks.Add(1)
	return s.WisdomAI.ListUsers(ctx, yield)
}

func (s *spying) Mutate(ctx context.Context, mutations []wisdom.Mutation) []error {
	for _, m := range mutations {
		ids := slices.Clone(m.Delete)
		if m.Attributes != nil {
			ids = append(ids, m.Attributes.UserID)
		}
		for _, u := range s.world.sim.Users() {
			if slices.Contains(ids, u.ID) {
				s.named <- u.Email
			}
		}
		if m.Create != nil {
			for _, email := range m.Create.Emails {
				s.named <- email
			}
		}
	}
	return s.WisdomAI.Mutate(ctx, mutations)
}

// tenants are two on one workspace: how each one's bounds are set, and what an address of each looks like.
var tenants = map[string]struct {
	bound map[string]func(*mapping.Spec)
	at    map[string]string // "ann" -> "ann"+at at WisdomAI
}{
	"by domain": {
		bound: map[string]func(*mapping.Spec){
			"emea": func(s *mapping.Spec) { s.EmailDomains = []string{"emea.example"} },
			"apac": func(s *mapping.Spec) { s.EmailDomains = []string{"apac.example"} },
		},
		at: map[string]string{"emea": "@emea.example", "apac": "@apac.example"},
	},
	"by plus suffix": {
		bound: map[string]func(*mapping.Spec){
			"emea": func(s *mapping.Spec) { s.PlusSuffix = "emea" },
			"apac": func(s *mapping.Spec) { s.PlusSuffix = "apac" },
		},
		at: map[string]string{"emea": "+emea@example.com", "apac": "+apac@example.com"},
	},
}

// shown takes a suffix off, as the IdP of a tenant sees its people.
func shown(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// V-36 where two tenants write to one workspace: the other's people do not exist for a tenant, whatever
// it asks, writes or looks at.
func TestV36OneTenantNeverTouchesTheOthersPeople(t *testing.T) {
	t.Parallel()
	for name, c := range tenants {
		t.Run(name, func(t *testing.T) {
			var looks atomic.Int64
			named := map[string]chan string{"emea": make(chan string, 1000), "apac": make(chan string, 1000)}
			inWorld(t, func(w *world) {
				two := w.tenants
				emea, apac := two["emea"], two["apac"]
				address := func(tenant, who string) string { return who + c.at[tenant] }

				// Some were there before, and each tenant adopts its own.
				for tenant := range two {
					w.invite(address(tenant, "old"), "CREATOR")
				}
				w.pass(20 * time.Minute)
				ids := map[string]map[string]string{}
				for tenant, d := range two {
					ids[tenant] = map[string]string{}
					for _, who := range []string{"old", "ann", "bob"} { // the same names in both
						created, err := d.CreateUser(w.t.Context(), okta, person(shown(address(tenant, who)), "department", tenant))
						if err != nil {
							w.t.Fatalf("%s: create %s: %v", tenant, who, err)
						}
						created.Done(true)
						ids[tenant][who] = created.User.ID
					}
					if _, err := d.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Explorers", Members: refs(ids[tenant]["ann"], ids[tenant]["bob"])}); err != nil {
						w.t.Fatal(err)
					}
				}
				w.pass(20 * time.Minute)

				// What a tenant may ask for: its own people, and nobody else's by any way.
				for tenant, d := range two {
					total, page, err := d.Users(w.t.Context(), UserQuery{Limit: 100})
					if err != nil || total != 3 {
						w.t.Errorf("%s sees %d people, %v; want its 3", tenant, total, err)
					}
					for _, u := range page {
						if ids[tenant][strings.Split(u.Document["userName"].(string), "@")[0]] != u.ID {
							w.t.Errorf("%s sees %v", tenant, u.Document["userName"])
						}
					}
					if total, _, err := d.Groups(w.t.Context(), GroupQuery{Limit: 10}); err != nil || total != 1 {
						w.t.Errorf("%s sees %d groups, %v", tenant, total, err)
					}
					if people, err := d.PendingAccounts(w.t.Context(), 100); err != nil || len(people) != 0 {
						w.t.Errorf("%s: %d pending, %v", tenant, len(people), err)
					}
				}
				theirs := ids["apac"]
				_, err := emea.User(w.t.Context(), theirs["ann"])
				wantRefused(w.t, err, NotFound)
				_, err = emea.UpdateUser(w.t.Context(), okta, theirs["ann"], Precondition{}, func(doc Document) (Document, error) { doc["active"] = false; return doc, nil })
				wantRefused(w.t, err, NotFound)
				wantRefused(w.t, emea.DeleteUser(w.t.Context(), okta, theirs["ann"], Precondition{}), NotFound)
				if _, err := emea.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Viewers", Members: refs(theirs["ann"])}); err == nil {
					w.t.Error("the other tenant's user became a member")
				}
				if got, err := emea.Person(w.t.Context(), address("apac", "ann")); err == nil {
					w.t.Errorf("users show finds the other tenant's: %+v", got)
				}
				if name == "by domain" {
					_, err = emea.CreateUser(w.t.Context(), okta, person(address("apac", "old")))
					wantRefused(w.t, err, Invalid)
				}

				// What waits for WisdomAI goes out by the key of whose people it is about.
				w.down.set(true)
				for tenant, d := range two {
					_, err := d.UpdateUser(w.t.Context(), okta, ids[tenant]["bob"], Precondition{}, func(doc Document) (Document, error) {
						return person(shown(address(tenant, "bob")), "department", tenant+" 2"), nil
					})
					if err != nil {
						w.t.Fatal(err)
					}
				}
				w.pass(5 * time.Minute)
				w.down.set(false)
				w.pass(20 * time.Minute)
				for tenant := range two {
					w.wantAt(address(tenant, "bob"), "EXPLORER department="+tenant+" 2")
				}

				// An administrator changes both by hand; each tenant repairs its own. Then all of one leave.
				for tenant := range two {
					w.change(address(tenant, "ann"), "ADMIN")
				}
				w.pass(2 * time.Hour)
				for _, id := range ids["apac"] {
					if err := apac.DeleteUser(w.t.Context(), okta, id, Precondition{}); err != nil {
						w.t.Fatal(err)
					}
				}
				w.pass(2 * time.Hour)
				for who, want := range map[string]string{"old": "CREATOR department=emea", "bob": "EXPLORER department=emea 2"} {
					w.wantAt(address("emea", who), want)
				}
				w.wantAt(address("apac", "ann"), "-")
				w.wantAt(address("apac", "bob"), "-")
				w.wantAt(address("apac", "old"), "no role")

				// And nobody's key was used for the other's people.
				for tenant := range two {
					close(named[tenant])
					n := 0
					for email := range named[tenant] {
						n++
						if !strings.HasSuffix(email, c.at[tenant]) {
							w.t.Errorf("%s wrote to %s", tenant, email)
						}
					}
					if n == 0 {
						w.t.Errorf("%s wrote nothing: it tests nothing", tenant)
					}
				}
				var applied int
				err = w.store.View(w.t.Context(), func(tx store.Tx) error {
					all, err := tx.Looks(w.o.Workspace, 1000)
					applied = len(all)
					return err
				})
				if err != nil || int64(applied) != looks.Load() {
					w.t.Errorf("%d listings for %d looks of the workspace, %v", looks.Load(), applied, err)
				}
				for _, l := range w.eventsOf("look.disbelieved") {
					w.t.Errorf("disbelieved: %s", l.Detail)
				}
			}, inTenants(c.bound, func(w *world, tenant string, to WisdomAI) WisdomAI {
				return &spying{WisdomAI: to, world: w, looks: &looks, named: named[tenant]}
			}))
		})
	}
}

// V-36: whether somebody is the last ADMIN is a question about the workspace and not about the tenant, and
// two tenants that take their ADMINs at the same time cannot both have been "not the last".
func TestV36TheLastAdminOfTwoTenants(t *testing.T) {
	t.Parallel()
	c := tenants["by domain"]
	bound := map[string]func(*mapping.Spec){}
	for tenant, bounds := range c.bound {
		bound[tenant] = func(s *mapping.Spec) {
			bounds(s)
			s.Roles.Groups = append(s.Roles.Groups, mapping.GroupRule{Group: "Admins", Role: "ADMIN"})
		}
	}
	inWorld(t, func(w *world) {
		two := w.tenants
		ids := map[string]string{}
		for tenant, d := range two {
			created, err := d.CreateUser(w.t.Context(), okta, person("boss"+c.at[tenant]))
			if err != nil {
				w.t.Fatal(err)
			}
			created.Done(true)
			ids[tenant] = created.User.ID
			if _, err := d.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Admins", Members: refs(created.User.ID)}); err != nil {
				w.t.Fatal(err)
			}
		}
		w.pass(20 * time.Minute)
		for tenant := range two {
			w.wantAt("boss"+c.at[tenant], "ADMIN")
		}
		left := make(chan error, 2)
		for tenant, d := range two {
			go func() {
				_, err := d.UpdateUser(w.t.Context(), okta, ids[tenant], Precondition{}, func(doc Document) (Document, error) { doc["active"] = false; return doc, nil })
				left <- err
			}()
		}
		told := 0
		for range two {
			if err := <-left; err != nil {
				wantRefused(w.t, err, Protected)
				told++
			}
		}
		w.pass(2 * time.Hour)
		for tenant, d := range two {
			held, err := d.Holds(w.t.Context())
			if err != nil {
				w.t.Errorf("%s: %v", tenant, err)
			}
			told += len(held)
		}
		admins := 0
		for _, u := range w.sim.Users() {
			for _, r := range u.RoleAssignments {
				if u.Email != owner && mapping.RoleName(r.RoleID) == "ADMIN" { // the key's own does not count
					admins++
				}
			}
		}
		if admins != 1 || told == 0 {
			w.t.Errorf("%d ADMINs are left, and it was told %d times; want the last one, told", admins, told)
		}
	}, inTenants(bound, nil))
}

// inTenants makes several tenants of a world, each within its bounds. through, if set, is what each has of WisdomAI.
func inTenants(bound map[string]func(*mapping.Spec), through func(w *world, tenant string, to WisdomAI) WisdomAI) func(*world) {
	return func(w *world) {
		w.split = func(one Options) (all []Options) {
			one.Shared = &Workspace{}
			for tenant, bounds := range bound {
				o := one
				withRules(bounds)(w)
				o.Tenant, o.Rules = tenant, w.o.Rules
				if through != nil {
					o.WisdomAI = through(w, tenant, o.WisdomAI)
				}
				all = append(all, o)
			}
			return all
		}
	}
}

// change gives somebody at WisdomAI, by hand, these roles in place of all that he has.
func (w *world) change(email string, roles ...string) {
	w.t.Helper()
	u := w.there(email)
	if u == nil {
		w.t.Fatalf("nobody is at %s", email)
	}
	u.RoleAssignments = units(roles...).simulated()
	w.sim.PutUsers(*u)
}
