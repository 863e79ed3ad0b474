package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

var holds = []test{
	{"Holds are the open ones, oldest first", func(t *T) {
		hold := func(n int) *store.Hold {
			return &store.Hold{
				Tenant: "t", Workspace: "w", Kind: "delete", Account: int64(n % 2), EmailKey: fmt.Sprintf("user%d@example.com", n),
				WisdomID: "u_1", Reason: "brake", Created: at(-n), Wish: fmt.Appendf(nil, `{"what":"delete","n":%d}`, n), Released: at(n + 1),
			}
		}
		var all []*store.Hold
		t.update(func(tx store.Tx) error {
			all = nil
			for n := range 4 {
				h := hold(n)
				if n == 3 {
					h.Tenant = "u"
				}
				if err := tx.PutHold(h); err != nil {
					return err
				}
				all = append(all, h)
			}
			return nil
		})
		of := func(tenant string) []*store.Hold {
			return reads(t, func(tx store.Tx) ([]*store.Hold, error) { return tx.Holds(tenant) })
		}
		ofAccount := func(id int64) []*store.Hold {
			return reads(t, func(tx store.Tx) ([]*store.Hold, error) { return tx.HoldsOf(id) })
		}
		t.equal("of t", of("t"), []*store.Hold{all[2], all[1], all[0]})
		t.equal("of u", of("u"), []*store.Hold{all[3]})
		t.equal("of account 0", ofAccount(0), []*store.Hold{all[2], all[0]})
		t.equal("of account 1", ofAccount(1), []*store.Hold{all[3], all[1]})
		ofKind := func(tenant, kind string) []*store.Hold {
			return reads(t, func(tx store.Tx) ([]*store.Hold, error) { return tx.HoldsOfKind(tenant, kind) })
		}
		t.equal("deletes of t", ofKind("t", "delete"), []*store.Hold{all[2], all[1], all[0]})
		t.update(func(tx store.Tx) error {
			all[2].Settled, all[2].Outcome = at(9), "released"
			all[1].Kind, all[1].Reason, all[1].Wish, all[1].Released = "protected", "the last ADMIN", nil, time.Time{}
			return errors.Join(tx.PutHold(all[2]), tx.PutHold(all[1]))
		})
		t.equal("of t, one settled", of("t"), []*store.Hold{all[1], all[0]})
		t.equal("deletes of t, one settled", ofKind("t", "delete"), []*store.Hold{all[0]})
		t.equal("protected of t", ofKind("t", "protected"), []*store.Hold{all[1]})
		t.equal("protected of u", ofKind("u", "protected"), []*store.Hold(nil))
		t.equal("of account 0, one settled", ofAccount(0), []*store.Hold{all[0]})
		t.fails(store.ErrNotFound, "PutHold with an id", func(tx store.Tx) error { return tx.PutHold(&store.Hold{ID: 99}) })
	}},
	{"V-33 deletes are counted from a moment on", func(t *T) {
		t.update(func(tx store.Tx) error {
			for n := range 5 {
				if err := tx.RecordDelete("w", "same@example.com", at(n)); err != nil {
					return err
				}
			}
			return tx.RecordDelete("x", "same@example.com", at(9))
		})
		for n, want := range []int{5, 4, 3, 2, 1, 0} {
			t.equal(fmt.Sprint("since ", n), reads(t, func(tx store.Tx) (int, error) { return tx.CountDeletes("w", at(n)) }), want)
		}
	}},
	{"CountManaged counts the managed users of a tenant", func(t *T) {
		t.update(func(tx store.Tx) error {
			for n := range 5 {
				u := user(n)
				u.Managed, u.Active = n != 2, n != 3
				if err := tx.PutUser(u); err != nil {
					return err
				}
			}
			return nil
		})
		t.equal("of t", reads(t, func(tx store.Tx) (int, error) { return tx.CountManaged("t") }), 4)
		t.equal("of u", reads(t, func(tx store.Tx) (int, error) { return tx.CountManaged("u") }), 0)
	}},
}

func token(tenant, name string) *store.Token {
	hash := sha256.Sum256([]byte(tenant + "/" + name))
	return &store.Token{
		Tenant: tenant, Name: name, Hash: hash[:], Created: at(0),
		Expires: at(1), Revoked: at(2), LastUsed: at(3),
	}
}

var tokens = []test{
	{"PutToken inserts and replaces, and Token and TokenByHash find", func(t *T) {
		want := token("t", "okta")
		t.fails(store.ErrNotFound, "Token", func(tx store.Tx) error { _, err := tx.Token("t", "okta"); return err })
		t.fails(store.ErrNotFound, "TokenByHash", func(tx store.Tx) error { _, err := tx.TokenByHash(want.Hash); return err })
		rotated := token("t", "rotated")
		rotated.Name, rotated.Expires, rotated.Revoked, rotated.LastUsed = "okta", time.Time{}, time.Time{}, time.Time{}
		for _, k := range []*store.Token{want, rotated} {
			t.update(func(tx store.Tx) error { return tx.PutToken(k) })
			t.equal("Token", reads(t, func(tx store.Tx) (*store.Token, error) { return tx.Token("t", "okta") }), k)
			t.equal("TokenByHash", reads(t, func(tx store.Tx) (*store.Token, error) { return tx.TokenByHash(k.Hash) }), k)
		}
		t.fails(store.ErrNotFound, "the old hash", func(tx store.Tx) error { _, err := tx.TokenByHash(want.Hash); return err })
	}},
	{"one hash is one token's", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutToken(token("t", "okta")) })
		copied := token("t", "okta")
		copied.Name = "copy"
		t.conflicts("token", "t/okta", func(tx store.Tx) error { return tx.PutToken(copied) })
		t.update(func(tx store.Tx) error { return tx.PutToken(token("t", "okta")) }) // its own is no conflict
	}},
	{"Tokens of a tenant, or of all, by name", func(t *T) {
		a, b, c := token("t", "b"), token("t", "a"), token("s", "z")
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutToken(a), tx.PutToken(b), tx.PutToken(c)) })
		of := func(tenant string) []*store.Token {
			return reads(t, func(tx store.Tx) ([]*store.Token, error) { return tx.Tokens(tenant) })
		}
		t.equal("of t", of("t"), []*store.Token{b, a})
		t.equal("of all", of(""), []*store.Token{c, b, a})
		t.equal("of nobody", of("u"), []*store.Token(nil))
	}},
}

