package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

var errRefused = errors.New("refused by the test")

var transactions = []test{
	{"Update keeps what fn wrote", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "a"}) })
		t.wantTenants("a")
	}},
	{"Update keeps nothing when fn fails, and returns its error", func(t *T) {
		t.fails(errRefused, "Update", func(tx store.Tx) error {
			if err := tx.PutTenant(&store.Tenant{Name: "a"}); err != nil {
				return err
			}
			return errRefused
		})
		t.wantTenants()
	}},
	{"a part that fails is undone alone", func(t *T) {
		put := func(tx store.Tx, name string, then error) func() error {
			return func() error { return errors.Join(tx.PutTenant(&store.Tenant{Name: name}), then) }
		}
		t.update(func(tx store.Tx) error {
			if err := tx.Part(put(tx, "a", nil)); err != nil {
				return err
			}
			if err := tx.Part(put(tx, "b", errRefused)); !errors.Is(err, errRefused) {
				t.Errorf("the part's error is %v", err)
			}
			err := tx.Part(func() error {
				if err := tx.Part(put(tx, "c", nil)); err != nil {
					return err
				}
				if err := tx.Part(put(tx, "d", errRefused)); !errors.Is(err, errRefused) {
					t.Errorf("the inner part's error is %v", err)
				}
				return put(tx, "e", nil)()
			})
			if err != nil {
				return err
			}
			err = tx.Part(func() error {
				if err := tx.Part(put(tx, "f", nil)); err != nil {
					return err
				}
				return errRefused
			})
			if !errors.Is(err, errRefused) {
				t.Errorf("the outer part's error is %v", err)
			}
			return nil
		})
		t.wantTenants("a", "c", "e")
	}},
	{"a part that met a conflict is undone alone", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutToken(token("t", "okta")) })
		t.update(func(tx store.Tx) error {
			if err := tx.PutTenant(&store.Tenant{Name: "a"}); err != nil {
				return err
			}
			copied := token("t", "okta")
			copied.Name = "copy"
			err := tx.Part(func() error { return errors.Join(tx.PutTenant(&store.Tenant{Name: "b"}), tx.PutToken(copied)) })
			if _, ok := errors.AsType[*store.Conflict](err); !ok {
				t.Errorf("the part's error is %v, want a conflict", err)
			}
			return tx.PutTenant(&store.Tenant{Name: "c"})
		})
		t.wantTenants("a", "c")
	}},
	{"Update keeps nothing when fn panics, and the panic reaches the caller", func(t *T) {
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v, want boom", r)
				}
			}()
			_ = t.Store.Update(t.Context(), func(tx store.Tx) error {
				if err := tx.PutTenant(&store.Tenant{Name: "a"}); err != nil {
					return err
				}
				panic("boom")
			})
		}()
		t.update(func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "b"}) })
		t.wantTenants("b")
	}},
	{"Update survives a goroutine that ends inside fn", func(t *T) {
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = t.Store.Update(t.Context(), func(tx store.Tx) error {
				if err := tx.PutTenant(&store.Tenant{Name: "a"}); err != nil {
					return err
				}
				runtime.Goexit() // what t.Fatal does
				return nil
			})
		})
		wg.Wait()
		t.update(func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "b"}) })
		t.wantTenants("b")
	}},
	{"a statement that failed does not spoil the next Update", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutUser(user(1)) })
		other := user(2)
		other.UserNameKey = user(1).UserNameKey
		t.conflicts("userName", user(1).ID, func(tx store.Tx) error {
			if err := tx.PutTenant(&store.Tenant{Name: "a"}); err != nil {
				return err
			}
			return tx.PutUser(other)
		})
		t.update(func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "b"}) })
		t.wantTenants("b")
	}},
	{"Update sees its own writes", func(t *T) {
		t.update(func(tx store.Tx) error {
			if err := tx.PutUser(user(1)); err != nil {
				return err
			}
			u, err := tx.UserByName("t", user(1).UserNameKey)
			if err == nil {
				t.equal("user", u, user(1))
			}
			return err
		})
	}},
	{"View refuses to write", func(t *T) {
		err := t.Store.View(t.Context(), func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "a"}) })
		if err == nil {
			t.Error("PutTenant in a View: no error")
		}
		t.wantTenants()
		t.update(func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: "b"}) })
		t.wantTenants("b")
	}},
	{"View returns fn's error, and its panic reaches the caller", func(t *T) {
		if err := t.Store.View(t.Context(), func(store.Tx) error { return errRefused }); !errors.Is(err, errRefused) {
			t.Errorf("error %v, want %v", err, errRefused)
		}
		for range 100 { // more often than there can be connections
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				_ = t.Store.View(t.Context(), func(store.Tx) error { panic("boom") })
			}()
		}
		t.wantTenants()
	}},
	{"View is a snapshot", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutUser(user(1)) })
		t.view(func(tx store.Tx) error {
			before, err := tx.CountUsers("t", nil)
			if err != nil {
				return err
			}
			t.update(func(tx store.Tx) error {
				changed := user(1)
				changed.UserNameKey = "renamed"
				if err := tx.PutUser(changed); err != nil {
					return err
				}
				return tx.PutUser(user(2))
			})
			after, err := tx.CountUsers("t", nil)
			if err != nil {
				return err
			}
			t.equal("count in one View", after, before)
			_, err = tx.UserByName("t", user(1).UserNameKey)
			return err // still there under the old name
		})
		t.equal("count afterwards", reads(t, func(tx store.Tx) (int, error) { return tx.CountUsers("t", nil) }), 2)
	}},
	{"Update is seen by every View that begins after it", func(t *T) {
		for n := range 50 {
			t.update(func(tx store.Tx) error { return tx.PutUser(user(n)) })
			t.equal("count", reads(t, func(tx store.Tx) (int, error) { return tx.CountUsers("t", nil) }), n+1)
		}
	}},
	{"sequences may be left early and nested", func(t *T) {
		t.update(func(tx store.Tx) error {
			for n := range 20 {
				if err := tx.PutUser(user(n)); err != nil {
					return err
				}
			}
			return nil
		})
		t.view(func(tx store.Tx) error {
			pairs := 0
			for outer, err := range tx.Users("t", store.Query{}) {
				if err != nil {
					return err
				}
				for inner, err := range tx.Users("t", store.Query{}) {
					if err != nil {
						return err
					}
					pairs++
					if inner.ID == outer.ID {
						break
					}
				}
			}
			t.equal("pairs", pairs, 20*21/2)
			return nil
		})
	}},
	{"Now is the given clock, UTC, whole microseconds, one moment a transaction", func(t *T) {
		want := t.Clock.Now().UTC().Truncate(time.Microsecond)
		for _, run := range []func(func(store.Tx) error){t.update, t.view} {
			run(func(tx store.Tx) error {
				first := tx.Now()
				t.Clock.advance(time.Hour)
				if second := tx.Now(); second != first {
					t.Errorf("Now moved from %v to %v within a transaction", first, second)
				}
				if first != want {
					t.Errorf("Now is %v, want %v", first, want)
				}
				return nil
			})
			want = want.Add(time.Hour)
		}
	}},
	{"times come back to the microsecond in UTC, and zero as zero", func(t *T) {
		created := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.FixedZone("IST", 19800))
		t.update(func(tx store.Tx) error {
			if err := tx.PutTenant(&store.Tenant{Name: "a", Created: created}); err != nil {
				return err
			}
			return tx.PutTenant(&store.Tenant{Name: "b"})
		})
		t.view(func(tx store.Tx) error {
			a, err := tx.Tenant("a")
			if err != nil {
				return err
			}
			if want := created.UTC().Truncate(time.Microsecond); a.Created != want {
				t.Errorf("created %v, want %v", a.Created, want)
			}
			b, err := tx.Tenant("b")
			if err == nil && !b.Created.IsZero() {
				t.Errorf("created %v, want zero", b.Created)
			}
			return err
		})
	}},
	{"a context that has ended runs nothing", func(t *T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, run := range map[string]func(context.Context, func(store.Tx) error) error{
			"Update": t.Store.Update, "View": t.Store.View,
		} {
			err := run(ctx, func(store.Tx) error {
				t.Errorf("%s ran fn", name)
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v, want %v", name, err, context.Canceled)
			}
		}
	}},
	{"Ping, and everything after Close", func(t *T) {
		if err := t.Store.Ping(t.Context()); err != nil {
			t.Errorf("Ping: %v", err)
		}
		for range 2 {
			if err := t.Store.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		nothing := func(store.Tx) error { return nil }
		for name, err := range map[string]error{
			"Update": t.Store.Update(t.Context(), nothing),
			"View":   t.Store.View(t.Context(), nothing),
			"Ping":   t.Store.Ping(t.Context()),
		} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s after Close: error %v, want %v", name, err, store.ErrClosed)
			}
		}
	}},
}

