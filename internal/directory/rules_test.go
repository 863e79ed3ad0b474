package directory

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// The traces here were found by TestRandomHistories or by reading the rules against the
// code; each is kept as the shortest story that shows it.

func TestV02NoPolicyRefusesADeactivation(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.invite("bob@example.com", "CREATOR")
		w.pass(time.Minute)
		w.lookup("bob@example.com")
		w.mustUpdate(ann.ID, "active", false, "userName", "bob@example.com", "emails", nil) // on_rename_conflict: refuse
		wantRefused(w.t, w.update(ann.ID, "active", true), Conflict, "bob@example.com")
		w.pass(time.Hour)
		w.wantAt("bob@example.com", "CREATOR")
	})
}

func TestV02ARenameWaitsForReactivationAndCarriesWhatWasSetAside(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77")
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "active", false)
		w.mustUpdate(id, "userName", "ann.b@example.com", "emails", nil)
		w.wantAt("ann.b@example.com", "-")
		w.mustUpdate(id, "active", true)
		w.wantAt("ann.b@example.com", "CREATOR crm_id=77")
		w.wantAt("ann@example.com", "no role crm_id=77")
	})
}

func TestV04ARefusedCreateAtAFormerUsersAddress(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.pass(time.Minute)
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "status", Message: "blocked by access control", Times: 1})
		_, err := w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com"))
		wantRefused(w.t, err, Invalid, "ann@example.com")
		w.create(person("ann@example.com"))
		w.wantAt("ann@example.com", "no role")
	})
}

func TestV08WhoIsThereAfterACreateThatWasNotCarriedOutIsNotOurs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "http", HTTP: 503, Times: 4})
		ann := w.create(person("ann@example.com"))
		w.invite("ann@example.com", "CREATOR") // by hand, and seen before the try that would work
		w.pass(6 * time.Second)
		w.lookup("nobody@example.com")
		w.pass(time.Minute)
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(10 * time.Minute)
		w.wantAt("ann@example.com", "no role")
	})
}

func TestV08InvitedAnewIsNotOurs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.pass(20 * time.Minute)
		w.sim.RemoveUsers("ann@example.com")
		w.invite("ann@example.com", "CREATOR") // between two looks
		w.pass(20 * time.Minute)
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(10 * time.Minute)
		if w.at("ann@example.com") == "-" {
			w.t.Error("somebody invited by hand was deleted for ever")
		}
	})
}

func TestV09AnAdoptedUserWhoIsRenamedStaysHimself(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		w.lookup("ann@example.com")
		ann := w.create(person("ann@example.com"))
		w.mustUpdate(ann.ID, "userName", "ann.b@example.com")
		w.pass(time.Hour) // looks show the old address
		u, err := w.dir.User(w.t.Context(), ann.ID)
		if err != nil || !u.Managed || u.Document["userName"] != "ann.b@example.com" {
			w.t.Errorf("an hour after the rename the user is %+v, %v", u, err)
		}
		if got := w.lookup("ann@example.com"); len(got) != 0 {
			w.t.Errorf("the old address is shown: %+v", got)
		}
	})
}

func TestV09AFormerUsersAddressThatNobodyEverHad(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.down.set(true)
		ann := w.create(person("ann@example.com"))
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.down.set(false)
		w.pass(time.Hour)
		w.invite("ann@example.com", "CREATOR")
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "CREATOR") // another person
	})
}

func TestV10WhatANewHireIsGivenByHandIsKept(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77")
		first := w.lookup("ann@example.com")[0]
		if err := w.dir.DeleteUser(w.t.Context(), okta, first.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(10 * time.Second)
		w.create(person("ann@example.com"))
		w.wantAt("ann@example.com", "no role")
		w.invite("ann@example.com", "AGENT_VIEWER") // a minute later, long before a settled look
		w.pass(time.Minute)
		w.lookup("nobody@example.com")
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "AGENT_VIEWER")
	})
}

