package directory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

func (w *world) owners() []keyOwner {
	w.t.Helper()
	var out []keyOwner
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		var err error
		out, err = w.dir.owners(tx)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestV34WhoseKeyItIs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.sim.SetFaults(simulator.Fault{Operation: "currentUser", Kind: "hang", Times: 1})
		w.pass(30 * time.Second)
		if got := w.owners(); got != nil {
			w.t.Errorf("owners %+v before anybody said so", got)
		}
		if _, err := w.lastLook(); err != nil {
			w.t.Errorf("no look while the owner is not known: %v", err)
		}
		w.pass(time.Minute)
		w.lookup("nobody@example.com")
		var id string
		for _, u := range w.sim.Users() {
			if u.Email == "owner@wisdom.invalid" {
				id = u.ID
			}
		}
		want := []keyOwner{{ID: id, Email: "owner@wisdom.invalid", Listed: true}}
		if diff := cmp.Diff(want, w.owners()); diff != "" {
			w.t.Errorf("owners (-want +got):\n%s", diff)
		}
		for email, want := range map[string]bool{"owner@wisdom.invalid": true, "ann@example.com": false} {
			if want == false {
				w.create(person(email))
			}
			a := w.account(email)
			err := w.store.View(w.t.Context(), func(tx store.Tx) error {
				got, err := w.dir.isOwner(tx, a)
				if got != want {
					w.t.Errorf("isOwner(%s) = %v", email, got)
				}
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}
		n := w.sim.Requests("currentUser")
		w.lookup("nobody@example.com")
		w.pass(20 * time.Second)
		w.lookup("nobody@example.com")
		if more := w.sim.Requests("currentUser") - n; more > 1 {
			w.t.Errorf("asked %d times within max_age", more)
		}
	})
}
