package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

const (
	crashWriters = 4  // clients that write at the same time
	crashPeople  = 7  // people of each
	crashRound   = 10 // kills between two times of rest, at which everything is compared
)

// TestV01NothingIsLostOrDoubledByKills kills the built program with SIGKILL at random moments while an
// IdP's clients write and WisdomAI misbehaves, and starts it again. SCIMBRIDGE_CRASHES sets how
// often; SCIMBRIDGE_CRASH_SEED throws the same dice again, though not at the same moments.
//
// Each client keeps what it sent about its people and what was answered. At rest SCIM and
// WisdomAI must show one of the states that this leaves, and WisdomAI's log nobody who came
// or went more often than that was asked for.
func TestV01NothingIsLostOrDoubledByKills(t *testing.T) {
	t.Parallel()
	number := func(name string, otherwise int) int {
		n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	crashes, seed := number("SCIMBRIDGE_CRASHES", 20), uint64(number("SCIMBRIDGE_CRASH_SEED", rand.IntN(1e9)))
	c := newCrash(t, seed, crashOptions{servers: 1, writers: crashWriters, duty: 0.5})
	for round := 0; crashes > 0 && !t.Failed(); round++ {
		kills := min(crashes, crashRound)
		crashes -= kills
		c.round(kills, round%2 == 1)
	}
	if t.Failed() {
		t.Logf("seed %d; play it again with\nSCIMBRIDGE_CRASH_SEED=%d go test ./cmd/scimbridge -run TestV01NothingIsLostOrDoubledByKills", seed, seed)
	}
	t.Logf("%d writes answered, %d not; %d effects at WisdomAI", c.answered, c.unanswered, c.seq)
}

// crash is programs that are killed and started again, their WisdomAI, and their clients.
type crash struct {
	t       testing.TB
	dice    *rand.Rand // of the killer
	sim     *process
	config  string
	store   string // as the configuration names it
	token   string
	groups  [len(crashGroups)]string // their ids
	people  [][]*crashPerson         // of each client
	client  *http.Client
	seq     int64     // of WisdomAI's log, as far as it was looked at
	began   time.Time // of the round
	servers []*crashServer

	stderr lockedBuffer // of all processes

	mu                   sync.Mutex // guards the fields below, and those of the servers
	turn                 int        // of the server that is called next
	answered, unanswered int
	seed                 uint64 // of the next client's dice
}

// crashServer is one of the programs.
type crashServer struct {
	ready string // its ready file
	cmd   *exec.Cmd

	base  string // of the SCIM server; "" while it is not known to be up
	out   bool   // it gets no requests
	calls int    // that it has not answered
}

// crashOptions are what differs between a crash of one program and one of several.
type crashOptions struct {
	store            string // "": of the engine that is asked for
	servers, writers int
	duty             float64
	budget           time.Duration // delivery.request_budget
}

// crashPerson is somebody whom one client alone writes about.
type crashPerson struct {
	emails   [2]string
	external string
	hand     bool     // an administrator invited him before
	id       string   // "": never created
	gone     []string // ids that he had before he was deleted
	beliefs  []belief
	story    []string
	// Since the last time of rest: how often he may have come to an address, and been deleted there.
	came, left [2]int
}

func newCrash(t testing.TB, seed uint64, o crashOptions) *crash {
	t.Helper()
	dir := t.TempDir()
	if o.store == "" {
		o.store = enginetest.NewPlaceIn(t, dir).Address()
	}
	c := &crash{t: t, dice: rand.New(rand.NewPCG(seed, 0)), seed: seed, config: filepath.Join(dir, "scimbridge.yaml"), store: o.store,
		people: make([][]*crashPerson, o.writers),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.writers}, Timeout: time.Minute}}
	for n := range o.servers {
		c.servers = append(c.servers, &crashServer{ready: filepath.Join(dir, fmt.Sprintf("ready%d.json", n))})
	}
	c.sim = start(t, "simulate", "--listen", "127.0.0.1:0", "--token", "key")
	// All waits are short, so that times of rest are: what is late must come before settle.
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin_listen: 127.0.0.1:0
store: %q
log: {redact: false}
tenants:
  default:
    email_domains: [example.com]
    wisdom: {url: %q, workspace: ws_sim, token: 'file:key'}
    attributes: {department: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department'}
    roles:
      groups:
        - {group: Explorers, role: EXPLORER}
        - {group: Viewers, role: VIEWER}
        - {match: 'explorer-(?P<domain>.+)', role: EXPLORER, scopes: ['${domain}']}
    brake: {floor: 1000000}
    listing: {max_age: 1s, miss_max_age: 200ms, max_duty: %g, settle: 600ms}
    delivery: {request_budget: %s, deadline: 1s}
`, o.store, c.sim.ready.GraphQL, o.duty, cmp.Or(o.budget, 250*time.Millisecond))
	for name, content := range map[string]string{"scimbridge.yaml": text, "key": "key\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errOut, code := command(t, "token", "create", "--name", "okta", "--config", c.config)
	if code != 0 {
		t.Fatalf("token create: %s", errOut)
	}
	c.token = strings.TrimSpace(out)
	t.Cleanup(func() {
		for _, s := range c.servers {
			c.kill(s)
		}
	})

	var invited []simulator.User
	for w := range c.people {
		for i := range crashPeople {
			name := fmt.Sprintf("p%d-%d", w, i)
			p := &crashPerson{emails: [2]string{name + "@example.com", name + ".b@example.com"}, external: "x-" + name, hand: i == 0, beliefs: []belief{{}}}
			c.people[w] = append(c.people[w], p)
			if p.hand {
				invited = append(invited, simulator.User{Email: p.emails[0],
					RoleAssignments: []simulator.RoleAssignment{{RoleID: "00000000-0000-0000-0000-000000000006"}}, // CREATOR
					UserAttributes:  []simulator.UserAttribute{{Key: "crm_id", Value: "77"}}})
			}
		}
	}
	call(t, "POST", c.sim.ready.Control+"/users", "", invited, nil)
	c.serveAll()
	for i, name := range crashGroups {
		var g struct{ ID string }
		if status, err := c.scim("POST", "/Groups", map[string]any{"displayName": name}, &g); status != 201 {
			t.Fatalf("POST group: %d, %v", status, err)
		}
		c.groups[i] = g.ID
	}
	return c
}

// serve starts a program; waitReady waits until it is up.
func (c *crash) serve(s *crashServer) {
	path, err := binary()
	if err != nil {
		c.t.Fatal(err)
	}
	s.cmd = exec.Command(path, "serve", "--config", c.config, "--ready-file", s.ready)
	s.cmd.Stderr = &c.stderr
	if err := s.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crash) waitReady(s *crashServer) {
	eventually(c.t, "the program is ready", func() bool { return c.up(s) })
}

// serveAll starts all programs anew.
func (c *crash) serveAll() {
	for _, s := range c.servers {
		c.kill(s)
		c.serve(s)
	}
	for _, s := range c.servers {
		c.waitReady(s)
	}
}

// up takes the address from the ready file, which kill removes.
func (c *crash) up(s *crashServer) bool {
	var r ready
	data, err := os.ReadFile(s.ready)
	if err != nil || json.Unmarshal(data, &r) != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.base = r.SCIM
	return true
}

// next is the server whose turn it is, of those that are up, as a load balancer chooses. It is told when it
// has answered.
func (c *crash) next() (base string, answered func()) {
	for ; !c.t.Failed(); time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		for range c.servers {
			s := c.servers[c.turn%len(c.servers)]
			c.turn++
			if s.base != "" && !s.out {
				s.calls++
				base := s.base
				c.mu.Unlock()
				return base, func() {
					c.mu.Lock()
					defer c.mu.Unlock()
					s.calls--
				}
			}
		}
		c.mu.Unlock()
	}
	return "", func() {}
}

func (c *crash) kill(s *crashServer) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait() // its error says that it was killed
	os.Remove(s.ready)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.base = ""
}

// round is some kills under load, and then rest.
func (c *crash) round(kills int, late bool) {
	c.began = time.Now()
	c.faults(late)
	stop := c.load()
	for range kills {
		s := c.servers[0]
		// From the start on, which takes some 100 ms: a start is as good a moment as any.
		for until := time.Now().Add(time.Duration(c.dice.IntN(700)) * time.Millisecond); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			c.up(s)
		}
		c.kill(s)
		c.serve(s)
	}
	c.waitReady(c.servers[0])
	stop()
	if c.t.Failed() {
		return
	}
	c.setFaults(nil)
	c.serveAll() // a last kill: who starts waits for no back-off
	c.rest(late)
}

// load lets the clients write until stop is called.
func (c *crash) load() (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var clients sync.WaitGroup
	for _, people := range c.people {
		c.seed++
		w := &crashClient{crash: c, people: people, dice: rand.New(rand.NewPCG(c.seed, 1))}
		clients.Go(func() {
			for ctx.Err() == nil && !c.t.Failed() {
				w.write()
			}
		})
	}
	return func() {
		cancel()
		clients.Wait()
	}
}

// faults makes WisdomAI misbehave now and then. What comes late may invite somebody again who
// was deleted since, so it is not in every round.
func (c *crash) faults(late bool) {
	var rules []simulator.Fault
	for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
		rules = append(rules,
			simulator.Fault{Operation: op, Kind: "after", Probability: 0.05},
			simulator.Fault{Operation: op, Kind: "after_hang", Probability: 0.01},
			simulator.Fault{Operation: op, Kind: "hang", Probability: 0.01},
			simulator.Fault{Operation: op, Kind: "reset", Probability: 0.03},
			simulator.Fault{Operation: op, Kind: "http", HTTP: 503, Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "http", HTTP: 429, RetryAfter: "1s", Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "http", HTTP: 500, Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "errors", Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "status", Probability: 0.03},
			simulator.Fault{Operation: op, Kind: "status", Code: "NONE", Probability: 0.01},
			simulator.Fault{Operation: op, Kind: "noeffect", Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "latency", Latency: "100ms", Probability: 0.2})
		if late {
			rules = append(rules, simulator.Fault{Operation: op, Kind: "late", Latency: "700ms", Probability: 0.05})
		}
	}
	rules = append(rules,
		simulator.Fault{Operation: "listUsers", Kind: "http", HTTP: 503, Probability: 0.05},
		simulator.Fault{Operation: "listUsers", Kind: "reset", Probability: 0.05},
		simulator.Fault{Operation: "listUsers", Kind: "empty", Probability: 0.03},
		simulator.Fault{Operation: "listUsers", Kind: "stale", Age: "200ms", Probability: 0.05},
		simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "200ms", Probability: 0.1},
		simulator.Fault{Operation: "*", Kind: "expire", Probability: 0.005})
	c.setFaults(rules)
}

func (c *crash) setFaults(rules []simulator.Fault) {
	if status := call(c.t, "PUT", c.sim.ready.Control+"/faults", "", append([]simulator.Fault{}, rules...), nil); status != 200 {
		c.t.Fatalf("PUT faults: %d", status)
	}
}

// scim calls the server. Status 0 is no answer: then nobody knows whether it happened.
func (c *crash) scim(method, path string, body, out any) (int, error) {
	base, answered := c.next()
	defer answered()
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, base+path, r)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.client.Do(req)
	if err != nil {
		time.Sleep(5 * time.Millisecond)
		return 0, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 400 {
		return res.StatusCode, fmt.Errorf("%s", data)
	}
	if out != nil {
		return res.StatusCode, json.Unmarshal(data, out)
	}
	return res.StatusCode, nil
}

// crashClient is one of the IdP's workers.
type crashClient struct {
	*crash
	people []*crashPerson
	dice   *rand.Rand
}

func (w *crashClient) fail(p *crashPerson, format string, args ...any) {
	w.t.Errorf("%s: %s\n%s", p.emails[0], fmt.Sprintf(format, args...), p.told())
}

func (p *crashPerson) told() string {
	var beliefs []string
	for _, b := range p.beliefs {
		beliefs = append(beliefs, b.String())
	}
	return fmt.Sprintf("id %s, what he may be: %s\nhis history, what was sent and what was answered:\n%s", p.id, strings.Join(beliefs, " | "), strings.Join(p.story, "\n"))
}

func (p *crashPerson) say(format string, args ...any) {
	p.story = append(p.story[max(0, len(p.story)-60):], time.Now().Format("15:04:05.000  ")+fmt.Sprintf(format, args...))
}

// surely is whether he is there, or is not, in every belief.
func (p *crashPerson) surely(live bool) bool {
	return !slices.ContainsFunc(p.beliefs, func(b belief) bool { return b.live != live })
}

// write makes one write about one of the people, or about some of them at once.
func (w *crashClient) write() {
	p := w.people[w.dice.IntN(len(w.people))]
	if p.surely(false) {
		w.create(p)
		return
	}
	b := p.beliefs[0]
	group := w.dice.IntN(len(crashGroups))
	user := "/Users/" + p.id
	switch n := w.dice.IntN(20); {
	case n < 6:
		active := !b.active
		w.send(p, fmt.Sprintf("active=%v", active), activated(active), "PATCH", user, patchOp("replace", "active", active))
	case n < 9:
		department := []string{"Sales", "Support", "Finance"}[w.dice.IntN(3)]
		w.send(p, "department="+department, moved(department), "PATCH", user,
			patchOp("replace", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", department))
	case n < 11 && !p.hand:
		name := 1 - b.name
		w.send(p, "rename to "+p.emails[name], renamed(name), "PATCH", user, patchOp("replace", "userName", p.emails[name]))
	case n < 12 && !p.hand:
		w.send(p, "delete", deleted, "DELETE", user, nil)
	case n < 16 && p.surely(true):
		w.join(group, true, w.some(p)...)
	case p.surely(true):
		w.join(group, false, p)
	}
}

// some are p and others of his client's people who are surely there.
func (w *crashClient) some(p *crashPerson) []*crashPerson {
	out := []*crashPerson{p}
	for _, o := range w.people {
		if o != p && o.surely(true) && w.dice.IntN(3) == 0 {
			out = append(out, o)
		}
	}
	return out
}

// create sends the POST until it is known what became of it, as an IdP does.
func (w *crashClient) create(p *crashPerson) {
	name := 0
	if !p.hand {
		name = w.dice.IntN(2)
	}
	email, department := p.emails[name], []string{"", "Sales"}[w.dice.IntN(2)]
	body := newUser(email)
	body["externalId"] = p.external
	delete(body, "emails") // it would outlive a rename, but the first path of `email` is userName
	if department != "" {
		body["schemas"] = append(body["schemas"].([]string), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
		body["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = map[string]any{"department": department}
	}
	p.came[name]++
	for !w.t.Failed() {
		var u struct{ ID string }
		status, err := w.scim("POST", "/Users", body, &u)
		p.say("create %s department=%q: %d %v %s", email, department, status, err, u.ID)
		w.count(status)
		switch {
		case status == 201:
		case status == 409 || status == 0 && w.dice.IntN(2) == 0:
			var list struct {
				TotalResults int
				Resources    []struct{ ID string }
			}
			found, err := w.scim("GET", "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", email)), nil, &list)
			p.say("lookup: %d %v %+v", found, err, list)
			if found != 200 || status == 0 && list.TotalResults == 0 || p.hand {
				continue
			}
			if list.TotalResults != 1 {
				w.fail(p, "a POST was answered %d, and the lookup finds %d of that name", status, list.TotalResults)
				return
			}
			u.ID = list.Resources[0].ID
		case status == 0 || status == 503:
			continue
		default:
			w.fail(p, "POST: %d %v", status, err)
			return
		}
		if slices.Contains(p.gone, u.ID) {
			w.fail(p, "the id %s of a deleted user is given again", u.ID)
			return
		}
		p.id = u.ID
		p.beliefs = apply(p.beliefs, created(name, department))
		return
	}
}

// send makes a write about a person once, and keeps what may have come of it.
func (w *crashClient) send(p *crashPerson, what string, does func(belief) belief, method, path string, body any) {
	status, err := w.scim(method, path, body, nil)
	p.say("%s: %d %v", what, status, err)
	w.take(p, what, status, does)
}

// join adds people to a group, or takes them out of it.
func (w *crashClient) join(group int, in bool, people ...*crashPerson) {
	op, path, what := "add", "members", "join "+crashGroups[group]
	var members []any
	for _, p := range people {
		members = append(members, map[string]any{"value": p.id})
	}
	body := patchOp(op, path, members)
	if !in {
		what = "leave " + crashGroups[group]
		body = map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", people[0].id)}}}
	}
	status, err := w.scim("PATCH", "/Groups/"+w.groups[group], body, nil)
	for _, p := range people {
		p.say("%s, with %d people: %d %v", what, len(people), status, err)
		if status == 404 {
			w.fail(p, "%s: the group is gone", what)
			return
		}
		w.take(p, what, status, joined(group, in))
	}
}

// take makes of what a person may be what he may be after a write.
func (w *crashClient) take(p *crashPerson, what string, status int, does func(belief) belief) {
	w.count(status)
	var live, gone []belief
	for _, b := range p.beliefs {
		if b.live {
			live = append(live, b)
		} else {
			gone = append(gone, b)
		}
	}
	var came, left [2]bool // a write comes about once, whatever there was before
	for _, b := range live {
		after := does(b)
		came[after.place] = came[after.place] || after.live && after.active && (!b.active || b.place != after.place)
		left[b.place] = left[b.place] || !after.live
	}
	for i := range p.emails {
		p.came[i] += count(came[i])
		p.left[i] += count(left[i])
	}
	switch {
	case status == 0 || status == 503:
		p.beliefs = distinct(append(slices.Clone(p.beliefs), apply(live, does)...))
	case status == 404:
		p.beliefs = gone
		if len(gone) == 0 {
			w.fail(p, "%s: 404, and he was never deleted", what)
		}
	case status/100 == 2:
		p.beliefs = apply(live, does)
		if len(live) == 0 {
			w.fail(p, "%s: %d, and he was deleted", what, status)
		}
	default:
		w.fail(p, "%s: %d", what, status)
	}
	if len(p.beliefs) > 0 && p.surely(false) && p.id != "" {
		p.gone = append(p.gone, p.id)
		p.id = ""
	}
}

func (w *crashClient) count(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if status == 0 || status == 503 {
		w.unanswered++
	} else {
		w.answered++
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func apply(beliefs []belief, does func(belief) belief) []belief {
	var out []belief
	for _, b := range beliefs {
		out = append(out, does(b))
	}
	return distinct(out)
}

func distinct(beliefs []belief) []belief {
	var out []belief
	for _, b := range beliefs {
		if !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out
}

// rest compares what SCIM shows, and what WisdomAI has once everything is delivered, with
// what the clients believe.
func (c *crash) rest(late bool) {
	members := [len(crashGroups)]map[string]bool{}
	for i, id := range c.groups {
		var g struct{ Members []struct{ Value string } }
		if status, err := c.scim("GET", "/Groups/"+id, nil, &g); status != 200 {
			c.t.Fatalf("GET group: %d %v", status, err)
		}
		members[i] = map[string]bool{}
		for _, m := range g.Members {
			members[i][m.Value] = true
		}
	}
	for p := range c.everybody {
		s := c.shown(p, members)
		var agree []belief
		why := ""
		for _, b := range p.beliefs {
			if why = p.agrees(b, s); why == "" {
				agree = append(agree, b)
			}
		}
		if len(agree) == 0 {
			c.wrong(p, "an acknowledged write is lost: "+p.emails[0]+" "+why)
			return
		}
		p.beliefs = agree
	}
	const delivers, stays = time.Minute, 2500 * time.Millisecond // stays: longer than what is late, unanswered or unsettled takes
	since, deadline := time.Now(), time.Now().Add(delivers)
	for {
		p, why := c.undelivered()
		switch now := time.Now(); {
		case p != nil && now.After(deadline):
			c.wrong(p, why)
			return
		case p != nil:
			since = now
		case now.Sub(since) > stays:
			c.effects(late)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (c *crash) everybody(yield func(*crashPerson) bool) {
	for _, people := range c.people {
		for _, p := range people {
			if !yield(p) {
				return
			}
		}
	}
}

// shown is what SCIM shows of a person, who has no other id left.
func (c *crash) shown(p *crashPerson, members [len(crashGroups)]map[string]bool) shown {
	for _, id := range p.gone {
		if status, _ := c.scim("GET", "/Users/"+id, nil, nil); status != 404 {
			c.wrong(p, fmt.Sprintf("GET of the deleted user %s: %d", id, status))
		}
	}
	if p.id == "" {
		return shown{}
	}
	var u struct {
		UserName   string
		Active     bool
		Enterprise struct{ Department string } `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	}
	status, err := c.scim("GET", "/Users/"+p.id, nil, &u)
	switch status {
	case 200:
	case 404:
		return shown{}
	default:
		c.t.Fatalf("GET %s: %d %v", p.emails[0], status, err)
	}
	s := shown{there: true, userName: u.UserName, active: u.Active, department: u.Enterprise.Department}
	for i, in := range members {
		if in[p.id] {
			s.groups = append(s.groups, crashGroups[i])
		}
	}
	return s
}

