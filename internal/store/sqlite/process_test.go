package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// The tests of this file need a second process: the test binary, started again with a
// role and a path in its environment.
const (
	roleVariable = "SCIMBRIDGE_SQLITE_ROLE"
	pathVariable = "SCIMBRIDGE_SQLITE_PATH"
)

func TestMain(m *testing.M) {
	roles := map[string]func(path string) error{"commit": commitForEver, "count": countOn, "open": justOpen}
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](os.Getenv(pathVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is the test binary in a role, with what it prints line by line.
func child(t *testing.T, role, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	return cmd, start(t, cmd, role, path)
}

func start(t *testing.T, cmd *exec.Cmd, role, path string) *bufio.Scanner {
	t.Helper()
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(out)
}

// commitForEver is a server that is killed: 8 writers, each acknowledging on standard output
// what was committed.
func commitForEver(path string) error {
	if _, err := sqlite.Lock(path); err != nil {
		return err
	}
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for writer := range 8 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), writer, n)
				err := s.Update(context.Background(), func(tx store.Tx) error {
					u := &store.User{Tenant: "t", ID: id, UserNameKey: id, EmailKeys: []string{id + "@example.com"}, Document: make([]byte, 500)}
					return errors.Join(tx.PutUser(u), tx.AppendEvent(&store.Event{Kind: "user.create", Resource: id}))
				})
				if err != nil {
					errs <- err
					return
				}
				fmt.Println(id) // one write call a line
			}
		}()
	}
	return <-errs
}

// TestKillLosesNothing: what was acknowledged is there after SIGKILL, whole, and nothing is half there.
func TestKillLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	acknowledged := make(map[string]bool)
	for _, lines := range []int{1, 50, 400} {
		cmd, out := child(t, "commit", path)
		for range lines {
			if !out.Scan() {
				t.Fatalf("the child ended: %v", cmd.Wait())
			}
			acknowledged[out.Text()] = true
		}
		_, err := sqlite.Lock(path)
		wantOpenError(t, err, sqlite.KindLocked, fmt.Sprintf("process %d", cmd.Process.Pid))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for out.Scan() { // what it had printed before it died; a last line may be cut short
			if strings.Count(out.Text(), "-") == 2 && !strings.HasSuffix(out.Text(), "-") {
				acknowledged[out.Text()] = true
			}
		}
		_ = cmd.Wait() // killed

		release, err := sqlite.Lock(path)
		if err != nil {
			t.Fatalf("the lock of a dead server: %v", err)
		}
		checkKilled(t, path, acknowledged)
		release()
	}
}

func checkKilled(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	s := open(t, path)
	err := s.View(t.Context(), func(tx store.Tx) error {
		for id := range acknowledged {
			if _, err := tx.User("t", id); err != nil {
				t.Errorf("acknowledged and lost: %s (%v)", id, err)
			}
		}
		created := make(map[string]bool)
		events, err := tx.Events("", 0, 1<<30)
		if err != nil {
			return err
		}
		for _, e := range events {
			created[e.Resource] = true
		}
		users := 0
		for u, err := range tx.Users("t", store.Query{}) {
			if err != nil {
				return err
			}
			users++
			if !created[u.ID] {
				t.Errorf("user %s without the event of the same transaction", u.ID)
			}
		}
		if users != len(created) {
			t.Errorf("%d users, %d events", users, len(created))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %s, %v", verdict, err)
	}
}

// raises is how often the other process writes.
const raises = 30

// countOn raises the version of one user: a command beside a server.
func countOn(path string) error {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for range raises {
		if err := raise(context.Background(), s); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return s.Close()
}

func raise(ctx context.Context, s *sqlite.Store) error {
	return s.Update(ctx, func(tx store.Tx) error {
		u, err := tx.User("t", "counter")
		if err != nil {
			return err
		}
		u.Version++
		return tx.PutUser(u)
	})
}

// TestTwoProcessesWriteToOneFile: no write of either is lost or refused, though the
// server's writers are always in line.
func TestTwoProcessesWriteToOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return tx.PutUser(&store.User{Tenant: "t", ID: "counter", UserNameKey: "counter"})
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := child(t, "count", path)
	if !out.Scan() {
		t.Fatalf("the child ended: %v", cmd.Wait())
	}
	ended := make(chan struct{})
	raised := make([]int, 4)
	var wg sync.WaitGroup
	for n := range raised {
		wg.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if err := raise(t.Context(), s); err != nil {
					t.Error(err)
					return
				}
				raised[n]++
			}
		})
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
	close(ended)
	wg.Wait()
	want := int64(raises)
	for _, n := range raised {
		want += int64(n)
	}
	err = s.View(t.Context(), func(tx store.Tx) error {
		u, err := tx.User("t", "counter")
		if err == nil && u.Version != want {
			t.Errorf("version %d after %d changes", u.Version, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d changes by this process, %d by the other", want-raises, raises)
}

// justOpen prints why a store cannot be opened.
func justOpen(path string) error {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	if err == nil {
		return s.Close()
	}
	if e, ok := errors.AsType[*sqlite.OpenError](err); ok {
		fmt.Printf("%s: %s\n", e.Kind, strings.ReplaceAll(err.Error(), "\n", " "))
		return nil
	}
	return err
}
