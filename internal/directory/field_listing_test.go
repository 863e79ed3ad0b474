package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// explorers are n people with a role and a value who are confirmed, and their ids here and at WisdomAI.
func (w *world) explorers(n int) (ids []string, wisdomIDs map[string]string) {
	w.t.Helper()
	ids = w.crowd(n, "department", "Sales")
	w.group("Explorers", ids...)
	w.pass(20 * time.Minute)
	return ids, w.idsAtWisdomAI()
}

func (w *world) idsAtWisdomAI() map[string]string {
	ids := map[string]string{}
	for _, u := range w.sim.Users() {
		ids[u.Email] = u.ID
	}
	return ids
}

// unharmed sees that everybody is at WisdomAI by the id he had, has what he had, and is shown by
// the id that the IdP knows.
func (w *world) unharmed(ids []string, wisdomIDs map[string]string) {
	w.t.Helper()
	w.crowdHas(len(ids), "EXPLORER department=Sales")
	now := w.idsAtWisdomAI()
	for email, id := range wisdomIDs {
		if now[email] != id {
			w.t.Errorf("%s is %q at WisdomAI and was %q", email, now[email], id)
		}
	}
	for i, id := range ids {
		if got := w.lookup(fmt.Sprintf("p%03d@example.com", i)); len(got) != 1 || got[0].ID != id {
			w.t.Errorf("p%03d is shown as %v, want %s", i, got, id)
		}
	}
}

// Field lesson 2: a source answered with an empty list, so everybody was deleted, and created again without what
// they had had.
func TestField02AnEmptyListingDeletesNobody(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]simulator.Fault{
		"empty":                 {Operation: "listUsers", Kind: "empty"},
		"a tenth of the people": {Operation: "listUsers", Kind: "truncate", Keep: 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ids, wisdomIDs := w.explorers(40)
				before := w.calls()
				w.sim.SetFaults(f)
				w.pass(2 * time.Hour)
				if w.disbelieved() == nil && name == "empty" {
					w.t.Error("the listing is believed")
				}
				w.sim.SetFaults()
				w.pass(2 * time.Hour)
				w.unharmed(ids, wisdomIDs)
				if n := w.calls() - before; n != 0 {
					w.t.Errorf("%d calls because of a listing", n)
				}
			})
		})
	}
}

// Field lesson 3: a run took many people out of groups by half a listing, and the next run put them back.
func TestField03APartOfAListingTakesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ids, wisdomIDs := w.explorers(40)
		before := w.calls()
		for range 6 { // a listing that is cut, and at least one that is not
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "truncate", Keep: 0.8, Times: 1})
			w.pass(40 * time.Minute)
		}
		w.unharmed(ids, wisdomIDs)
		if n := w.calls() - before; n != 0 {
			w.t.Errorf("%d calls because of listings that came in part", n)
		}
		// What really is taken says who took it.
		w.mustUpdate(ids[0], "active", false)
		w.pass(20 * time.Minute)
		w.wantAt("p000@example.com", "no role")
		if e := w.eventsOf("user.update"); len(e) != 1 || e[0].Actor != okta.Token || e[0].Request != okta.Request || e[0].Email != "p000@example.com" {
			w.t.Errorf("the events %+v do not say by what request p000 lost the role", e)
		}
	})
}

// Field lesson 4: an outage was read as "the group is gone"; it was deleted, and what hung on its id with it.
func TestField04AnOutageIsNotAbsence(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ids, wisdomIDs := w.explorers(10)
		before := w.calls()
		w.down.set(true)
		w.pass(3 * time.Hour)
		if len(w.lookup("p003@example.com")) != 1 {
			w.t.Error("p003 is not shown while WisdomAI is down")
		}
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "errors", Message: "user not found"})
		w.down.set(false)
		w.pass(3 * time.Hour)
		w.sim.SetFaults()
		w.pass(time.Hour)
		w.unharmed(ids, wisdomIDs)
		if n := w.calls() - before; n != 0 {
			w.t.Errorf("%d calls after an outage in which nobody wrote", n)
		}
		// Who leaves is suspended: his id outlives his leave.
		w.mustUpdate(ids[0], "active", false)
		w.pass(20 * time.Minute)
		w.wantAt("p000@example.com", "no role")
		w.mustUpdate(ids[0], "active", true)
		w.pass(20 * time.Minute)
		w.unharmed(ids, wisdomIDs)
	})
}
