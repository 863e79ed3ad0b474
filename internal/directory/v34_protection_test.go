package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// owner is who the simulator's token is of.
const owner = "owner@wisdom.invalid"

// admins are rules with a group of administrators, one of scoped ones, and every domain.
func admins(w *world) {
	withRules(func(s *mapping.Spec) {
		s.EmailDomains = []string{"*"}
		s.Roles.Groups = append(s.Roles.Groups, mapping.GroupRule{Group: "Admins", Role: "ADMIN"},
			mapping.GroupRule{Group: "Domain admins", Role: "ADMIN", Scopes: []string{"x"}})
	})(w)
}

// keyOf makes the bridge's key somebody's, as a question to WisdomAI would.
func (w *world) keyOf(email string) {
	w.t.Helper()
	k := &keyed{WisdomAI: w.dir.wisdom, owner: wisdom.User{Email: email}}
	if u := w.there(email); u != nil {
		k.owner.ID = u.ID
	}
	if was, again := w.dir.wisdom.(*keyed); again {
		k.WisdomAI = was.WisdomAI
	}
	synctest.Wait() // a look that is asking
	w.dir.wisdom = k
	if err := w.store.Update(w.t.Context(), func(tx store.Tx) error { return w.dir.ownedBy(tx, k.owner.ID, email) }); err != nil {
		w.t.Fatal(err)
	}
}

// keyed is WisdomAI with somebody else's key.
type keyed struct {
	WisdomAI
	owner wisdom.User
}

func (k *keyed) CurrentUser(context.Context) (wisdom.User, error) { return k.owner, nil }

// watchAdmins fails the test when nobody but the key's owner is ADMIN after a call.
func (w *world) watchAdmins(but string) {
	w.after = func(simulator.Effect) {
		if !slices.ContainsFunc(w.sim.Users(), func(u simulator.User) bool { return u.Email != but && unitsOf(&u).has(admin) }) {
			w.t.Error("no ADMIN is left")
		}
	}
}

func (w *world) known(email string) User {
	w.t.Helper()
	got := w.lookup(email)
	if len(got) != 1 {
		w.t.Fatalf("lookup %s: %+v", email, got)
	}
	return got[0]
}

func (w *world) user(id string) User {
	w.t.Helper()
	u, err := w.dir.User(w.t.Context(), id)
	if err != nil {
		w.t.Fatalf("user %s: %v", id, err)
	}
	return u
}

