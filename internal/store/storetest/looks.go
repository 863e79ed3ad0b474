package storetest

import (
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

var looks = []test{
	{"V-23 BeginLook draws rising numbers, a row of them for each workspace", func(t *T) {
		number := func(ws string) int64 {
			return reads(t, func(tx store.Tx) (int64, error) { return tx.LookNumber(ws) })
		}
		t.equal("before the first", number("w"), int64(0))
		for n := int64(1); n <= 3; n++ {
			var l *store.Look
			t.update(func(tx store.Tx) (err error) { l, err = tx.BeginLook("w"); return err })
			t.equal("look", l, &store.Look{
				Workspace: "w", Number: n, State: store.LookRunning, Begun: t.Clock.Now().UTC().Truncate(time.Microsecond),
			})
			t.equal("number", number("w"), n)
			t.Clock.advance(time.Second)
		}
		t.equal("elsewhere", number("x"), int64(0))
	}},
	{"V-23 no number is drawn twice", func(t *T) {
		numbers := make([]int64, 30)
		for n, err := range together(len(numbers), func(n int) error {
			return t.Store.Update(t.Context(), func(tx store.Tx) error {
				l, err := tx.BeginLook("w")
				if err == nil {
					numbers[n] = l.Number
				}
				return err
			})
		}) {
			if err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
		}
		seen := make(map[int64]bool)
		for _, n := range numbers {
			if seen[n] || n < 1 {
				t.Errorf("number %d is drawn twice, or not a number", n)
			}
			seen[n] = true
		}
	}},
	{"LastLook is the newest in a state", func(t *T) {
		last := func(state store.LookState) func(tx store.Tx) (*store.Look, error) {
			return func(tx store.Tx) (*store.Look, error) { return tx.LastLook("w", state) }
		}
		t.fails(store.ErrNotFound, "LastLook", func(tx store.Tx) error { _, err := last(store.LookApplied)(tx); return err })
		var all []*store.Look
		t.update(func(tx store.Tx) error {
			all = nil
			for n, state := range []store.LookState{store.LookApplied, store.LookApplied, store.LookFailed, store.LookRunning, store.LookDisbelieved, store.LookDiscarded} {
				l, err := tx.BeginLook("w")
				if err != nil {
					return err
				}
				l.State, l.Ended, l.Users, l.Detail = state, at(n), n, fmt.Sprint("detail ", n)
				l.Tenant, l.Holder, l.Until = "t", fmt.Sprint("holder ", n), at(n+1)
				if err := tx.PutLook(l); err != nil {
					return err
				}
				all = append(all, l)
			}
			return nil
		})
		for state, want := range map[store.LookState]int{
			store.LookApplied: 1, store.LookFailed: 2, store.LookRunning: 3, store.LookDisbelieved: 4, store.LookDiscarded: 5,
		} {
			t.equal(string(state), reads(t, last(state)), all[want])
		}
		t.fails(store.ErrNotFound, "of another workspace", func(tx store.Tx) error { _, err := tx.LastLook("x", store.LookApplied); return err })
		t.fails(store.ErrNotFound, "PutLook that was not begun", func(tx store.Tx) error {
			return tx.PutLook(&store.Look{Workspace: "w", Number: 99, State: store.LookApplied})
		})
	}},
	{"Looks are the newest first, and PruneLooks keeps the newest of each state", func(t *T) {
		newest := func(ws string, limit int) []int64 {
			return reads(t, func(tx store.Tx) ([]int64, error) {
				list, err := tx.Looks(ws, limit)
				var out []int64
				for _, l := range list {
					out = append(out, l.Number)
				}
				return out, err
			})
		}
		t.equal("of none", newest("w", 3), []int64(nil))
		var begun []time.Time
		for _, state := range []store.LookState{store.LookFailed, store.LookFailed, store.LookApplied, store.LookDisbelieved, store.LookRunning, store.LookDisbelieved} {
			t.update(func(tx store.Tx) error {
				for _, ws := range []string{"w", "x"} {
					l, err := tx.BeginLook(ws)
					if err != nil {
						return err
					}
					l.State = state
					if err := tx.PutLook(l); err != nil {
						return err
					}
				}
				begun = append(begun, tx.Now())
				return nil
			})
			t.Clock.advance(time.Second)
		}
		t.equal("two", newest("w", 2), []int64{6, 5})
		t.equal("all", newest("w", 9), []int64{6, 5, 4, 3, 2, 1})
		t.update(func(tx store.Tx) error { return tx.PruneLooks("w", begun[1]) })
		t.equal("the old ones gone", newest("w", 9), []int64{6, 5, 4, 3, 2})
		t.update(func(tx store.Tx) error { return tx.PruneLooks("w", begun[5].Add(time.Hour)) })
		t.equal("one of each state", newest("w", 9), []int64{6, 5, 3, 2})
		t.equal("elsewhere all", newest("x", 9), []int64{6, 5, 4, 3, 2, 1})
		var l *store.Look
		t.update(func(tx store.Tx) (err error) { l, err = tx.BeginLook("w"); return err })
		t.equal("the next number", l.Number, int64(7))
	}},
	{"staged rows come back in order, in pages, until they are dropped", func(t *T) {
		row := func(key string, n int) store.LookRow {
			return store.LookRow{EmailKey: key, Row: fmt.Appendf(nil, `{"n":%d}`, n)}
		}
		t.update(func(tx store.Tx) error {
			for _, stage := range []struct {
				ws   string
				look int64
				rows []store.LookRow
			}{
				{"w", 1, []store.LookRow{row("old", 0)}},
				{"w", 2, []store.LookRow{row("c", 3), row("a", 1)}},
				{"w", 2, []store.LookRow{row("b", 2), row("e", 5), row("d", 4)}},
				{"w", 2, []store.LookRow{row("b", 22)}}, // the later counts
				{"w", 3, []store.LookRow{row("new", 0)}},
				{"x", 2, []store.LookRow{row("elsewhere", 0)}},
				{"w", 2, nil},
			} {
				if err := tx.StageRows(stage.ws, stage.look, stage.rows); err != nil {
					return err
				}
			}
			return nil
		})
		staged := func(ws string, look int64, after string, limit int) []store.LookRow {
			return reads(t, func(tx store.Tx) ([]store.LookRow, error) { return tx.StagedRows(ws, look, after, limit) })
		}
		t.equal("first page", staged("w", 2, "", 2), []store.LookRow{row("a", 1), row("b", 22)})
		t.equal("second page", staged("w", 2, "b", 2), []store.LookRow{row("c", 3), row("d", 4)})
		t.equal("last page", staged("w", 2, "d", 2), []store.LookRow{row("e", 5)})
		t.equal("beyond", staged("w", 2, "e", 2), []store.LookRow(nil))
		t.equal("none asked for", staged("w", 2, "", 0), []store.LookRow(nil))

		t.update(func(tx store.Tx) error { return tx.DropStaged("w", 2) })
		t.equal("dropped before", staged("w", 1, "", 9), []store.LookRow(nil))
		t.equal("dropped", staged("w", 2, "", 9), []store.LookRow(nil))
		t.equal("kept after", staged("w", 3, "", 9), []store.LookRow{row("new", 0)})
		t.equal("kept elsewhere", staged("x", 2, "", 9), []store.LookRow{row("elsewhere", 0)})
	}},
}
