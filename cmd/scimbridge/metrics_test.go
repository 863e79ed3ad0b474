package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestV02RefusedDeactivationIsCounted: what /metrics and the log say of a leaver whose
// deactivation was refused, and of the habits of his IdP.
func TestV02RefusedDeactivationIsCounted(t *testing.T) {
	s := newServer(t, "")
	var user struct{ ID string }
	s.scim("POST", "/Users", newUser("ann@example.com"), &user)
	s.scim("POST", "/Users", newUser("bob@example.com"), nil)
	leave := newUser("bob@example.com")
	leave["active"] = "False"
	if status := s.scim("PUT", "/Users/"+user.ID, leave, nil); status != http.StatusConflict {
		t.Fatalf("PUT of a taken userName: %d", status)
	}
	res, err := http.Get(s.ready.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`scimbridge_refused_deactivations_total{tenant="default"} 1`,
		`scimbridge_dialect_rules_total{rule="bool-string",tenant="default"} 1`,
		`scimbridge_dialect_rules_total{rule="op-case",tenant="default"} 0`,
	} {
		if !strings.Contains(string(metrics), line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if !strings.Contains(s.stderr.String(), "deactivation refused") || !strings.Contains(s.stderr.String(), user.ID) {
		t.Error("the log does not name him")
	}
}