func TestV34ProtectedAddresses(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(*world, string) error{
		"suspend": func(w *world, id string) error { return w.update(id, "active", false, "title", "Leaver") },
		"delete": func(w *world, id string) error {
			return w.dir.DeleteUser(w.t.Context(), okta, id, Precondition{})
		},
	} {
		for _, managed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, managed: %v", name, managed), func(t *testing.T) {
				inWorld(t, func(w *world) {
					w.invite("boss@example.com", "CREATOR")
					w.pass(time.Minute)
					boss := w.known("boss@example.com")
					if managed {
						w.mustUpdate(boss.ID, "department", "Board")
					}
					before := w.user(boss.ID)
					calls := w.calls()
					wantRefused(w.t, refuse(w, boss.ID), Protected, "boss@example.com", "`protected`")
					after := w.user(boss.ID)
					if after.Version != before.Version || after.Document["active"] != true || after.Document["title"] != nil || after.Managed != managed {
						w.t.Errorf("the document changed: %+v", after)
					}
					if managed && after.Delivery.State != DeliveryHeld {
						w.t.Errorf("delivery %+v, want held", after.Delivery)
					}
					w.pass(2 * time.Hour)
					if n := w.calls() - calls; n != 0 {
						w.t.Errorf("%d calls", n)
					}
					held := w.listed()
					if len(held) != 1 || held[0].Kind != "protected" || held[0].Wish != name || held[0].Token != "okta" || held[0].User != boss.ID {
						w.t.Errorf("held %+v", held)
					}
				}, func(w *world) { w.o.Protected = []string{"Boss@Example.COM"} })
			})
		}
	}
	t.Run("on_deactivate: delete", func(t *testing.T) {
		inWorld(t, func(w *world) {
			boss := w.create(person("boss@example.com"))
			wantRefused(w.t, w.update(boss.ID, "active", false), Protected)
			w.pass(2 * time.Hour)
			w.wantAt("boss@example.com", "no role")
		}, func(w *world) {
			w.o.Protected = []string{"boss@example.com"}
			w.o.Policy.OnDeactivate = "delete"
		})
	})
	t.Run("written inactive by a POST", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("boss@example.com", "CREATOR")
			w.pass(time.Minute)
			doc := person("boss@example.com")
			doc["active"] = false
			_, err := w.dir.CreateUser(w.t.Context(), okta, doc)
			wantRefused(w.t, err, Protected)
			w.pass(time.Hour)
			w.wantAt("boss@example.com", "CREATOR")
			w.protect()
			w.pass(time.Minute)
			w.wantAt("boss@example.com", "no role") // the wish was a create
			if got := w.known("boss@example.com"); !got.Managed || got.Document["active"] != false {
				w.t.Errorf("%+v", got)
			}
		}, func(w *world) { w.o.Protected = []string{"boss@example.com"} })
	})
	t.Run("with the plus_suffix or without", func(t *testing.T) {
		for _, listed := range []string{"boss@example.com", "boss+acme@example.com"} {
			inWorld(t, func(w *world) {
				boss := w.create(person("boss@example.com"))
				w.wantAt("boss+acme@example.com", "no role")
				wantRefused(w.t, w.update(boss.ID, "active", false), Protected, "boss@example.com")
			}, withRules(func(s *mapping.Spec) { s.PlusSuffix = "acme" }), func(w *world) { w.o.Protected = []string{listed} })
		}
	})
	t.Run("his last role is kept, another is a change like any", func(t *testing.T) {
		inWorld(t, func(w *world) {
			boss := w.create(person("boss@example.com"))
			explorers := w.group("Explorers", boss.ID)
			w.mustUpdate(boss.ID, "department", "Board")
			viewers := w.group("Viewers", boss.ID)
			w.patch(explorers.ID, GroupChange{Remove: []string{boss.ID}})
			w.pass(time.Minute)
			w.wantAt("boss@example.com", "VIEWER department=Board")
			if n := len(w.listed()); n != 0 {
				w.t.Errorf("%d holds", n)
			}
			w.patch(viewers.ID, GroupChange{Remove: []string{boss.ID}})
			w.mustUpdate(boss.ID, "department", "Sales")
			w.pass(time.Hour)
			w.wantAt("boss@example.com", "VIEWER department=Sales")
			if held := w.listed(); len(held) != 1 || held[0].Wish != "" {
				w.t.Errorf("held %+v", held)
			}
			w.patch(explorers.ID, GroupChange{Add: refs(boss.ID)}) // no suspension any more
			w.pass(time.Hour)
			w.wantAt("boss@example.com", "EXPLORER department=Sales")
			if n := len(w.listed()); n != 0 {
				w.t.Errorf("%d holds of what is not wanted any more", n)
			}
		}, func(w *world) { w.o.Protected = []string{"boss@example.com"} })
	})
}

func TestV34TheOwnerOfTheKey(t *testing.T) {
	t.Parallel()
	// An IdP that knows the owner deactivates him; the key is changed to another's later.
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "ADMIN")
		w.invite("bob@example.com", "ADMIN")
		w.keyOf("ann@example.com")
		w.pass(time.Minute)
		ann := w.known("ann@example.com")
		w.mustUpdate(ann.ID, "department", "IT")
		wantRefused(w.t, w.update(ann.ID, "active", false, "title", "Leaver"), Protected, "API key")
		w.pass(24 * time.Hour)
		w.wantAt("ann@example.com", "ADMIN department=IT")
		if u := w.user(ann.ID); u.Document["active"] != true {
			w.t.Errorf("document %+v", u.Document)
		}
		w.keyOf("bob@example.com")
		w.invite("cem@example.com", "ADMIN") // bob, as the key's owner, does not count any more, and the owner of the token is there
		w.pass(2 * time.Minute)
		w.wantAt("ann@example.com", "no role")
		if u := w.user(ann.ID); u.Document["active"] != false || u.Document["title"] != "Leaver" {
			w.t.Errorf("the document was not carried out: %+v", u.Document)
		}
		if n := len(w.listed()); n != 0 {
			w.t.Errorf("%d holds are left", n)
		}
		if n := w.events("hold.carried_out"); n != 1 {
			w.t.Errorf("%d events, want 1", n)
		}
	}, admins)
	t.Run("whatever takes his ADMIN, no call leaves", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.keyOf(owner)
			w.invite("ann@example.com", "ADMIN")
			w.invite("bob@example.com", "ADMIN")
			w.pass(time.Minute)
			o := w.known(owner)
			g := w.group("Admins", o.ID)
			calls := w.calls()
			wantRefused(w.t, w.update(o.ID, "active", false), Protected)
			wantRefused(w.t, w.dir.DeleteUser(w.t.Context(), okta, o.ID, Precondition{}), Protected)
			w.mustUpdate(o.ID, "userName", "new@wisdom.invalid", "emails", nil)
			w.patch(g.ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
			w.pass(3 * time.Hour)
			w.wantAt(owner, "ADMIN")
			for _, e := range w.sim.Log(0) {
				if e.Before != nil && e.Before.Email == owner && !unitsOf(e.After).has(admin) {
					w.t.Errorf("%s", e.Operation)
				}
			}
			// One to create his new address and one to write attributes there; nothing was sent to be refused.
			if n := w.calls() - calls; n > 2 {
				w.t.Errorf("%d calls", n)
			}
			if n := w.events("delivery.error"); n != 0 {
				w.t.Errorf("%d calls were refused", n)
			}
		}, admins)
	})
}

