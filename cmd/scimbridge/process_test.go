package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// binary is the program, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "scimbridge-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "scimbridge")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is the built program, running.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdout lockedBuffer
	stderr lockedBuffer
	temp   string // its TMPDIR
	ready  ready
	ended  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs the program with a ready file and waits until it is ready.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ready.json")
	p := &process{t: t, cmd: exec.Command(path, append(args, "--ready-file", file)...), temp: t.TempDir(), ended: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.temp)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), &p.stdout, &p.stderr)
		}
	})
	eventually(t, "the program is ready", func() bool {
		select {
		case err := <-p.ended:
			t.Fatalf("it ended: %v\n%s", err, &p.stderr)
		default:
		}
		data, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(data, &p.ready) == nil
	})
	return p
}

// kill ends the program with SIGKILL.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		<-p.ended
		p.ended <- nil
	}
}

// terminate ends it with SIGTERM and waits.
func (p *process) terminate() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	err := <-p.ended
	p.ended <- nil
	return err
}

// eventually waits for something that another process does; a minute is far beyond what it takes.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

// call makes a request and decodes its JSON answer into out, if that is not nil.
func call(t testing.TB, method, url, token string, body, out any) int {
	t.Helper()
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/scim+json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil && err != io.EOF {
			t.Fatalf("%s %s: %v", method, url, err)
		}
	}
	return res.StatusCode
}

// server is `serve` on a database of its own, against a simulator of its own.
type server struct {
	*process
	t      testing.TB
	sim    *process
	config string
	token  string
}

// newServer starts `simulate` and `serve` and creates a token.
func newServer(t *testing.T, extra string) *server {
	t.Helper()
	sim := start(t, "simulate", "--listen", "127.0.0.1:0", "--token", "key")
	s := &server{t: t, sim: sim, config: writeConfig(t, sim.ready.GraphQL, extra)}
	s.token = strings.TrimSpace(s.command("token", "create", "--name", "okta", "--config", s.config))
	s.serve()
	return s
}

func (s *server) serve() {
	s.t.Helper()
	s.process = start(s.t, "serve", "--config", s.config)
}

// writeConfig is a configuration against a WisdomAI; extra goes below the tenant.
func writeConfig(t testing.TB, graphql, extra string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "scimbridge.yaml")
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin_listen: 127.0.0.1:0
store: %q
tenants:
  default:
    email_domains: [example.com]
    wisdom: {url: %q, workspace: ws_sim, token: 'file:key'}
    delivery: {request_budget: 1s, deadline: 3s}
    roles: {groups: [{group: Explorers, role: EXPLORER}]}
%s`, enginetest.NewPlaceIn(t, dir).Address(), graphql, extra)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// command runs the program to its end and returns stdout.
func (s *server) command(args ...string) string {
	s.t.Helper()
	out, errOut, code := command(s.t, args...)
	if code != 0 {
		s.t.Fatalf("%v exited with %d: %s", args, code, errOut)
	}
	return out
}

func command(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// scim calls the server; path begins below the base URL.
func (s *server) scim(method, path string, body, out any) int {
	s.t.Helper()
	return call(s.t, method, s.ready.SCIM+path, s.token, body, out)
}

// faults sets the simulator's fault rules.
func (s *server) faults(rules ...map[string]any) {
	s.t.Helper()
	if rules == nil {
		rules = []map[string]any{}
	}
	if status := call(s.t, "PUT", s.sim.ready.Control+"/faults", "", rules, nil); status != 200 {
		s.t.Fatalf("PUT faults: %d", status)
	}
}

// at is the number of roles that somebody has at WisdomAI, -1 for nobody.
func (s *server) at(email string) int {
	s.t.Helper()
	var users []struct {
		Email           string
		RoleAssignments []any
	}
	call(s.t, "GET", s.sim.ready.Control+"/users", "", nil, &users)
	n := -1
	for _, u := range users {
		if u.Email == email {
			if n >= 0 {
				s.t.Errorf("%s is there twice", email)
			}
			n = len(u.RoleAssignments)
		}
	}
	return n
}

// newUser is the body of a POST.
func newUser(userName string) map[string]any {
	return map[string]any{
		"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User"},
		"userName": userName, "externalId": "x-" + userName, "active": true,
		"emails": []any{map[string]any{"value": userName, "type": "work", "primary": true}},
	}
}

func patchOp(op, path string, value any) map[string]any {
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
		"Operations": []any{map[string]any{"op": op, "path": path, "value": value}}}
}
