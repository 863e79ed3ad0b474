//go:build unix

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/relational"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
	"github.com/scimbridge/scimbridge/internal/store/transfer"
)

// full is a store of either engine.
type full interface {
	store.Store
	transfer.Store
}

// place is where a store is, or will be.
type place struct {
	engine string
	open   func(unfinished bool) (full, error)
}

func newPlace(t *testing.T, engine string) place {
	t.Helper()
	if engine == "sqlite" {
		path := filepath.Join(t.TempDir(), "scimbridge.db")
		return place{engine, func(unfinished bool) (full, error) {
			s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path, Unfinished: unfinished})
			if err != nil {
				return nil, err
			}
			return s, nil
		}}
	}
	url := pgtest.Database(t)
	return place{engine, func(unfinished bool) (full, error) {
		s, err := postgres.Open(context.Background(), postgres.Options{URL: url, Unfinished: unfinished})
		if err != nil {
			return nil, err
		}
		return s, nil
	}}
}

// opened opens the store, unfinished or not, until the end of the test.
func (p place) opened(t *testing.T) full {
	t.Helper()
	s, err := p.open(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// directions runs a test for each engine to each.
func directions(t *testing.T, test func(t *testing.T, from, to place)) {
	for _, from := range []string{"sqlite", "postgres"} {
		for _, to := range []string{"sqlite", "postgres"} {
			t.Run(from+" to "+to, func(t *testing.T) { test(t, newPlace(t, from), newPlace(t, to)) })
		}
	}
}

func at(n int) time.Time {
	return time.Date(2026, 3, 4, 5, 6, n, 1000, time.UTC)
}

func update(t *testing.T, s store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// odd are texts that an engine may do something of its own with.
var odd = []string{"plain", "", "NUL \x00 in it", "mark \x01\x02\x03 and \x1b", "not UTF-8 \xff\xfe\x80", "Ünïcödé 😀 ıİ", "'quotes\" and \\ $1 ?", strings.Repeat("long ", 4000)}

// fill writes something into every table, with gaps in the numbers: at least one row is deleted again, the last
// one where its number must not come again.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		var errs []error
		do := func(err error) { errs = append(errs, err) }
		var gone []int64
		for n, text := range odd {
			key := fmt.Sprintf("%02d %s", n, text)
			account := &store.Account{
				Workspace: "w", EmailKey: key, Email: text, Tenant: "t", UserID: fmt.Sprint("id", n), Former: n%2 == 0, Present: n%3 == 0,
				WisdomID: text, Name: text, Created: "2026-01-01T00:00:00Z", Actual: []byte(text), RowHash: -1 << 63, ActualLook: 1 << 60,
				MissingLook: int64(n), MissingSince: at(n), Owned: []byte("{}"), CreatedByBridge: n%2 == 1, Desired: []byte(text), Version: int64(n), Delivered: 3,
				Confirmed: 2, Memory: []byte{0, 1, 255}, Uncertain: at(n), CallOpen: n%2 == 0, CallLook: 5, CallDeadline: at(n),
				Due: at(n), Taking: n%2 == 0, Pending: at(n), Attempts: n, LastError: text, Failed: int64(n), Drift: n, Admin: n%2 == 0,
			}
			do(tx.PutAccount(account))
			user := &store.User{
				Tenant: "t", ID: fmt.Sprint("id", n), Managed: n%2 == 0, UserName: text, UserNameKey: key, ExternalID: text, Active: n%2 == 1,
				DisplayName: text, DisplayNameKey: text, EmailKeys: []string{key, "second" + key}, Document: []byte(`{"a":"` + text + `"}`),
				Version: int64(n + 1), Created: at(n), Modified: at(n + 1), Account: account.ID, Answered: n%2 == 0,
			}
			do(tx.PutUser(user))
			group := &store.Group{Tenant: "t", ID: fmt.Sprint("g", n), DisplayName: text, DisplayNameKey: text, ExternalID: text, Version: 1, Created: at(n), Modified: at(n)}
			do(tx.PutGroup(group))
			for m := range n + 1 {
				_, err := tx.AddMember("t", store.Member{Group: group.ID, ID: fmt.Sprint("id", n-m), Type: "User"})
				do(err)
			}
			do(tx.PutAlias("t", key, text))
			do(tx.PutMeta("odd "+key, text))
			do(tx.PutTenant(&store.Tenant{Name: key, Workspace: text, Created: at(n)}))
			do(tx.PutRules(&store.Rules{Tenant: "t", Hash: key, Body: []byte(text), Approved: at(n)}))
			do(tx.PutToken(&store.Token{Tenant: "t", Name: key, Hash: []byte(key), Created: at(n), Expires: at(n + 1), Revoked: time.Time{}, LastUsed: at(2)}))
			look, err := tx.BeginLook("w")
			if err != nil {
				return err
			}
			look.State, look.Detail, look.Holder, look.Tenant, look.Until, look.Users, look.Ended = store.LookApplied, text, text, "t", at(n), n, at(n)
			do(tx.PutLook(look))
			do(tx.StageRows("w", look.Number, []store.LookRow{{EmailKey: key, Row: []byte(text)}, {EmailKey: "b", Row: nil}}))
			do(tx.PutHold(&store.Hold{Tenant: "t", Workspace: "w", Kind: "delete", Account: account.ID, EmailKey: key, WisdomID: text, Reason: text, Created: at(n), Wish: []byte(text), Released: at(n)}))
			do(tx.PutRemoval(&store.Removal{Tenant: "t", Workspace: "w", Account: account.ID, EmailKey: key, UserID: text, Kind: "suspend", Taken: []byte(text), At: at(n), Token: text, Request: text}))
			do(tx.RecordDelete("w", key, at(n)))
			do(tx.AppendEvent(&store.Event{Time: at(n), Tenant: "t", Actor: text, Request: text, Kind: "user.update", Resource: text, Email: text, Detail: []byte(text)}))
			last := &store.Account{Workspace: "w", EmailKey: "gone" + key}
			do(tx.PutAccount(last))
			gone = append(gone, last.ID)
		}
		for _, id := range gone {
			do(tx.DeleteAccount(id))
		}
		do(tx.PutAlias("t", "\xff: engines disagree about its place", "id1"))
		do(tx.DeleteUser("t", "id1", at(9)))
		do(tx.DeleteGroup("t", "g1", at(9)))
		return errors.Join(errs...)
	})
	// The newest event is forgotten too: its number must not come again.
	update(t, s, func(tx store.Tx) error {
		return tx.AppendEvent(&store.Event{Time: at(-1000), Kind: "old"})
	})
	update(t, s, func(tx store.Tx) error {
		_, err := tx.Prune(store.AgedEvents, at(-500), 10)
		return err
	})
}

