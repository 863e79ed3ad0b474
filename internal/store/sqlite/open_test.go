package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// openFails opens what cannot be opened, and checks that the error says why and what to do.
func openFails(t *testing.T, path string, kind sqlite.Kind, says ...string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err == nil {
		_ = s.Close()
	}
	wantOpenError(t, err, kind, append(says, path)...)
}

func wantOpenError(t *testing.T, err error, kind sqlite.Kind, says ...string) {
	t.Helper()
	e, ok := errors.AsType[*sqlite.OpenError](err)
	if !ok || e.Kind != kind || e.Advice == "" {
		t.Fatalf("error %v, want one of kind %q with an advice", err, kind)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

// execute runs SQL on a file behind the store's back.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	path := func(t *testing.T) string { return filepath.Join(t.TempDir(), "a.db") }
	t.Run("memory", func(t *testing.T) {
		openFails(t, ":memory:", sqlite.KindPath, "not a file")
	})
	t.Run("no path", func(t *testing.T) {
		openFails(t, "", sqlite.KindPath, "not a file")
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "missing")
		openFails(t, filepath.Join(dir, "a.db"), sqlite.KindPath, "create "+dir)
	})
	t.Run("a folder", func(t *testing.T) {
		openFails(t, t.TempDir(), sqlite.KindPath, "is a folder")
	})
	t.Run("a file that is no database", func(t *testing.T) {
		p := path(t)
		text := strings.Repeat("listen: 127.0.0.1:8080\n", 100)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		openFails(t, p, sqlite.KindNotDatabase, "backup")
		if got, err := os.ReadFile(p); err != nil || string(got) != text {
			t.Errorf("the file was changed (%v)", err)
		}
	})
	t.Run("another program's database", func(t *testing.T) {
		p := path(t)
		execute(t, p, "CREATE TABLE places (url TEXT)")
		openFails(t, p, sqlite.KindForeign, "another program")
	})
	t.Run("another program's database with goose migrations", func(t *testing.T) {
		p := path(t)
		execute(t, p, "CREATE TABLE goose_db_version (version_id INTEGER, is_applied INTEGER)", "CREATE TABLE places (url TEXT)")
		openFails(t, p, sqlite.KindForeign, "another program")
	})
	t.Run("a store of a newer program", func(t *testing.T) {
		p := path(t)
		open(t, p)
		execute(t, p, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
		openFails(t, p, sqlite.KindNewer, "version 99", "newer scimbridge")
	})
	t.Run("a place where nobody may write", func(t *testing.T) {
		p := "/sys/scimbridge.db" // root, too
		f, err := os.OpenFile(p, os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			_ = f.Close()
		}
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
			t.Skipf("this system says %v about %s", err, p)
		}
		openFails(t, p, sqlite.KindPermission, fmt.Sprintf("user %d", os.Getuid()))
	})
}

func TestOpenMakesAPrivateFile(t *testing.T) {
	for _, name := range []string{"plain.db", "with space.db", "odd?name#50%.db", "ünïcode.db"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		s := open(t, path)
		putTenant(t, s, "a")
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasPrefix(f.Name(), name) {
				t.Errorf("%q was made for %q", f.Name(), name)
			}
			if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v (%v)", f.Name(), info.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
			t.Errorf("after Close there are %v (%v), want %s alone", files, err, name)
		}
	}
}

func TestOpenRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	putTenant(t, open(t, "a.db"), "a")
	wantTenant(t, open(t, filepath.Join(dir, "a.db")), "a")
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for n := range 3 {
		s := open(t, path)
		for before := range n {
			wantTenant(t, s, fmt.Sprint(before))
		}
		putTenant(t, s, fmt.Sprint(n))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMigrationsRunOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	// All at once on a file that is not there yet, as commands beside a starting server.
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			cmd, out := child(t, "open", path)
			for out.Scan() {
				t.Error(out.Text())
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	for range 8 {
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var applied, versions int
	if err := db.QueryRow("SELECT COUNT(*), COUNT(DISTINCT version_id) FROM goose_db_version").Scan(&applied, &versions); err != nil {
		t.Fatal(err)
	}
	if applied != versions || applied < 2 {
		t.Errorf("%d migrations applied, of %d versions", applied, versions)
	}
}

func TestInterruptedFirstMigrationIsRepeated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	open(t, path)
	fresh := filepath.Join(t.TempDir(), "b.db") // as goose leaves it between its table and the first migration
	execute(t, fresh, "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, "+
		"is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)")
	putTenant(t, open(t, fresh), "a")
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	release, err := sqlite.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Lock(path)
	wantOpenError(t, err, sqlite.KindLocked, path, fmt.Sprintf("process %d", os.Getpid()))
	putTenant(t, open(t, path), "a") // a command does not ask for the lock

	release()
	again, err := sqlite.Lock(path)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	again()

	_, err = sqlite.Lock(filepath.Join(t.TempDir(), "missing", "a.db"))
	wantOpenError(t, err, sqlite.KindPath, "missing")
}

// TestBubble: tests of the bridge run in synctest bubbles with a real store, so time in
// it is the bubble's, nothing in it keeps virtual time from passing, and Close leaves nothing running.
func TestBubble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		var id int64
		lease := func(holder string) error {
			return s.Update(t.Context(), func(tx store.Tx) error {
				_, err := tx.LeaseAccount(id, holder, tx.Now().Add(time.Hour))
				return err
			})
		}
		err = s.Update(t.Context(), func(tx store.Tx) error {
			a := &store.Account{Workspace: "w", EmailKey: "a@example.com"}
			if err := tx.PutAccount(a); err != nil {
				return err
			}
			id = a.ID
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := lease("a"); err != nil {
			t.Fatal(err)
		}
		if err := lease("b"); !errors.Is(err, store.ErrLeased) {
			t.Errorf("error %v, want %v", err, store.ErrLeased)
		}
		time.Sleep(time.Hour)
		if err := lease("b"); err != nil {
			t.Errorf("after an hour: %v", err)
		}
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				for range 20 {
					putTenant(t, s, fmt.Sprint(n))
					wantTenant(t, s, fmt.Sprint(n))
					time.Sleep(time.Minute)
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func putTenant(t testing.TB, s store.Store, name string) {
	t.Helper()
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.PutTenant(&store.Tenant{Name: name}) }); err != nil {
		t.Error(err)
	}
}

func wantTenant(t testing.TB, s store.Store, name string) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error { _, err := tx.Tenant(name); return err })
	if err != nil {
		t.Errorf("tenant %s: %v", name, err)
	}
}

func TestVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	none, target, err := sqlite.Versions(t.Context(), path)
	if none != 0 || target < 1 || err != nil {
		t.Errorf("of no file: %d of %d, %v", none, target, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	wantVersions := func(current int64) {
		t.Helper()
		if got, of, err := sqlite.Versions(t.Context(), path); got != current || of != target || err != nil {
			t.Errorf("version %d of %d, %v, want %d of %d", got, of, err, current, target)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantVersions(0)
	wantVersions(0) // the first has migrated nothing
	s := open(t, path)
	wantVersions(target)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, "DELETE FROM goose_db_version WHERE version_id > 1")
	wantVersions(1)
	wantVersions(1)
	execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
	wantVersions(99)

	foreign := filepath.Join(t.TempDir(), "b.db")
	execute(t, foreign, "CREATE TABLE places (url TEXT)")
	_, _, err = sqlite.Versions(t.Context(), foreign)
	wantOpenError(t, err, sqlite.KindForeign, foreign)
	_, _, err = sqlite.Versions(t.Context(), "")
	wantOpenError(t, err, sqlite.KindPath)
}
