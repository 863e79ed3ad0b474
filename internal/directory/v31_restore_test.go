package directory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// copyStore stops the server and copies its store.
func (w *world) copyStore() *enginetest.Place {
	w.t.Helper()
	w.stop()
	defer w.start()
	return w.place.Copy()
}

// putBack stops the server, puts a copy of an older store in the place of its own, marks it as
// restored, and starts again.
func (w *world) putBack(backup *enginetest.Place) {
	w.t.Helper()
	w.stop()
	w.place = backup.Copy()
	s, err := w.place.Open(w.t.Context(), time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(s.Update(w.t.Context(), func(tx store.Tx) error { return MarkRestored(tx, "in a test") }), s.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// settle lets time pass, with an IdP that goes on asking, until everything is confirmed.
func (w *world) settle() {
	w.t.Helper()
	for range 6 {
		w.pass(2 * time.Minute)
		w.lookup("nobody@example.com")
	}
}

// afterRestore is the plan, by address.
func (w *world) afterRestore() (RestorePlan, map[string]Planned) {
	w.t.Helper()
	planned := map[string]Planned{}
	p, err := w.dir.AfterRestore(w.t.Context(), func(x Planned) error { planned[x.Address] = x; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return p, planned
}

// TestV31EverybodyWhoLeftSinceTheBackup is the trace that the rule prevents, for accounts that
// were confirmed before the copy was made and for those that were not.
func TestV31EverybodyWhoLeftSinceTheBackup(t *testing.T) {
	t.Parallel()
	for _, confirmed := range []bool{true, false} {
		inWorld(t, func(w *world) {
			ann, bob, cid, dan := w.create(person("ann@example.com")), w.create(person("bob@example.com")), w.create(person("cid@example.com")), w.create(person("dan@example.com"))
			explorers := w.group("Explorers", ann.ID, bob.ID, cid.ID, dan.ID)
			w.pass(time.Minute)
			if confirmed {
				w.settle()
			}
			backup := w.copyStore()
			w.mustUpdate(ann.ID, "active", false)                        // suspended since
			w.patch(explorers.ID, GroupChange{Remove: []string{bob.ID}}) // moved on since
			if err := w.dir.DeleteUser(w.t.Context(), okta, cid.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			w.settle()
			w.wantAt("ann@example.com", "no role")
			w.wantAt("bob@example.com", "no role")
			w.wantAt("cid@example.com", "-")

			w.putBack(backup)
			before := w.calls()
			w.settle()
			w.wantAt("ann@example.com", "no role")
			w.wantAt("bob@example.com", "no role")
			w.wantAt("cid@example.com", "-")
			w.wantAt("dan@example.com", "EXPLORER")
			if n := w.calls() - before; n != 0 {
				w.t.Errorf("%d calls while everything is held", n)
			}
			if h, err := w.dir.Health(w.t.Context()); err != nil || h.Restored.ID == "" || h.Pending != 3 {
				w.t.Errorf("health = %+v, %v", h, err)
			}
			if !strings.Contains(w.log.String(), "HELD") {
				w.t.Error("the log does not say it")
			}

			plan, planned := w.afterRestore()
			if plan.Giving != 3 || len(planned) != 3 || plan.Look.Begun.Before(plan.Hold.Since) {
				w.t.Errorf("plan = %+v of %v", plan, planned)
			}
			for address, call := range map[string]string{"ann@example.com": "setUserAttributes", "bob@example.com": "roles", "cid@example.com": "create"} {
				p := planned[address]
				if len(p.Calls) == 0 || p.Calls[0].Call != call {
					w.t.Errorf("%s would get %+v, want %s first", address, p, call)
				}
			}

			// The IdP writes two of them again, and a new one: the plan is another then.
			w.mustUpdate(ann.ID, "active", false)
			w.create(person("eve@example.com"))
			w.wantAt("eve@example.com", "-")
			if err := w.dir.ConfirmRestore(w.t.Context(), okta, plan.Hash); !errors.Is(err, ErrPlanChanged) {
				w.t.Errorf("what was shown is confirmed although it has changed: %v", err)
			}
			if plan, planned = w.afterRestore(); plan.Giving != 3 || planned["ann@example.com"].Calls != nil {
				w.t.Errorf("plan = %+v of %v", plan, planned)
			}
			if err := w.dir.ConfirmRestore(w.t.Context(), okta, plan.Hash); err != nil {
				w.t.Fatal(err)
			}
			w.settle()
			w.wantAt("ann@example.com", "no role")
			w.wantAt("bob@example.com", "EXPLORER")
			w.wantAt("cid@example.com", "EXPLORER")
			w.wantAt("eve@example.com", "no role")
			_, err := w.dir.AfterRestore(w.t.Context(), func(Planned) error { return nil })
			wantRefused(w.t, err, Conflict)
		})
	}
}

// TestV31TakingGoesOn: also where one call would take and give, and on no older knowledge
// than the restore.
func TestV31TakingGoesOn(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		explorers := w.group("Explorers", ann.ID, bob.ID)
		viewers := w.group("Viewers")
		w.settle()
		backup := w.copyStore()
		w.putBack(backup)
		w.pass(time.Minute)
		w.mustUpdate(ann.ID, "active", false)
		w.wantAt("ann@example.com", "no role")
		w.patch(viewers.ID, GroupChange{Add: refs(bob.ID)})
		w.wantAt("bob@example.com", "EXPLORER")
		w.patch(explorers.ID, GroupChange{Remove: []string{bob.ID}})
		w.pass(10 * time.Second)
		w.wantAt("bob@example.com", "no role") // VIEWER would have come with the same call
		w.mustUpdate(ann.ID, "active", true)
		w.settle()
		w.wantAt("ann@example.com", "no role")
		plan, _ := w.afterRestore()
		if err := w.dir.ConfirmRestore(w.t.Context(), okta, plan.Hash); err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "EXPLORER")
		w.wantAt("bob@example.com", "VIEWER")
	})
}

// TestV31ATakingGivesNothingByWhatTheCopyKnew: the copy has a taking that was pending, and thinks
// that the rest is there.
func TestV31ATakingGivesNothingByWhatTheCopyKnew(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		explorers, viewers := w.group("Explorers", ann.ID), w.group("Viewers", ann.ID)
		w.settle()
		w.wantAt("ann@example.com", "EXPLORER VIEWER")
		w.down.set(true)
		w.patch(viewers.ID, GroupChange{Remove: []string{ann.ID}})
		backup := w.copyStore()
		w.down.set(false)
		w.patch(explorers.ID, GroupChange{Remove: []string{ann.ID}})
		w.pass(5 * time.Minute)
		w.wantAt("ann@example.com", "no role")
		w.putBack(backup)
		w.settle()
		w.wantAt("ann@example.com", "no role")
	})
}

// TestV31APlanNeedsAListingFromAfterTheRestore: the one in the copy shows everybody as he was.
func TestV31APlanNeedsAListingFromAfterTheRestore(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.create(person("ann@example.com"))
		w.settle()
		backup := w.copyStore()
		w.down.set(true)
		w.putBack(backup)
		w.pass(time.Minute)
		_, err := w.dir.AfterRestore(w.t.Context(), func(Planned) error { return nil })
		wantRefused(w.t, err, Unavailable, "start the server")
		look, fresh, heard, err := w.dir.FreshLook(w.t.Context(), time.Minute)
		if err != nil || fresh || !heard || look.Number == 0 {
			w.t.Errorf("FreshLook while WisdomAI is down = %+v fresh %v heard %v, %v", look, fresh, heard, err)
		}
		w.down.set(false)
		if _, fresh, heard, err = w.dir.FreshLook(w.t.Context(), time.Hour); err != nil || !fresh || !heard {
			w.t.Errorf("FreshLook = fresh %v heard %v, %v", fresh, heard, err)
		}
		w.afterRestore()
	})
}