func TestV10WhatALookHadNotShownOfTheLeaverGoesToo(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		first := w.lookup("ann@example.com")[0]
		if err := w.dir.DeleteUser(w.t.Context(), okta, first.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.invite("ann@example.com", "AGENT_VIEWER", "crm_id=78") // to the leaver, after the last look
		w.pass(10 * time.Second)
		w.create(person("ann@example.com"))
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "no role")
	})
}

func TestV16AReactivationAfterAnUnansweredSuspension(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.lookup("nobody@example.com")
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "after", Times: 1})
		w.mustUpdate(ann.ID, "active", false)
		w.mustUpdate(ann.ID, "active", true)
		w.pass(5 * time.Second)
		w.wantAt("ann@example.com", "EXPLORER") // at once, not when a settled look misses it
	})
}

func TestV16ALateSuspensionTakesNothingGivenByHand(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "title", "Analyst")
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "late", Latency: "100s", Times: 1})
		w.mustUpdate(id, "active", false)
		w.mustUpdate(id, "active", true)
		w.pass(70 * time.Second)
		w.lookup("nobody@example.com") // a look between the reactivation and the late effect
		w.wantAt("ann@example.com", "CREATOR")
		w.pass(20 * time.Minute)
		w.wantAt("ann@example.com", "CREATOR")
	})
}

func TestV19NoCallForSomebodyTheLastLookLacks(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	for _, state := range []presence{suspended, absent} {
		a := someone(func(a *account) {
			there(a, units("EXPLORER"), nil)
			a.desired = desired{State: state}
			a.CreatedByBridge, a.MissingLook, a.MissingSince = true, 7, noon.Add(-time.Second)
		})
		st := o.plan(a, sight{now: noon, look: &store.Look{Begun: noon.Add(-time.Second)}, mayDelete: func() bool { return true }})
		if st.kind != stepWait {
			t.Errorf("%s: %s, which would invite him again", state, st.kind)
		}
	}
	a := someone(func(a *account) {
		there(a, units("EXPLORER"), nil)
		a.desired, a.CreatedByBridge = desired{State: absent}, true
		a.unanswered(step{kind: stepDelete}, noon)
	})
	st := o.plan(a, sight{now: noon, look: &store.Look{Begun: noon.Add(-time.Second)}, mayDelete: func() bool { return false }})
	if st.kind != stepDelete {
		t.Errorf("after an unanswered delete: %s, want the same delete once more, which the brake has counted", st.kind)
	}
}

func TestV22ASuspensionInPlaceOfADeleteIsGivenBackToo(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "active", false) // adopted, so held as a suspension
		w.wantAt("ann@example.com", "no role")
		if n := len(w.holds()); n != 1 {
			w.t.Errorf("%d holds, want 1", n)
		}
		w.mustUpdate(id, "active", true)
		w.wantAt("ann@example.com", "CREATOR")
		if n := len(w.holds()); n != 0 {
			w.t.Errorf("%d holds of somebody active", n)
		}
	}, func(w *world) { w.o.Policy.OnDeactivate = "delete" })
}

func TestV22RenamingBackGivesBackNoRoleOfARule(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("a@example.com"))
		g := w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")                    // her id is known, so that nothing need be taken before
		w.mustUpdate(ann.ID, "userName", "b@example.com") // a is deleted
		w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
		w.mustUpdate(ann.ID, "userName", "a@example.com")
		w.wantAt("a@example.com", "no role")
		w.pass(time.Hour)
		w.wantAt("a@example.com", "no role")
	}, func(w *world) { w.o.Policy.OnRename = "delete_old" })
}

func TestV24AFailedLookIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	t.Run("what it was wanted for is remembered", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.pass(10 * time.Second)
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "errors", Times: 3})
			began := time.Now()
			c, err := w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com"))
			if err != nil || c.User.Delivery.State != DeliveryPending {
				w.t.Fatalf("%+v, %v; want pending", c, err)
			}
			if waited := time.Since(began); waited > w.dir.o.Delivery.RequestBudget {
				w.t.Errorf("answered after %v", waited)
			}
			c.Done(true)
			w.pass(20 * time.Second)
			w.wantAt("ann@example.com", "no role")
		})
	})
	t.Run("one that hung leaves nobody without looks for an hour", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.pass(10 * time.Second)
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "hang", Times: 1})
			w.create(person("ann@example.com"))
			w.pass(7 * time.Minute) // five of them for the call
			w.wantAt("ann@example.com", "no role")
		})
	})
}

