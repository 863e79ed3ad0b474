package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// crowd has callers stand in line while a first one works, in a bubble, so that it is
// certain that they do, and then lets all of them run. It returns their errors, the
// first one's first.
func crowd(t *testing.T, s *Store, callers int, work func(n int, c *conn) error) []error {
	t.Helper()
	errs := make([]error, callers+1)
	leave := make(chan struct{})
	var wg sync.WaitGroup
	join := func(n int, fn func(*conn) error) {
		wg.Go(func() { errs[n] = s.writer.update(t.Context(), fn) })
		synctest.Wait()
	}
	join(0, func(c *conn) error {
		<-leave
		return work(0, c)
	})
	for n := 1; n <= callers; n++ {
		join(n, func(c *conn) error { return work(n, c) })
	}
	close(leave)
	wg.Wait()
	return errs
}

func inBubble(t *testing.T, fn func(t *testing.T, s *Store)) {
	path := filepath.Join(t.TempDir(), "writer.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		fn(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func tenant(n int) string { return fmt.Sprintf("tenant-%d", n) }

func addTenant(c *conn, n int) error {
	_, err := c.exec("INSERT INTO tenants (name, workspace, created) VALUES (?, '', 0)", tenant(n))
	return err
}

// wantTenants checks that of the tenants below total those are there for which want says so.
func wantTenants(t *testing.T, s *Store, total int, want func(n int) bool) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		for n := range total {
			_, err := tx.Tenant(tenant(n))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if (err == nil) != want(n) {
				t.Errorf("%s is there: %v, want %v", tenant(n), err == nil, want(n))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGroupCommitSharesATransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		const callers = 600
		var order []int
		size := make(map[*batch]int)
		for n, err := range crowd(t, s, callers, func(n int, c *conn) error {
			order = append(order, n) // one at a time: it is their turn
			size[s.writer.batch]++
			return addTenant(c, n)
		}) {
			if err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
		}
		for at, n := range order {
			if at != n {
				t.Fatalf("caller %d ran at place %d: not first come, first served", n, at)
			}
		}
		for b, n := range size {
			if n > maxBatch || b.kept != n {
				t.Errorf("a batch of %d functions counted %d, bound %d", n, b.kept, maxBatch)
			}
		}
		if want := (callers + maxBatch) / maxBatch; len(size) != want {
			t.Errorf("%d commits for %d functions, want %d", len(size), callers+1, want)
		}
		wantTenants(t, s, callers+1, func(int) bool { return true })
	})
}

func TestBatchEndsWithItsTime(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		batches := make(map[*batch]bool)
		crowd(t, s, 9, func(n int, c *conn) error {
			batches[s.writer.batch] = true
			began := s.writer.batch.began
			s.writer.batch.began = began.Add(-maxBatchTime / 4) // as if it had taken so long
			return addTenant(c, n)
		})
		if len(batches) != 3 { // of 4, 4 and 2
			t.Errorf("%d batches, want 3", len(batches))
		}
	})
}

// TestFailingCommitFailsItsBatch: a constraint that is checked at the commit is broken by one of
// the batch. (The store has none; any other cause of a failing commit looks the same.)
func TestFailingCommitFailsItsBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		const callers = 10
		errs := crowd(t, s, callers, func(n int, c *conn) error {
			if n == 5 {
				if _, err := c.exec("PRAGMA defer_foreign_keys = ON"); err != nil {
					return err
				}
				_, err := c.exec("INSERT INTO memberships (group_seq, tenant, member_id, type) VALUES (999, '', '', '')")
				return err
			}
			return addTenant(c, n)
		})
		for n, err := range errs {
			if err == nil {
				t.Errorf("caller %d was told that its work was kept", n)
			}
		}
		wantTenants(t, s, callers+1, func(int) bool { return false })
		if err := s.writer.update(t.Context(), func(c *conn) error { return addTenant(c, 0) }); err != nil {
			t.Fatalf("afterwards: %v", err)
		}
		wantTenants(t, s, callers+1, func(n int) bool { return n == 0 })
	})
}

