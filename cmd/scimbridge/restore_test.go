package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// storePath is the server's database.
func (s *server) storePath() string {
	s.t.Helper()
	enginetest.Only(s.t, enginetest.SQLite, "it is about the store's file")
	return filepath.Join(filepath.Dir(s.config), "scimbridge.db")
}

// removeStore is a lost volume: nothing is left beside the configuration.
func (s *server) removeStore() {
	s.t.Helper()
	files, err := filepath.Glob(s.storePath() + "*")
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no store at %s: %v", s.storePath(), err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *server) putBack(file string) {
	s.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		os.Remove(s.storePath() + suffix)
	}
	if err := os.WriteFile(s.storePath(), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// rounds waits until the server has looked again, and had the time to do something about it.
func (s *server) rounds() {
	s.t.Helper()
	began := time.Now()
	eventually(s.t, "a listing", func() bool {
		s.scim("GET", `/Users?filter=userName%20eq%20%22nobody@example.com%22`, nil, nil)
		return s.healthz().Tenants["default"].LastListing.After(began)
	})
	time.Sleep(1500 * time.Millisecond)
}

// employed makes ann and bob explorers, and returns their ids and the group's.
func employed(s *server) (ann, bob, group string) {
	var a, b, g struct{ ID string }
	for name, into := range map[string]any{"ann@example.com": &a, "bob@example.com": &b} {
		if status := s.scim("POST", "/Users", newUser(name), into); status != http.StatusCreated {
			s.t.Fatalf("POST %s: %d", name, status)
		}
	}
	body := map[string]any{"displayName": "Explorers", "members": []any{map[string]any{"value": a.ID}, map[string]any{"value": b.ID}}}
	if status := s.scim("POST", "/Groups", body, &g); status != http.StatusCreated {
		s.t.Fatalf("POST group: %d", status)
	}
	eventually(s.t, "both have their role", func() bool { return s.at("ann@example.com") == 1 && s.at("bob@example.com") == 1 })
	return a.ID, b.ID, g.ID
}

// scrape is /metrics.
func scrape(t *testing.T, admin string) string {
	t.Helper()
	res, err := http.Get(admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fast is a server that looks as often as it is asked.
const fast = "    listing: {miss_max_age: 100ms, max_age: 1s, max_duty: 0.9}\n"

// TestV31BackupPutBack: everybody who left since the backup is not let in again.
func TestV31BackupPutBack(t *testing.T) {
	enginetest.Only(t, enginetest.SQLite, "another engine's copies are made by its own programs")
	for _, way := range []string{"backup", "an older file", "--restored"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, fast)
			ann, _, _ := employed(s)
			copied := filepath.Join(t.TempDir(), "copy.db")
			if way == "backup" {
				s.command("backup", copied, "--config", s.config)
				if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
					t.Fatalf("the copy: %v, %v", info, err)
				}
				if _, stderr, code := command(t, "backup", copied, "--config", s.config); code != exitFailed || !strings.Contains(stderr, "new file") {
					t.Errorf("over a file that is there: %d %s", code, stderr)
				}
			} else {
				if err := s.terminate(); err != nil {
					t.Fatal(err)
				}
				data, err := os.ReadFile(s.storePath())
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(copied, data, 0o600); err != nil {
					t.Fatal(err)
				}
				s.serve()
			}
			if h := s.healthz(); h.Tenants["default"].Restored.ID != "" {
				t.Errorf("the original is marked: %+v", h)
			}
			if status := s.scim("PATCH", "/Users/"+ann, patchOp("replace", "active", false), nil); status != http.StatusOK {
				t.Fatalf("PATCH ann: %d", status)
			}
			eventually(t, "ann has no access", func() bool { return s.at("ann@example.com") == 0 })
			s.kill()
			s.putBack(copied)
			args := []string{"serve", "--config", s.config}
			switch way {
			case "backup": // on another machine: nothing but the mark tells
				if err := os.Remove(s.storePath() + ".epoch"); err != nil {
					t.Fatal(err)
				}
			case "--restored":
				if err := os.Remove(s.storePath() + ".epoch"); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--restored")
			}
			s.process = start(t, args...)
			s.rounds()
			if n := s.at("ann@example.com"); n != 0 {
				t.Fatalf("ann was let in again: %d roles", n)
			}
			h := s.healthz()
			if h.Tenants["default"].Restored.ID == "" || !strings.Contains(strings.Join(h.Problems, " "), "reconcile --after-restore") {
				t.Errorf("/healthz does not say it: %+v", h)
			}
			if !strings.Contains(s.stderr.String(), "ALL GIVING IS HELD") {
				t.Error("the log does not say it")
			}
			if metrics := scrape(t, s.ready.Admin); !strings.Contains(metrics, `scimbridge_giving_held{tenant="default"} 1`) {
				t.Error("the metrics do not say it")
			}
			s.kill() // it is in the store: once is enough
			s.serve()
			s.rounds()

			stdout, stderr, code := command(t, "reconcile", "--after-restore", "--config", s.config)
			if code != exitPerson || !strings.Contains(stdout, "ann@example.com") || strings.Contains(stdout, "bob@example.com") || !strings.Contains(stderr, "just made") {
				t.Errorf("the plan: exit %d\n%s\n%s", code, stdout, stderr)
			}
			if _, stderr, code := command(t, "reconcile", "--after-restore", "--approve", "0123", "--config", s.config); code != exitPerson || !strings.Contains(stderr, "changed") {
				t.Errorf("another plan: exit %d %s", code, stderr)
			}
			if _, stderr, code := command(t, "reconcile", "--config", s.config); code != exitPerson || !strings.Contains(stderr, "restored") {
				t.Errorf("reconcile while it is held: exit %d %s", code, stderr)
			}
			s.rounds()
			if n := s.at("ann@example.com"); n != 0 {
				t.Fatalf("ann was let in by what was not confirmed: %d roles", n)
			}
			// The IdP writes her again, as it would in a full run; then there is nothing to give.
			if status := s.scim("PATCH", "/Users/"+ann, patchOp("replace", "active", false), nil); status != http.StatusOK {
				t.Fatalf("PATCH ann: %d", status)
			}
			s.command("reconcile", "--after-restore", "--yes", "--config", s.config)
			if status := s.scim("PATCH", "/Users/"+ann, patchOp("replace", "active", true), nil); status != http.StatusOK {
				t.Fatalf("PATCH ann: %d", status)
			}
			eventually(t, "giving goes on", func() bool { return s.at("ann@example.com") == 1 })
			if h := s.healthz(); h.Tenants["default"].Restored.ID != "" {
				t.Errorf("still held: %+v", h)
			}
		})
	}
}

