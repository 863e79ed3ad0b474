package directory

import (
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// The traces here were found by killing the program at random moments.

func TestV19AListingBehindADeleteInvitesNobodyAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		w.after = func(e simulator.Effect) {
			if e.Operation == "createUsers" {
				w.t.Errorf("a deleted person was invited again")
			}
		}
		before := w.calls()
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.wantAt("ann@example.com", "-")
		w.pass(6 * time.Second)
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "stale", Age: "20s", Times: 1})
		w.lookup("nobody@example.com") // which is answered by a listing of before the delete
		w.pass(2 * time.Hour)
		w.wantAt("ann@example.com", "-")
		if n := w.calls() - before; n > 3 {
			w.t.Errorf("%d calls, want the delete, the same again, and perhaps once more until a listing says so", n)
		}
		if n := len(w.holds()); n != 0 {
			w.t.Errorf("%d holds of somebody who is gone", n)
		}
		w.after = nil
	})
}

func TestV08WhomOurOwnCallInvitedAnewIsOurs(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com", "department", "Sales"))
		g := w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		w.sim.SetFaults(
			simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "after", Times: 1},
			simulator.Fault{Operation: "listUsers", Kind: "stale", Age: "20s", Times: 1})
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		again := w.create(person("ann@example.com")) // hired again; the listing shows the one who was deleted
		w.patch(g.ID, GroupChange{Add: refs(again.ID)})
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "EXPLORER")
		if err := w.dir.DeleteUser(w.t.Context(), okta, again.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "-")
	})
}

func TestV18WhoWasInvitedAgainBeforeHisDeleteHasNoAccess(t *testing.T) {
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		w.sim.RemoveUsers("ann@example.com")
		w.invite("ann@example.com", "CREATOR") // and no look showed it
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(20 * time.Minute) // the id is not found; the next look shows another for the address
		w.wantAt("ann@example.com", "no role")
		if n := len(w.holds()); n != 1 {
			w.t.Errorf("%d holds, want 1: the bridge did not create him (V-08)", n)
		}
	})
}
