package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// TestV33TheCommands settles holds with the built program beside a running server.
func TestV33TheCommands(t *testing.T) {
	s := newServer(t, `    brake: {max_deletes: 0, max_percent: 0, floor: 0}
    protected: [boss@example.com]
`)
	brake := func(want int, args ...string) string {
		t.Helper()
		args = append(append([]string{"brake"}, args...), "--config", s.config)
		out, errOut, code := command(t, args...)
		if code != want {
			t.Fatalf("%v exited with %d, want %d: %s%s", args, code, want, out, errOut)
		}
		return out
	}
	if out := brake(0, "list"); out != "nothing is held\n" {
		t.Errorf("%q", out)
	}
	for _, name := range []string{"ann", "bob", "boss"} {
		var made struct{ ID string }
		if status := s.scim("POST", "/Users", newUser(name+"@example.com"), &made); status != 201 {
			t.Fatalf("POST %s: %d", name, status)
		}
		eventually(t, name+" is at WisdomAI", func() bool { return s.at(name+"@example.com") == 0 })
		var refused struct{ ScimType, Detail string }
		want := 204
		if name == "boss" {
			want = 409
		}
		if status := s.scim("DELETE", "/Users/"+made.ID, nil, &refused); status != want || refused.ScimType != "" {
			t.Errorf("DELETE %s: %d %+v", name, status, refused)
		}
		if name == "boss" && !strings.Contains(refused.Detail, "protected") {
			t.Errorf("detail %q", refused.Detail)
		}
	}

	var held []directory.Hold
	eventually(t, "all are held", func() bool {
		out, _, _ := command(t, "brake", "list", "--output", "json", "--config", s.config)
		return json.Unmarshal([]byte(out), &held) == nil && len(held) == 3
	})
	slices.SortFunc(held, func(a, b directory.Hold) int { return strings.Compare(a.Address, b.Address) })
	if held[0].Kind != "delete" || held[2].Kind != "protected" || held[2].Wish != "delete" || held[2].Token != "okta" || held[0].Since.IsZero() {
		t.Errorf("held %+v", held)
	}
	if out := brake(3, "list"); !strings.Contains(out, "ann@example.com") || !strings.Contains(out, "for ever") {
		t.Errorf("%s", out)
	}
	var health struct {
		Status   string
		Problems []string
	}
	call(t, "GET", s.ready.Admin+"/healthz", "", nil, &health)
	if all := strings.Join(health.Problems, "\n"); health.Status != "degraded" || strings.Count(all, "scimbridge brake list") != 2 {
		t.Errorf("health %+v", health)
	}

	brake(2, "release")
	brake(2, "release", "ann@example.com", "--all")
	brake(1, "release", "nobody@example.com")
	if out := brake(3, "release", "boss@example.com"); !strings.Contains(out, "nothing was done") {
		t.Errorf("%s", out)
	}
	if out := brake(0, "discard", "bob@example.com"); !strings.Contains(out, "discarded") {
		t.Errorf("%s", out)
	}
	brake(0, "release", "ann@example.com")
	eventually(t, "ann is gone", func() bool { return s.at("ann@example.com") == -1 })
	eventually(t, "the hold is settled", func() bool {
		out, _, _ := command(t, "brake", "list", "--config", s.config)
		return !strings.Contains(out, "ann@")
	})
	var settled []directory.Settled
	if out := brake(0, "discard", "--all", "--output", "json"); json.Unmarshal([]byte(out), &settled) != nil || len(settled) != 1 || settled[0].Address != "boss@example.com" {
		t.Errorf("%s", out)
	}
	brake(0, "list")
	if s.at("bob@example.com") != 0 || s.at("boss@example.com") != 0 {
		t.Error("who was discarded is gone")
	}
}