func TestV34TheWish(t *testing.T) {
	t.Parallel()
	// refused leaves a wish about boss, who is protected until unprotect.
	refused := func(w *world, what func(*world, string) error) User {
		boss := w.create(person("boss@example.com"))
		w.group("Explorers", boss.ID)
		w.pass(time.Hour)
		wantRefused(w.t, what(w, boss.ID), Protected)
		return boss
	}
	unprotect := func(w *world) {
		w.protect()
		w.pass(10 * time.Minute)
	}
	suspend := func(w *world, id string) error { return w.update(id, "active", false, "title", "Leaver") }
	remove := func(w *world, id string) error { return w.dir.DeleteUser(w.t.Context(), okta, id, Precondition{}) }
	protect := func(w *world) { w.o.Protected = []string{"boss@example.com"} }

	t.Run("delete is carried out", func(t *testing.T) {
		inWorld(t, func(w *world) {
			boss := refused(w, suspend)
			wantRefused(w.t, remove(w, boss.ID), Protected)
			wantRefused(w.t, suspend(w, boss.ID), Protected) // and does not make less of it
			if held := w.listed(); len(held) != 1 || held[0].Wish != "delete" {
				w.t.Errorf("held %+v", held)
			}
			unprotect(w)
			w.wantAt("boss@example.com", "-")
			if _, err := w.dir.User(w.t.Context(), boss.ID); err == nil {
				w.t.Error("he is still shown")
			}
		}, protect)
	})
	t.Run("what was written since, without a word about active, stays", func(t *testing.T) {
		inWorld(t, func(w *world) {
			boss := refused(w, suspend)
			w.mustUpdate(boss.ID, "department", "Board")
			unprotect(w)
			w.wantAt("boss@example.com", "no role")
			if u := w.user(boss.ID); u.Document["active"] != false || u.Document["title"] != nil {
				w.t.Errorf("document %+v", u.Document)
			}
		}, protect)
	})
	for name, say := range map[string]func(*world, User){
		"a PATCH": func(w *world, u User) { w.mustUpdate(u.ID, "active", true) },
		"a PUT": func(w *world, u User) {
			if _, err := w.dir.UpdateUser(w.t.Context(), okta, u.ID, Precondition{}, func(Document) (Document, error) { return u.Document, nil }); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run("active: true since, by "+name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				boss := refused(w, suspend)
				say(w, boss)
				if n := len(w.listed()); n != 0 {
					w.t.Errorf("%d holds", n)
				}
				unprotect(w)
				w.wantAt("boss@example.com", "EXPLORER")
			}, protect)
		})
	}
	t.Run("discarded", func(t *testing.T) {
		inWorld(t, func(w *world) {
			refused(w, remove)
			wantOutcome(w.t, w.release("boss@example.com"), Waits)
			wantOutcome(w.t, w.discard("boss@example.com"), "discarded")
			unprotect(w)
			w.wantAt("boss@example.com", "EXPLORER")
			if n := len(w.listed()); n != 0 {
				w.t.Errorf("%d holds", n)
			}
		}, protect)
	})
	t.Run("nothing is recorded of a refusal for another reason", func(t *testing.T) {
		inWorld(t, func(w *world) {
			boss := w.create(person("boss@example.com"))
			_, err := w.dir.UpdateUser(w.t.Context(), okta, boss.ID, Precondition{Versions: []int64{99}}, func(doc Document) (Document, error) {
				doc["active"] = false
				return doc, nil
			})
			wantRefused(w.t, err, PreconditionFailed)
			if n := len(w.listed()); n != 0 {
				w.t.Errorf("%d holds", n)
			}
		}, protect)
	})
}