// undelivered is somebody whom no belief explains as WisdomAI has him, and why; nil if there is nobody.
func (c *crash) undelivered() (*crashPerson, string) {
	var users []simulator.User
	call(c.t, "GET", c.sim.ready.Control+"/users", "", nil, &users)
	at := map[string]*simulator.User{}
	for i, u := range users {
		if at[u.Email] != nil {
			c.t.Fatalf("%s is at WisdomAI twice", u.Email)
		}
		at[u.Email] = &users[i]
	}
	for p := range c.everybody {
		explained, why := false, ""
		for _, b := range p.beliefs {
			wrong := ""
			for i, email := range p.emails {
				if w := p.delivered(b, i, at[email]); w != "" {
					wrong = email + " " + w
				}
			}
			explained = explained || wrong == ""
			why = cmp.Or(wrong, why)
		}
		if !explained {
			return p, why
		}
	}
	return nil, ""
}

// effects looks at what happened at WisdomAI since the last time of rest: nobody came or
// went more often than was asked for, and nobody ever had a role twice.
func (c *crash) effects(late bool) {
	var log []simulator.Effect
	call(c.t, "GET", fmt.Sprintf("%s/log?after=%d", c.sim.ready.Control, c.seq), "", nil, &log)
	came, left := map[string]int{}, map[string]int{}
	for _, e := range log {
		c.seq = e.Seq
		switch {
		case e.After == nil:
			left[e.Before.Email]++
		case e.Before == nil && e.Operation == "createUsers":
			came[e.After.Email]++
		}
		if e.After == nil {
			continue
		}
		seen := map[string]bool{}
		for _, r := range e.After.RoleAssignments {
			if seen[r.RoleID] {
				c.t.Errorf("effect %d gives %s a role twice: %+v", e.Seq, e.After.Email, e.After.RoleAssignments)
			}
			seen[r.RoleID] = true
		}
	}
	for p := range c.everybody {
		for i, email := range p.emails {
			switch {
			case left[email] > p.left[i] && !late:
				c.wrong(p, fmt.Sprintf("%s was deleted %d times, asked for %d times", email, left[email], p.left[i]))
			case came[email] > p.came[i] && !late:
				c.wrong(p, fmt.Sprintf("%s was created %d times, asked for %d times", email, came[email], p.came[i]))
			}
		}
		p.came, p.left = [2]int{}, [2]int{}
	}
}

