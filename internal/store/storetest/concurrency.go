package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/scimbridge/scimbridge/internal/store"
)

var concurrency = []test{
	{"64 concurrent Updates are all applied", func(t *T) {
		const callers, each = 64, 10
		t.update(func(tx store.Tx) error { return tx.PutUser(user(0)) })
		errs := together(callers, func(int) error {
			for range each {
				err := t.Store.Update(t.Context(), func(tx store.Tx) error {
					u, err := tx.User("t", user(0).ID)
					if err != nil {
						return err
					}
					u.Version++
					return tx.PutUser(u)
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		u := reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", user(0).ID) })
		t.equal("version", u.Version, user(0).Version+callers*each)
	}},
	{"of concurrent creates of one userName one wins", func(t *T) {
		const callers = 50
		errs := together(callers, func(n int) error {
			return t.Store.Update(t.Context(), func(tx store.Tx) error {
				u := user(n)
				u.UserNameKey = "alice"
				return tx.PutUser(u)
			})
		})
		winner := reads(t, func(tx store.Tx) (*store.User, error) { return tx.UserByName("t", "alice") })
		won := 0
		for _, err := range errs {
			c, conflict := errors.AsType[*store.Conflict](err)
			switch {
			case err == nil:
				won++
			case !conflict || c.Field != "userName" || c.Holder != winner.ID:
				t.Errorf("error %v, want a conflict with %s", err, winner.ID)
			}
		}
		t.equal("creates that succeeded", won, 1)
		t.equal("count", reads(t, func(tx store.Tx) (int, error) { return tx.CountUsers("t", nil) }), 1)
	}},
	{"one function's failure is its own", func(t *T) {
		// A third fails after writing, a third panics after writing, a third succeeds.
		const callers = 60
		var panics atomic.Int32
		errs := together(callers, func(n int) (err error) {
			defer func() {
				if recover() != nil {
					panics.Add(1)
				}
			}()
			return t.Store.Update(t.Context(), func(tx store.Tx) error {
				if err := tx.PutUser(user(n)); err != nil {
					return err
				}
				switch n % 3 {
				case 1:
					return fmt.Errorf("caller %d: %w", n, errRefused)
				case 2:
					panic(n)
				}
				return nil
			})
		})
		t.equal("panics", int(panics.Load()), callers/3)
		for n, err := range errs {
			want := fmt.Sprintf("caller %d: %v", n, errRefused)
			if n%3 == 0 && err != nil || n%3 == 1 && (err == nil || err.Error() != want) {
				t.Errorf("caller %d: error %v", n, err)
			}
		}
		var left []*store.User
		t.view(func(tx store.Tx) (err error) {
			left, err = collect(tx.Users("t", store.Query{}))
			return err
		})
		got := make(map[string]bool)
		for _, u := range left {
			got[u.ID] = true
		}
		want := make(map[string]bool)
		for n := 0; n < callers; n += 3 {
			want[user(n).ID] = true
		}
		t.equal("users", got, want)
	}},
	{"who gives up before his turn is not run, and holds up nobody", func(t *T) {
		ctx, cancel := context.WithCancel(t.Context())
		inside, leave := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			var once sync.Once
			err := t.Store.Update(t.Context(), func(tx store.Tx) error {
				once.Do(func() { close(inside) })
				<-leave
				return tx.PutUser(user(0))
			})
			if err != nil {
				t.Errorf("first: %v", err)
			}
		})
		<-inside
		var errs []error
		wg.Go(func() {
			errs = together(20, func(n int) error {
				if n%2 == 0 {
					return t.Store.Update(t.Context(), func(tx store.Tx) error { return tx.PutUser(user(n + 1)) })
				}
				return t.Store.Update(ctx, func(tx store.Tx) error {
					<-ctx.Done() // an engine may let it run beside the first one, before it ends
					return ctx.Err()
				})
			})
		})
		cancel()
		close(leave)
		wg.Wait()
		for n, err := range errs {
			if n%2 == 0 && err != nil || n%2 == 1 && !errors.Is(err, context.Canceled) {
				t.Errorf("caller %d: error %v", n, err)
			}
		}
		t.equal("count", reads(t, func(tx store.Tx) (int, error) { return tx.CountUsers("t", nil) }), 1+10)
	}},
	{"Views run beside an Update", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutUser(user(0)) })
		t.update(func(tx store.Tx) error {
			if err := tx.PutUser(user(1)); err != nil {
				return err
			}
			errs := together(4, func(int) error {
				return t.Store.View(t.Context(), func(tx store.Tx) error {
					if _, err := tx.User("t", user(0).ID); err != nil {
						return err
					}
					if _, err := tx.User("t", user(1).ID); !errors.Is(err, store.ErrNotFound) {
						return fmt.Errorf("an uncommitted user is seen: %v", err)
					}
					return nil
				})
			})
			return errors.Join(errs...)
		})
	}},
	{"Close waits for those inside and refuses later ones", func(t *T) {
		inside, leave := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var wg sync.WaitGroup
		wg.Go(func() {
			err := t.Store.Update(t.Context(), func(tx store.Tx) error {
				once.Do(func() { close(inside) })
				<-leave
				return tx.PutUser(user(0))
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		})
		<-inside
		closed := make(chan error, 1)
		go func() { closed <- t.Store.Close() }()
		for { // until Close has begun
			err := t.Store.Ping(t.Context())
			if errors.Is(err, store.ErrClosed) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		select {
		case err := <-closed:
			t.Errorf("Close returned %v while an Update was running", err)
		default:
		}
		close(leave)
		wg.Wait()
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
	}},
}

// together runs fn in n goroutines at once.
func together(n int, fn func(n int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}