func TestV34TheLastAdmin(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	// ann and bob are ADMIN by a group; nobody else is, but the key's owner.
	two := func(w *world) (ann, bob User, g Group) {
		w.keyOf(owner)
		ann, bob = w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		g = w.group("Admins", ann.ID, bob.ID)
		w.pass(20 * time.Minute)
		w.watchAdmins(owner)
		return ann, bob, g
	}
	t.Run("two leave at once", func(t *testing.T) {
		for name, leave := range map[string]func(*world, string) error{
			"suspend": func(w *world, id string) error { return w.update(id, "active", false) },
			"delete":  func(w *world, id string) error { return w.dir.DeleteUser(w.t.Context(), okta, id, Precondition{}) },
		} {
			t.Run(name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					ann, bob, _ := two(w)
					var errs [2]error
					var wg sync.WaitGroup
					for i, id := range []string{ann.ID, bob.ID} {
						wg.Go(func() { errs[i] = leave(w, id) })
					}
					wg.Wait()
					w.pass(time.Hour)
					stays, goes := "ann@example.com", "bob@example.com"
					refused := errs[0]
					if errs[0] == nil {
						stays, goes, refused = goes, stays, errs[1]
					}
					wantRefused(w.t, refused, Protected, "ADMIN", stays)
					w.wantAt(stays, "ADMIN")
					if got := w.at(goes); strings.Contains(got, "ADMIN") {
						w.t.Errorf("%s is %s", goes, got)
					}
					w.invite("cem@example.com", "ADMIN") // the reason is gone
					w.pass(time.Hour)
					if got := w.at(stays); strings.Contains(got, "ADMIN") {
						w.t.Errorf("%s is %s after there is another", stays, got)
					}
				}, admins)
			})
		}
	})
	t.Run("a group that makes ADMINs is deleted", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, bob, g := two(w)
			w.group("Viewers", ann.ID, bob.ID)
			if err := w.dir.DeleteGroup(w.t.Context(), okta, g.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			w.pass(time.Hour)
			has := []string{w.at("ann@example.com"), w.at("bob@example.com")}
			slices.Sort(has)
			if has[0] != "ADMIN VIEWER" || has[1] != "VIEWER" { // one keeps it, and gets all else
				w.t.Errorf("they have %v", has)
			}
			held := w.listed()
			if len(held) != 1 || held[0].Kind != "protected" || held[0].Wish != "" {
				w.t.Fatalf("held %+v", held)
			}
			calls := w.calls()
			w.pass(3 * time.Hour)
			if n := w.calls() - calls; n != 0 {
				w.t.Errorf("%d calls while it is held", n)
			}
			if stays := w.user(w.known(held[0].Address).ID); stays.Delivery.State != DeliveryHeld {
				w.t.Errorf("delivery %+v", stays.Delivery)
			}
			w.invite("cem@example.com", "ADMIN")
			w.pass(time.Hour)
			w.wantAt(held[0].Address, "VIEWER")
			if n := len(w.listed()); n != 0 {
				w.t.Errorf("%d holds are left", n)
			}
		}, admins)
	})
	t.Run("a discard leaves him the role until the next write", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, bob, g := two(w)
			w.mustUpdate(bob.ID, "active", false)
			w.patch(g.ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "ADMIN")
			wantOutcome(w.t, w.discard("ann@example.com"), "discarded")
			w.invite("cem@example.com", "ADMIN")
			w.pass(2 * time.Hour)
			w.wantAt("ann@example.com", "ADMIN")
			w.mustUpdate(ann.ID, "department", "Sales")
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "no role department=Sales")
		}, admins)
	})
	t.Run("renamed: the old account waits for the new one's OK", func(t *testing.T) {
		for _, policy := range []string{"suspend_old", "delete_old"} {
			inWorld(t, func(w *world) {
				ann, bob, _ := two(w)
				w.mustUpdate(bob.ID, "active", false)
				w.pass(20 * time.Minute)
				w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "http", HTTP: 503, Times: 3})
				w.mustUpdate(ann.ID, "userName", "ann.b@example.com", "emails", nil)
				w.wantAt("ann@example.com", "ADMIN")
				w.pass(30 * time.Minute)
				w.wantAt("ann.b@example.com", "ADMIN")
				if got := w.at("ann@example.com"); strings.Contains(got, "ADMIN") {
					w.t.Errorf("%s: the old account is %s", policy, got)
				}
				if n := len(w.listed()); n != 0 {
					w.t.Errorf("%s: %d holds are left", policy, n)
				}
			}, admins, func(w *world) { w.o.Policy.OnRename = policy })
		}
	})
	t.Run("renamed, ADMIN by hand", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.keyOf(owner)
			w.invite("ann@example.com", "ADMIN")
			w.pass(time.Minute)
			w.watchAdmins(owner)
			w.mustUpdate(w.known("ann@example.com").ID, "userName", "ann.b@example.com", "emails", nil)
			w.pass(10 * time.Minute)
			w.wantAt("ann.b@example.com", "ADMIN")
			w.wantAt("ann@example.com", "no role")
		}, admins)
	})
	t.Run("a new hire does not inherit what is kept", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, bob, g := two(w)
			w.mustUpdate(bob.ID, "active", false)
			w.patch(g.ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
			w.mustUpdate(ann.ID, "userName", "ann.b@example.com", "emails", nil) // as nobody's ADMIN
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "ADMIN")
			_, err := w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com"))
			wantRefused(w.t, err, Protected, "ann@example.com")
		}, admins)
	})
	t.Run("a scope is not everywhere", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, bob, g := two(w)
			w.group("Domain admins", ann.ID, bob.ID)
			w.patch(g.ID, GroupChange{Remove: []string{bob.ID}})
			w.pass(time.Hour)
			w.wantAt("bob@example.com", "ADMIN@[x]")
			w.patch(g.ID, GroupChange{Remove: []string{ann.ID}}) // bob is none to stand in
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "ADMIN")
			wantRefused(w.t, w.update(ann.ID, "active", false), Protected)
			w.mustUpdate(bob.ID, "active", false) // no administrator of the workspace
			w.pass(time.Hour)
			w.wantAt("bob@example.com", "no role")
		}, admins)
	})
	t.Run("overwritten by policy", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.keyOf(owner)
			w.invite("ann@example.com", "ADMIN")
			w.pass(time.Minute)
			w.watchAdmins(owner)
			ann := w.create(person("ann@example.com"))
			w.group("Explorers", ann.ID)
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "ADMIN EXPLORER")
		}, admins, func(w *world) { w.o.Policy.ManualRoles = "overwrite" })
	})
	t.Run("the owner is not known yet: he may be the other one", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "ADMIN")
			w.pass(time.Minute)
			ann := w.known("ann@example.com")
			wantRefused(w.t, w.update(ann.ID, "active", false), Protected)
			w.invite("bob@example.com", "ADMIN")
			w.pass(20 * time.Minute)
			w.wantAt("ann@example.com", "no role") // the wish
		}, admins)
	})
	t.Run("the other one turns out to be gone", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, _, _ := two(w)
			w.sim.RemoveUsers("bob@example.com") // seen by no look before the write
			w.mustUpdate(ann.ID, "active", false)
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "ADMIN")
			if held := w.listed(); len(held) != 1 || held[0].Address != "ann@example.com" {
				w.t.Errorf("held %+v", held)
			}
			if n := w.account("ann@example.com"); n.Pending.IsZero() {
				w.t.Error("what is held is not pending")
			}
		}, admins)
	})
}

