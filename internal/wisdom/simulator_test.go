package wisdom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

const (
	admin    = "00000000-0000-0000-0000-000000000001"
	explorer = "00000000-0000-0000-0000-000000000002"
	viewer   = "00000000-0000-0000-0000-000000000003"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex // guards t
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a simulator over HTTP and a client of it.
type world struct {
	*simulator.Server
	url    string
	client *wisdom.Client
	clock  *clock
	mu     sync.Mutex // guards calls
	calls  []wisdom.Call
}

func newWorld(t *testing.T, settings simulator.Settings, change ...func(*wisdom.Options)) *world {
	t.Helper()
	w := &world{clock: &clock{t: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}}
	sim, err := simulator.New(simulator.Options{Settings: &settings, Now: w.clock.now, Users: []simulator.User{
		{ID: "user_alice", Email: "alice@example.com", Name: "Alice",
			RoleAssignments: []simulator.RoleAssignment{{RoleID: explorer, Scopes: []string{"domain_1"}}, {RoleID: viewer, Scopes: []string{}}},
			UserAttributes:  []simulator.UserAttribute{{Key: "region", Value: "emea", Source: "DATABASE"}, {Key: "team", Value: "a", Source: "JWT"}}},
		{ID: "user_bob", Email: "bob@example.com"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close) // before the HTTP server, which waits for what hangs
	w.Server, w.url = sim, server.URL+"/graphql"
	w.client = w.newClient(t, change...)
	return w
}

func (w *world) newClient(t *testing.T, change ...func(*wisdom.Options)) *wisdom.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	o := wisdom.Options{
		URL: w.url, Workspace: w.Workspace(), Token: w.Token(), Now: w.clock.now, HTTPClient: &http.Client{Transport: transport},
		OnCall: func(c wisdom.Call) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.calls = append(w.calls, c)
		},
	}
	for _, f := range change {
		f(&o)
	}
	c, err := wisdom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tokenOf makes an API key with a role's permissions, by the control API.
func (w *world) tokenOf(t *testing.T, role string) string {
	t.Helper()
	res, err := http.Post(strings.TrimSuffix(w.url, "/graphql")+"/control/tokens", "application/json", strings.NewReader(`{"role":"`+role+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		Token string `json:"token"`
	}
	decode(t, res.Body, &out)
	if out.Token == "" {
		t.Fatal("no token")
	}
	return out.Token
}

// users lists everybody but the owner, by e-mail.
func (w *world) users(t *testing.T) map[string]wisdom.User {
	t.Helper()
	out := map[string]wisdom.User{}
	if err := w.client.ListUsers(t.Context(), func(u wisdom.User) error {
		out[u.Email] = u
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	delete(out, "owner@wisdom.invalid")
	return out
}

func failure(t *testing.T, err error) *wisdom.Error {
	t.Helper()
	var e *wisdom.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, not an *Error", err)
	}
	return e
}

// TestEveryOperation goes through all of the API with each of the shapes that the
// documentation has.
func TestEveryOperation(t *testing.T) {
	for _, settings := range []simulator.Settings{
		{},
		{Delete: "input"},
		{Roles: "role"},
		{Delete: "input", Roles: "role"},
	} {
		for _, exchange := range []string{"auto", "always", "never"} {
			t.Run("delete="+settings.Delete+" roles="+settings.Roles+" exchange="+exchange, func(t *testing.T) {
				w := newWorld(t, settings, func(o *wisdom.Options) { o.Exchange = exchange })
				ctx := t.Context()

				owner, err := w.client.CurrentUser(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if owner.Email != "owner@wisdom.invalid" || len(owner.Roles) != 1 || owner.Roles[0].RoleID != admin {
					t.Errorf("owner %+v", owner)
				}

				before := w.users(t)
				if got := before["alice@example.com"]; cmp.Diff([]wisdom.RoleAssignment{{RoleID: explorer, Scopes: []string{"domain_1"}}, {RoleID: viewer, Scopes: []string{}}}, got.Roles) != "" ||
					cmp.Diff([]wisdom.Attribute{{Key: "region", Value: "emea", Source: wisdom.Database}, {Key: "team", Value: "a", Source: wisdom.JWT}}, got.Attributes) != "" ||
					got.ID != "user_alice" || got.Name != "Alice" {
					t.Errorf("alice %+v", got)
				}

				for _, err := range []error{
					w.client.CreateUsers(ctx, wisdom.NewUsers{
						Emails: []string{"carol@example.com", "dave@example.com"}, Roles: []wisdom.RoleAssignment{{RoleID: viewer}},
						Attributes: []wisdom.KeyValue{{Key: "tier", Value: "gold"}}, UserGroupIDs: []string{"g1"},
					}),
					w.client.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"alice@example.com"}, Roles: []wisdom.RoleAssignment{}}),
					w.client.SetUserAttributes(ctx, "user_alice", []wisdom.KeyValue{{Key: "region", Value: "apac"}}),
					w.client.SetUserAttributes(ctx, "user_bob", nil),
					w.client.DeleteUsers(ctx, []string{"user_bob"}),
				} {
					if err != nil {
						t.Fatal(err)
					}
				}
				after := w.users(t)
				if _, there := after["bob@example.com"]; there || len(after) != 3 {
					t.Errorf("%d users: %v", len(after), after)
				}
				if alice := after["alice@example.com"]; len(alice.Roles) != 0 || cmp.Diff([]wisdom.Attribute{
					{Key: "region", Value: "apac", Source: wisdom.Database}, {Key: "team", Value: "a", Source: wisdom.JWT}}, alice.Attributes) != "" {
					t.Errorf("V-18: alice %+v", alice)
				}
				if carol := after["carol@example.com"]; cmp.Diff([]wisdom.RoleAssignment{{RoleID: viewer, Scopes: []string{}}}, carol.Roles) != "" || carol.ID == "" || carol.Created == "" {
					t.Errorf("carol %+v", carol)
				}

				if want := map[string]int{"auto": 1, "always": 1, "never": 0}[exchange]; w.Requests("exchangeAccessToken") != want {
					t.Errorf("%d exchanges, want %d", w.Requests("exchangeAccessToken"), want)
				}
				for _, c := range w.calls {
					if c.Err != nil {
						t.Errorf("%s failed on the way: %v", c.Summary, c.Err)
					}
					if strings.Contains(c.Summary, "gold") || strings.Contains(c.Summary, w.Token()) {
						t.Errorf("summary %q tells a value", c.Summary)
					}
				}
			})
		}
	}
}

func TestV18WithoutRolesLeavesThemAlone(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	if err := w.client.CreateUsers(t.Context(), wisdom.NewUsers{Emails: []string{"alice@example.com"}}); err != nil {
		t.Fatal(err)
	}
	if roles := w.users(t)["alice@example.com"].Roles; len(roles) != 2 {
		t.Errorf("roles %v", roles)
	}
}

func TestV20TheServersOwnRefusals(t *testing.T) {
	w := newWorld(t, simulator.Settings{Block: []string{"blocked.example"}})
	ctx := t.Context()
	type outcome struct {
		Kind       wisdom.Kind
		Unanswered bool
		Code       string
	}
	weak := w.newClient(t, func(o *wisdom.Options) { o.Token = w.tokenOf(t, "EXPLORER") })
	lost := w.newClient(t, func(o *wisdom.Options) { o.Workspace = "ws_elsewhere" })
	for _, test := range []struct {
		name string
		err  error
		want outcome
	}{
		{"a blocked address", w.client.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"x@blocked.example"}}), outcome{wisdom.Permanent, false, "ERROR"}},
		{"a blocked address among others", w.client.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"x@blocked.example", "y@example.com"}}), outcome{wisdom.Transient, false, "ERROR"}},
		{"no address", w.client.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"nobody"}}), outcome{wisdom.Permanent, false, "ERROR"}},
		{"an id that is not there", w.client.SetUserAttributes(ctx, "user_nobody", nil), outcome{wisdom.NotFound, false, "NOT_FOUND"}},
		{"deleting an id that is not there", w.client.DeleteUsers(ctx, []string{"user_nobody"}), outcome{wisdom.NotFound, false, "NOT_FOUND"}},
		{"another workspace", lost.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"y@example.com"}}), outcome{wisdom.Unauthorized, false, "ERROR"}},
		{"no iam:write", weak.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"y@example.com"}}), outcome{wisdom.Unauthorized, false, "ERROR"}},
		{"no iam:delete", weak.DeleteUsers(ctx, []string{"user_bob"}), outcome{wisdom.Unauthorized, false, "ERROR"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := failure(t, test.err)
			if diff := cmp.Diff(test.want, outcome{e.Kind, e.Unanswered, e.Code}); diff != "" {
				t.Errorf("%v (-want +got):\n%s", e, diff)
			}
		})
	}
	if n := len(w.users(t)); n != 2 {
		t.Errorf("%d users: a refused call had an effect", n)
	}
}

