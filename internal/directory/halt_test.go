package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// beside is a directory on the same store that does not run: what commands work with.
func (w *world) beside() *Directory {
	w.t.Helper()
	d, err := New(w.t.Context(), w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestObserveRecordsAndDeliversNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		w.invite("old@example.com", "CREATOR")
		ann := w.lookup("ann@example.com")[0]
		began := time.Now()
		bob := w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.mustUpdate(ann.ID, "active", false)
		if err := w.dir.DeleteUser(w.t.Context(), okta, w.lookup("old@example.com")[0].ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			w.t.Errorf("four writes waited %v for deliveries that do not come", took)
		}
		if u, err := w.dir.User(w.t.Context(), bob.ID); err != nil || u.Delivery.State != DeliveryPending || !strings.Contains(u.Delivery.Detail, "observe") {
			w.t.Errorf("delivery %+v, %v; want pending, with the reason", u.Delivery, err)
		}
		w.pass(3 * time.Hour)
		if n := w.calls(); n != 0 {
			w.t.Errorf("%d calls changed something at WisdomAI", n)
		}
		if n := len(w.holds()); n != 0 {
			w.t.Errorf("%d holds of deletes that nobody carried out as suspensions", n)
		}
		if look, err := w.lastLook(); err != nil || time.Since(look.Begun) > 16*time.Minute {
			w.t.Errorf("the last listing %+v, %v; observing makes them", look, err)
		}

		w.stop()
		w.o.Observe = false
		var order []string
		w.after = func(e simulator.Effect) {
			who := e.After
			if who == nil {
				who = e.Before
			}
			order = append(order, who.Email)
		}
		w.o.Delivery.Concurrency = 1
		w.start()
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "no role")
		w.wantAt("bob@example.com", "EXPLORER")
		w.wantAt("old@example.com", "no role")
		if len(order) == 0 || order[0] == "bob@example.com" {
			w.t.Errorf("the order was %v; takings go first", order)
		}
	}, func(w *world) { w.o.Observe = true })
}

// A refused create cannot be rolled back after its 201: it stays, failed and visible (V-04).
func TestV04ACreateRefusedAfterItWasObserved(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.pass(time.Minute)
		w.stop()
		w.o.Observe = false
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "status", Message: "blocked by access control"})
		w.start()
		w.pass(time.Minute)
		u, err := w.dir.User(w.t.Context(), ann.ID)
		if err != nil || u.Delivery.State != DeliveryFailed {
			w.t.Errorf("%+v, %v; want him, failed", u.Delivery, err)
		}
	}, func(w *world) { w.o.Observe = true })
}

func TestPauseStopsEverythingUntilItIsEnded(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		if _, err := w.beside().Pause(w.t.Context(), Caller{Token: "scimbridge pause"}, "the mapping is wrong"); err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Second)
		before := w.calls()
		w.mustUpdate(ann.ID, "active", false)
		w.create(person("bob@example.com"))
		w.pass(time.Hour)
		w.stop() // a pause outlives the process
		w.start()
		w.pass(time.Hour)
		if n := w.calls() - before; n != 0 {
			w.t.Errorf("%d calls while paused", n)
		}
		w.wantAt("ann@example.com", "EXPLORER")
		h, err := w.dir.Health(w.t.Context())
		if err != nil || h.Paused.Reason != "the mapping is wrong" || h.Taking != 1 {
			w.t.Errorf("health %+v, %v; want the pause, and one leaver who waits", h, err)
		}
		if !strings.Contains(w.log.String(), "the mapping is wrong") {
			w.t.Error("the log does not say that deliveries are paused")
		}

		operator := w.beside()
		waiting, paused, err := operator.Resume(w.t.Context(), Caller{Token: "scimbridge resume"})
		if err != nil || !paused || waiting != 2 {
			w.t.Errorf("resume: %d, %v, %v; want 2 that wait", waiting, paused, err)
		}
		w.pass(2 * time.Second)
		w.wantAt("ann@example.com", "no role")
		w.pass(10 * time.Second)
		w.wantAt("bob@example.com", "no role")
		if _, paused, err := operator.Resume(w.t.Context(), Caller{}); err != nil || paused {
			w.t.Errorf("resumed twice: %v, %v", paused, err)
		}
	})
}

// What waits out a halt is planned once, so that it is known whether it takes access, and
// then costs nothing.
func TestAHaltCostsNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		g := w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		if _, err := w.dir.Pause(w.t.Context(), Caller{}, ""); err != nil {
			w.t.Fatal(err)
		}
		w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
		w.pass(time.Minute)
		a := w.account("ann@example.com")
		if !a.Taking || a.Pending.IsZero() || time.Until(a.Due) < 20*time.Hour {
			w.t.Errorf("%s: want a taking that waits, and is not looked at again and again", row(a))
		}
		fence := a.LeaseFence
		w.pass(3 * time.Hour)
		if a := w.account("ann@example.com"); a.LeaseFence != fence {
			w.t.Errorf("worked on %d times within three hours", a.LeaseFence-fence)
		}
		if err := w.store.View(w.t.Context(), func(tx store.Tx) error {
			due, err := tx.DueAccounts(w.o.Workspace, w.o.Tenant, tx.Now(), 10)
			if len(due) != 0 {
				w.t.Errorf("due while paused: %+v", due)
			}
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
	})
}