// ADMIN is taken from one after the other, each time on a look begun after the call before, over all processes.
func TestV34OneAdminAfterTheOther(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.keyOf(owner)
		var people []User
		for i := range 4 {
			people = append(people, w.create(person(fmt.Sprintf("user%d@example.com", i))))
		}
		g := w.group("Admins", people[0].ID, people[1].ID, people[2].ID, people[3].ID)
		w.pass(20 * time.Minute)
		w.watchAdmins(owner)
		ctx, cancel := context.WithCancel(w.t.Context())
		other, err := New(ctx, w.o)
		if err != nil {
			w.t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { other.Run(ctx) })
		w.pass(time.Minute)
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "latency", Latency: "3s"})
		var mu sync.Mutex
		var taken []int // how many listings there had been at each taking
		watch := w.after
		w.after = func(e simulator.Effect) {
			watch(e)
			if e.Before != nil && unitsOf(e.Before).has(admin) && !unitsOf(e.After).has(admin) {
				mu.Lock()
				taken = append(taken, w.sim.Requests("listUsers"))
				mu.Unlock()
			}
		}
		if err := w.dir.DeleteGroup(w.t.Context(), okta, g.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Hour)
		if len(taken) != 3 {
			w.t.Fatalf("%d lost ADMIN, want 3 of 4", len(taken))
		}
		for i := 1; i < len(taken); i++ {
			if taken[i] == taken[i-1] {
				w.t.Errorf("the %dth was taken without a look since the one before: %v", i+1, taken)
			}
		}
		cancel()
		running.Wait()
		w.after = nil
	}, admins)
}