// wrong fails the test with all that is known about a person.
func (c *crash) wrong(p *crashPerson, why string) {
	c.t.Helper()
	for _, s := range c.servers { // who reads the store must have it to himself
		c.kill(s)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n%s\n", why, p.told())
	cfg, err := config.Load(c.config, os.Environ())
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := openStore(context.Background(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	defer s.Close()
	u, err := url.Parse(c.sim.ready.GraphQL)
	if err != nil {
		c.t.Fatal(err)
	}
	err = s.View(context.Background(), func(tx store.Tx) error {
		for _, email := range p.emails {
			a, err := tx.AccountByEmail(u.Host+"/ws_sim", email)
			if err != nil {
				fmt.Fprintf(&out, "account %s: %v\n", email, err)
				continue
			}
			desired, owned, memory, actual := a.Desired, a.Owned, a.Memory, a.Actual
			a.Desired, a.Owned, a.Memory, a.Actual = nil, nil, nil, nil
			fmt.Fprintf(&out, "account %+v\n desired %s\n owned %s\n memory %s\n actual %s\n", *a, desired, owned, memory, actual)
		}
		events, err := tx.Events("", 0, 1<<30)
		for _, e := range events {
			if slices.Contains(p.emails[:], e.Email) && !e.Time.Before(c.began) {
				detail, _, _ := strings.Cut(string(e.Detail), `"before":`) // the client's history says it
				fmt.Fprintf(&out, "%s  %s %s %s\n", e.Time.Local().Format("15:04:05.000"), e.Kind, e.Email, detail)
			}
		}
		return err
	})
	if err != nil {
		c.t.Error(err)
	}
	var log []simulator.Effect
	call(c.t, "GET", c.sim.ready.Control+"/log", "", nil, &log)
	for _, e := range log {
		who := cmp.Or(e.After, e.Before)
		if slices.Contains(p.emails[:], who.Email) && !e.Time.Before(c.began) {
			fmt.Fprintf(&out, "%s  WisdomAI: %d %s %s: %+v\n", e.Time.Local().Format("15:04:05.000"), e.Seq, e.Operation, who.Email, e.After)
		}
	}
	text := c.stderr.String()
	fmt.Fprintf(&out, "the end of stderr:\n%s", text[max(0, len(text)-4000):])
	c.t.Fatal(out.String())
}
