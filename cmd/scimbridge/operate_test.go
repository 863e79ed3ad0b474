package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// asks runs a command, wants its exit code, and decodes what it says as JSON.
func (s *server) asks(code int, out any, args ...string) {
	s.t.Helper()
	stdout, stderr, got := command(s.t, append(args, "--config", s.config, "--output", "json")...)
	if got != code {
		s.t.Fatalf("%v exited with %d, want %d: %s%s", args, got, code, stdout, stderr)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(stdout), out); err != nil {
		s.t.Fatalf("%v: %v in %s", args, err, stdout)
	}
}

type healthz struct {
	Status   string
	Problems []string
	Tenants  map[string]directory.Health
}

func (s *server) healthz() healthz {
	s.t.Helper()
	var h healthz
	if status := call(s.t, "GET", s.ready.Admin+"/healthz", "", nil, &h); status != 200 {
		s.t.Fatalf("/healthz: %d", status)
	}
	return h
}

// metric is the value of a line of /metrics.
func (s *server) metric(line string) string {
	s.t.Helper()
	res, err := http.Get(s.ready.Admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range strings.Split(string(body), "\n") {
		if value, ok := strings.CutPrefix(l, line+" "); ok {
			return value
		}
	}
	return ""
}

// explorer creates somebody with a role and waits until he has it.
func (s *server) explorer(userName string) (id string) {
	s.t.Helper()
	var u struct{ ID string }
	if status := s.scim("POST", "/Users", newUser(userName), &u); status != 201 {
		s.t.Fatalf("POST: %d", status)
	}
	group := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Explorers", "members": []any{map[string]any{"value": u.ID}}}
	if status := s.scim("POST", "/Groups", group, nil); status != 201 {
		s.t.Fatalf("POST group: %d", status)
	}
	eventually(s.t, userName+" has his role", func() bool { return s.at(userName) == 1 })
	return u.ID
}

func TestPauseAndResumeBesideARunningServer(t *testing.T) {
	s := newServer(t, "")
	id := s.explorer("ann@example.com")
	s.asks(0, nil, "pause", "--reason", "wrong mapping")
	time.Sleep(1500 * time.Millisecond)
	if status := s.scim("PATCH", "/Users/"+id, patchOp("replace", "active", false), nil); status != 200 {
		t.Fatalf("PATCH while paused: %d", status)
	}
	time.Sleep(2 * time.Second)
	if n := s.at("ann@example.com"); n != 1 {
		t.Errorf("%d roles while paused, want 1", n)
	}
	h := s.healthz()
	if h.Status != "degraded" || !slices.ContainsFunc(h.Problems, func(p string) bool {
		return strings.Contains(p, "PAUSED") && strings.Contains(p, "wrong mapping") && strings.Contains(p, "access of 1 of them should be gone")
	}) {
		t.Errorf("/healthz %+v", h)
	}
	if got := s.metric(`scimbridge_tenant_state{state="paused",tenant="default"}`); got != "1" {
		t.Errorf("metric paused = %q", got)
	}
	if !strings.Contains(s.stderr.String(), "NOTHING IS DELIVERED") {
		t.Error("the log does not say that nothing is delivered")
	}

	var status []struct {
		Tenant   string
		Mode     string
		Problems []string
		Tokens   int `json:"active_tokens"`
	}
	s.asks(3, &status, "status")
	if len(status) != 1 || status[0].Tenant != "default" || status[0].Tokens != 1 || !slices.Equal(status[0].Problems, h.Problems) {
		t.Errorf("status %+v, want the problems that /healthz has: %v", status, h.Problems)
	}
	var pending []directory.PendingAccount
	s.asks(0, &pending, "pending")
	if len(pending) != 1 || pending[0].Address != "ann@example.com" || !pending[0].Taking || !strings.Contains(pending[0].LastError, "wrong mapping") {
		t.Errorf("pending %+v", pending)
	}

	s.asks(0, nil, "resume")
	eventually(t, "she has no role", func() bool { return s.at("ann@example.com") == 0 })
	eventually(t, "that is recorded", func() bool {
		s.asks(0, &pending, "pending")
		return len(pending) == 0
	})
	eventually(t, "all is well", func() bool { return s.healthz().Status == "ok" })
	s.asks(0, nil, "status")
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	s.asks(0, nil, "status") // without a server
	s.asks(0, &pending, "pending")
	if len(pending) != 0 {
		t.Errorf("pending %+v", pending)
	}
}

func TestObserveDeliversNothing(t *testing.T) {
	s := newServer(t, "    mode: observe\n")
	var u struct{ ID string }
	if status := s.scim("POST", "/Users", newUser("ann@example.com"), &u); status != 201 {
		t.Fatalf("POST: %d", status)
	}
	var pending []directory.PendingAccount
	eventually(t, "it is planned", func() bool {
		s.asks(0, &pending, "pending")
		return len(pending) == 1 && strings.Contains(pending[0].LastError, "observe")
	})
	if h := s.healthz(); h.Status != "ok" || h.Tenants["default"].Mode != "observe" {
		t.Errorf("/healthz %+v", h)
	}
	if n := s.at("ann@example.com"); n != -1 {
		t.Error("she was created")
	}
}

func TestRetryPendingAndEvents(t *testing.T) {
	s := newServer(t, "")
	id := s.explorer("ann@example.com")
	s.faults(map[string]any{"operation": "createUsers", "kind": "status", "message": "blocked by access control"})
	viewer := newUser("bob@example.com")
	var refused struct{ Detail string }
	if status := s.scim("POST", "/Users", viewer, &refused); status != 400 {
		t.Fatalf("POST of somebody blocked: %d", status)
	}
	s.faults(map[string]any{"operation": "createUsers", "kind": "http", "http": 503})
	if status := s.scim("PATCH", "/Users/"+id, patchOp("replace", "active", false), nil); status != 200 {
		t.Fatalf("PATCH: %d", status)
	}
	var pending []directory.PendingAccount
	eventually(t, "it was tried some times", func() bool {
		s.asks(0, &pending, "pending")
		return len(pending) == 1 && pending[0].Attempts >= 3
	})
	if p := pending[0]; p.User != id || p.Next != "set roles: no role" || !strings.Contains(p.LastError, "503") {
		t.Errorf("pending %+v", p)
	}
	text, _, _ := command(t, "pending", "--config", s.config)
	if !strings.Contains(text, "ann@example.com  pending, access should be gone") {
		t.Errorf("pending says\n%s", text)
	}
	if _, stderr, code := command(t, "retry", "--config", s.config); code != 2 || !strings.Contains(stderr, "--failed") {
		t.Errorf("retry of nothing: %d %s", code, stderr)
	}
	if _, stderr, code := command(t, "retry", "nobody@example.com", "--config", s.config); code != 1 || !strings.Contains(stderr, "nobody@example.com") {
		t.Errorf("retry of nobody: %d %s", code, stderr)
	}
	s.faults()
	s.asks(0, nil, "retry", "ann@example.com")
	eventually(t, "she has no role", func() bool { return s.at("ann@example.com") == 0 })

	out := s.command("events", "--config", s.config, "--output", "json", "--user", "ann@example.com", "--since", "1h")
	var kinds []string
	for line := range strings.Lines(out) {
		var e struct {
			Kind, Actor string
			Detail      map[string]any
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		kinds = append(kinds, e.Kind)
		if e.Kind == "delivery.retry" && e.Actor != "scimbridge retry" {
			t.Errorf("retried by %q", e.Actor)
		}
	}
	for _, want := range []string{"user.create", "user.update", "delivery.error", "delivery.retry", "delivery.call"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("no %s among %v", want, kinds)
		}
	}
	if out := s.command("events", "--config", s.config, "--kind", "delivery.error", "--limit", "1"); strings.Count(out, "\n") != 1 || !strings.Contains(out, "delivery.error") {
		t.Errorf("one error: %s", out)
	}
	if _, _, code := command(t, "events", "--config", s.config, "--since", "yesterday"); code != 2 {
		t.Errorf("--since yesterday: exit %d", code)
	}
}

func TestEventsFollow(t *testing.T) {
	s := newServer(t, "")
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "events", "--config", s.config, "--follow", "--kind", "user.", "--output", "json")
	var out lockedBuffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann@example.com", "bob@example.com"} {
		if status := s.scim("POST", "/Users", newUser(name), nil); status != 201 {
			t.Fatalf("POST: %d", status)
		}
		eventually(t, "the event is shown", func() bool { return strings.Contains(out.String(), `"email":"`+name+`"`) })
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d events, want each once:\n%s", n, &out)
	}
}

