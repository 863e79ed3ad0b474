//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

var errRefused = errors.New("refused by the test")

// linger gives others the time to come between a read and a write, if they can.
func linger() { time.Sleep(3 * time.Millisecond) }

func account(n int) *store.Account {
	key := fmt.Sprintf("a%04d@example.com", n)
	return &store.Account{Workspace: "w", EmailKey: key, Email: key, Tenant: "t"}
}

// Each of two admins is taken the role because the other one has it (V-34): one may go.
func TestWriteSkewIsRefused(t *testing.T) {
	all := replicas(t, 2, postgres.Options{URL: pgtest.Database(t)})
	ctx := t.Context()
	for round := range 20 {
		var admins [2]*store.Account
		must(t, all[0].Update(ctx, func(tx store.Tx) error {
			for i := range admins {
				a := account(2*round + i)
				a.Workspace, a.Admin = fmt.Sprint("w", round), true
				if err := tx.PutAccount(a); err != nil {
					return err
				}
				admins[i] = a
			}
			return nil
		}))
		errs := together(2, func(n int) error {
			return all[n].Update(ctx, func(tx store.Tx) error {
				left, err := tx.AdminAccounts(admins[0].Workspace)
				if err != nil {
					return err
				}
				linger()
				if len(left) < 2 {
					return errRefused
				}
				a := *admins[n]
				a.Admin = false
				return tx.PutAccount(&a)
			})
		})
		passed, refused := 0, 0
		for _, err := range errs {
			switch {
			case err == nil:
				passed++
			case errors.Is(err, errRefused):
				refused++
			default:
				t.Error(err)
			}
		}
		if passed != 1 || refused != 1 {
			t.Fatalf("round %d: %d passed, %d were refused", round, passed, refused)
		}
	}
}

func TestNoUpdateIsLostBetweenReplicas(t *testing.T) {
	const writers, each = 24, 10
	all := replicas(t, 3, postgres.Options{URL: pgtest.Database(t)})
	errs := together(writers, func(n int) error {
		for range each {
			err := all[n%3].Update(t.Context(), func(tx store.Tx) error {
				return errors.Join(count(tx, "all"), count(tx, fmt.Sprint("some", n%4)))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	must(t, errors.Join(errs...))
	if n := numberOf(t, all[0], "all"); n != writers*each {
		t.Errorf("%d Updates are kept, want %d", n, writers*each)
	}
	if n := numberOf(t, all[1], "some3"); n != writers*each/4 {
		t.Errorf("%d Updates of a quarter are kept, want %d", n, writers*each/4)
	}
}

// The brake (V-33): each transaction counts the deletes, and adds one while there are fewer than the bound.
func TestABoundOnACountHolds(t *testing.T) {
	const writers, bound = 24, 30
	all := replicas(t, 3, postgres.Options{URL: pgtest.Database(t)})
	errs := together(writers, func(n int) error {
		for i := 0; ; i++ {
			err := all[n%3].Update(t.Context(), func(tx store.Tx) error {
				deletes, err := tx.CountDeletes("w", time.Time{})
				if err != nil {
					return err
				}
				if deletes >= bound {
					return errRefused
				}
				return tx.RecordDelete("w", fmt.Sprintf("%d.%d@example.com", n, i), tx.Now())
			})
			if err != nil {
				return err
			}
		}
	})
	for _, err := range errs {
		if !errors.Is(err, errRefused) {
			t.Error(err)
		}
	}
	must(t, all[0].View(t.Context(), func(tx store.Tx) error {
		n, err := tx.CountDeletes("w", time.Time{})
		if n != bound {
			t.Errorf("%d deletes, want %d", n, bound)
		}
		return err
	}))
}

func TestOfConcurrentCreatesOnReplicasOneWins(t *testing.T) {
	const callers = 30
	all := replicas(t, 3, postgres.Options{URL: pgtest.Database(t)})
	errs := together(callers, func(n int) error {
		return all[n%3].Update(t.Context(), func(tx store.Tx) error {
			linger()
			return tx.PutUser(&store.User{Tenant: "t", ID: fmt.Sprint("u", n), UserName: "alice", UserNameKey: "alice", EmailKeys: []string{"alice"}})
		})
	})
	winner := slices.Index(errs, nil)
	if winner < 0 {
		t.Fatal(errs)
	}
	for n, err := range errs {
		if n == winner {
			continue
		}
		c, ok := errors.AsType[*store.Conflict](err)
		if want := (store.Conflict{Field: "userName", Holder: fmt.Sprint("u", winner)}); !ok || *c != want {
			t.Errorf("caller %d: %v, want a conflict with u%d", n, err, winner)
		}
	}
}

func TestEachAccountIsLeasedByOne(t *testing.T) {
	const accounts, workers = 200, 24
	all := replicas(t, 3, postgres.Options{URL: pgtest.Database(t)})
	must(t, all[0].Update(t.Context(), func(tx store.Tx) error {
		for n := range accounts {
			a := account(n)
			a.Due, a.Pending, a.Taking = tx.Now(), tx.Now(), n%5 == 0
			if err := tx.PutAccount(a); err != nil {
				return err
			}
		}
		return nil
	}))
	var mu sync.Mutex // guards holders
	holders := map[int64][]int{}
	errs := together(workers, func(n int) error {
		s := all[n%3]
		for {
			var due []store.Due
			err := s.View(t.Context(), func(tx store.Tx) (err error) {
				due, err = tx.DueAccounts("w", "t", tx.Now(), 20)
				return err
			})
			if err != nil || len(due) == 0 {
				return err
			}
			for _, d := range due {
				var got *store.Account
				err := s.Update(t.Context(), func(tx store.Tx) (err error) {
					got, err = tx.LeaseAccount(d.ID, fmt.Sprint("worker", n), tx.Now().Add(time.Hour))
					return err
				})
				if errors.Is(err, store.ErrLeased) {
					continue
				}
				if err != nil {
					return err
				}
				if got.LeaseFence != 1 {
					return fmt.Errorf("the fence is %d", got.LeaseFence)
				}
				mu.Lock()
				holders[d.ID] = append(holders[d.ID], n)
				mu.Unlock()
			}
		}
	})
	must(t, errors.Join(errs...))
	if len(holders) != accounts {
		t.Errorf("%d accounts were leased, want %d", len(holders), accounts)
	}
	for id, h := range holders {
		if len(h) != 1 {
			t.Errorf("account %d was leased by %v", id, h)
		}
	}
}

func TestALeaseWaitsForNobodysTransaction(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, postgres.Options{URL: url})
	a := account(1)
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return tx.PutAccount(a) }))
	lease := func() error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			_, err := tx.LeaseAccount(a.ID, "one", tx.Now().Add(time.Hour))
			return err
		})
	}
	c := connect(t, url) // an administrator, say
	sql(t, c, "BEGIN", "SELECT FROM accounts FOR UPDATE")
	if err := lease(); !errors.Is(err, store.ErrLeased) {
		t.Errorf("a lease of an account that somebody is changing: %v, want ErrLeased", err)
	}
	sql(t, c, "ROLLBACK")
	must(t, lease())
}

