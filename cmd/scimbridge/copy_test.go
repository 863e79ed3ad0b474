//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/transfer"
)

// TestCopyMovesAServer: a server goes from SQLite to PostgreSQL and back, with its tokens, its ids, and what waits to
// be delivered.
func TestCopyMovesAServer(t *testing.T) {
	database := pgtest.Database(t)
	s := newServer(t, "")
	id := s.explorer("ann@example.com")
	s.faults(map[string]any{"operation": "*", "kind": "http", "http": 503}) // leaves while WisdomAI is down
	if status := s.scim("PATCH", "/Users/"+id, patchOp("replace", "active", false), nil); status != 200 {
		t.Fatalf("PATCH: %d", status)
	}
	file := "sqlite:" + s.storePath()

	if _, stderr, code := command(t, "copy", "--from", file, "--to", database); code != exitFailed || !strings.Contains(stderr, "stop the server first") {
		t.Errorf("of a store that is served it exited with %d: %s", code, stderr)
	}
	s.terminate()
	stdout, stderr, code := command(t, "copy", "--from", file, "--to", database)
	if code != exitDone {
		t.Fatalf("copy exited with %d: %s", code, stderr)
	}
	for _, says := range []string{"copying ", "verifying  100%", "set store: " + database, "Do not serve " + file + " again"} {
		if !strings.Contains(stderr, says) {
			t.Errorf("it does not say %q:\n%s", says, stderr)
		}
	}
	if !strings.Contains(stdout, "users") || strings.Contains(stdout, "copying") {
		t.Errorf("results:\n%s", stdout)
	}

	s.edit(fmt.Sprintf("store: %q", "sqlite:"+s.storePath()), "store: "+database)
	s.serve()
	s.faults()
	eventually(t, "who left loses his roles", func() bool { return s.at("ann@example.com") == 0 })
	var user struct{ UserName string }
	if status := s.scim("GET", "/Users/"+id, nil, &user); status != 200 || user.UserName != "ann@example.com" {
		t.Errorf("GET after the move: %d, %+v", status, user)
	}
	if h := s.healthz(); strings.Contains(strings.Join(h.Problems, " "), "restored") {
		t.Errorf("the copy counts as a restored database: %v", h.Problems)
	}
	if status := s.scim("POST", "/Users", newUser("bob@example.com"), nil); status != 201 {
		t.Errorf("POST after the move: %d", status)
	}

	back := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	if _, stderr, code := command(t, "copy", "--from", database, "--to", back); code != exitFailed || !strings.Contains(stderr, "servers use it") {
		t.Errorf("of a database that is served it exited with %d: %s", code, stderr)
	}
	s.terminate()
	stdout, stderr, code = command(t, "copy", "--from", database, "--to", back, "--output", "json")
	var result struct {
		From, To string
		Tables   []transfer.Count
		Rows     int64
		Verified bool
	}
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != exitDone || result.To != back || !result.Verified || result.Rows < 10 || len(result.Tables) < 10 {
		t.Fatalf("copy back exited with %d, %+v: %v\n%s", code, result, err, stderr)
	}
	s.edit("store: "+database, "store: "+back)
	s.serve()
	if status := s.scim("GET", "/Users/"+id, nil, nil); status != 200 {
		t.Errorf("GET after the move back: %d", status)
	}
}

