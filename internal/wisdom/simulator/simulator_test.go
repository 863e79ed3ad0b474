package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rig is a simulator behind real HTTP, and a client with a token.
type rig struct {
	t     *testing.T
	sim   *Server
	url   string
	token string // sent as bearer; "" sends no header
}

func start(t *testing.T, o Options) *rig {
	t.Helper()
	sim, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		sim.Close() // first: the HTTP server waits for requests that hang
		server.Close()
	})
	return &rig{t: t, sim: sim, url: server.URL, token: sim.Token()}
}

// as is the same simulator with another token.
func (r *rig) as(token string) *rig {
	other := *r
	other.token = token
	return &other
}

// reply is an answer of POST /graphql.
type reply struct {
	HTTP   int
	Header http.Header
	Raw    string
	Data   map[string]json.RawMessage `json:"data"`
	Errors []struct {
		Message   string `json:"message"`
		Path      []any  `json:"path"`
		Locations []any  `json:"locations"`
	} `json:"errors"`
}

// call sends one GraphQL request; an error is one of the transport.
func (r *rig) call(ctx context.Context, query string, variables map[string]any) (reply, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		r.t.Error(err)
	}
	return r.send(ctx, body)
}

func (r *rig) send(ctx context.Context, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", r.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	// A connection for each request: one that was reset must not be another's.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{HTTP: resp.StatusCode, Header: resp.Header, Raw: string(raw)}
	if err := json.Unmarshal(raw, &out); err != nil {
		r.t.Errorf("answer is not JSON: %v: %s", err, raw)
	}
	return out, nil
}

// must is call where an answer with HTTP 200 is expected.
func (r *rig) must(query string, variables map[string]any) reply {
	r.t.Helper()
	got, err := r.call(r.t.Context(), query, variables)
	if err != nil {
		r.t.Fatal(err)
	}
	if got.HTTP != 200 {
		r.t.Fatalf("HTTP %d: %s", got.HTTP, got.Raw)
	}
	return got
}

// status returns "CODE: message" of the field with this alias.
func (a reply) status(alias string) string {
	var out struct {
		Status struct{ Code, Message string }
	}
	if len(a.Errors) > 0 {
		return "errors: " + a.Errors[0].Message
	}
	if err := json.Unmarshal(a.Data[alias], &out); err != nil {
		return err.Error()
	}
	return out.Status.Code + ": " + out.Status.Message
}

const okDone = "OK: done"

const (
	createQuery = `mutation($in: CreateUsersInput!) { createUsers(input: $in) { status { code message } } }`
	setQuery    = `mutation($in: SetUserAttributesInput!) { setUserAttributes(input: $in) { status { code message } } }`
	deleteQuery = `mutation($ids: [ID!]!, $ws: ID!) { deleteUsersFromWorkspace(ids: $ids, workspaceID: $ws) { status { code message } } }`
	listQuery   = `{ listUsers { id email name roleAssignments { roleId scopes } userAttributes { key value source } } }`
)

func (r *rig) create(in map[string]any) string {
	r.t.Helper()
	return r.must(createQuery, map[string]any{"in": in}).status("createUsers")
}

func (r *rig) setAttributes(id string, keyValues ...string) string {
	r.t.Helper()
	return r.must(setQuery, map[string]any{"in": map[string]any{"userId": id, "userAttributes": pairs(keyValues...)}}).status("setUserAttributes")
}

func (r *rig) delete(ids ...string) string {
	r.t.Helper()
	return r.must(deleteQuery, map[string]any{"ids": ids, "ws": r.sim.Workspace()}).status("deleteUsersFromWorkspace")
}

// list returns the listing by e-mail.
func (r *rig) list() map[string]User {
	r.t.Helper()
	got := r.must(listQuery, nil)
	if len(got.Errors) > 0 {
		r.t.Fatalf("listUsers: %s", got.Raw)
	}
	var users []User
	if err := json.Unmarshal(got.Data["listUsers"], &users); err != nil {
		r.t.Fatal(err)
	}
	out := map[string]User{}
	for _, u := range users {
		out[u.Email] = u
	}
	return out
}

// people are the e-mails of the listing without the owner's, sorted.
func (r *rig) emails() []string {
	r.t.Helper()
	out := []string{}
	for email := range r.list() {
		if email != ownerEmail {
			out = append(out, email)
		}
	}
	slices.Sort(out)
	return out
}

