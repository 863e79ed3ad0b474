package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestDemoCommandsWorkAsPrinted pastes every printed line into a shell, in order.
func TestDemoCommandsWorkAsPrinted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is needed: the printed lines are curl commands")
	}
	demo := start(t, "demo", "--listen", "127.0.0.1:0")
	text := ""
	eventually(t, "the introduction is printed", func() bool {
		text = demo.stdout.String()
		return strings.Contains(text, "Ctrl-C")
	})
	if !strings.HasPrefix(text, "scimbridge demo: starting") {
		t.Errorf("the first line is not there at once:\n%s", text)
	}
	var script []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			script = append(script, strings.TrimSpace(command))
		}
	}
	if len(script) < 9 {
		t.Fatalf("only %d commands are printed:\n%s", len(script), text)
	}
	// Each must succeed by itself, and no answer may be a SCIM error.
	shell := exec.Command("/bin/sh", "-eu", "-c", strings.Join(script, "\n"))
	out, err := shell.CombinedOutput()
	if err != nil || strings.Contains(string(out), "messages:2.0:Error") {
		t.Fatalf("the printed lines: %v\n%s", err, out)
	}
	var users []struct {
		Email           string
		RoleAssignments []struct{ RoleID string }
		UserAttributes  []struct{ Key, Value string }
	}
	call(t, "GET", demo.ready.Control+"/users", "", nil, &users)
	got := map[string]int{}
	for _, u := range users {
		got[u.Email] = len(u.RoleAssignments)
		if u.Email == "priya.nair@example.com" {
			kept := false
			for _, a := range u.UserAttributes {
				kept = kept || a.Key == "crm_owner" && a.Value == "1042"
			}
			if !kept {
				t.Error("Priya lost the attribute that another system set")
			}
		}
	}
	if n, ok := got["grace.hopper@example.com"]; !ok || n != 0 {
		t.Errorf("Grace has %d roles (there: %v), want to be there without any", n, ok)
	}
	if got["priya.nair@example.com"] != 3 { // CREATOR by hand, EXPLORER by group, BASIC_EXPLORER by default
		t.Errorf("Priya has %d roles, want 3", got["priya.nair@example.com"])
	}
	eventually(t, "each call is shown", func() bool {
		return strings.Contains(demo.stderr.String(), "createUsers grace.hopper@example.com roles=[]")
	})
	if strings.Contains(demo.stderr.String(), demo.ready.Token) || strings.Contains(demo.stderr.String(), demo.ready.GraphQLToken) {
		t.Error("a token is in what the demo shows of its calls")
	}
	if err := demo.terminate(); err != nil {
		t.Errorf("the end by SIGTERM: %v", err)
	}
	if _, err := os.Stat(demo.cmd.Args[len(demo.cmd.Args)-1]); !os.IsNotExist(err) {
		t.Errorf("the ready file is left behind: %v", err)
	}
	if left, err := os.ReadDir(demo.temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReadyFileHoldsWhatScriptsNeed(t *testing.T) {
	demo := start(t, "demo", "--listen", "127.0.0.1:0", "--users", "3", "--quiet")
	r := demo.ready
	for name, v := range map[string]string{"scim": r.SCIM, "token": r.Token, "admin": r.Admin, "graphql": r.GraphQL, "graphql_token": r.GraphQLToken, "control": r.Control} {
		if v == "" {
			t.Errorf("%s is empty", name)
		}
	}
	if r.PID != demo.cmd.Process.Pid {
		t.Errorf("pid %d, want %d", r.PID, demo.cmd.Process.Pid)
	}
	var list struct{ TotalResults int }
	if status := call(t, "GET", r.SCIM+"/Users", r.Token, nil, &list); status != 200 || list.TotalResults != 3 {
		t.Errorf("GET /Users: %d, %d people; want the three invented ones and not the owner", status, list.TotalResults)
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if status := call(t, "GET", r.Admin+path, "", nil, nil); status != 200 {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	var health struct{ Status string }
	if status := call(t, "GET", r.Admin+"/healthz", "", nil, &health); status != 200 || health.Status != "ok" {
		t.Errorf("GET /healthz: %d %+v", status, health)
	}
	var graphql struct {
		Data struct{ CurrentUser struct{ Email string } }
	}
	data, _ := json.Marshal(map[string]string{"query": "{currentUser{email}}"})
	call(t, "POST", r.GraphQL, r.GraphQLToken, json.RawMessage(data), &graphql)
	if graphql.Data.CurrentUser.Email != "owner@wisdom.invalid" {
		t.Errorf("the owner of graphql_token is %q", graphql.Data.CurrentUser.Email)
	}
	if status := call(t, "GET", r.SCIM+"/control/users", r.Token, nil, nil); status != 404 {
		t.Errorf("the control API answers %d on the bridge's listener", status)
	}
}