// execute runs a statement in a database.
func execute(t *testing.T, database, statement string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// trigger makes a database do something to each event that is added to it.
func trigger(t *testing.T, database, does string) {
	t.Helper()
	execute(t, database, `CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+does+`; RETURN NEW; END $$`)
	execute(t, database, `CREATE OR REPLACE TRIGGER meddle BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION meddle()`)
}

// TestV01CopyIsNoStoreBeforeItIsVerified: a copy that was killed, or in which something is not as it was, is refused by
// whatever would use it, and made again by the same command.
func TestV01CopyIsNoStoreBeforeItIsVerified(t *testing.T) {
	database := pgtest.Database(t)
	s := newServer(t, "")
	s.explorer("ann@example.com")
	s.terminate()
	file := "sqlite:" + s.storePath()
	s.edit(fmt.Sprintf("store: %q", "sqlite:"+s.storePath()), "store: "+database)
	s.command("migrate", "up", "--config", s.config)

	refused := func(when string) {
		t.Helper()
		for _, args := range [][]string{{"serve"}, {"token", "list"}, {"status"}, {"check"}, {"migrate", "up"}} {
			stdout, stderr, code := command(t, append(args, "--config", s.config)...)
			if said := stdout + stderr; code != exitFailed || !strings.Contains(said, "a copy to it was not finished") {
				t.Errorf("%s: %v exited with %d: %s", when, args, code, said)
			}
		}
	}
	trigger(t, database, "PERFORM pg_sleep(600)")
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	killed := exec.Command(path, "copy", "--from", file, "--to", database)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	asleep := func() (n int) {
		c, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		err = c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "the copy is in the middle", func() bool { return asleep() > 0 })
	killed.Process.Kill()
	killed.Wait()
	refused("killed")
	execute(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")

	trigger(t, database, "NEW.actor = 'mallory'")
	if _, stderr, code := command(t, "copy", "--from", file, "--to", database); code != exitFailed ||
		!strings.Contains(stderr, "differ in events: the row with seq 1 has another actor") || strings.Contains(stderr, "mallory") || !strings.Contains(stderr, "no store") {
		t.Errorf("with other events it exited with %d: %s", code, stderr)
	}
	refused("different")

	execute(t, database, "DROP TRIGGER meddle ON events")
	if _, stderr, code := command(t, "copy", "--from", file, "--to", database); code != exitDone {
		t.Fatalf("again, it exited with %d: %s", code, stderr)
	}
	s.serve()
	if _, stderr, code := command(t, "copy", "--from", file, "--to", database); code != exitFailed || !strings.Contains(stderr, "servers use it") {
		t.Errorf("to a store that is served it exited with %d: %s", code, stderr)
	}
	s.terminate()
	if _, stderr, code := command(t, "copy", "--from", file, "--to", database); code != exitFailed || !strings.Contains(stderr, "not empty") || !strings.Contains(stderr, "createdb") {
		t.Errorf("to a store with rows it exited with %d: %s", code, stderr)
	}
}

// TestV31CopyOfAnOlderCopyIsOne: what tells an older copy that was put back stays behind, so it is looked at before.
func TestV31CopyOfAnOlderCopyIsOne(t *testing.T) {
	s := newServer(t, "")
	s.explorer("ann@example.com")
	s.terminate()
	older := filepath.Join(t.TempDir(), "older.db")
	if out, err := exec.Command("cp", s.storePath(), older).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.serve()
	s.terminate()
	s.putBack(older)
	to := "sqlite:" + filepath.Join(t.TempDir(), "copy.db")
	if _, stderr, code := command(t, "copy", "--from", "sqlite:"+s.storePath(), "--to", to); code != exitDone {
		t.Fatalf("copy exited with %d: %s", code, stderr)
	}
	s.edit(fmt.Sprintf("store: %q", "sqlite:"+s.storePath()), "store: "+to)
	s.serve()
	if problems := strings.Join(s.healthz().Problems, " "); !strings.Contains(problems, "older copy") {
		t.Errorf("the copy of an older copy gives: %s", problems)
	}
}

func TestCopyIsUsedRightly(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COPY_URL", "postgres://scim:hunter2@127.0.0.1:1/none")
	tests := []struct {
		name     string
		from, to string
		code     int
		says     string
	}{
		{"no source", "", "sqlite:a.db", exitUsage, "--from"},
		{"no store", "sqlite:" + dir + "/none.db", "sqlite:" + dir + "/b.db", exitFailed, "there is no store to copy"},
		{"to itself", "sqlite:" + dir + "/a.db", "sqlite:" + dir + "/./a.db", exitUsage, "the same store"},
		{"a password", "sqlite:" + dir + "/a.db", "postgres://scim:hunter2@db/scimbridge", exitUsage, "env:NAME"},
		{"another engine", "mysql://db/x", "sqlite:" + dir + "/b.db", exitUsage, "--from names no store"},
		{"nobody answers", "env:COPY_URL", "sqlite:" + dir + "/b.db", exitFailed, "no server that takes writes answers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, stderr, code := command(t, "copy", "--from", test.from, "--to", test.to)
			if code != test.code || !strings.Contains(stderr, test.says) || strings.Contains(stderr, "hunter2") {
				t.Errorf("exited with %d, want %d and %q: %s", code, test.code, test.says, stderr)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	steps := []struct {
		after time.Duration
		step  transfer.Progress
	}{
		{0, transfer.Progress{Phase: transfer.Copying, Table: "meta", Done: 0, Total: 1000}},
		{20 * time.Millisecond, transfer.Progress{Phase: transfer.Copying, Table: "users", Done: 10, Total: 1000}}, // too soon
		{12 * time.Second, transfer.Progress{Phase: transfer.Copying, Table: "users", Done: 250, Total: 1000}},
		{time.Second, transfer.Progress{Phase: transfer.Copying, Table: "users", Done: 500, Total: 1000}},
		{time.Second, transfer.Progress{Phase: transfer.Copying, Table: "users", Done: 1000, Total: 1000}},
		{0, transfer.Progress{Phase: transfer.Copying, Table: "events", Done: 1000, Total: 1000}},
		{0, transfer.Progress{Phase: transfer.Verifying, Table: "meta", Done: 0, Total: 0}},
	}
	for _, test := range []struct {
		name string
		bar  bool
		want string
	}{
		{"a log", false, "copying      0%  0 of 1000 rows\n" +
			"copying     25%  250 of 1000 rows, 36s left\n" +
			"copying    100%  1000 of 1000 rows\n" +
			"verifying  100%  0 of 0 rows\n"},
		{"a terminal", true, "\rcopying    [..............................]   0%  0 of 1000 rows  meta\x1b[K" +
			"\rcopying    [#######.......................]  25%  250 of 1000 rows, 36s left  users\x1b[K" +
			"\rcopying    [###############...............]  50%  500 of 1000 rows, 13s left  users\x1b[K" +
			"\rcopying    [##############################] 100%  1000 of 1000 rows  users\x1b[K\n" +
			"\rverifying  [##############################] 100%  0 of 0 rows  meta\x1b[K\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
			p := newProgress(&out, func() time.Time { return now })
			p.bar = test.bar
			for _, s := range steps {
				now = now.Add(s.after)
				p.show(s.step)
			}
			p.end()
			if out.String() != test.want {
				t.Errorf("shown:\n%q\nwant:\n%q", out.String(), test.want)
			}
		})
	}
}
