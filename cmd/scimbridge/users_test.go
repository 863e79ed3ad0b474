package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestV30AndV38Commands: what a person sees with `drift`, `users show` and `users restore` beside a running
// server, and that the server does what they ask.
func TestV30AndV38Commands(t *testing.T) {
	s := newServer(t, "    listing: {max_age: 1s, idle_age: 1s, settle: 1s, max_duty: 0.9}\n")
	var ann, group struct{ ID string }
	s.scim("POST", "/Users", newUser("ann@example.com"), &ann)
	s.scim("POST", "/Groups", map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Explorers",
		"members": []any{map[string]any{"value": ann.ID}}}, &group)

	type person struct {
		ID       string
		Active   bool
		Deleted  bool
		Accounts []struct {
			Address            string
			Version, Confirmed int64
			Roles              []struct{ Item, Want, Have, Why string }
			Drift              []struct{ Item string }
			Removals           []struct{ Kind, Token string }
		}
		Events []struct{ Kind string }
	}
	show := func(who string) (p person) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.command("users", "show", who, "--output", "json", "--config", s.config)), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	eventually(t, "ann is confirmed", func() bool {
		p := show("ann@example.com")
		return len(p.Accounts) == 1 && p.Accounts[0].Confirmed == p.Accounts[0].Version && s.at("ann@example.com") == 1
	})
	p := show(ann.ID)
	if r := p.Accounts[0].Roles; len(r) != 1 || r[0].Item != "EXPLORER" || !strings.Contains(r[0].Why, "roles.groups[0]") || len(p.Events) == 0 {
		t.Errorf("users show: %+v", p)
	}
	if out, _, code := command(t, "drift", "--config", s.config); code != 0 || out != "" {
		t.Errorf("drift without any: exit %d, %q", code, out)
	}

	var people []map[string]any // an administrator strips her
	call(t, "GET", s.sim.ready.Control+"/users", "", nil, &people)
	for _, u := range people {
		if u["email"] == "ann@example.com" {
			u["roleAssignments"] = []any{}
			call(t, "POST", s.sim.ready.Control+"/users", "", []any{u}, nil)
		}
	}
	var rows []struct{ Direction, Address, Item, Becomes string }
	eventually(t, "drift lists it and ends with 3", func() bool {
		out, errOut, code := command(t, "drift", "--output", "json", "--config", s.config)
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			t.Fatalf("%v: %s%s", err, out, errOut)
		}
		return code == exitPerson
	})
	if len(rows) != 1 || rows[0].Direction != "lost" || rows[0].Address != "ann@example.com" || rows[0].Item != "role EXPLORER" {
		t.Errorf("drift: %+v", rows)
	}
	if out, _, _ := command(t, "drift", "--config", s.config); !strings.Contains(out, "not given again until the next write about this person") {
		t.Errorf("drift: %s", out)
	}
	if out := s.command("users", "show", "ann@example.com", "--config", s.config); !strings.Contains(out, "wanted, not there") || !strings.Contains(out, "drift") {
		t.Errorf("users show: %s", out)
	}

	since := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	if status := s.scim("DELETE", "/Users/"+ann.ID, nil, nil); status != http.StatusNoContent {
		t.Fatalf("DELETE: %d", status)
	}
	eventually(t, "ann is gone", func() bool { return s.at("ann@example.com") == -1 })
	if p := show("ann@example.com"); !p.Deleted || p.ID != ann.ID || len(p.Accounts[0].Removals) != 1 || p.Accounts[0].Removals[0].Token != "okta" {
		t.Errorf("users show of somebody deleted: %+v", p)
	}
	if out := s.command("users", "restore", "--since", since, "--token", "okta", "--dry-run", "--config", s.config); !strings.Contains(out, "would be restored; roles: EXPLORER") {
		t.Errorf("users restore --dry-run: %s", out)
	}
	if out := s.command("users", "restore", "--since", since, "--token", "okta", "--config", s.config); !strings.Contains(out, "restored; roles: EXPLORER") {
		t.Errorf("users restore: %s", out)
	}
	eventually(t, "the running server gives it back", func() bool { return s.at("ann@example.com") == 1 })
	if status := s.scim("GET", "/Users/"+ann.ID, nil, nil); status != 200 {
		t.Errorf("GET of her id: %d", status)
	}
	for _, wrong := range [][]string{{"users", "restore"}, {"users", "restore", "x", "--since", "2h"}, {"users", "restore", "--since", "2h"},
		{"users", "restore", "--since", "yesterday", "--token", "okta"}, {"users", "show"}} {
		if _, _, code := command(t, append(wrong, "--config", s.config)...); code != exitUsage {
			t.Errorf("%v: exit %d, want %d", wrong, code, exitUsage)
		}
	}
	for _, nobody := range [][]string{{"users", "show", "nobody@example.com"}, {"users", "restore", "nobody@example.com"}} {
		if _, errOut, code := command(t, append(nobody, "--config", s.config)...); code != exitFailed || !strings.Contains(errOut, "nobody@example.com") {
			t.Errorf("%v: exit %d, %s", nobody, code, errOut)
		}
	}
}