func TestFencesRise(t *testing.T) {
	const workers, each = 12, 5
	all := replicas(t, 3, postgres.Options{URL: pgtest.Database(t)})
	a := account(1)
	must(t, all[0].Update(t.Context(), func(tx store.Tx) error { return tx.PutAccount(a) }))
	var mu sync.Mutex // guards fences
	var fences []int64
	errs := together(workers, func(n int) error {
		for range each {
			var got *store.Account
			err := store.ErrLeased
			for errors.Is(err, store.ErrLeased) { // somebody was at it; his lease ends at once
				err = all[n%3].Update(t.Context(), func(tx store.Tx) (err error) {
					got, err = tx.LeaseAccount(a.ID, fmt.Sprint("worker", n), tx.Now())
					return err
				})
			}
			if err != nil {
				return err
			}
			mu.Lock()
			fences = append(fences, got.LeaseFence)
			mu.Unlock()
		}
		return nil
	})
	must(t, errors.Join(errs...))
	slices.Sort(fences)
	want := make([]int64, workers*each)
	for i := range want {
		want[i] = int64(i + 1)
	}
	if diff := cmp.Diff(want, fences); diff != "" {
		t.Errorf("fences (-want +got):\n%s", diff)
	}
}

func TestViewsAreNeverRefused(t *testing.T) {
	all := replicas(t, 2, postgres.Options{URL: pgtest.Database(t)})
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := all[0].Update(context.Background(), func(tx store.Tx) error {
					return errors.Join(count(tx, "a"), count(tx, fmt.Sprint("own", n)), count(tx, "b"))
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 300 {
		err := all[1].View(t.Context(), func(tx store.Tx) error {
			a, err := number(tx, "a")
			if err != nil {
				return err
			}
			b, err := number(tx, "b")
			if a != b {
				return fmt.Errorf("a snapshot has %d and %d", a, b)
			}
			return err
		})
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	writers.Wait()
}
