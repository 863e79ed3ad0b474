// Package storetest is the contract of package store as tests. Every engine runs it:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store { ... })
//	}
//
// What an engine does beyond the contract (its files, its locks, its recovery) is
// tested beside the engine.
package storetest

import (
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Open makes an empty store whose clock is now. The suite closes it; the constructor
// cleans up what closing leaves.
type Open func(t *testing.T, now func() time.Time) store.Store

// Run runs the whole suite, each test on a store of its own.
func Run(t *testing.T, open Open) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Transactions", transactions},
		{"Concurrency", concurrency},
		{"Tenants", tenants},
		{"Rules", rulesInForce},
		{"Users", users},
		{"Groups", groups},
		{"Conditions", conditions},
		{"Orders", orders},
		{"Accounts", accounts},
		{"Leases", leases},
		{"Looks", looks},
		{"Holds", holds},
		{"Removals", removals},
		{"Drift", drift},
		{"Retention", retention},
		{"Tokens", tokens},
		{"Events", events},
		{"Meta", meta},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					clock := &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("CET", 3600))}
					s := open(t, clock.Now)
					test.run(&T{T: t, Store: s, Clock: clock})
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(t *T)
}

// T is one test with its store.
type T struct {
	*testing.T
	Store store.Store
	Clock *clock
}

// clock is a clock that moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// update runs fn in an Update that must succeed.
func (t *T) update(fn func(tx store.Tx) error) {
	t.Helper()
	if err := t.Store.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// view runs fn in a View that must succeed.
func (t *T) view(fn func(tx store.Tx) error) {
	t.Helper()
	if err := t.Store.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// fails runs fn in an Update that must return an error that is want.
func (t *T) fails(want error, what string, fn func(tx store.Tx) error) {
	t.Helper()
	if err := t.Store.Update(t.Context(), fn); !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// conflicts runs fn in an Update that must return a conflict.
func (t *T) conflicts(field, holder string, fn func(tx store.Tx) error) {
	t.Helper()
	err := t.Store.Update(t.Context(), fn)
	c, ok := errors.AsType[*store.Conflict](err)
	if !ok || c.Field != field || c.Holder != holder {
		t.Errorf("error %v, want a conflict of %s with %s", err, field, holder)
	}
}

// asStored compares with empty and nil lists as one thing, and without what the store gives.
var asStored = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(store.User{}, "Seq"), cmpopts.IgnoreFields(store.Group{}, "Seq")}

// equal compares as asStored does.
func (t *T) equal(what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, asStored); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// reads is view for one value.
func reads[V any](t *T, fn func(tx store.Tx) (V, error)) (v V) {
	t.Helper()
	t.view(func(tx store.Tx) (err error) {
		v, err = fn(tx)
		return err
	})
	return v
}

// collect reads a sequence to its end.
func collect[V any](seq iter.Seq2[V, error]) (list []V, err error) {
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// at is a time, n seconds after a fixed one and with microseconds.
func at(n int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC).Add(time.Duration(n) * time.Second)
}
