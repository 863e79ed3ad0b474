package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

func TestServeStartsWhileWisdomAIIsUnreachable(t *testing.T) {
	config := writeConfig(t, "http://127.0.0.1:9/graphql", "") // nobody listens on the discard port
	s := &server{t: t, config: config}
	s.token = strings.TrimSpace(s.command("token", "create", "--name", "okta", "--config", config))
	s.serve()
	for _, path := range []string{"/livez", "/readyz"} {
		if status := call(t, "GET", s.ready.Admin+path, "", nil, nil); status != 200 {
			t.Errorf("GET %s: %d, want 200: an unready process gets no writes to record", path, status)
		}
	}
	var user struct{ ID string }
	if status := s.scim("POST", "/Users", newUser("ann@example.com"), &user); status != http.StatusCreated {
		t.Fatalf("POST: %d", status)
	}
	var health struct {
		Status   string
		Problems []string
		Tenants  map[string]struct {
			Reachable bool
			Pending   int
		}
	}
	eventually(t, "/healthz says what is wrong", func() bool {
		call(t, "GET", s.ready.Admin+"/healthz", "", nil, &health)
		return health.Status == "degraded" && len(health.Problems) > 0
	})
	if tenant := health.Tenants["default"]; tenant.Reachable || tenant.Pending != 1 || !strings.Contains(strings.Join(health.Problems, " "), "WisdomAI") {
		t.Errorf("health = %+v", health)
	}
	if !strings.Contains(s.stderr.String(), "connection refused") {
		t.Errorf("the log does not say what is wrong:\n%s", &s.stderr)
	}
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	s.serve()
	if status := s.scim("GET", "/Users/"+user.ID, nil, nil); status != 200 {
		t.Errorf("after a restart GET of what was accepted: %d", status)
	}
}