func TestV16FaultsOfAMutation(t *testing.T) {
	for _, test := range []struct {
		name       string
		fault      simulator.Fault
		kind       wisdom.Kind
		unanswered bool
		effect     bool
	}{
		{"status", simulator.Fault{Kind: "status", Code: "ERROR", Message: "try later"}, wisdom.Transient, false, false},
		{"NONE", simulator.Fault{Kind: "status", Code: "NONE"}, wisdom.Transient, true, false},
		{"errors", simulator.Fault{Kind: "errors"}, wisdom.Transient, true, false},
		{"http 500", simulator.Fault{Kind: "http", HTTP: 500}, wisdom.Transient, true, false},
		{"http 503", simulator.Fault{Kind: "http", RetryAfter: "3s"}, wisdom.Transient, false, false},
		{"reset", simulator.Fault{Kind: "reset"}, wisdom.Transient, true, false},
		{"hang", simulator.Fault{Kind: "hang"}, wisdom.Transient, true, false},
		{"after", simulator.Fault{Kind: "after"}, wisdom.Transient, true, true},
		{"after_hang", simulator.Fault{Kind: "after_hang"}, wisdom.Transient, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, simulator.Settings{})
			w.users(t) // the token and the shape are known before
			test.fault.Operation = "createUsers"
			w.SetFaults(test.fault)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if strings.HasSuffix(test.fault.Kind, "hang") {
				go func() { // until the request is where it hangs, not for a time that may be too short
					for ctx.Err() == nil && (w.Requests("createUsers") == 0 || test.effect && len(w.Log(0)) == 0) {
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
			}
			e := failure(t, w.client.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"new@example.com"}}))
			if e.Kind != test.kind || e.Unanswered != test.unanswered || e.Op != "createUsers" {
				t.Errorf("%#v", e)
			}
			if test.fault.RetryAfter != "" && e.RetryAfter != 3*time.Second {
				t.Errorf("Retry-After %s", e.RetryAfter)
			}
			if n := w.Requests("createUsers"); n != 1 {
				t.Errorf("V-12: sent %d times", n)
			}
			if _, there := w.users(t)["new@example.com"]; there != test.effect {
				t.Errorf("effect %t", there)
			}
		})
	}
}

