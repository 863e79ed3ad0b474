package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// account is an account of the workspace w with every field set that does not put it in a queue.
func account(n int) *store.Account {
	return &store.Account{
		Workspace: "w", EmailKey: fmt.Sprintf("user%d@example.com", n), Email: fmt.Sprintf("User%d@Example.com", n),
		Tenant: "t", UserID: user(n).ID, Former: true,
		Present: true, WisdomID: fmt.Sprintf("u_%d", n), Name: fmt.Sprintf("User %d", n), Created: "2026-01-02T03:04:05Z",
		Actual: fmt.Appendf(nil, `{"roles":[%d]}`, n), RowHash: -int64(n) - 1, ActualLook: 1, MissingLook: 2, MissingSince: at(n),
		Owned: []byte(`{"keys":["a"]}`), CreatedByBridge: true,
		Desired: []byte(`{"state":"present"}`), Version: 7, Delivered: 6, Confirmed: 6, Memory: []byte(`{"lost":1}`),
		CallLook: 3, CallDeadline: at(n + 1), Attempts: 4, LastError: "refused: ü",
	}
}

// put stores accounts, each after change, and returns their ids.
func (t *T) put(n int, change func(n int, a *store.Account)) []int64 {
	t.Helper()
	ids := make([]int64, n)
	t.update(func(tx store.Tx) error {
		for i := range n {
			a := account(i)
			change(i, a)
			if err := tx.PutAccount(a); err != nil {
				return err
			}
			ids[i] = a.ID
		}
		return nil
	})
	return ids
}

func (t *T) accountIDs(fn func(tx store.Tx) ([]*store.Account, error)) []int64 {
	t.Helper()
	var ids []int64
	for _, a := range reads(t, fn) {
		ids = append(ids, a.ID)
	}
	return ids
}

// pick are the elements of ids at the places given.
func pick(ids []int64, places ...int) []int64 {
	var out []int64
	for _, p := range places {
		out = append(out, ids[p])
	}
	return out
}