func TestV05ParallelCreatesOverHTTP(t *testing.T) {
	s := newServer(t, "")
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			status := s.scim("POST", "/Users", newUser("ann@example.com"), nil)
			mu.Lock()
			statuses[status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if statuses[201] != 1 || statuses[409] != 49 {
		t.Errorf("statuses = %v, want one 201 and 49 409", statuses)
	}
	if n := s.at("ann@example.com"); n != 0 {
		t.Errorf("ann at WisdomAI: %d", n)
	}
	var calls struct {
		Operations map[string]struct{ Fields int }
	}
	call(t, "GET", s.sim.ready.Control+"/calls", "", nil, &calls)
	if n := calls.Operations["createUsers"].Fields; n != 1 {
		t.Errorf("%d createUsers, want 1", n)
	}
	if status := s.scim("POST", "/Users", newUser("ann@example.com"), nil); status != 409 {
		t.Errorf("an answered POST repeated: %d, want 409", status)
	}
}

func TestV05ACreateWhoseAnswerWasLost(t *testing.T) {
	s := newServer(t, "")
	s.faults(map[string]any{"operation": "createUsers", "kind": "latency", "latency": "700ms"})
	body, err := json.Marshal(newUser("ann@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, "POST", s.ready.SCIM+"/Users", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if res, err := http.DefaultClient.Do(req); err == nil {
		t.Fatalf("the answer was not lost: %s", res.Status)
	}
	var list struct {
		TotalResults int
		Resources    []struct{ ID string }
	}
	s.scim("GET", "/Users?filter=userName%20eq%20%22ann@example.com%22", nil, &list)
	if list.TotalResults != 1 {
		t.Fatalf("the lookup after it found %d", list.TotalResults)
	}
	var again struct{ ID string }
	status := 0
	eventually(t, "no request works on it any more", func() bool {
		status = s.scim("POST", "/Users", newUser("ann@example.com"), &again)
		return status != 409
	})
	if status != 201 || again.ID != list.Resources[0].ID {
		t.Errorf("the POST repeated: %d with id %s, want 201 with id %s", status, again.ID, list.Resources[0].ID)
	}
	if status := s.scim("POST", "/Users", newUser("ann@example.com"), nil); status != 409 {
		t.Errorf("once it was answered: %d, want 409", status)
	}
	eventually(t, "she is there once", func() bool { return s.at("ann@example.com") == 0 })
}

func TestTokensOfARunningServer(t *testing.T) {
	s := newServer(t, "")
	second := strings.TrimSpace(s.command("token", "create", "--name", "entra", "--expires", "90d", "--config", s.config))
	if status := call(t, "GET", s.ready.SCIM+"/Users", second, nil, nil); status != 200 {
		t.Errorf("a token created beside the running server: %d", status)
	}
	if out := s.command("token", "list", "--config", s.config); !strings.Contains(out, "entra") || strings.Contains(out, second) {
		t.Errorf("token list: %s", out)
	}
	s.command("token", "revoke", "--name", "entra", "--config", s.config)
	eventually(t, "it is refused", func() bool { return call(t, "GET", s.ready.SCIM+"/Users", second, nil, nil) == 401 })
	if status := call(t, "GET", s.ready.SCIM+"/Users", s.token, nil, nil); status != 200 {
		t.Errorf("the other token: %d", status)
	}
	if strings.Contains(s.stderr.String(), second) || strings.Contains(s.stderr.String(), s.token) {
		t.Error("a token is in the log")
	}
}

func TestOktaFindsTheRolesThatTheMappingGives(t *testing.T) {
	s := newServer(t, "")
	for _, path := range []string{"/Roles", "/Entitlements"} {
		var list struct {
			Resources []struct{ ID, DisplayName string }
		}
		if status := s.scim("GET", path+"?startIndex=1&count=100", nil, &list); status != http.StatusOK {
			t.Fatalf("GET %s: %d", path, status)
		}
		if len(list.Resources) != 1 || list.Resources[0].ID != "EXPLORER" || list.Resources[0].DisplayName != "Explorer" {
			t.Errorf("%s: %+v, want the role of the one rule", path, list.Resources)
		}
	}
}

func TestTwoServersOnOneFile(t *testing.T) {
	enginetest.Only(t, enginetest.SQLite, "a database may have as many servers as there have to be")
	s := newServer(t, "")
	_, stderr, code := command(t, "serve", "--config", s.config)
	if code != exitFailed || !strings.Contains(stderr, "scimbridge.db") {
		t.Errorf("a second server exited with %d and said: %s", code, stderr)
	}
}

func TestCheck(t *testing.T) {
	sim := start(t, "simulate", "--listen", "127.0.0.1:0", "--token", "key")
	config := writeConfig(t, sim.ready.GraphQL, "")
	out, stderr, code := command(t, "check", "--config", config)
	if code != exitPerson || !strings.Contains(out, "no active token") || !strings.Contains(out, "owner@wisdom.invalid") {
		t.Errorf("check before there is a token exited with %d:\n%s%s", code, out, stderr)
	}
	command(t, "token", "create", "--name", "okta", "--config", config)
	if out, _, code := command(t, "check", "--config", config); code != exitDone {
		t.Errorf("check exited with %d:\n%s", code, out)
	}
	out, _, code = command(t, "check", "--config", config, "--output", "json")
	var findings []finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || code != exitDone || len(findings) < 4 {
		t.Errorf("check --output json exited with %d: %v\n%s", code, err, out)
	}
	down := writeConfig(t, "http://127.0.0.1:9/graphql", "")
	if out, _, code := command(t, "check", "--config", down); code != exitFailed || !strings.Contains(out, "to fix:") {
		t.Errorf("check of a WisdomAI that is not there exited with %d:\n%s", code, out)
	}
}

func TestBadConfigurationIsRefusedAtStart(t *testing.T) {
	config := writeConfig(t, "http://127.0.0.1:9/graphql", "    email_domain: [example.com]\n    policy: {on_delete: forget}\n")
	for _, args := range [][]string{{"serve"}, {"check"}, {"token", "list"}} {
		_, stderr, code := command(t, append(args, "--config", config)...)
		if code != exitFailed || !strings.Contains(stderr, "scimbridge.yaml:10:") || !strings.Contains(stderr, "scimbridge.yaml:11:") || !strings.Contains(stderr, "email_domains") {
			t.Errorf("%v exited with %d and said:\n%s", args, code, stderr)
		}
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--help"}, exitDone, ""},
		{[]string{"--version"}, exitDone, ""},
		{[]string{"frobnicate"}, exitUsage, "frobnicate"},
		{[]string{"serve", "--frobnicate"}, exitUsage, "frobnicate"},
		{[]string{"serve", "now"}, exitUsage, "now"},
		{[]string{"serve", "--config", "nowhere.yaml"}, exitFailed, "config init"},
		{[]string{"token", "create"}, exitUsage, "name"},
		{[]string{"config", "init", "--idp", "nobody"}, exitUsage, "okta"},
		{[]string{"simulate", "--listen", "0.0.0.0:0"}, exitUsage, "loopback"},
		{[]string{"demo", "--listen", "0.0.0.0:0"}, exitUsage, "loopback"},
		{[]string{"simulate", "--set", "empty_roles=perhaps"}, exitUsage, "ignored"},
		{[]string{"check", "--output", "xml"}, exitUsage, "json"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			_, stderr, code := command(t, tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.says) {
				t.Errorf("exited with %d, want %d, and said: %s", code, tt.code, stderr)
			}
		})
	}
	for _, idp := range []string{"okta", "entra", "generic"} {
		if out, _, code := command(t, "config", "init", "--idp", idp); code != exitDone || !strings.Contains(out, "wisdom:") {
			t.Errorf("config init --idp %s exited with %d", idp, code)
		}
	}
}
