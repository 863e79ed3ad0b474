package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

func TestField08OneWhoCannotBeDeliveredStopsNobody(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(time.Second)
		w.down.set(true)
		bob := w.create(person("bob@example.com")) // accepted, and then refused for good
		w.down.set(false)
		if err := w.sim.SetSettings(simulator.Settings{Block: []string{"bob@example.com"}}); err != nil {
			w.t.Fatal(err)
		}
		var ids []string
		for n := range 5 {
			ids = append(ids, w.create(person(fmt.Sprintf("p%d@example.com", n))).ID)
		}
		g := w.group("Explorers", append(ids, bob.ID)...)
		w.pass(time.Minute)
		for n := range 5 {
			w.wantAt(fmt.Sprintf("p%d@example.com", n), "EXPLORER")
		}
		if u := w.mustUser(bob.ID); u.Delivery.State != DeliveryFailed {
			w.t.Errorf("bob is shown as %s, want failed", u.Delivery.State)
		}

		// A membership of somebody who was deleted a moment before.
		w.deleteAs(okta, ids[0])
		w.patch(g.ID, GroupChange{Remove: []string{ids[0], ids[1]}})
		w.pass(time.Minute)
		w.wantAt("p1@example.com", "no role")
		w.wantAt("p2@example.com", "EXPLORER")
	})
}

func TestField08AlreadyAbsentIsASuccessOnceALookShowsIt(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		w.sim.RemoveUsers("ann@example.com") // by hand, and no look has seen it
		w.deleteAs(okta, ann.ID)             // NOT_FOUND
		if a := w.account("ann@example.com"); a.Delivered == a.Version {
			w.t.Error("NOT_FOUND was taken for a success")
		}
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		a := w.account("ann@example.com")
		if a.Confirmed != a.Version || !a.Due.IsZero() || a.Present {
			w.t.Errorf("after looks that lack her: %s", row(a))
		}
		n := w.calls()
		w.pass(time.Hour)
		if w.calls() != n {
			w.t.Errorf("%d more calls about somebody who is gone", w.calls()-n)
		}
	})
}

func TestField12EntraDeletesWithActiveFalse(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]string{"suspend": "no role", "delete": "-"} {
		t.Run("on_deactivate="+policy, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann, _ := confirmedWith(w)
				w.mustUpdate(ann.ID, "active", false)
				w.wantAt("ann@example.com", want)
				if u := w.mustUser(ann.ID); u.Document["active"] != false || u.Delivery.State != DeliveryUnconfirmed {
					w.t.Errorf("shown as active=%v, delivery %s; want false, unconfirmed", u.Document["active"], u.Delivery.State)
				}
				w.pass(20 * time.Minute)
				if u := w.mustUser(ann.ID); u.Delivery.State != DeliveryConfirmed {
					w.t.Errorf("twenty minutes later delivery is %s, want confirmed", u.Delivery.State)
				}
				w.deleteAs(okta, ann.ID) // thirty days later
				w.pass(time.Minute)
				w.wantAt("ann@example.com", "-")
			}, func(w *world) { w.o.Policy.OnDeactivate = policy })
		})
	}
}

func TestField17TheQueueIsStateNotEvents(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		const people = 20
		var ids []string
		for n := range people {
			ids = append(ids, w.create(person(fmt.Sprintf("p%d@example.com", n))).ID)
		}
		g := w.group("Explorers")
		w.pass(20 * time.Minute)
		w.down.set(true)
		for round := range 10 {
			for _, id := range ids {
				w.mustUpdate(id, "department", fmt.Sprint("d", round))
			}
			if round%2 == 0 {
				w.patch(g.ID, GroupChange{Add: refs(ids...)})
			} else {
				w.patch(g.ID, GroupChange{Remove: ids})
			}
		}
		var b store.Backlog
		err := w.store.View(w.t.Context(), func(tx store.Tx) (err error) {
			b, err = tx.Backlog(w.o.Workspace, w.o.Tenant)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if b.Pending != people {
			w.t.Errorf("%d pending after 400 changes to %d people", b.Pending, people)
		}
		w.dir.queue.mu.Lock()
		queued := len(w.dir.queue.entries)
		w.dir.queue.mu.Unlock()
		if queued > people {
			w.t.Errorf("%d queued for %d people", queued, people)
		}
		w.down.set(false)
		var fields int
		w.after = func(e simulator.Effect) { fields++ }
		w.pass(30 * time.Minute)
		w.after = nil
		for n := range people {
			w.wantAt(fmt.Sprintf("p%d@example.com", n), "no role department=d9")
		}
		if fields > people { // one setUserAttributes each: what came and went in between is no difference
			w.t.Errorf("%d effects for %d people", fields, people)
		}
	}, func(w *world) { w.o.Delivery.RequestBudget = time.Millisecond })
}

func TestField20SuccessIsWhatTheTargetSaid(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"status", "errors", "http", "reset", "hang", "after", "noeffect"} {
		t.Run(kind, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann := w.create(person("ann@example.com"))
				w.pass(20 * time.Minute)
				w.lookup("nobody@example.com")
				f := simulator.Fault{Operation: "createUsers", Kind: kind}
				if kind == "http" {
					f.HTTP = 500
				}
				w.sim.SetFaults(f)
				w.group("Explorers", ann.ID)
				if u := w.mustUser(ann.ID); u.Delivery.State == DeliveryConfirmed || kind != "noeffect" && u.Delivery.State == DeliveryUnconfirmed {
					w.t.Errorf("shown as %s after %s", u.Delivery.State, kind)
				}
				w.stop() // and a start that nobody attends to takes it up
				w.sim.SetFaults()
				w.start()
				w.pass(20 * time.Minute)
				w.wantAt("ann@example.com", "EXPLORER")
				if u := w.mustUser(ann.ID); u.Delivery.State != DeliveryConfirmed {
					w.t.Errorf("twenty minutes later it is %s", u.Delivery.State)
				}
			})
		})
	}
}
