package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// invited invites n people by hand, has them looked at, and returns their addresses.
func (w *world) invited(n int) []string {
	w.t.Helper()
	var emails []string
	for i := range n {
		emails = append(emails, fmt.Sprintf("p%03d@example.com", i))
		w.invite(emails[i], "CREATOR")
	}
	w.pass(20 * time.Minute)
	if got := w.present(); got != n+1 {
		w.t.Fatalf("%d people are known to be there, want %d and the owner", got, n)
	}
	return emails
}

// present is how many accounts are believed to have somebody.
func (w *world) present() int {
	w.t.Helper()
	n := 0
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		n = 0
		for k, err := range tx.KnownAccounts(w.o.Workspace) {
			if err != nil {
				return err
			}
			if k.Present {
				n++
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) disbelieved() *Disbelief {
	w.t.Helper()
	h, err := w.dir.Health(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return h.Disbelieved
}

func TestV28WhatIsNotBelieved(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	listUsers := func(kind string, keep float64) func(*world, []string) {
		return func(w *world, _ []string) {
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: kind, Keep: keep})
		}
	}
	remove := func(n int) func(*world, []string) {
		return func(w *world, emails []string) { w.sim.RemoveUsers(emails[:n]...) }
	}
	for _, c := range []struct {
		name     string
		people   int
		happens  func(*world, []string)
		believed bool
	}{
		{"empty", 3, listUsers("empty", 0), false},
		{"half of many", 40, listUsers("truncate", 0.5), false},
		{"all but the owner of few", 9, remove(9), true}, // the floor
		{"eleven of forty", 40, remove(11), false},
		{"ten of forty", 40, remove(10), true},      // more than the percentage, not more than the floor
		{"twelve of 119", 119, remove(12), true},    // exactly the percentage
		{"thirteen of 119", 119, remove(13), false}, // more
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				emails := w.invited(c.people)
				before := w.present()
				c.happens(w, emails)
				w.pass(20 * time.Minute)
				now := w.disbelieved()
				if c.believed {
					w.pass(20 * time.Minute) // the second look that lacks them (V-27)
					if now != nil || w.present() == before {
						w.t.Errorf("disbelieved %+v, %d of %d still there", now, w.present(), before)
					}
					return
				}
				if now == nil {
					w.t.Fatal("it was believed")
				}
				if w.present() != before {
					w.t.Errorf("%d of %d still there: it changed something", w.present(), before)
				}
				if w.lookup(emails[len(emails)-1]); len(w.lookup(emails[0])) != 1 {
					w.t.Error("somebody is no longer shown")
				}
				if n := w.events("look.disbelieved"); n != 1 {
					w.t.Errorf("%d events of it, want 1", n)
				}
				if h, err := w.dir.Health(w.t.Context()); err != nil || !h.Reachable {
					w.t.Errorf("health %+v, %v: WisdomAI answers", h, err)
				}
			})
		})
	}
}

func TestV28ALookWithoutTheOwnerOfTheKey(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invited(3)
		// Of what the client tells about the listing: the simulator's owner is always there.
		w.stop()
		w.without = "owner@wisdom.invalid"
		w.start()
		w.pass(20 * time.Minute)
		now := w.disbelieved()
		if now == nil || now.Lost != 1 {
			w.t.Fatalf("disbelieved %+v, want for the owner's sake", now)
		}
		w.pass(40 * time.Minute)
		if now := w.disbelieved(); now != nil {
			w.t.Errorf("still %+v after five that agree", now)
		}
		if a := w.account("owner@wisdom.invalid"); a.Present {
			w.t.Error("the owner is believed to be there")
		}
	})
}

func TestV28WhileNothingIsBelieved(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invited(40)
		ann := w.create(person("ann@example.com"))
		bob := w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.pass(20 * time.Minute)
		w.wantAt("ann@example.com", "EXPLORER")

		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "truncate", Keep: 0.3})
		w.pass(20 * time.Minute)
		w.mustUpdate(ann.ID, "active", false)
		w.wantAt("ann@example.com", "no role") // takings go on
		eve := w.create(person("eve@example.com"))
		if eve.Delivery.State != DeliveryPending {
			w.t.Errorf("the create is %s", eve.Delivery.State)
		}
		if err := w.dir.DeleteUser(w.t.Context(), okta, bob.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.wantAt("bob@example.com", "no role") // the delete waits for a look, access does not
		w.pass(5 * time.Minute)
		w.wantAt("eve@example.com", "-")

		w.sim.SetFaults()
		w.pass(2 * time.Minute)
		w.wantAt("eve@example.com", "no role")
		w.wantAt("bob@example.com", "-")
		if w.disbelieved() != nil || w.events("look.believed") != 1 {
			w.t.Errorf("disbelieved %+v, %d events of belief", w.disbelieved(), w.events("look.believed"))
		}
	})
}

func TestV28FiveThatAgreeOver30Minutes(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		emails := w.invited(40)
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		calls := w.calls()

		w.sim.RemoveUsers(append(emails[:20:20], "ann@example.com")...) // a real mass removal
		w.pass(35 * time.Minute)
		if w.disbelieved() == nil {
			w.t.Fatal("believed at once, or too soon")
		}
		w.sim.RemoveUsers(emails[20]) // another set: they begin anew
		w.pass(25 * time.Minute)
		if now := w.disbelieved(); now == nil || now.Lost != 22 || now.Times < agreeing {
			w.t.Fatalf("disbelieved %+v, want the 22 of the second set, more than five times", now)
		}
		w.pass(25 * time.Minute)
		if now := w.disbelieved(); now != nil {
			w.t.Fatalf("still %+v", now)
		}
		if got := w.present(); got != 20 {
			w.t.Errorf("%d are believed to be there, want 19 and the owner", got)
		}
		// As missing by hand: reported, and not created again.
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "-")
		if a := w.account("ann@example.com"); !a.memory.LostPerson {
			w.t.Error("she is not known to be lost")
		}
		if n := w.events("drift.deleted"); n != 1 {
			w.t.Errorf("%d events of a deletion by hand, want ann's", n)
		}
		if n := w.calls() - calls; n != 0 {
			w.t.Errorf("%d calls were made", n)
		}
		w.mustUpdate(ann.ID, "department", "Sales") // the next write about her
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "EXPLORER department=Sales")
	})
}