var accounts = []test{
	{"PutAccount inserts with an id and replaces every field", func(t *T) {
		want := account(1)
		t.update(func(tx store.Tx) error {
			*want = *account(1)
			return tx.PutAccount(want)
		})
		if want.ID == 0 {
			t.Error("no id was given")
		}
		full := account(2)
		full.ID, full.EmailKey = want.ID, want.EmailKey
		full.Uncertain, full.CallOpen = at(3), true
		full.LeaseHolder, full.LeaseUntil, full.LeaseFence = "me", at(4), 5
		full.Due, full.Taking, full.Pending, full.Failed, full.Admin = at(6), true, at(7), 8, true
		bare := &store.Account{ID: want.ID, Workspace: "w", EmailKey: want.EmailKey}
		for _, a := range []*store.Account{want, full, bare, full} {
			t.update(func(tx store.Tx) error { return tx.PutAccount(a) })
			t.equal("Account", reads(t, func(tx store.Tx) (*store.Account, error) { return tx.Account(a.ID) }), a)
			t.equal("AccountByEmail", reads(t, func(tx store.Tx) (*store.Account, error) { return tx.AccountByEmail("w", a.EmailKey) }), a)
		}
	}},
	{"what is not there is not found", func(t *T) {
		t.put(1, func(int, *store.Account) {})
		for name, fn := range map[string]func(tx store.Tx) error{
			"Account":               func(tx store.Tx) error { _, err := tx.Account(999); return err },
			"AccountByEmail":        func(tx store.Tx) error { _, err := tx.AccountByEmail("w", "nobody"); return err },
			"another workspace":     func(tx store.Tx) error { _, err := tx.AccountByEmail("x", account(0).EmailKey); return err },
			"PutAccount with an id": func(tx store.Tx) error { a := account(5); a.ID = 999; return tx.PutAccount(a) },
			"DeleteAccount":         func(tx store.Tx) error { return tx.DeleteAccount(999) },
			"LeaseAccount":          func(tx store.Tx) error { _, err := tx.LeaseAccount(999, "me", at(0)); return err },
		} {
			t.fails(store.ErrNotFound, name, fn)
		}
	}},
	{"one account an address in a workspace", func(t *T) {
		ids := t.put(2, func(int, *store.Account) {})
		holder := fmt.Sprint(ids[0])
		t.conflicts("email", holder, func(tx store.Tx) error { return tx.PutAccount(account(0)) })
		t.conflicts("email", holder, func(tx store.Tx) error {
			a := account(0)
			a.ID = ids[1]
			return tx.PutAccount(a)
		})
		t.update(func(tx store.Tx) error {
			a := account(0)
			a.Workspace = "x"
			return tx.PutAccount(a)
		})
	}},
	{"an id is never given twice", func(t *T) {
		ids := t.put(2, func(int, *store.Account) {})
		t.update(func(tx store.Tx) error { return tx.DeleteAccount(ids[1]) })
		t.fails(store.ErrNotFound, "Account", func(tx store.Tx) error { _, err := tx.Account(ids[1]); return err })
		t.update(func(tx store.Tx) error {
			a := account(1)
			if err := tx.PutAccount(a); err != nil {
				return err
			}
			if a.ID <= ids[1] {
				t.Errorf("id %d after %d", a.ID, ids[1])
			}
			return nil
		})
	}},
	{"V-15 DueAccounts: takings first, then by due time, not the leased", func(t *T) {
		now := t.Clock.Now().UTC().Truncate(time.Microsecond)
		s := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }
		ids := t.put(10, func(n int, a *store.Account) {
			switch n {
			case 0:
				a.Due = s(-1)
			case 1:
				a.Due = s(-3)
			case 2:
				a.Due, a.Taking = s(0), true
			case 3:
				a.Due, a.Taking = s(-2), true
			case 4:
				a.Due = s(1) // not yet
			case 5:
				a.Taking = true // nothing to do
			case 6:
				a.Due, a.LeaseHolder, a.LeaseUntil = s(-9), "other", s(1) // leased
			case 7:
				a.Due, a.LeaseHolder, a.LeaseUntil = s(-2), "other", s(0) // lease has ended
			case 8:
				a.Due, a.Workspace = s(-9), "x"
			case 9:
				a.Due, a.Tenant = s(-9), "u" // another tenant's, on the same workspace (V-36)
			}
		})
		due := func(limit int) []store.Due {
			return reads(t, func(tx store.Tx) ([]store.Due, error) { return tx.DueAccounts("w", "t", now, limit) })
		}
		want := []store.Due{
			{ID: ids[3], Taking: true, Due: s(-2)}, {ID: ids[2], Taking: true, Due: s(0)},
			{ID: ids[1], Due: s(-3)}, {ID: ids[7], Due: s(-2)}, {ID: ids[0], Due: s(-1)},
		}
		for limit := range len(want) + 2 {
			t.equal(fmt.Sprintf("limit %d", limit), due(limit), want[:min(limit, len(want))])
		}
	}},
	{"NextDue is the earliest after now", func(t *T) {
		next := func(ws string, now time.Time) time.Time {
			return reads(t, func(tx store.Tx) (time.Time, error) { return tx.NextDue(ws, "t", now) })
		}
		t.equal("of none", next("w", at(0)), time.Time{})
		t.put(4, func(n int, a *store.Account) {
			if n > 0 {
				a.Due, a.Taking = at(n*10), n == 3
			}
		})
		t.equal("at first", next("w", at(0)), at(10))
		t.equal("after the first", next("w", at(10)), at(20))
		t.equal("a taking", next("w", at(25)), at(30))
		t.equal("after the last", next("w", at(30)), time.Time{})
		t.equal("elsewhere", next("x", at(0)), time.Time{})
		t.equal("another tenant's", reads(t, func(tx store.Tx) (time.Time, error) { return tx.NextDue("w", "u", at(0)) }), time.Time{})
	}},
	{"RouseAccounts: those of a kind that rest are due now", func(t *T) {
		var now time.Time
		ids := t.put(5, func(n int, a *store.Account) {
			switch n {
			case 1, 2:
				a.Due, a.Taking = at(1<<30), n == 2
			case 3:
				a.Due = at(1)
			case 4:
				a.Due, a.Workspace = at(1<<30), "x"
			}
		})
		t.update(func(tx store.Tx) error { now = tx.Now(); return tx.RouseAccounts("w", "t", false) })
		row := func(n int) *store.Account {
			return reads(t, func(tx store.Tx) (*store.Account, error) { return tx.Account(ids[n]) })
		}
		t.equal("one without a due time", row(0).Due, time.Time{})
		t.equal("one that rests", row(1).Due, now)
		t.equal("its attempts", row(1).Attempts, 0)
		t.equal("of the other kind", row(2).Due, at(1<<30))
		t.equal("due already", row(3).Due, at(1))
		t.equal("its attempts stay", row(3).Attempts, 4)
		t.equal("elsewhere", row(4).Due, at(1<<30))
	}},
	{"Accounts: all of a workspace by id, a page at a time", func(t *T) {
		ids := t.put(5, func(n int, a *store.Account) {
			if n == 2 {
				a.Workspace = "other"
			}
		})
		page := func(after int64, limit int) []int64 {
			return t.accountIDs(func(tx store.Tx) ([]*store.Account, error) { return tx.Accounts("w", after, limit) })
		}
		t.equal("first page", page(0, 2), pick(ids, 0, 1))
		t.equal("second page", page(ids[1], 2), pick(ids, 3, 4))
		t.equal("after the last", len(page(ids[4], 2)), 0)
	}},
	{"UnconfirmedAccounts: delivered and not seen, or uncertain", func(t *T) {
		ids := t.put(5, func(n int, a *store.Account) {
			switch n {
			case 1:
				a.Delivered = 7 // seen is 6
			case 2:
				a.Uncertain = at(1)
			case 3:
				a.Delivered, a.Uncertain = 7, at(1)
			case 4:
				a.Delivered, a.Workspace = 7, "x"
			}
		})
		unconfirmed := func(tx store.Tx) ([]*store.Account, error) { return tx.UnconfirmedAccounts("w") }
		t.equal("unconfirmed", t.accountIDs(unconfirmed), pick(ids, 1, 2, 3))
		t.update(func(tx store.Tx) error {
			a, err := tx.Account(ids[2])
			if err != nil {
				return err
			}
			a.Uncertain = time.Time{}
			return tx.PutAccount(a)
		})
		t.equal("after a look", t.accountIDs(unconfirmed), pick(ids, 1, 3))
	}},
	{"V-34 AdminAccounts of a workspace", func(t *T) {
		ids := t.put(4, func(n int, a *store.Account) {
			a.Admin = n != 1
			if n == 3 {
				a.Workspace = "x"
			}
		})
		admins := func(tx store.Tx) ([]*store.Account, error) { return tx.AdminAccounts("w") }
		t.equal("administrators", t.accountIDs(admins), pick(ids, 0, 2))
		t.update(func(tx store.Tx) error {
			a, err := tx.Account(ids[0])
			if err != nil {
				return err
			}
			a.Admin = false
			return tx.PutAccount(a)
		})
		t.equal("one less", t.accountIDs(admins), pick(ids, 2))
	}},
	{"AccountsOf a user, former ones too", func(t *T) {
		ids := t.put(5, func(n int, a *store.Account) {
			a.UserID, a.Former = user(1).ID, n > 0
			if n == 3 {
				a.Tenant = "u"
			}
			if n == 4 {
				a.UserID = ""
			}
		})
		t.equal("of the user", t.accountIDs(func(tx store.Tx) ([]*store.Account, error) { return tx.AccountsOf("t", user(1).ID) }), pick(ids, 0, 1, 2))
		t.equal("of nobody", t.accountIDs(func(tx store.Tx) ([]*store.Account, error) { return tx.AccountsOf("t", "") }), pick(ids))
	}},
	{"KnownAccounts are all of a workspace", func(t *T) {
		ids := t.put(3, func(n int, a *store.Account) {
			a.Present = n == 1
			if n == 2 {
				a.Workspace = "x"
			}
		})
		known := make(map[int64]store.Known)
		for _, k := range reads(t, func(tx store.Tx) ([]store.Known, error) { return collect(tx.KnownAccounts("w")) }) {
			known[k.ID] = k
		}
		t.equal("known", known, map[int64]store.Known{
			ids[0]: {ID: ids[0], EmailKey: account(0).EmailKey, RowHash: account(0).RowHash},
			ids[1]: {ID: ids[1], EmailKey: account(1).EmailKey, RowHash: account(1).RowHash, Present: true},
		})
	}},
	{"PendingAccounts: the longest waiting first, a page at a time; FailedAccounts: by id", func(t *T) {
		ids := t.put(8, func(n int, a *store.Account) {
			a.Pending, a.Taking = at(-n), n%2 == 0
			switch n {
			case 3, 6:
				a.Failed = 7
			case 4:
				a.Pending = at(-2) // as long as another
			case 5:
				a.Workspace, a.Failed = "x", 7
			case 7:
				a.Pending, a.Failed = time.Time{}, 1
			}
		})
		page := func(taking bool, since time.Time, id int64, limit int) []int64 {
			return t.accountIDs(func(tx store.Tx) ([]*store.Account, error) {
				return tx.PendingAccounts("w", "t", taking, since, id, limit)
			})
		}
		t.equal("takings", page(true, time.Time{}, 0, 10), pick(ids, 6, 2, 4, 0))
		t.equal("two of them", page(true, time.Time{}, 0, 2), pick(ids, 6, 2))
		t.equal("the others of them", page(true, at(-2), ids[2], 10), pick(ids, 4, 0))
		t.equal("givings", page(false, time.Time{}, 0, 10), pick(ids, 3, 1))
		failed := func(after int64, limit int) []int64 {
			return t.accountIDs(func(tx store.Tx) ([]*store.Account, error) { return tx.FailedAccounts("w", "t", after, limit) })
		}
		t.equal("failed", failed(0, 10), pick(ids, 3, 6, 7))
		t.equal("the first", failed(0, 1), pick(ids, 3))
		t.equal("the others", failed(ids[3], 10), pick(ids, 6, 7))
	}},
	{"Backlog counts what is not delivered", func(t *T) {
		backlog := func() store.Backlog {
			return reads(t, func(tx store.Tx) (store.Backlog, error) { return tx.Backlog("w", "t") })
		}
		t.equal("of none", backlog(), store.Backlog{})
		t.put(8, func(n int, a *store.Account) {
			switch n {
			case 0:
				a.Pending = at(9)
			case 1:
				a.Pending, a.Taking = at(5), true
			case 2:
				a.Pending, a.Taking, a.Uncertain = at(7), true, at(8)
			case 3:
				a.Failed = 7
			case 4:
				a.Uncertain, a.Taking = at(1), true
			case 5:
				a.Pending, a.Failed, a.Uncertain, a.Workspace = at(1), 7, at(1), "x"
			case 6:
				a.Pending, a.Failed, a.Uncertain, a.Tenant = at(1), 7, at(1), "u"
			case 7:
				a.Pending = at(2)
			}
		})
		t.equal("backlog", backlog(), store.Backlog{Pending: 4, Taking: 2, Failed: 1, Uncertain: 2, Oldest: at(2), OldestTaking: at(5)})
	}},
}

