//go:build unix

package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// roleVariable makes the test binary a process that starts a server and ends without closing it: by
// itself, or by being killed.
const roleVariable = "SCIMBRIDGE_PGTEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	s, err := Start(Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.folder)
	if role == "wait" {
		time.Sleep(time.Hour)
	}
}

// query runs one query of one value.
func query[T any](t *testing.T, server, sql string, arguments ...any) T {
	t.Helper()
	var value T
	if err := ask(server, &value, sql, arguments...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func ask(server string, into any, sql string, arguments ...any) error {
	return do(server, func(ctx context.Context, c *pgx.Conn) error { return c.QueryRow(ctx, sql, arguments...).Scan(into) })
}

// write puts a line into the table of a server, which makes it if need be; lines reads them.
func write(t *testing.T, server, line string) {
	t.Helper()
	err := do(server, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "CREATE TABLE IF NOT EXISTS lines (line text)")
		if err == nil {
			_, err = c.Exec(ctx, "INSERT INTO lines VALUES ($1)", line)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func lines(t *testing.T, server string) []string {
	t.Helper()
	return query[[]string](t, server, `SELECT array_agg(line ORDER BY line COLLATE "C") FROM lines`)
}

// timeline is the one in which a server writes.
func timeline(t *testing.T, server string) string {
	t.Helper()
	return query[string](t, server, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseIsEmptyAndGoesWithItsTest(t *testing.T) {
	var server, name string
	t.Run("while it is there", func(t *testing.T) {
		one, other := Database(t), Database(t)
		write(t, one, "1")
		if n := query[int](t, other, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
			t.Errorf("a new database has %d tables", n)
		}
		if got := query[string](t, one, "SHOW server_encoding"); got != "UTF8" {
			t.Errorf("the encoding is %s", got)
		}
		at, err := url.Parse(one)
		must(t, err)
		name = strings.TrimPrefix(at.Path, "/")
		at.Path = "/postgres"
		server = at.String()
	})
	if server == "" {
		t.SkipNow()
	}
	if n := query[int](t, server, "SELECT count(*) FROM pg_database WHERE datname = $1", name); n != 0 {
		t.Error("the database is still there after its test")
	}
}

func TestDatabaseSortsAsNobodyExpects(t *testing.T) {
	server := Database(t)
	if query[int](t, server, "SELECT current_setting('server_version_num')::int") < 150000 {
		t.Skip("no ICU locales of databases before version 15")
	}
	const sorted = `SELECT array_agg(x ORDER BY x%s) FROM unnest(ARRAY['a', 'B', 'ı', 'z']) x`
	if got := query[[]string](t, server, fmt.Sprintf(sorted, "")); slices.IsSorted(got) {
		t.Errorf("sorted by code point: %q", got)
	}
	if got := query[[]string](t, server, fmt.Sprintf(sorted, ` COLLATE "C"`)); !slices.IsSorted(got) {
		t.Errorf("not sorted by code point, although it was asked for: %q", got)
	}
	if got := query[string](t, server, "SELECT lower('I')"); got == "i" {
		t.Error("I has a small i with a dot")
	}
}

func TestDatabaseInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Own(t, Options{})
		server := s.Database(t)
		write(t, server, "1")
		must(t, s.Restart(Fast))
		must(t, s.Kill())
		must(t, s.Start())
		if diff := cmp.Diff([]string{"1"}, lines(t, server)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDatabaseOfANamedServer(t *testing.T) {
	s := Own(t, Options{})
	t.Setenv(urlVariable, s.URL("postgres"))
	if got, want := Database(t), s.URL("scimbridge_test_"); !strings.HasPrefix(got, strings.TrimSuffix(want, "?sslmode=disable")) {
		t.Errorf("%s is not of the server %s", got, want)
	}
}

func TestServerKeepsItsDataAndItsPort(t *testing.T) {
	for name, fsync := range map[string]bool{"on": true, "off": false} {
		t.Run("fsync="+name, func(t *testing.T) {
			s := Own(t, Options{Fsync: fsync})
			server := s.Database(t)
			if got := query[string](t, server, "SHOW fsync"); got != name {
				t.Errorf("fsync is %s", got)
			}
			write(t, server, "1")
			must(t, s.Restart(Fast))
			write(t, server, "2")
			must(t, s.Restart(Immediate))
			write(t, server, "3")
			must(t, s.Kill())
			if err := ask(server, new(int), "SELECT 1"); err == nil {
				t.Error("a killed server answers")
			}
			must(t, s.Start())
			if diff := cmp.Diff([]string{"1", "2", "3"}, lines(t, server)); diff != "" {
				t.Error(diff)
			}
			if got := timeline(t, server); got != "00000001" {
				t.Errorf("after restarts alone the timeline is %s", got)
			}
		})
	}
}

// A backend that computes does not look whether its server lives: it has to be killed itself.
func TestKillEndsWhatRuns(t *testing.T) {
	s := Own(t, Options{})
	server := s.Database(t)
	ended := make(chan error, 1)
	go func() {
		var n int
		ended <- ask(server, &n, "SELECT count(*) FROM generate_series(1, 1000000000000)")
	}()
	const running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1%' AND pid <> pg_backend_pid()"
	for query[int](t, s.URL("postgres"), running) == 0 {
		time.Sleep(time.Millisecond)
	}
	must(t, s.Kill())
	if err := <-ended; err == nil {
		t.Error("the query had an answer")
	}
	must(t, s.Start())
}

func TestNewTimelineLosesNothing(t *testing.T) {
	s := Own(t, Options{})
	server := s.Database(t)
	var seen []string
	for i, want := range []string{"00000001", "00000002", "00000003"} {
		if i > 0 {
			must(t, s.NewTimeline())
		}
		if got := timeline(t, server); got != want {
			t.Errorf("the timeline is %s, want %s", got, want)
		}
		write(t, server, want)
		seen = append(seen, want)
		if diff := cmp.Diff(seen, lines(t, server)); diff != "" {
			t.Error(diff)
		}
	}
	must(t, s.Kill())
	must(t, s.Start())
	if diff := cmp.Diff(seen, lines(t, server)); diff != "" {
		t.Errorf("after it was killed: %s", diff)
	}
}

// A standby that was stopped takes over without what was written since.
func TestPromotedStandbyIsOnANewTimeline(t *testing.T) {
	s := Own(t, Options{})
	server := s.Database(t)
	write(t, server, "1")
	copied, err := s.Standby()
	must(t, err)
	t.Cleanup(func() { must(t, copied.Close()) })
	at := strings.Replace(server, fmt.Sprint(s.port), fmt.Sprint(copied.port), 1)
	if diff := cmp.Diff([]string{"1"}, lines(t, at)); diff != "" {
		t.Errorf("the standby has other lines: %s", diff)
	}
	if !query[bool](t, at, "SELECT pg_is_in_recovery()") {
		t.Error("the standby is none")
	}
	must(t, copied.Stop(Fast))
	write(t, server, "2")
	must(t, s.Kill())
	must(t, copied.Start())
	must(t, copied.Promote())
	write(t, at, "3")
	if diff := cmp.Diff([]string{"1", "3"}, lines(t, at)); diff != "" {
		t.Error(diff)
	}
	if got := timeline(t, at); got != "00000002" {
		t.Errorf("the timeline is %s", got)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := Start(Options{})
	if errors.Is(err, ErrNoPrograms) {
		giveUp(t, err)
	}
	must(t, err)
	must(t, s.Close())
	if _, err := os.Stat(s.folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
	if err := ask(s.URL("postgres"), new(int), "SELECT 1"); err == nil {
		t.Error("it answers")
	}
}

func TestServerEndsWithItsProcess(t *testing.T) {
	if _, err := Find(); err != nil {
		giveUp(t, err)
	}
	for _, role := range []string{"end", "wait"} {
		t.Run(role, func(t *testing.T) {
			program, err := os.Executable()
			must(t, err)
			c := exec.Command(program)
			c.Env = append(os.Environ(), roleVariable+"="+role)
			c.Stderr = os.Stderr
			out, err := c.StdoutPipe()
			must(t, err)
			must(t, c.Start())
			said := bufio.NewScanner(out)
			if !said.Scan() {
				t.Fatalf("no server: %v", c.Wait())
			}
			if role == "wait" {
				must(t, c.Process.Kill())
			}
			_ = c.Wait() // killed
			for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
				_, err := os.Stat(said.Text())
				if errors.Is(err, fs.ErrNotExist) {
					break
				}
				if time.Since(begin) > 30*time.Second {
					t.Fatalf("%s is still there", said.Text())
				}
			}
		})
	}
}

func TestFindTakesTheNewestThatIsComplete(t *testing.T) {
	root := t.TempDir()
	install := func(version string, names ...string) string {
		folder := filepath.Join(root, version, "bin")
		must(t, os.MkdirAll(folder, 0o755))
		for _, name := range names {
			must(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"), 0o755))
		}
		return folder
	}
	pattern := filepath.Join(root, "*", "bin")
	t.Setenv("PATH", filepath.Join(root, "path"))
	if _, err := find(pattern); !errors.Is(err, ErrNoPrograms) {
		t.Errorf("where nothing is: %v", err)
	}
	all := []string{"initdb", "postgres", "pg_ctl", "pg_basebackup"}
	install("9", all...)
	want := install("16", all...)
	install("17", "pg_basebackup")
	found := func(want string) {
		t.Helper()
		got, err := find(pattern)
		must(t, err)
		if got != want {
			t.Errorf("found %s, want %s", got, want)
		}
	}
	found(want)
	preferred := install("elsewhere", all...)
	must(t, os.Symlink(preferred, filepath.Join(root, "path")))
	found(preferred)
}

// tester stands in for the testing.TB of a test that has no server.
type tester struct {
	testing.TB
	skipped, failed string
}

func (t *tester) Helper()           {}
func (t *tester) Skip(args ...any)  { t.skipped = fmt.Sprint(args...) }
func (t *tester) Fatal(args ...any) { t.failed = fmt.Sprint(args...) }

func TestWithoutProgramsTestsAreSkippedUnlessTheyAreRequired(t *testing.T) {
	t.Setenv(requiredVariable, "")
	var without tester
	giveUp(&without, ErrNoPrograms)
	if !strings.Contains(without.skipped, "apt-get install postgresql") || !strings.Contains(without.skipped, urlVariable) || without.failed != "" {
		t.Errorf("skipped %q, failed %q", without.skipped, without.failed)
	}
	var broken tester
	giveUp(&broken, errors.New("it does not start"))
	if broken.failed == "" {
		t.Error("a server that does not start is no reason to skip")
	}
	t.Setenv(requiredVariable, "1")
	var required tester
	giveUp(&required, ErrNoPrograms)
	if required.failed == "" || required.skipped != "" {
		t.Errorf("skipped %q, failed %q", required.skipped, required.failed)
	}
}
