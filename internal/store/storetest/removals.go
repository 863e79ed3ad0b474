package storetest

import (
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/store"
)

func removal(n int) *store.Removal {
	return &store.Removal{
		Tenant: "t", Workspace: "w", Account: int64(n % 2), EmailKey: fmt.Sprintf("user%d@example.com", n), UserID: user(n).ID, Kind: "deleted",
		Taken: fmt.Appendf(nil, `{"n":%d}`, n), At: at(n), Token: "okta", Request: fmt.Sprint("req-", n),
	}
}

var removals = []test{
	{"V-38 removals are found by account, and by token and time, until they are settled", func(t *T) {
		var list []*store.Removal
		t.update(func(tx store.Tx) error {
			list = nil
			for n := range 5 {
				m := removal(n)
				switch n {
				case 3:
					m.Token = "entra"
				case 4:
					m.Tenant = "u"
				}
				if err := tx.PutRemoval(m); err != nil {
					return err
				}
				list = append(list, m)
			}
			return nil
		})
		of := func(account int64) []*store.Removal {
			return reads(t, func(tx store.Tx) ([]*store.Removal, error) { return tx.RemovalsOf(account) })
		}
		by := func(token string, since, limit int, after int64) []*store.Removal {
			return reads(t, func(tx store.Tx) ([]*store.Removal, error) { return tx.RemovalsBy("t", token, at(since), after, limit) })
		}
		t.equal("one", reads(t, func(tx store.Tx) (*store.Removal, error) { return tx.Removal(list[2].ID) }), list[2])
		t.equal("of account 0", of(0), []*store.Removal{list[0], list[2], list[4]})
		t.equal("by okta", by("okta", 0, 9, 0), []*store.Removal{list[0], list[1], list[2]})
		t.equal("by okta, later", by("okta", 1, 9, 0), []*store.Removal{list[1], list[2]})
		t.equal("by okta, a page", by("okta", 0, 1, list[0].ID), []*store.Removal{list[1]})
		t.equal("by entra", by("entra", 0, 9, 0), []*store.Removal{list[3]})
		t.update(func(tx store.Tx) error {
			list[0].Settled, list[0].Outcome = at(9), "restored"
			list[2].Taken = []byte(`{"more":true}`)
			return errors.Join(tx.PutRemoval(list[0]), tx.PutRemoval(list[2]))
		})
		t.equal("of account 0, one settled", of(0), []*store.Removal{list[2], list[4]})
		t.equal("by okta, one settled", by("okta", 0, 9, 0), []*store.Removal{list[1], list[2]})
		t.equal("the settled one", reads(t, func(tx store.Tx) (*store.Removal, error) { return tx.Removal(list[0].ID) }), list[0])
		t.fails(store.ErrNotFound, "Removal", func(tx store.Tx) error { _, err := tx.Removal(99); return err })
		t.fails(store.ErrNotFound, "PutRemoval with an id", func(tx store.Tx) error { return tx.PutRemoval(&store.Removal{ID: 99}) })
	}},
}

var retention = []test{
	{"Prune removes the oldest rows of a kind, so many at a time", func(t *T) {
		fill := func(tx store.Tx) error {
			for n := range 5 {
				u := user(n)
				open, settled := &store.Hold{Tenant: "t", Created: at(n)}, &store.Hold{Tenant: "t", Created: at(0), Settled: at(n)}
				err := errors.Join(
					tx.AppendEvent(&store.Event{Time: at(n), Tenant: "t", Kind: "x"}), tx.PutUser(u), tx.DeleteUser(u.Tenant, u.ID, at(n)),
					tx.PutRemoval(removal(n)), tx.PutHold(open), tx.PutHold(settled), tx.RecordDelete("w", "a@example.com", at(n)))
				if err != nil {
					return err
				}
			}
			return nil
		}
		t.update(fill)
		for _, kind := range []store.Aged{store.AgedEvents, store.AgedTombstones, store.AgedRemovals, store.AgedHolds, store.AgedDeletes} {
			for _, step := range []struct{ before, limit, want int }{{0, 9, 0}, {3, 2, 2}, {3, 2, 1}, {3, 2, 0}} {
				var n int
				t.update(func(tx store.Tx) (err error) {
					n, err = tx.Prune(kind, at(step.before), step.limit)
					return err
				})
				t.equal(fmt.Sprintf("%s before %d, at most %d", kind, step.before, step.limit), n, step.want)
			}
		}
		t.view(func(tx store.Tx) error {
			events, err := tx.Events("", 0, 99)
			t.equal("events left", len(events), 2)
			removals := 0
			for account := range int64(2) {
				list, e := tx.RemovalsOf(account)
				removals += len(list)
				err = errors.Join(err, e)
			}
			t.equal("removals left", removals, 2)
			holds, e := tx.Holds("t")
			t.equal("open holds left", len(holds), 5)
			deletes, e2 := tx.CountDeletes("w", at(0))
			t.equal("deletes left", deletes, 2)
			gone, e3 := tx.Deleted("t", user(2).ID)
			kept, e4 := tx.Deleted("t", user(3).ID)
			t.equal("tombstones", []bool{gone, kept}, []bool{false, true})
			return errors.Join(err, e, e2, e3, e4)
		})
		if err := t.Store.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Prune("users", at(9), 1); return err }); err == nil {
			t.Error("a kind of row that does not age was pruned")
		}
	}},
	{"EventsAbout are the last ones, newest first", func(t *T) {
		var list []*store.Event
		t.update(func(tx store.Tx) error {
			list = nil
			for n := range 6 {
				e := &store.Event{Time: at(n), Tenant: "t", Kind: "x", Resource: fmt.Sprint(n % 2)}
				if err := tx.AppendEvent(e); err != nil {
					return err
				}
				list = append(list, e)
			}
			return tx.AppendEvent(&store.Event{Time: at(9), Tenant: "u", Kind: "x", Resource: "1"})
		})
		about := func(resource string, limit int) []*store.Event {
			return reads(t, func(tx store.Tx) ([]*store.Event, error) { return tx.EventsAbout("t", resource, limit) })
		}
		t.equal("two", about("1", 2), []*store.Event{list[5], list[3]})
		t.equal("of nobody", about("", 9), []*store.Event(nil))
	}},
}

var drift = []test{
	{"V-30 accounts that somebody else changed are found and counted", func(t *T) {
		ids := t.put(5, func(n int, a *store.Account) {
			a.Drift = []int{1, 0, 5, 1, 1}[n]
			if n == 4 {
				a.Tenant = "u"
			}
		})
		of := func(after int64, limit int) []int64 {
			return t.accountIDs(func(tx store.Tx) ([]*store.Account, error) { return tx.DriftedAccounts("t", after, limit) })
		}
		t.equal("all", of(0, 9), pick(ids, 0, 2, 3))
		t.equal("a page", of(ids[0], 1), pick(ids, 2))
		count := func() map[int]int {
			return reads(t, func(tx store.Tx) (map[int]int, error) { return tx.CountDrift("t") })
		}
		t.equal("counts", count(), map[int]int{1: 2, 5: 1})
		t.update(func(tx store.Tx) error {
			a, err := tx.Account(ids[0])
			if err != nil {
				return err
			}
			a.Drift = 0
			return tx.PutAccount(a)
		})
		t.equal("counts, one settled", count(), map[int]int{1: 1, 5: 1})
	}},
}