func TestV02ARefusedDeactivationIsSeenEverywhere(t *testing.T) {
	s := newServer(t, "")
	id := s.explorer("ann@example.com")
	body := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{
		map[string]any{"op": "replace", "path": "active", "value": false}, map[string]any{"op": "replace", "path": "emails", "value": "canary"}}}
	if status := s.scim("PATCH", "/Users/"+id, body, nil); status != 400 {
		t.Fatalf("PATCH: %d, want 400", status)
	}
	if h := s.healthz(); !slices.ContainsFunc(h.Problems, func(p string) bool { return strings.Contains(p, "1 user(s) keep access") }) {
		t.Errorf("/healthz %+v", h)
	}
	if got := s.metric(`scimbridge_tenant_state{state="leavers_refused",tenant="default"}`); got != "1" {
		t.Errorf("metric leavers_refused = %q", got)
	}
	if out := s.command("events", "--config", s.config, "--kind", "user.deactivation_refused"); !strings.Contains(out, id) || !strings.Contains(out, "emails") {
		t.Errorf("events: %s", out)
	}
	if status := s.scim("PATCH", "/Users/"+id, patchOp("replace", "active", false), nil); status != 200 {
		t.Fatalf("PATCH: %d", status)
	}
	if h := s.healthz(); slices.ContainsFunc(h.Problems, func(p string) bool { return strings.Contains(p, "keep access") }) {
		t.Errorf("/healthz after he has left: %+v", h)
	}
}