// TestV31KilledAtTheStart claims no restore, wherever it dies; and a copy from before is still found.
func TestV31KilledAtTheStart(t *testing.T) {
	s := newServer(t, "")
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(s.storePath())
	if err != nil {
		t.Fatal(err)
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 15 {
		before, _ := os.ReadFile(s.storePath() + ".epoch")
		p := &process{t: t, cmd: exec.Command(path, "serve", "--config", s.config), ended: make(chan error, 1)}
		p.cmd.Stderr = &p.stderr
		if err := p.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { p.ended <- p.cmd.Wait() }()
		// As soon as one of the writes to the file is seen, and then a little later each time.
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			if now, err := os.ReadFile(s.storePath() + ".epoch"); err == nil && string(now) != string(before) {
				break
			}
		}
		time.Sleep(time.Duration(i%5) * time.Millisecond)
		p.kill()
		if strings.Contains(p.stderr.String(), "RESTORED") {
			t.Fatalf("start %d claims a restore:\n%s", i, &p.stderr)
		}
	}
	file := filepath.Join(t.TempDir(), "older.db")
	if err := os.WriteFile(file, older, 0o600); err != nil {
		t.Fatal(err)
	}
	s.putBack(file)
	s.serve()
	if h := s.healthz(); h.Tenants["default"].Restored.ID == "" {
		t.Errorf("an older file was not noticed: %+v", h)
	}
}

