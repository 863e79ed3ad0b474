package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// TestV38Retention: what is older than it is kept for goes by itself, in pieces, and nothing younger.
func TestV38Retention(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		gone := w.create(person("gone@example.com"))
		ann := w.create(person("ann@example.com"))
		w.invite("bob@example.com", "CREATOR")
		w.pass(20 * time.Minute)
		bob := w.lookup("bob@example.com")[0]
		w.deleteAs(okta, gone.ID)
		w.deactivateAs(okta, ann.ID)
		w.deleteAs(okta, bob.ID) // adopted: suspended, and held
		err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			for n := range 3*pruneBatch + 1 {
				if err := tx.AppendEvent(&store.Event{Tenant: "default", Kind: "old", Resource: fmt.Sprint(n)}); err != nil {
					return err
				}
			}
			settled := &store.Hold{Tenant: "default", Created: tx.Now(), Settled: tx.Now(), Outcome: "released"}
			return tx.PutHold(settled)
		})
		if err != nil {
			w.t.Fatal(err)
		}
		count := func() string {
			var out string
			err := w.store.View(w.t.Context(), func(tx store.Tx) error {
				events, err := tx.Events("default", 0, 1<<20)
				if err != nil {
					return err
				}
				old := 0
				for _, e := range events {
					if e.Kind == "old" {
						old++
					}
				}
				dead, err := tx.Deleted("default", gone.ID)
				if err != nil {
					return err
				}
				deletes, err := tx.CountDeletes(w.o.Workspace, time.Time{})
				if err != nil {
					return err
				}
				holds, err := tx.Holds("default")
				out = fmt.Sprintf("old events %d, tombstone %v, removals %d, deletes %d, open holds %d", old, dead, len(w.removals("ann@example.com")), deletes, len(holds))
				return err
			})
			if err != nil {
				w.t.Fatal(err)
			}
			return out
		}
		want := func(when, want string) {
			w.t.Helper()
			if got := count(); got != want {
				w.t.Errorf("%s: %s\nwant %s", when, got, want)
			}
		}
		w.pass(3 * time.Hour)
		want("after three hours", "old events 1501, tombstone true, removals 1, deletes 1, open holds 1")
		w.pass(3 * time.Hour)
		want("after six", "old events 1501, tombstone false, removals 0, deletes 0, open holds 1")
		if _, err := w.dir.RestoreUser(w.t.Context(), "ann@example.com", false); err == nil {
			w.t.Error("what is no longer kept was given back")
		}
		w.pass(3 * time.Hour)
		want("after nine", "old events 0, tombstone false, removals 0, deletes 0, open holds 1")
		w.mustUpdate(ann.ID, "active", true)
		w.wantAt("ann@example.com", "no role")
	}, func(w *world) { w.o.Retention = Retention{Events: 8 * time.Hour, Tombstones: 5 * time.Hour} })
}