// dump is everything that a store shows of what fill wrote.
func dump(t *testing.T, s store.Store) map[string]any {
	t.Helper()
	shown := map[string]any{}
	err := s.View(t.Context(), func(tx store.Tx) error {
		var errs []error
		put := func(name string, v any, err error) {
			shown[name] = v
			errs = append(errs, err)
		}
		users, err := collect(tx.Users("t", store.Query{}))
		put("users", users, err)
		groups, err := collect(tx.Groups("t", store.Query{}))
		put("groups", groups, err)
		for _, g := range groups {
			members, err := collect(tx.Members("t", g.ID))
			put("members of "+g.ID, members, err)
		}
		accounts, err := tx.Accounts("w", 0, 100)
		put("accounts", accounts, err)
		for _, a := range accounts {
			removals, err := tx.RemovalsOf(a.ID)
			put(fmt.Sprint("removals of ", a.ID), removals, err)
		}
		looks, err := tx.Looks("w", 100)
		put("looks", looks, err)
		for _, l := range looks {
			rows, err := tx.StagedRows("w", l.Number, "", 100)
			put(fmt.Sprint("rows of ", l.Number), rows, err)
		}
		holds, err := tx.Holds("t")
		put("holds", holds, err)
		tokens, err := tx.Tokens("")
		put("tokens", tokens, err)
		events, err := tx.Events("", 0, 100)
		put("events", events, err)
		rules, err := tx.RulesInForce("t")
		put("rules", rules, err)
		deletes, err := tx.CountDeletes("w", at(3))
		put("deletes", deletes, err)
		for n, text := range odd {
			key := fmt.Sprintf("%02d %s", n, text)
			alias, err := tx.Alias("t", key)
			put("alias "+key, alias, err)
			meta, err := tx.Meta("odd " + key)
			put("meta "+key, meta, err)
			tenant, err := tx.Tenant(key)
			put("tenant "+key, tenant, err)
			if meta != text || alias != text {
				t.Errorf("%q is %q as meta, %q as an alias", text, meta, alias)
			}
		}
		for _, id := range []string{"id1", "g1", "id2"} {
			deleted, err := tx.Deleted("t", id)
			put("deleted "+id, deleted, err)
		}
		found, err := collect(tx.Users("t", store.Query{Where: &store.Condition{Field: store.FieldEmail, Cmp: store.Eq, Value: fmt.Sprintf("second%02d %s", 4, odd[4])}}))
		put("by e-mail", found, err)
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

func collect[T any](seq iter.Seq2[T, error]) (list []T, err error) {
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// next are the numbers that the next rows get.
func next(t *testing.T, s store.Store) (account, hold, removal, event int64) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		a := &store.Account{Workspace: "n", EmailKey: "next@example.com"}
		h := &store.Hold{Tenant: "n"}
		r := &store.Removal{Tenant: "n"}
		e := &store.Event{Kind: "next"}
		err := errors.Join(tx.PutAccount(a), tx.PutHold(h), tx.PutRemoval(r), tx.AppendEvent(e))
		account, hold, removal, event = a.ID, h.ID, r.ID, e.Seq
		return err
	})
	return account, hold, removal, event
}

// A copy shows what the original does, goes on with its numbers, and has nothing of what is the original's alone.
func TestCopy(t *testing.T) {
	directions(t, func(t *testing.T, from, to place) {
		a, b := from.opened(t), to.opened(t)
		fill(t, a)
		own := slices.Concat(a.OwnMeta(), b.OwnMeta())
		update(t, a, func(tx store.Tx) error {
			return errors.Join(tx.PutMeta(a.OwnMeta()[0], `{}`), tx.PutMeta("restored", "hold"), tx.PutMeta("secret/cursor", "c"))
		})
		var said []transfer.Progress
		counts, err := transfer.Copy(t.Context(), a, b, func(p transfer.Progress) { said = append(said, p) })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dump(t, a), dump(t, b), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the copy shows something else (-original +copy):\n%s", diff)
		}
		var rows int64
		for i, table := range relational.Tables() {
			if counts[i].Table != table.Name || counts[i].Rows == 0 {
				t.Errorf("of %s %d rows were copied: the test has to fill every table", counts[i].Table, counts[i].Rows)
			}
			rows += counts[i].Rows
		}
		if last := said[len(said)-1]; last.Phase != transfer.Verifying || last.Done != rows || last.Total != rows || said[0].Phase != transfer.Copying {
			t.Errorf("progress begins with %+v and ends with %+v, want %d rows", said[0], last, rows)
		}
		for _, name := range append(own, relational.CopyingMark) {
			if err := b.View(t.Context(), func(tx store.Tx) error { _, err := tx.Meta(name); return err }); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("meta %s of the copy: %v, want none", name, err)
			}
		}
		s, err := to.open(false)
		if err != nil {
			t.Fatalf("the finished copy cannot be opened: %v", err)
		}
		defer s.Close()
		a1, h1, r1, e1 := next(t, a)
		a2, h2, r2, e2 := next(t, b)
		if a2 < a1 || h2 < h1 || r2 < r1 || e2 < e1 {
			t.Errorf("the copy goes on with account %d, hold %d, removal %d, event %d; the original with %d, %d, %d, %d", a2, h2, r2, e2, a1, h1, r1, e1)
		}
		update(t, b, func(tx store.Tx) error { // whose numbers are not promised, but must be free
			_, err := tx.AddMember("t", store.Member{Group: "g2", ID: "next", Type: "User"})
			return errors.Join(err, tx.PutUser(&store.User{Tenant: "t", ID: "next", UserNameKey: "next"}), tx.PutGroup(&store.Group{Tenant: "t", ID: "next"}), tx.RecordDelete("w", "next", at(1)))
		})
	})
}