// TestV32RebuiltFromAnEmptyVolume: the IdP goes on with the ids that it has.
func TestV32RebuiltFromAnEmptyVolume(t *testing.T) {
	s := newServer(t, fast+"    attributes: {display_name: displayName}\n")
	ann, bob, group := employed(s)
	if status := s.scim("PATCH", "/Users/"+bob, patchOp("replace", "externalId", "x-2"), nil); status != http.StatusOK {
		t.Fatalf("PATCH bob: %d", status)
	}
	s.rounds()
	s.kill()
	s.removeStore()

	// Everybody is to have a role by default from now on: nobody gets it before he is written.
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "roles: {groups:", "roles: {default: [VIEWER], groups:", 1))
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.token = strings.TrimSpace(s.command("token", "create", "--name", "okta", "--config", s.config))
	s.faults(map[string]any{"operation": "listUsers", "kind": "http", "http": 503})
	s.serve()
	if status := s.scim("PATCH", "/Users/"+ann, patchOp("replace", "active", false), nil); status != http.StatusServiceUnavailable {
		t.Errorf("PATCH before the first listing: %d, want 503", status)
	}
	s.faults()
	var user struct {
		UserName, ExternalID string
		Active               bool
	}
	eventually(t, "bob is known by his id", func() bool { return s.scim("GET", "/Users/"+bob, nil, &user) == 200 })
	if user.UserName != "bob@example.com" || user.ExternalID != "x-2" || !user.Active {
		t.Errorf("bob = %+v", user)
	}
	if !strings.Contains(s.stderr.String(), "THE STORE WAS REBUILT") {
		t.Error("the log does not say it")
	}
	if status := s.scim("PATCH", "/Users/"+ann, patchOp("replace", "active", false), nil); status != http.StatusOK {
		t.Fatalf("PATCH ann: %d", status)
	}
	eventually(t, "deprovisioning works at once", func() bool { return s.at("ann@example.com") == 0 })
	s.rounds()
	if n := s.at("bob@example.com"); n != 1 {
		t.Errorf("bob has %d roles before he was written, want the one that he had", n)
	}
	if status := s.scim("GET", "/Groups/"+group, nil, nil); status != http.StatusServiceUnavailable {
		t.Errorf("GET of the group: %d, want 503", status)
	}
	if h := s.healthz(); h.Tenants["default"].Rebuilt != 1 || !strings.Contains(strings.Join(h.Problems, " "), "rebuild --resume") {
		t.Errorf("/healthz = %+v", h)
	}
	if _, stderr, code := command(t, "rebuild", "--config", s.config); code != exitPerson || !strings.Contains(stderr, "1 person has to be written") {
		t.Errorf("rebuild again: exit %d %s", code, stderr)
	}
	if status := s.scim("PATCH", "/Users/"+bob, patchOp("replace", "displayName", "Bob"), nil); status != http.StatusOK {
		t.Fatalf("PATCH bob: %d", status)
	}
	eventually(t, "bob has the default role beside his own", func() bool { return s.at("bob@example.com") == 2 })
	stdout, stderr, code := command(t, "rebuild", "--resume", "--config", s.config, "--output", "json")
	var losing struct {
		Unwritten int
		Losing    []struct {
			Address string
			Roles   []string
		}
	}
	if err := json.Unmarshal([]byte(stdout), &losing); err != nil || code != exitPerson || len(losing.Losing) != 1 || losing.Losing[0].Address != "bob@example.com" {
		t.Errorf("resume: exit %d %s %s (%v)", code, stdout, stderr, err)
	}
	var again struct{ ID string }
	body := map[string]any{"displayName": "Explorers", "members": []any{map[string]any{"value": bob}}}
	if status := s.scim("POST", "/Groups", body, &again); status != http.StatusCreated {
		t.Fatalf("POST group: %d", status)
	}
	s.command("rebuild", "--resume", "--config", s.config)
	if status := s.scim("GET", "/Groups/"+group, nil, nil); status != http.StatusNotFound {
		t.Errorf("GET of the old group: %d, want 404", status)
	}
	if n := s.at("bob@example.com"); n != 2 {
		t.Errorf("bob has %d roles, want 2", n)
	}
	if status := s.scim("DELETE", "/Groups/"+again.ID, nil, nil); status != http.StatusNoContent {
		t.Fatalf("DELETE group: %d", status)
	}
	eventually(t, "bob has the default role alone", func() bool { return s.at("bob@example.com") == 1 })
}

// TestV32AnotherWorkspaceIsRefusedUntilRebind runs the command.
func TestV32AnotherWorkspaceIsRefusedUntilRebind(t *testing.T) {
	s := newServer(t, fast)
	ann, bob, _ := employed(s)
	if status := s.scim("PATCH", "/Users/"+bob, patchOp("replace", "active", false), nil); status != http.StatusOK {
		t.Fatalf("PATCH bob: %d", status)
	}
	s.rounds()
	if _, stderr, code := command(t, "tenant", "rebind", "--config", s.config); code != exitFailed || !strings.Contains(stderr, "stop the server first") && !strings.Contains(stderr, "stop them, every replica") {
		t.Errorf("beside a server: exit %d %s", code, stderr)
	}
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	other := start(t, "simulate", "--listen", "127.0.0.1:0", "--token", "key", "--users", "0")
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, []byte(strings.ReplaceAll(string(text), s.sim.ready.GraphQL, other.ready.GraphQL)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.sim = other
	if _, stderr, code := command(t, "serve", "--config", s.config); code != exitFailed || !strings.Contains(stderr, "tenant rebind --tenant default") {
		t.Errorf("serve on another workspace: exit %d %s", code, stderr)
	}
	if stdout, stderr, code := command(t, "tenant", "rebind", "--config", s.config); code != exitPerson || !strings.Contains(stdout, "have: 1") || !strings.Contains(stderr, "--yes") {
		t.Errorf("rebind without a word: exit %d %s %s", code, stdout, stderr)
	}
	s.command("tenant", "rebind", "--yes", "--config", s.config)
	s.serve()
	eventually(t, "ann is there", func() bool { return s.at("ann@example.com") == 1 })
	if status := s.scim("GET", "/Users/"+ann, nil, nil); status != 200 {
		t.Errorf("GET ann: %d", status)
	}
	if n := s.at("bob@example.com"); n != -1 {
		t.Errorf("bob, suspended, was created: %d", n)
	}
}
