package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// edit changes the server's configuration file.
func (s *server) edit(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("the configuration lacks %s:\n%s", old, text)
	}
	if err := os.WriteFile(s.config, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) hangUp() { s.cmd.Process.Signal(syscall.SIGHUP) }

// crowd are n explorers; it returns their ids.
func (s *server) crowd(n int) (ids []string) {
	s.t.Helper()
	var members []any
	for i := range n {
		var user struct{ ID string }
		if status := s.scim("POST", "/Users", newUser(fmt.Sprintf("p%d@example.com", i)), &user); status != 201 {
			s.t.Fatalf("POST: %d", status)
		}
		ids = append(ids, user.ID)
		members = append(members, map[string]any{"value": user.ID})
	}
	group := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Explorers", "members": members}
	if status := s.scim("POST", "/Groups", group, nil); status != 201 {
		s.t.Fatalf("POST group: %d", status)
	}
	s.everybody(n, 1)
	return ids
}

// everybody waits until the crowd has that many roles.
func (s *server) everybody(n, roles int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d people have %d roles", n, roles), func() bool {
		for i := range n {
			if s.at(fmt.Sprintf("p%d@example.com", i)) != roles {
				return false
			}
		}
		return true
	})
}

// TestV35ATypoAtRestart is the whole way: held at the start and seen, planned, approved while
// the server runs.
func TestV35ATypoAtRestart(t *testing.T) {
	s := newServer(t, "    brake: {floor: 3}\n")
	s.crowd(4)
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	s.edit("{group: Explorers, role: EXPLORER}", "{match: 'Explorer', role: EXPLORER}")
	s.serve()
	eventually(t, "the rules are held", func() bool { return s.healthz().Tenants["default"].Rules.Held != "" })
	hash := s.healthz().Tenants["default"].Rules.Held
	if problems := strings.Join(s.healthz().Problems, "\n"); !strings.Contains(problems, "4 of 4 people") || !strings.Contains(problems, hash) {
		t.Errorf("problems %q", problems)
	}
	if !strings.Contains(s.stderr.String(), "HELD") || !strings.Contains(s.stderr.String(), hash) {
		t.Error("the log does not say so")
	}
	if !strings.Contains(s.metrics(), `scimbridge_rules_held{tenant="default"} 1`+"\n") {
		t.Error("the metric does not say so")
	}

	out, errOut, code := command(t, "plan", "--config", s.config)
	if code != exitPerson {
		t.Errorf("plan exits with %d: %s", code, errOut)
	}
	for _, want := range []string{"HELD: 4 of 4 people", "apply --tenant default --approve " + hash, "4 lose a role", "0 change address", "createUsers 4",
		"p0@example.com: EXPLORER {", "createUsers roles []"} {
		if !strings.Contains(out, want) {
			t.Errorf("plan does not print %q:\n%s", want, out)
		}
	}
	var plan struct {
		People []directory.PersonPlan
		Rules  directory.RulesPlan
	}
	out, _, _ = command(t, "plan", "--config", s.config, "--output", "json")
	if err := json.Unmarshal([]byte(out), &plan); err != nil || len(plan.People) != 4 || plan.Rules.Hash != hash {
		t.Errorf("plan as JSON: %v\n%s", err, out)
	}

	if _, errOut, code := command(t, "apply", "--config", s.config, "--approve", strings.Repeat("0", 32)); code != exitFailed || !strings.Contains(errOut, hash) {
		t.Errorf("another hash: %d %s", code, errOut)
	}
	if _, _, code := command(t, "apply", "--config", s.config); code != exitUsage {
		t.Errorf("apply without a hash exits with %d", code)
	}
	s.everybody(4, 1)
	s.command("apply", "--config", s.config, "--approve", hash)
	s.everybody(4, 0)
	if h := s.healthz(); h.Tenants["default"].Rules.Held != "" || h.Tenants["default"].Rules.InForce != hash {
		t.Errorf("health %+v", h)
	}
	out, _, code = command(t, "plan", "--config", s.config)
	if code != 0 || !strings.Contains(out, "are in force") {
		t.Errorf("plan afterwards: %d %s", code, out)
	}
}

