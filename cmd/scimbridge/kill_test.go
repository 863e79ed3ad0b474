package main

import (
	"net/http"
	"testing"
)

// TestV01KillBetweenCommitAndDelivery kills the built program with SIGKILL while a
// write that it acknowledged is not delivered, and starts it again.
func TestV01KillBetweenCommitAndDelivery(t *testing.T) {
	for _, fault := range []map[string]any{
		{"operation": "createUsers", "kind": "hang"},              // no effect, no answer: it is killed in the middle of the call
		{"operation": "createUsers", "kind": "after_hang"},        // effect, no answer
		{"operation": "createUsers", "kind": "http", "http": 503}, // it is killed while it backs off
		{"operation": "listUsers", "kind": "http", "http": 503},   // it is killed while it waits for a look
	} {
		t.Run(fault["operation"].(string)+" "+fault["kind"].(string), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "")
			var bob struct{ ID string }
			if status := s.scim("POST", "/Users", newUser("bob@example.com"), &bob); status != http.StatusCreated {
				t.Fatalf("POST bob: %d", status)
			}
			group := map[string]any{"displayName": "Explorers", "members": []any{map[string]any{"value": bob.ID}}}
			if status := s.scim("POST", "/Groups", group, nil); status != http.StatusCreated {
				t.Fatalf("POST group: %d", status)
			}
			eventually(t, "bob has his role", func() bool { return s.at("bob@example.com") == 1 })

			s.faults(fault)
			var ann struct{ ID string }
			if status := s.scim("POST", "/Users", newUser("ann@example.com"), &ann); status != http.StatusCreated {
				t.Fatalf("POST ann: %d", status)
			}
			if status := s.scim("PATCH", "/Users/"+bob.ID, patchOp("replace", "active", false), nil); status != http.StatusOK {
				t.Fatalf("PATCH bob: %d", status)
			}
			s.kill()
			s.faults()
			s.serve()
			eventually(t, "ann is there", func() bool { return s.at("ann@example.com") == 0 })
			eventually(t, "bob has no access", func() bool { return s.at("bob@example.com") == 0 })
			var again struct {
				ID       string
				UserName string
			}
			if status := s.scim("GET", "/Users/"+ann.ID, nil, &again); status != 200 || again.UserName != "ann@example.com" {
				t.Errorf("GET ann: %d %+v", status, again)
			}
		})
	}
}