func TestTokenAgainstTheServer(t *testing.T) {
	t.Run("renewed before exp, with never a 401", func(t *testing.T) {
		w := newWorld(t, simulator.Settings{})
		for range 40 {
			w.users(t)
			w.clock.move(10 * time.Minute)
		}
		// The last call may have met a token that ended while nobody called: it is not sent.
		for _, c := range w.calls {
			if c.Err != nil {
				t.Errorf("%s: %v", c.Summary, c.Err)
			}
		}
		if w.Requests("exchangeAccessToken") < 2 {
			t.Error("never renewed")
		}
	})
	t.Run("renewed on 401, the query repeated", func(t *testing.T) {
		w := newWorld(t, simulator.Settings{})
		w.users(t)
		w.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "expire", Times: 1})
		w.users(t)
		if n := w.Requests("exchangeAccessToken"); n != 2 {
			t.Errorf("%d exchanges", n)
		}
	})
	t.Run("V-12: renewed on 401, the mutation left to be computed again", func(t *testing.T) {
		w := newWorld(t, simulator.Settings{})
		w.users(t)
		w.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "expire", Times: 1})
		in := wisdom.NewUsers{Emails: []string{"new@example.com"}}
		if e := failure(t, w.client.CreateUsers(t.Context(), in)); !e.Again || e.Kind != wisdom.Transient {
			t.Errorf("%#v", e)
		}
		if err := w.client.CreateUsers(t.Context(), in); err != nil {
			t.Error(err)
		}
		if n := w.Requests("createUsers"); n != 2 {
			t.Errorf("sent %d times", n)
		}
	})
	t.Run("a key that nobody knows", func(t *testing.T) {
		for _, exchange := range []string{"auto", "always", "never"} {
			w := newWorld(t, simulator.Settings{}, func(o *wisdom.Options) { o.Token, o.Exchange = "wsk_wrong", exchange })
			_, err := w.client.CurrentUser(t.Context())
			if e := failure(t, err); e.Kind != wisdom.Unauthorized || strings.Contains(e.Error(), "wsk_wrong") {
				t.Errorf("%s: %v", exchange, e)
			}
		}
	})
}

func TestListUsersSurvivesALostConnectionOnce(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	w.users(t)
	w.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "reset", Times: 1})
	if n := len(w.users(t)); n != 2 {
		t.Errorf("%d users", n)
	}
	w.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "reset"})
	err := w.client.ListUsers(t.Context(), func(wisdom.User) error { return nil })
	if e := failure(t, err); e.Kind != wisdom.Transient || e.Unanswered {
		t.Errorf("%#v", e)
	}
}

func TestShapeThatChangesWhileRunning(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	w.users(t)
	if err := w.SetSettings(simulator.Settings{Delete: "input", Roles: "role"}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.users(t)); n != 2 {
		t.Errorf("%d users", n)
	}
	if err := w.client.DeleteUsers(t.Context(), []string{"user_bob"}); err != nil {
		t.Error(err)
	}
	if n := len(w.users(t)); n != 1 {
		t.Errorf("%d users", n)
	}
}

func TestListUsersOfManyStopsWithTheContext(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err := w.client.ListUsers(ctx, func(wisdom.User) error {
		seen++
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || seen != 1 {
		t.Errorf("error %v after %d", err, seen)
	}
}