func (s *server) metrics() string {
	s.t.Helper()
	out, err := fetch(s.ready.Admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestV35AReload(t *testing.T) {
	s := newServer(t, "    brake: {floor: 3}\n")
	s.crowd(2)

	// A broken file: every fault is said, and all goes on.
	s.edit("role: EXPLORER}", "role: EXPLORR}")
	s.edit("request_budget: 1s", "request_budget: soon")
	s.hangUp()
	eventually(t, "both faults are in the log", func() bool {
		log := s.stderr.String()
		return strings.Contains(log, "EXPLORR") && strings.Contains(log, "request_budget") && strings.Contains(log, "goes on as before")
	})
	s.edit("role: EXPLORR}", "role: VIEWER}, {group: Viewers, role: VIEWER}")
	s.edit("request_budget: soon", "request_budget: 2s")
	s.edit("roles: {", "extension: [{name: region, type: string}]\n    roles: {default: [STORY_VIEWER], ")
	s.hangUp()
	s.everybody(2, 2)
	if log := s.stderr.String(); !strings.Contains(log, "tenants.default.delivery.request_budget") {
		t.Error("the log does not say what waits for the next start")
	}
	// The SCIM server follows: the declared attribute is in the schema.
	var schemas json.RawMessage
	if s.scim("GET", "/Schemas/urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User", nil, &schemas); !strings.Contains(string(schemas), `"region"`) {
		t.Error("the schema does not declare the new attribute")
	}
}

func TestV35WatchingTheFile(t *testing.T) {
	s := newServer(t, "")
	s.crowd(1)
	s.edit("tenants:", "reload: watch\ntenants:")
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	s.serve()
	s.edit("roles: {", "roles: {default: [VIEWER], ")
	s.everybody(1, 2)
}

// Removing a tenant from the file changes nobody, at a reload or a start; nor do mode,
// listing, delivery and limits.
func TestV35WhatTheFileLeavesOutChangesNobody(t *testing.T) {
	s := newServer(t, "")
	s.crowd(3)
	hash := s.healthz().Tenants["default"].Rules.InForce
	s.edit("delivery: {request_budget: 1s", "mode: enforce\n    listing: {max_age: 30s}\n    limits: {page: 17}\n    delivery: {concurrency: 2, request_budget: 1s")
	out, _, code := command(t, "plan", "--config", s.config)
	if code != 0 || !strings.Contains(out, hash+", are in force") {
		t.Errorf("plan of other listing, delivery and limits: %d %s", code, out)
	}
	s.edit("  default:", "  other:")
	s.hangUp()
	eventually(t, "the log says so", func() bool { return strings.Contains(s.stderr.String(), "gone from the configuration") })
	s.everybody(3, 1)
	if err := s.terminate(); err != nil {
		t.Fatal(err)
	}
	s.edit("  other:", "  default:") // the token is default's
	s.edit("ws_sim", "ws_other")     // so that the store would refuse it
	if _, errOut, code := command(t, "plan", "--config", s.config); code != exitFailed || !strings.Contains(errOut, "ws_other") {
		t.Errorf("plan over another workspace: %d %s", code, errOut)
	}
	s.edit("  default:", "  other:")
	p := start(t, "serve", "--config", s.config)
	time.Sleep(3 * time.Second)
	s.everybody(3, 1)
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
}

func TestV35PlanOfARequestAndOfAnExport(t *testing.T) {
	s := newServer(t, "")
	ids := s.crowd(2)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	before := s.simulatorLog()

	leave := file("leave.json", fmt.Sprintf(`{"method":"PATCH","path":"/Users/%s","body":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}}`, ids[0]))
	out, errOut, code := command(t, "plan", "--config", s.config, "--request", leave)
	for _, want := range []string{"p0@example.com: EXPLORER {", "-> no role {", "createUsers roles []", "PATCH /Users/" + ids[0] + ": 200", "calls: createUsers 1 setUserAttributes 1 "} {
		if !strings.Contains(out, want) {
			t.Errorf("plan --request lacks %q (%d, %s):\n%s", want, code, errOut, out)
		}
	}
	several := file("several.json", fmt.Sprintf(`[{"method":"DELETE","path":"/Users/%s"},{"method":"GET","path":"/Users/%s"},{"method":"POST","path":"/Users","body":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"no address"}}]`, ids[1], ids[1]))
	out, _, _ = command(t, "plan", "--config", s.config, "--request", several)
	for _, want := range []string{"deleted", "deleteUsersFromWorkspace", ": 204", ": 404", ": 400 Bad Request: "} {
		if !strings.Contains(out, want) {
			t.Errorf("plan --request of several lacks %q:\n%s", want, out)
		}
	}

	export := file("people.csv", "userName,email,groups,active,Department\np0@example.com,p0@example.com,Explorers;Book club,true,Sales\np1@example.com,p1@example.com,Book club,yes,\n"+
		"new@example.com,new@example.com,Explorers,true,\nleft@example.com,left@example.com,Explorers,false,\nout@example.org,out@example.org,,true,\n")
	out, errOut, code = command(t, "plan", "--config", s.config, "--export", export)
	if code != exitPerson {
		t.Errorf("plan --export exits with %d, want %d for the one who is refused: %s", code, exitPerson, errOut)
	}
	for _, want := range []string{`p1@example.com: EXPLORER {`, `createUsers roles []`, `new@example.com: not there -> EXPLORER {`, "5 people in the export", "REFUSED: out@example.org: POST /Users: 400"} {
		if !strings.Contains(out, want) {
			t.Errorf("plan --export lacks %q:\n%s", want, out)
		}
	}
	if regexp.MustCompile(`left@example\.com: .*->`).MatchString(out) {
		t.Errorf("somebody who is not active gets something:\n%s", out)
	}
	if after := s.simulatorLog(); after != before {
		t.Errorf("planning changed WisdomAI: %s", after)
	}
	if status := s.scim("GET", "/Users/"+ids[1], nil, nil); status != 200 {
		t.Errorf("planning deleted somebody: %d", status)
	}
}

func (s *server) simulatorLog() string {
	s.t.Helper()
	out, err := fetch(s.sim.ready.Control + "/log?after=0")
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func fetch(url string) (string, error) {
	res, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}