func TestV28AnEmptyListingIsNeverBelievedByItself(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invited(12)
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "empty"})
		w.pass(6 * time.Hour)
		if got := w.present(); got != 13 {
			w.t.Errorf("%d are believed to be there", got)
		}
	})
}

func TestV28Accept(t *testing.T) {
	t.Parallel()
	accept := func(w *world, number int64) error {
		_, _, err := w.dir.AcceptListing(w.t.Context(), Caller{Token: "a person"}, number)
		return err
	}
	t.Run("within a second", func(t *testing.T) {
		inWorld(t, func(w *world) {
			emails := w.invited(40)
			wantRefused(w.t, accept(w, 0), NotFound, "no listing that is not believed")
			w.sim.RemoveUsers(emails[:20]...)
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "200ms"})
			w.pass(20 * time.Minute)
			now := w.disbelieved()
			wantRefused(w.t, accept(w, now.First-1), NotFound, fmt.Sprint(now.Look))
			if err := accept(w, now.First); err != nil { // the set is the same since
				w.t.Fatal(err)
			}
			w.pass(1300 * time.Millisecond)
			if now := w.disbelieved(); now != nil || w.present() != 21 {
				w.t.Errorf("disbelieved %+v, %d there", now, w.present())
			}
			if n := w.events("missing"); n != 20 {
				w.t.Errorf("%d events of somebody missing, want 20", n)
			}
			w.pass(20 * time.Minute)
			if n := w.events("look.believed"); n != 1 {
				w.t.Errorf("%d events of belief", n)
			}
		})
	})
	t.Run("a better one", func(t *testing.T) {
		inWorld(t, func(w *world) {
			emails := w.invited(40)
			w.sim.RemoveUsers(emails[:20]...)
			w.pass(20 * time.Minute)
			w.invite(emails[0], "VIEWER")
			if err := accept(w, 0); err != nil {
				w.t.Fatal(err)
			}
			w.pass(2 * time.Second)
			if now := w.disbelieved(); now != nil || w.present() != 22 {
				w.t.Errorf("disbelieved %+v, %d there", now, w.present())
			}
		})
	})
	t.Run("nothing beyond what was shown", func(t *testing.T) {
		inWorld(t, func(w *world) {
			emails := w.invited(40)
			w.sim.RemoveUsers(emails[:20]...)
			w.pass(20 * time.Minute)
			w.sim.RemoveUsers(emails[20])
			if err := accept(w, 0); err != nil {
				w.t.Fatal(err)
			}
			w.pass(2 * time.Second)
			if now := w.disbelieved(); now == nil || now.Lost != 21 || w.present() != 41 {
				w.t.Errorf("disbelieved %+v, %d there", now, w.present())
			}
			if n := w.events("listing.acceptance_void"); n != 1 {
				w.t.Errorf("%d events of a void acceptance", n)
			}
			w.pass(10 * time.Minute)
			if w.present() != 41 {
				w.t.Error("the acceptance was for another set")
			}
		})
	})
	t.Run("and not for later", func(t *testing.T) {
		inWorld(t, func(w *world) {
			emails := w.invited(40)
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "truncate", Keep: 0.5})
			w.pass(20 * time.Minute)
			w.sim.SetFaults()
			if err := accept(w, 0); err != nil {
				w.t.Fatal(err)
			}
			w.pass(2 * time.Second) // a whole one: nothing to be accepted
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "truncate", Keep: 0.5})
			w.pass(20 * time.Minute)
			if w.disbelieved() == nil || w.present() != len(emails)+1 {
				w.t.Errorf("disbelieved %+v, %d there", w.disbelieved(), w.present())
			}
		})
	})
}

func TestV28WhomWeDeletedIsNotLost(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var users []User
		for i := range 15 {
			users = append(users, w.create(person(fmt.Sprintf("p%03d@example.com", i))))
		}
		w.pass(20 * time.Minute)
		w.sim.SetFaults(simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "after"}) // carried out, and not answered
		for _, u := range users {
			if err := w.dir.DeleteUser(w.t.Context(), okta, u.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
		}
		w.pass(20 * time.Minute)
		if now := w.disbelieved(); now != nil || w.events("look.disbelieved") > 0 || w.present() != 1 {
			w.t.Errorf("disbelieved %+v, %d there", now, w.present())
		}
	}, func(w *world) { w.o.Brake = &Brake{Floor: 1000, Window: time.Hour} })
}

func TestV28TheFirstLookIsBelievedUnlessItIsEmpty(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(10 * time.Minute)
		if _, err := w.lastLook(); err == nil {
			w.t.Error("an empty first look was believed")
		}
		w.sim.SetFaults()
		w.pass(2 * time.Minute)
		if _, err := w.lastLook(); err != nil {
			w.t.Error("the first that is not empty was not believed")
		}
	}, func(w *world) { w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "empty"}) })
}