// There and back again is the same store.
func TestCopyAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and runs nothing at the same time")
	}
	one, two, three := newPlace(t, "sqlite").opened(t), newPlace(t, "postgres").opened(t), newPlace(t, "sqlite").opened(t)
	fill(t, one)
	for _, step := range [][2]full{{one, two}, {two, three}} {
		if _, err := transfer.Copy(t.Context(), step[0], step[1], nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := transfer.Compare(t.Context(), one, three, nil); err != nil {
		t.Error(err)
	}
	a1, h1, r1, e1 := next(t, one)
	a3, h3, r3, e3 := next(t, three)
	if diff := cmp.Diff([]int64{a1, h1, r1, e1}, []int64{a3, h3, r3, e3}); diff != "" {
		t.Errorf("the next numbers (-first +third):\n%s", diff)
	}
}

func TestCopyRefusesATargetWithRows(t *testing.T) {
	directions(t, func(t *testing.T, from, to place) {
		a, b := from.opened(t), to.opened(t)
		fill(t, a)
		update(t, b, func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "t"}) })
		_, err := transfer.Copy(t.Context(), a, b, nil)
		if e, ok := errors.AsType[*transfer.NotEmptyError](err); !ok || e.Table != "tenants" {
			t.Errorf("error %v, want that tenants has rows", err)
		}
		if s, err := to.open(false); err != nil {
			t.Errorf("the target is touched: %v", err)
		} else {
			s.Close()
		}
	})
}