func pairs(keyValues ...string) []map[string]string {
	out := []map[string]string{}
	for i := 0; i < len(keyValues); i += 2 {
		out = append(out, map[string]string{"key": keyValues[i], "value": keyValues[i+1]})
	}
	return out
}

func role(name string, scopes ...string) RoleAssignment {
	return RoleAssignment{RoleID: roleID(name), Scopes: append([]string{}, scopes...)}
}

// roles writes the roles of a user as "EXPLORER VIEWER[d1]".
func roles(u User) string {
	out := []string{}
	for _, r := range u.RoleAssignments {
		s := roleName(r.RoleID)
		if len(r.Scopes) > 0 {
			s += fmt.Sprint(r.Scopes)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// attributes writes the attributes of a user as "k=v JWT:k=v".
func attributes(u User) string {
	out := []string{}
	for _, a := range u.UserAttributes {
		s := a.Key + "=" + a.Value
		if a.Source == sourceJWT {
			s = "JWT:" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// control sends one request of the control API and reads the answer into out.
func (r *rig) control(method, path, body string, out any) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+"/control/"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			r.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return resp.StatusCode
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestTheZeroOptionsMakeAWorkspaceWithItsOwner(t *testing.T) {
	r := start(t, Options{})
	equal(t, "workspace", r.sim.Workspace(), "ws_sim")
	users := r.sim.Users()
	if len(users) != 1 || users[0].Email != "owner@wisdom.invalid" || roles(users[0]) != "ADMIN" {
		t.Errorf("users = %+v", users)
	}
	if other := start(t, Options{}); other.sim.Token() == r.sim.Token() || len(r.sim.Token()) < 20 {
		t.Error("tokens made are not random")
	}
	var me struct{ Email string }
	if err := json.Unmarshal(r.must(`{ currentUser { email } }`, nil).Data["currentUser"], &me); err != nil || me.Email != "owner@wisdom.invalid" {
		t.Errorf("currentUser = %+v, %v", me, err)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"settings":  {Settings: &Settings{Delete: "both"}},
		"address":   {Users: []User{{Email: "nobody"}}},
		"twice":     {Users: []User{{Email: "a@example.com"}, {Email: "A@example.com"}}},
		"id twice":  {Users: []User{{Email: "a@example.com", ID: "1"}, {Email: "b@example.com", ID: "1"}}},
		"source":    {Users: []User{{Email: "a@example.com", UserAttributes: []UserAttribute{{Key: "k", Source: "LDAP"}}}}},
		"key":       {Users: []User{{Email: "a@example.com", UserAttributes: []UserAttribute{{Value: "v"}}}}},
		"empty rol": {Users: []User{{Email: "a@example.com", RoleAssignments: []RoleAssignment{{}}}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestInventedUsersAreAlwaysTheSameAndMixed(t *testing.T) {
	a, b := start(t, Options{Seed: 1500}).sim.Users(), start(t, Options{Seed: 1500}).sim.Users()
	equal(t, "two simulators", a, b)
	if len(a) != 1501 {
		t.Fatalf("%d users", len(a))
	}
	seen := map[string]int{}
	for _, u := range a {
		if u.Email != ownerEmail && !strings.HasSuffix(u.Email, "@example.com") {
			t.Errorf("%s is not at example.com", u.Email)
		}
		seen["roles "+roles(u)]++
		if len(u.from(sourceDatabase)) > 0 && len(u.from(sourceJWT)) > 0 {
			seen["both sources"]++
		}
	}
	for _, want := range []string{"roles ", "roles EXPLORER", "roles VIEWER[ET_DOMAIN_sales]", "roles EXPLORER[ET_DOMAIN_finance ET_DOMAIN_sales] STORY_WRITER", "both sources"} {
		if seen[want] == 0 {
			t.Errorf("nobody has %q", want)
		}
	}
}

func TestAKeyThatWasGivenMayLookLikeAnything(t *testing.T) {
	for _, key := range []string{"secret", "a.b.c", "with=signs+/"} {
		r := start(t, Options{Token: key})
		equal(t, "Token", r.sim.Token(), key)
		equal(t, key, r.create(map[string]any{"emails": []string{"a@example.com"}}), okDone)
	}
}

func TestWhatATestGetsWrongPanics(t *testing.T) {
	sim := start(t, Options{}).sim
	for name, do := range map[string]func(){
		"PutUsers":  func() { sim.PutUsers(User{Email: "nobody"}) },
		"SetFaults": func() { sim.SetFaults(Fault{Operation: "*", Kind: "slow"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			do()
		}()
	}
}