// A process that dies while ADMIN is being taken leaves nobody waiting for ever.
func TestV34TheTurnOfAProcessThatDied(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.keyOf(owner)
		var people []User
		for i := range 3 {
			people = append(people, w.create(person(fmt.Sprintf("user%d@example.com", i))))
		}
		w.group("Admins", people[0].ID, people[1].ID, people[2].ID)
		w.pass(20 * time.Minute)
		w.watchAdmins(owner)
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "hang", Times: 1})
		go w.update(people[0].ID, "active", false)
		w.pass(2 * time.Second)
		go w.update(people[1].ID, "active", false)
		w.pass(2 * time.Second)
		w.wantAt("user1@example.com", "ADMIN")
		w.stop()
		w.start()
		w.pass(time.Hour)
		w.wantAt("user0@example.com", "no role")
		w.wantAt("user1@example.com", "no role")
		w.wantAt("user2@example.com", "ADMIN")
	}, admins)
}

// A leaver who was ADMIN does not wait for listings that fail (V-19), unless another one has just gone.
func TestV34AnAdminLeavesWhileListingsFail(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.keyOf(owner)
		for i := range 3 {
			w.invite(fmt.Sprintf("user%d@example.com", i), "ADMIN")
		}
		w.pass(time.Minute)
		first, second := w.known("user0@example.com"), w.known("user1@example.com")
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "errors"})
		w.pass(10 * time.Minute)
		w.mustUpdate(first.ID, "active", false)
		w.pass(30 * time.Second)
		w.wantAt("user0@example.com", "no role")
		w.mustUpdate(second.ID, "active", false)
		w.pass(10 * time.Minute)
		w.wantAt("user1@example.com", "ADMIN")
		w.sim.SetFaults()
		w.pass(10 * time.Minute)
		w.wantAt("user1@example.com", "no role")
	}, admins)
}

// The gate lets nothing out that would harm somebody protected, whatever computed it.
func TestV34TheGateIsTheLastLine(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.keyOf(owner)
		w.invite("ann@example.com", "ADMIN", "EXPLORER")
		w.invite("boss@example.com", "CREATOR")
		w.pass(20 * time.Minute)
		for _, c := range []struct {
			email string
			state presence
			step  step
			held  bool
		}{
			{"ann@example.com", present, step{kind: stepRoles, roles: units("EXPLORER"), taking: true}, true},
			{"ann@example.com", present, step{kind: stepRoles, roles: units("ADMIN at x"), taking: true}, true},
			{"ann@example.com", suspended, step{kind: stepRoles, taking: true}, true},
			{"ann@example.com", absent, step{kind: stepDelete, taking: true}, true},
			{"ann@example.com", present, step{kind: stepRoles, roles: units("ADMIN"), taking: true}, false},
			{"boss@example.com", suspended, step{kind: stepRoles, taking: true}, true},
			{"boss@example.com", suspended, step{kind: stepAttributes, taking: true}, true},
			{"boss@example.com", absent, step{kind: stepDelete, taking: true}, true},
			{"boss@example.com", present, step{kind: stepRoles, roles: units("CREATOR", "EXPLORER")}, false},
			{owner, suspended, step{kind: stepRoles, taking: true}, true},
		} {
			a := w.account(c.email)
			a.desired.State, a.desired.Roles, a.owned.Roles = c.state, c.step.roles, a.actual.Roles
			a.CreatedByBridge = true
			err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
				reason, err := w.dir.gate(tx, a, c.step)
				if (reason != "") != c.held {
					w.t.Errorf("%s %s %s %v: %q", c.email, c.state, c.step.kind, c.step.roles, reason)
				}
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}, admins, func(w *world) { w.o.Protected = []string{"boss@example.com"} })
}

// protect restarts with other people in `protected`; where those are fewer, an operator approves it (V-35).
func (w *world) protect(addresses ...string) {
	w.t.Helper()
	w.stop()
	w.o.Protected = addresses
	w.start()
	w.pass(5 * time.Second)
	held := w.dir.HeldRules()
	if held == nil {
		return
	}
	if _, err := ApproveRules(w.t.Context(), w.o, Caller{Token: "apply"}, held.Hash); err != nil {
		w.t.Fatal(err)
	}
	w.pass(5 * time.Second)
}