// TestV31WhoWasMadeSinceTheBackup is still known to the IdP by the id that he was given then.
func TestV31WhoWasMadeSinceTheBackup(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.create(person("ann@example.com"))
		w.settle()
		backup := w.copyStore()
		bob := w.create(person("bob@example.com"))
		w.group("Explorers", bob.ID)
		w.settle()
		w.putBack(backup)
		w.settle()
		w.mustUpdate(bob.ID, "active", false)
		w.wantAt("bob@example.com", "no role")
	})
}

func TestReconcileGivesAgainWhatDriftLeft(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.settle()
		w.invite("ann@example.com")
		w.sim.RemoveUsers("bob@example.com")
		w.settle()
		w.wantAt("ann@example.com", "no role")
		var told []string
		tell := func(p Planned) error { told = append(told, p.Address+" "+p.Calls[0].Call); return nil }
		r, err := w.dir.Reconcile(w.t.Context(), okta, nil, true, tell)
		if err != nil || r.People != 2 || r.Again != 2 || strings.Join(told, ", ") != "ann@example.com roles, bob@example.com create" {
			w.t.Errorf("dry run: %+v, %v: %q", r, err, told)
		}
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "no role")
		if _, err = w.dir.Reconcile(w.t.Context(), okta, []string{"zoe@example.com"}, false, tell); err == nil {
			w.t.Error("an address of nobody was not refused")
		}
		if r, err = w.dir.Reconcile(w.t.Context(), okta, []string{"ann@example.com"}, false, tell); err != nil || r.People != 1 {
			w.t.Errorf("ann alone: %+v, %v", r, err)
		}
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "EXPLORER")
		w.wantAt("bob@example.com", "-")
		if _, err = w.dir.Reconcile(w.t.Context(), okta, nil, false, tell); err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantAt("bob@example.com", "EXPLORER")
		w.settle()
		if r, err = w.dir.Reconcile(w.t.Context(), okta, nil, true, tell); err != nil || r.People != 0 {
			w.t.Errorf("at rest: %+v, %v", r, err)
		}
	})
}
