package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestV28ListingAccept: what an operator sees of a listing that is not believed, and how he
// says that it is true, beside the running server.
func TestV28ListingAccept(t *testing.T) {
	s := newServer(t, "    listing: {max_age: 1s, idle_age: 1s}\n")
	control := s.sim.ready.Control + "/users"
	var people []map[string]any
	for i := range 30 {
		people = append(people, map[string]any{"email": fmt.Sprintf("p%02d@example.com", i), "name": "By Hand", "roleAssignments": []any{}, "userAttributes": []any{}})
	}
	put := func(users []map[string]any) {
		t.Helper()
		if status := call(t, "PUT", control, "", users, nil); status != http.StatusOK {
			t.Fatalf("PUT users: %d", status)
		}
	}
	shown := func(email string) bool {
		var list struct{ TotalResults int }
		s.scim("GET", "/Users?filter=userName+eq+%22"+email+"%22", nil, &list)
		return list.TotalResults == 1
	}
	type health struct {
		Status   string
		Problems []string
		Tenants  map[string]struct {
			Disbelieved *struct{ First, Look, Lost int }
		}
	}
	ask := func() (h health) {
		call(t, "GET", s.ready.Admin+"/healthz", "", nil, &h)
		return h
	}
	put(people)
	eventually(t, "they are listed", func() bool { return shown("p29@example.com") })

	stdout, stderr, code := command(t, "listing", "accept", "--config", s.config)
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "no listing that is not believed") {
		t.Errorf("accept of nothing: exit %d, %q, %q", code, stdout, stderr)
	}
	if _, _, code := command(t, "listing", "accept", "x", "--config", s.config); code != exitUsage {
		t.Errorf("accept of x: exit %d", code)
	}

	put(people[:10])
	eventually(t, "it is not believed", func() bool { return ask().Tenants["default"].Disbelieved != nil })
	h := ask()
	number := h.Tenants["default"].Disbelieved.First
	if h.Status != "degraded" || !strings.Contains(strings.Join(h.Problems, "\n"), "scimbridge listing accept") {
		t.Errorf("health %+v does not say what to run", h)
	}
	res, err := http.Get(s.ready.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if metrics, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(metrics), `scimbridge_look_disbelieved{tenant="default"} 1`) {
		t.Errorf("/metrics does not say it: %v", err)
	}
	if _, stderr, code := command(t, "listing", "accept", fmt.Sprint(number-1), "--config", s.config); code != exitFailed || !strings.Contains(stderr, "not believed now is number") {
		t.Errorf("accept of another: exit %d, %q", code, stderr)
	}

	var accepted struct {
		Lost   int      `json:"lost"`
		People []string `json:"people"`
	}
	if err := json.Unmarshal([]byte(s.command("listing", "accept", fmt.Sprint(number), "--output", "json", "--config", s.config)), &accepted); err != nil {
		t.Fatal(err)
	}
	if accepted.Lost != 20 || len(accepted.People) != 20 || accepted.People[0] != "p10@example.com" {
		t.Errorf("accepted %+v, want the 20 who are gone", accepted)
	}
	began := time.Now()
	eventually(t, "it is believed", func() bool { return ask().Tenants["default"].Disbelieved == nil })
	if took := time.Since(began); took > 10*time.Second { // within a second, on a machine that is not busy
		t.Errorf("it took the running server %v", took)
	}
	if shown("p29@example.com") || !shown("p00@example.com") {
		t.Error("shown are not those who are left")
	}
}
