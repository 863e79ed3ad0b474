package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestV18CheckTriesWrites(t *testing.T) {
	const probe = "probe@elsewhere.example"
	for _, test := range []struct {
		name string
		set  []string
		code int
		say  string
	}{
		{"all is well", nil, exitDone, "default: write: suspend: an empty list of roles takes them all"},
		{"the other shapes", []string{"--set", "delete=input", "--set", "roles=role", "--set", "existing_attributes=merge"}, exitDone, "default: write: delete: "},
		{"empty roles are ignored", []string{"--set", "empty_roles=ignored"}, exitFailed, "to fix: set policy.on_deactivate: delete"},
		{"the address is blocked", []string{"--set", "block=elsewhere.example"}, exitFailed, "to fix: name an address that WisdomAI's Email Access Control allows"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, append([]string{"simulate", "--listen", "127.0.0.1:0", "--token", "key"}, test.set...)...)
			config := writeConfig(t, sim.ready.GraphQL, "")
			command(t, "token", "create", "--name", "okta", "--config", config)
			out, stderr, code := command(t, "check", "--write-probe", probe, "--config", config)
			if code != test.code || !strings.Contains(out, test.say) {
				t.Errorf("exited with %d, want %d and %q:\n%s%s", code, test.code, test.say, out, stderr)
			}
			var users []struct{ Email string }
			if call(t, "GET", sim.ready.Control+"/users", "", nil, &users); len(users) != 1 {
				t.Errorf("WisdomAI has %v: the probe left somebody", users)
			}
		})
	}
}

func TestV18CheckTriesNoWritesOnPeople(t *testing.T) {
	s := newServer(t, "    protected: [guarded@elsewhere.example]\n")
	if status := s.scim("POST", "/Users", newUser("ann@example.com"), nil); status != http.StatusCreated {
		t.Fatalf("POST: %d", status)
	}
	if status := call(t, "POST", s.sim.ready.Control+"/users", "", json.RawMessage(`[{"email":"hand@elsewhere.example"}]`), nil); status/100 != 2 {
		t.Fatalf("POST to the simulator: %d", status)
	}
	log := func() (effects []struct{ Seq int }) {
		call(t, "GET", s.sim.ready.Control+"/log", "", nil, &effects)
		return effects
	}
	before := len(log())
	for _, test := range []struct{ address, say string }{
		{"Ann@Example.com", "the address is that of user "},
		{"Guarded@elsewhere.example", "the address is in `protected`"},
		{"hand@elsewhere.example", "hand@elsewhere.example is at WisdomAI already"},
		{"owner@wisdom.invalid", "error    default: write probe: "}, // as the key's owner, or as somebody who is there
	} {
		out, stderr, code := command(t, "check", "--write-probe", test.address, "--config", s.config)
		if code != exitFailed || !strings.Contains(out, test.say) || !strings.Contains(out, "nothing was tried") {
			t.Errorf("%s: exited with %d:\n%s%s", test.address, code, out, stderr)
		}
	}
	if after := len(log()); after != before {
		t.Errorf("%d effects at WisdomAI", after-before)
	}
	if _, stderr, code := command(t, "check", "--write-probe", "probe@example.com", "--tenant", "acme", "--config", s.config); code != exitUsage || !strings.Contains(stderr, `no tenant "acme"`) {
		t.Errorf("a tenant that is not there: exit %d, %s", code, stderr)
	}
}

func TestV18CheckTriesNoWritesWhereReadsFail(t *testing.T) {
	config := writeConfig(t, "http://127.0.0.1:9/graphql", "")
	out, _, code := command(t, "check", "--write-probe", "probe@example.com", "--config", config)
	if code != exitFailed || !strings.Contains(out, "write probe: was not tried") {
		t.Errorf("exited with %d:\n%s", code, out)
	}
}