func TestSentences(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		name   string
		health directory.Health
		want   string // in the one sentence; "" for none
	}{
		{"all is well", directory.Health{}, ""},
		{"V-37 at a third of the time", directory.Health{Acceptance: directory.Acceptance{Since: ago(20 * time.Minute), Until: now.Add(40 * time.Minute)}}, ""},
		{"V-37 at half time", directory.Health{Acceptance: directory.Acceptance{Since: ago(30 * time.Minute), Until: now.Add(30 * time.Minute), Reason: "dial"}}, "from 2026-11-23T12:30:00Z on writes are recorded and answered 503"},
		{"V-37", directory.Health{Acceptance: directory.Acceptance{Since: ago(2 * time.Hour), Until: ago(time.Hour), Reason: "dial", Refusing: true}}, "answered 503 since 2026-11-23T11:00:00Z, because nothing could be delivered since 2026-11-23T10:00:00Z: dial"},
		{"V-18", directory.Health{Ignored: map[string]int{"empty role list ignored": 2}}, "empty role list ignored: 2 account(s) keep access though WisdomAI answered OK (WisdomAI answers OK to taking all roles and leaves them; with policy on_deactivate: delete"},
		{"V-15 a leaver for a moment", directory.Health{Taking: 1, OldestTaking: ago(time.Minute), OldestPending: ago(time.Hour)}, ""},
		{"V-15 a leaver who waits", directory.Health{Taking: 1, OldestTaking: ago(2 * time.Minute)}, "the oldest since 2026-11-23T11:58:00Z"},
	} {
		c.health.Reachable = true
		got := problemsOf(standing{&config.Tenant{Name: "default", Mode: "enforce"}, c.health, now})
		if c.want == "" && len(got) != 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