// A copy that ends half way leaves no store, and the next one begins again.
func TestCopyBrokenOff(t *testing.T) {
	directions(t, func(t *testing.T, from, to place) {
		a, b := from.opened(t), to.opened(t)
		fill(t, a)
		for _, phase := range []transfer.Phase{transfer.Copying, transfer.Verifying} {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := transfer.Copy(ctx, a, b, func(p transfer.Progress) {
				if p.Phase == phase && p.Table == "holds" {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: error %v, want that it was cancelled", phase, err)
			}
			if s, err := to.open(false); err == nil {
				s.Close()
				t.Fatalf("%s: a broken copy is opened", phase)
			} else if !strings.Contains(err.Error(), "a copy to it was not finished") || !strings.Contains(err.Error(), "scimbridge copy") {
				t.Errorf("%s: %v does not say what to do", phase, err)
			}
		}
		if _, err := transfer.Copy(t.Context(), a, b, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(dump(t, a), dump(t, b), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the copy shows something else (-original +copy):\n%s", diff)
		}
	})
}

// Each kind of difference is found, in either engine, and named without a value.
func TestCompareFindsDifferences(t *testing.T) {
	directions(t, func(t *testing.T, from, to place) {
		a, b := from.opened(t), to.opened(t)
		fill(t, a)
		if _, err := transfer.Copy(t.Context(), a, b, nil); err != nil {
			t.Fatal(err)
		}
		tests := []struct{ name, statement, table, row, says string }{
			{"a text", "UPDATE users SET display_name = 'hunter2' WHERE id = 'id3'", "users", "seq 4", "another display_name"},
			{"bytes", "UPDATE accounts SET memory = desired WHERE user_id = 'id3'", "accounts", "id 7", "another memory"},
			{"a number", "UPDATE holds SET settled = 1 WHERE id = 2", "holds", "id 2", "another settled"},
			{"a row is missing", "DELETE FROM deletes WHERE seq = 3", "deletes", "seq 3", "missing in the target"},
			{"the last row is missing", "DELETE FROM tokens WHERE name LIKE '07%'", "tokens", `tenant "t", name "07`, "missing in the target"},
			{"a row more", "INSERT INTO aliases VALUES ('t', 'abc', '')", "aliases", `tenant "t", alias "abc"`, "in the target alone"},
			{"another key", "UPDATE memberships SET seq = 100 WHERE seq = 4", "memberships", "seq 4", "missing in the target"},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				tampered := &tampered{full: b, with: test.statement}
				_, err := transfer.Compare(t.Context(), a, tampered, nil)
				d, ok := errors.AsType[*transfer.Difference](err)
				if !ok || d.Table != test.table || !strings.HasPrefix(d.Row, test.row) || !strings.Contains(d.What, test.says) {
					t.Errorf("found %v, want %s, %s: %s", err, test.table, test.row, test.says)
				}
				if err != nil && strings.Contains(err.Error(), "hunter2") {
					t.Errorf("a value is shown: %v", err)
				}
			})
		}
		if _, err := transfer.Compare(t.Context(), a, b, nil); err != nil {
			t.Errorf("what was rolled back is found: %v", err)
		}
	})
}

// tampered reads from a transaction in which something was changed, and that is rolled back.
type tampered struct {
	full
	with string
}

func (s *tampered) ReadRows(ctx context.Context, fn func(relational.Conn) error) error {
	rollback := errors.New("rollback")
	var found error
	err := s.full.WriteRows(ctx, func(c relational.Conn) error {
		if n, err := c.Exec(s.with); err != nil || n == 0 {
			return fmt.Errorf("%s: %d rows: %w", s.with, n, err)
		}
		found = fn(c)
		return rollback
	})
	if errors.Is(err, rollback) {
		return found
	}
	return err
}

// What is in memory does not grow with how many rows there are.
func TestCopyStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, and runs nothing at the same time")
	}
	directions(t, func(t *testing.T, from, to place) {
		a, b := from.opened(t), to.opened(t)
		const events, size = 2000, 20_000
		for n := 0; n < events; n += 500 {
			update(t, a, func(tx store.Tx) error {
				for m := range 500 {
					if err := tx.AppendEvent(&store.Event{Kind: "k", Detail: make([]byte, size+m)}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before, most := heap(), uint64(0)
		_, err := transfer.Copy(t.Context(), a, b, func(transfer.Progress) { most = max(most, heap()) })
		if err != nil {
			t.Fatal(err)
		}
		if grown := int64(most) - int64(before); grown > 20<<20 {
			t.Errorf("%d MB of rows took %d MB of memory", events*size>>20, grown>>20)
		}
	})
}