// wantTenants checks which of the tenants a and b are there.
func (t *T) wantTenants(names ...string) {
	t.Helper()
	var got []string
	t.view(func(tx store.Tx) error {
		got = nil
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			switch _, err := tx.Tenant(name); {
			case err == nil:
				got = append(got, name)
			case !errors.Is(err, store.ErrNotFound):
				return err
			}
		}
		return nil
	})
	t.equal("tenants", got, names)
}

var tenants = []test{
	{"Tenant, PutTenant", func(t *T) {
		t.fails(store.ErrNotFound, "Tenant", func(tx store.Tx) error { _, err := tx.Tenant("a"); return err })
		for _, want := range []*store.Tenant{
			{Name: "a", Workspace: "acme.wisdom.ai/ws_1", Created: at(0)},
			{Name: "a", Workspace: "acme.wisdom.ai/ws_2", Created: at(1)},
		} {
			t.update(func(tx store.Tx) error { return tx.PutTenant(want) })
			t.equal("tenant", reads(t, func(tx store.Tx) (*store.Tenant, error) { return tx.Tenant("a") }), want)
		}
	}},
}

var rulesInForce = []test{
	{"V-35 the rules in force are those approved last", func(t *T) {
		inForce := func(tenant string) *store.Rules {
			return reads(t, func(tx store.Tx) (*store.Rules, error) { return tx.RulesInForce(tenant) })
		}
		rules := func(tenant, hash string, n int) *store.Rules {
			return &store.Rules{Tenant: tenant, Hash: hash, Body: []byte(`{"of":"` + hash + `"}`), Approved: at(n)}
		}
		t.fails(store.ErrNotFound, "RulesInForce", func(tx store.Tx) error { _, err := tx.RulesInForce("t"); return err })
		first, second, other := rules("t", "b", 1), rules("t", "a", 2), rules("u", "b", 9)
		t.update(func(tx store.Tx) error {
			return errors.Join(tx.PutRules(second), tx.PutRules(first), tx.PutRules(other))
		})
		t.equal("of t", inForce("t"), second)
		t.equal("of u", inForce("u"), other)
		again := rules("t", "b", 3)
		again.Body = []byte("{}")
		t.update(func(tx store.Tx) error { return tx.PutRules(again) })
		t.equal("approved again", inForce("t"), again)
		t.update(func(tx store.Tx) error { return tx.PutRules(rules("t", "c", 3)) })
		t.equal("at the same time", inForce("t"), rules("t", "c", 3))
	}},
}