var events = []test{
	{"events come back in order after a place", func(t *T) {
		var all []*store.Event
		t.update(func(tx store.Tx) error {
			all = nil
			for n := range 6 {
				e := &store.Event{
					Time: at(-n), Tenant: []string{"t", "u"}[n%2], Actor: "okta", Request: fmt.Sprint("req-", n), Kind: "user.create",
					Resource: user(n).ID, Email: "a@example.com", Detail: fmt.Appendf(nil, `{"n":%d}`, n),
				}
				if err := tx.AppendEvent(e); err != nil {
					return err
				}
				all = append(all, e)
			}
			return nil
		})
		for n := 1; n < len(all); n++ {
			if all[n].Seq <= all[n-1].Seq {
				t.Errorf("seq %d after %d", all[n].Seq, all[n-1].Seq)
			}
		}
		of := func(tenant string, after int64, limit int) []*store.Event {
			return reads(t, func(tx store.Tx) ([]*store.Event, error) { return tx.Events(tenant, after, limit) })
		}
		t.equal("all", of("", 0, 100), all)
		t.equal("two", of("", all[1].Seq, 2), all[2:4])
		t.equal("of u", of("u", 0, 100), []*store.Event{all[1], all[3], all[5]})
		t.equal("of u after a place", of("u", all[1].Seq, 1), []*store.Event{all[3]})
		t.equal("at the end", of("", all[5].Seq, 100), []*store.Event(nil))
		t.equal("none asked for", of("", 0, 0), []*store.Event(nil))
	}},
	{"FindEvents selects by everything that an event has", func(t *T) {
		var all []*store.Event
		t.update(func(tx store.Tx) error {
			all = nil
			for n := range 6 {
				e := &store.Event{
					Time: at(n), Tenant: []string{"t", "u"}[n%2], Actor: "okta", Kind: []string{"user.create", "delivery.call", "delivery.error"}[n%3],
					Resource: user(n).ID, Email: fmt.Sprintf("User%d@example.com", n/2), Detail: []byte("{}"),
				}
				if err := tx.AppendEvent(e); err != nil {
					return err
				}
				all = append(all, e)
			}
			return nil
		})
		for _, test := range []struct {
			name  string
			query store.EventQuery
			want  []int
		}{
			{"all", store.EventQuery{}, []int{0, 1, 2, 3, 4, 5}},
			{"the newest", store.EventQuery{Last: true, Limit: 2}, []int{4, 5}},
			{"the oldest", store.EventQuery{Limit: 2}, []int{0, 1}},
			{"after one", store.EventQuery{After: all[3].Seq}, []int{4, 5}},
			{"of a tenant", store.EventQuery{Tenant: "u"}, []int{1, 3, 5}},
			{"since then", store.EventQuery{Since: at(4)}, []int{4, 5}},
			{"since tomorrow", store.EventQuery{Since: at(9)}, nil},
			{"of a kind", store.EventQuery{Kind: "delivery.call"}, []int{1, 4}},
			{"of kinds", store.EventQuery{Kind: "delivery."}, []int{1, 2, 4, 5}},
			{"half a kind", store.EventQuery{Kind: "delivery"}, nil},
			{"of an id", store.EventQuery{Person: user(3).ID}, []int{3}},
			{"of an address", store.EventQuery{Person: "uSER1@example.com"}, []int{2, 3}},
			{"of all that", store.EventQuery{Tenant: "t", Since: at(1), Kind: "delivery.", Person: "user1@example.com"}, []int{2}},
		} {
			if test.query.Limit == 0 {
				test.query.Limit = 100
			}
			var want []*store.Event
			for _, n := range test.want {
				want = append(want, all[n])
			}
			t.equal(test.name, reads(t, func(tx store.Tx) ([]*store.Event, error) { return tx.FindEvents(test.query) }), want)
		}
	}},
	{"an event without a time happened now", func(t *T) {
		e := &store.Event{Kind: "bridge.start"}
		t.update(func(tx store.Tx) error { e.Time = time.Time{}; return tx.AppendEvent(e) })
		t.equal("time", e.Time, t.Clock.Now().UTC().Truncate(time.Microsecond))
		t.equal("events", reads(t, func(tx store.Tx) ([]*store.Event, error) { return tx.Events("", 0, 1) }), []*store.Event{e})
	}},
}
