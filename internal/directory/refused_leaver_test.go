package directory

import (
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

func TestV02ARefusedDeactivationIsAProblemUntilHeHasLeft(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		for _, id := range []string{ann.ID, ann.ID, bob.ID, "", "nobody"} {
			if err := w.dir.RefusedDeactivation(w.t.Context(), okta, id, "emails: expected a list"); err != nil {
				w.t.Fatal(err)
			}
		}
		found := w.logged("user.deactivation_refused")
		if len(found) != 5 || found[0].Actor != "okta" || found[0].Resource != ann.ID {
			w.t.Errorf("events %+v", found)
		}
		if n := w.health().RefusedLeavers; n != 2 {
			w.t.Errorf("%d who keep access, want 2", n)
		}
		w.mustUpdate(ann.ID, "active", false)
		if n := w.health().RefusedLeavers; n != 1 {
			w.t.Errorf("%d after one has left, want 1", n)
		}
		if err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			return writeState(tx, w.dir.ofTenant("refused leavers"), []refusedLeaver{{ID: bob.ID, At: tx.Now().Add(-leaverShown - time.Second)}})
		}); err != nil {
			w.t.Fatal(err)
		}
		if n := w.health().RefusedLeavers; n != 0 {
			w.t.Errorf("%d after a week", n)
		}
	})
}