func TestV27SomebodyWhoIsBackIsNotMissing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		w.invite("bob@example.com", "CREATOR")
		w.lookup("ann@example.com")
		w.pass(10 * time.Second)
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "truncate", Keep: 0.4, Times: 1})
		w.lookup("nobody@example.com") // a look that lacks them
		w.pass(10 * time.Second)
		w.lookup("nobody@example.com") // and one that has them, unchanged
		for _, email := range []string{"ann@example.com", "bob@example.com"} {
			if a := w.account(email); a.MissingLook != 0 {
				w.t.Errorf("%s is still missing", email)
			}
		}
	})
}

func TestV39AScopeGivenBackUnderARoleEverywhere(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "EXPLORER@h")
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "active", false)
		g := w.group("Explorers", id)
		w.mustUpdate(id, "active", true)
		w.wantAt("ann@example.com", "EXPLORER")
		w.pass(time.Hour)
		w.patch(g.ID, GroupChange{Remove: []string{id}})
		w.wantAt("ann@example.com", "EXPLORER@[h]")
	})
}

// always refuses every call, with a token that is fresh each time.
type always struct {
	WisdomAI
	calls int
}

func (a *always) Mutate(_ context.Context, mutations []wisdom.Mutation) []error {
	a.calls++
	errs := make([]error, len(mutations))
	for i := range errs {
		errs[i] = &wisdom.Error{Op: "createUsers", Kind: wisdom.Transient, Again: true, Message: "the token has been renewed since"}
	}
	return errs
}

func TestV12ATokenRenewedForEverIsNoBusyLoop(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		refuses := &always{WisdomAI: w.dir.wisdom}
		w.dir.wisdom = refuses
		w.create(person("ann@example.com"))
		w.pass(time.Minute)
		if refuses.calls > 20 {
			w.t.Errorf("%d calls within a minute", refuses.calls)
		}
	})
}

// An hour in which nothing happens costs looks and nothing else, whatever does not
// come to rest: what WisdomAI never shows, or never does.
func TestAQuietHourIsQuiet(t *testing.T) {
	t.Parallel()
	with := func(key, value string) func(*world) {
		return func(w *world) {
			var s simulator.Settings
			if err := s.Set(key, value); err != nil {
				w.t.Fatal(err)
			}
			if err := w.sim.SetSettings(s); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name         string
		make         func(*world)
		calls, looks int
	}{
		{"all is well", func(*world) {}, 0, 6},
		{"empty role lists are ignored", with("empty_roles", "ignored"), 60, 70},
		{"listings lag", with("listing_lag", "45s"), 4, 40},
		{"listings lag for minutes", with("listing_lag", "4m"), 12, 70},
		{"listings fail", func(w *world) { w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "errors"}) }, 4, 240},
		{"everything fails", func(w *world) { w.sim.SetFaults(simulator.Fault{Operation: "*", Kind: "http", HTTP: 500}) }, 60, 240},
	} {
		t.Run(c.name, func(t *testing.T) {
			var looks atomic.Int64
			inWorld(t, func(w *world) {
				ann := w.create(person("ann@example.com"))
				w.group("Explorers", ann.ID)
				w.pass(20 * time.Minute)
				c.make(w)
				w.mustUpdate(ann.ID, "active", false)
				w.create(person("bob@example.com"))
				before := w.calls()
				looks.Store(0)
				w.pass(time.Hour)
				if n := w.calls() - before; n > c.calls {
					w.t.Errorf("%d calls, want at most %d", n, c.calls)
				}
				if n := int(looks.Load()); n > c.looks {
					w.t.Errorf("%d looks, want at most %d", n, c.looks)
				}
			}, func(w *world) { w.o.OnLook = func(store.Look) { looks.Add(1) } })
		})
	}
}