var leases = []test{
	{"V-17 a lease excludes others until it ends, and every one raises the fence", func(t *T) {
		id := t.put(1, func(_ int, a *store.Account) { a.LeaseFence = 41 })[0]
		lease := func(holder string, d time.Duration) (*store.Account, error) {
			var a *store.Account
			err := t.Store.Update(t.Context(), func(tx store.Tx) (err error) {
				a, err = tx.LeaseAccount(id, holder, tx.Now().Add(d))
				return err
			})
			return a, err
		}
		granted := func(what, holder string, fence int64) {
			t.Helper()
			a, err := lease(holder, time.Minute)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			until := t.Clock.Now().UTC().Truncate(time.Microsecond).Add(time.Minute)
			if a.LeaseHolder != holder || !a.LeaseUntil.Equal(until) || a.LeaseFence != fence {
				t.Errorf("%s: held by %q until %v with fence %d, want %q, %v, %d", what, a.LeaseHolder, a.LeaseUntil, a.LeaseFence, holder, until, fence)
			}
			t.equal(what+": stored", reads(t, func(tx store.Tx) (*store.Account, error) { return tx.Account(id) }), a)
		}
		refused := func(what, holder string) {
			t.Helper()
			before := reads(t, func(tx store.Tx) (*store.Account, error) { return tx.Account(id) })
			if _, err := lease(holder, time.Minute); !errors.Is(err, store.ErrLeased) {
				t.Errorf("%s: error %v, want %v", what, err, store.ErrLeased)
			}
			t.equal(what+": unchanged", reads(t, func(tx store.Tx) (*store.Account, error) { return tx.Account(id) }), before)
		}

		granted("a free account", "a", 42)
		refused("while it lasts", "b")
		t.Clock.advance(30 * time.Second)
		granted("renewed by its holder", "a", 43)
		t.Clock.advance(time.Minute - time.Microsecond)
		refused("a microsecond before its end", "b")
		t.Clock.advance(time.Microsecond)
		granted("at its end", "b", 44)
		refused("to who had it", "a")

		t.update(func(tx store.Tx) error {
			a, err := tx.Account(id)
			if err != nil {
				return err
			}
			a.LeaseHolder, a.LeaseUntil = "", time.Time{}
			return tx.PutAccount(a)
		})
		granted("after it was given back", "a", 45)
	}},
	{"V-17 of concurrent leases one is granted", func(t *T) {
		id := t.put(1, func(int, *store.Account) {})[0]
		errs := together(20, func(n int) error {
			return t.Store.Update(t.Context(), func(tx store.Tx) error {
				_, err := tx.LeaseAccount(id, fmt.Sprint("holder ", n), tx.Now().Add(time.Minute))
				return err
			})
		})
		granted := 0
		for _, err := range errs {
			if err == nil {
				granted++
			} else if !errors.Is(err, store.ErrLeased) {
				t.Error(err)
			}
		}
		t.equal("granted", granted, 1)
		a := reads(t, func(tx store.Tx) (*store.Account, error) { return tx.Account(id) })
		t.equal("fence", a.LeaseFence, int64(1))
	}},
	{"V-16 AbandonedAccounts: an open call or a lease that is not the holder's", func(t *T) {
		now := t.Clock.Now()
		ids := t.put(8, func(n int, a *store.Account) {
			switch n {
			case 1:
				a.CallOpen = true
			case 2:
				a.CallOpen, a.LeaseHolder, a.LeaseUntil = true, "old", now.Add(time.Hour)
			case 3:
				a.LeaseHolder, a.LeaseUntil = "old", now.Add(time.Hour)
			case 4:
				a.LeaseHolder, a.LeaseUntil = "old", now.Add(-time.Hour)
			case 5:
				a.CallOpen, a.LeaseHolder, a.LeaseUntil = true, "me", now.Add(time.Hour)
			case 6:
				a.LeaseHolder, a.LeaseUntil = "me", now.Add(-time.Hour)
			case 7:
				a.CallOpen, a.Workspace = true, "x"
			}
		})
		t.equal("abandoned", t.accountIDs(func(tx store.Tx) ([]*store.Account, error) { return tx.AbandonedAccounts("w", "me") }), pick(ids, 1, 2, 3, 4))
	}},
}