// TestLostTransactionFailsItsBatch: SQLite may roll a transaction back on its own.
func TestLostTransactionFailsItsBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		const callers = 10
		errs := crowd(t, s, callers, func(n int, c *conn) error {
			if n == callers { // the last, so that all others are in the same batch
				_, err := c.exec("ROLLBACK")
				return err
			}
			return addTenant(c, n)
		})
		for n, err := range errs {
			if err == nil {
				t.Errorf("caller %d was told that its work was kept", n)
			}
		}
		wantTenants(t, s, callers, func(int) bool { return false })
		if err := s.writer.update(t.Context(), func(c *conn) error { return addTenant(c, 0) }); err != nil {
			t.Fatalf("afterwards: %v", err)
		}
	})
}

// TestFullDisk: who runs into it gets the error, even if he would rather not, and
// nothing of his work is kept. What others are told is true.
func TestFullDisk(t *testing.T) {
	for _, unlucky := range []int{0, 3} {
		t.Run(fmt.Sprint("caller ", unlucky), func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *Store) { fillDisk(t, s, unlucky) })
		})
	}
}

func fillDisk(t *testing.T, s *Store, unlucky int) {
	const callers = 6
	pages, err := s.writer.conn.number("PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.conn.number(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
	errs := crowd(t, s, callers, func(n int, c *conn) error {
		if n == unlucky {
			_, err := c.exec("INSERT INTO meta (key, value) VALUES ('big', ?)", string(make([]byte, 1<<20)))
			if err == nil {
				t.Error("1 MB fitted into a full file")
			}
			_ = addTenant(c, n)
			return nil
		}
		return addTenant(c, n)
	})
	for n, err := range errs {
		if n == unlucky && err == nil {
			t.Error("no error for who filled the disk")
		}
		if n > unlucky && err != nil {
			t.Errorf("caller %d, who came after: %v", n, err)
		}
	}
	wantTenants(t, s, callers+1, func(n int) bool { return errs[n] == nil })

	if _, err := s.writer.conn.number("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := s.writer.update(t.Context(), func(c *conn) error { return addTenant(c, 99) }); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestWaitingCallersGiveUp(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		leave := make(chan struct{})
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for n := range errs {
			mine := t.Context()
			if n%2 == 1 {
				mine = ctx
			}
			wg.Go(func() {
				errs[n] = s.writer.update(mine, func(c *conn) error {
					if n == 0 {
						<-leave
					}
					return addTenant(c, n)
				})
			})
			synctest.Wait() // it stands in line
		}
		cancel()
		synctest.Wait()
		for n, err := range errs {
			if gaveUp := errors.Is(err, context.Canceled); gaveUp != (n%2 == 1) {
				t.Errorf("caller %d, while the first still works: %v", n, err)
			}
		}
		close(leave)
		wg.Wait()
		wantTenants(t, s, len(errs), func(n int) bool { return n%2 == 0 })
	})
}

// TestLastInLineGivesUp: the turn of the one before has passed on, and with it the duty to commit.
func TestLastInLineGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		leave := make(chan struct{})
		var first, last error
		var wg sync.WaitGroup
		wg.Go(func() {
			first = s.writer.update(t.Context(), func(c *conn) error {
				<-leave
				cancel() // too late for the other to leave the line before it is its turn
				return addTenant(c, 0)
			})
		})
		synctest.Wait()
		wg.Go(func() { last = s.writer.update(ctx, func(c *conn) error { return addTenant(c, 1) }) })
		synctest.Wait()
		close(leave)
		wg.Wait()
		if first != nil || !errors.Is(last, context.Canceled) {
			t.Errorf("first %v, last %v", first, last)
		}
		wantTenants(t, s, 2, func(n int) bool { return n == 0 })
	})
}

func TestStatementsAreBounded(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "a.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := s.writer.conn
	for n := range maxStatements * 2 {
		if got, err := c.number(fmt.Sprintf("SELECT %d", n)); err != nil || got != int64(n) {
			t.Fatalf("got %d, %v, want %d", got, err, n)
		}
	}
	if len(c.idle) > maxStatements {
		t.Errorf("%d statements are kept, bound %d", len(c.idle), maxStatements)
	}
}

// TestMigrationWhileInUse: an older server must not find a newer schema under its feet.
func TestMigrationWhileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	// As if there were a migration that has not run.
	if _, err := s.writer.conn.exec("DELETE FROM goose_db_version WHERE version_id > 0"); err != nil {
		t.Fatal(err)
	}
	_, err = openWithin(t.Context(), 0, path, Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	e, ok := errors.AsType[*OpenError](err)
	if !ok || e.Kind != KindLocked {
		t.Errorf("error %v, want kind %q", err, KindLocked)
	}
}
