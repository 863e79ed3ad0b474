package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// TestRandomHistories plays random histories of an IdP, of administrators at WisdomAI, of
// faults and of restarts, looks at every call, and compares WisdomAI with the model
// whenever everything has come to rest. SCIMBRIDGE_TEST_SEEDS sets which, as N (the first
// N) or A-B; one is played again with -run 'TestRandomHistories/seed=17$'.
//
// Administrators act only while everything is at rest, and are looked at before the
// next write: what they do between a look and a write is V-26's, and counted by its own test.
func TestRandomHistories(t *testing.T) {
	seeds := 15
	if raced {
		seeds = 3
	}
	first := 0
	if s := os.Getenv("SCIMBRIDGE_TEST_SEEDS"); s != "" {
		from, to, ranged := strings.Cut(s, "-")
		if !ranged {
			from, to = "0", s
		}
		var errs [2]error
		first, errs[0] = strconv.Atoi(from)
		seeds, errs[1] = strconv.Atoi(to)
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatalf("SCIMBRIDGE_TEST_SEEDS=%s: %v", s, err)
		}
	}
	defer uuid.SetRand(nil)
	for seed := first; seed < seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			dice := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
			uuid.SetRand(dice) // the order in which members are worked on follows from ids
			inWorld(t, func(w *world) {
				w.dir.polls.Store(int64(pollInHistories))
				h := &history{w: w, dice: rand.New(dice), m: newModel("a@example.com", "b@example.com", "c@example.com", "d@example.com")}
				h.play()
			}, func(w *world) {
				w.o.Delivery.Concurrency = 1
				w.o.Brake = &Brake{Floor: 1 << 20, Window: time.Hour}
			})
		})
	}
}

// pollInHistories is how often a history's directory looks into the store of its own accord: most of what
// happens wakes it anyway, and polling each second of hours is all that a seed would do.
const pollInHistories = 10 * time.Second

type history struct {
	w     *world
	dice  *rand.Rand
	m     *model
	epoch int // restarts

	mu    sync.Mutex // guards trace: the simulator's goroutines say what they did
	trace []string
}

// told is the trace so far.
func (h *history) told() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.trace, "\n")
}

func (h *history) say(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trace = append(h.trace, fmt.Sprintf("%8s  ", time.Since(h.start()).Round(time.Second))+fmt.Sprintf(format, args...))
}

func (h *history) start() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func (h *history) fail(format string, args ...any) {
	h.w.t.Helper()
	h.w.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), h.told())
}

// wrong is fail for another goroutine than the test's.
func (h *history) wrong(format string, args ...any) {
	h.w.t.Errorf("%s\n%s", fmt.Sprintf(format, args...), h.told())
}

func pick[T any](h *history, of []T) T { return of[h.dice.IntN(len(of))] }

func (h *history) addresses() []string {
	var out []string
	for e := range h.m.places {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}

func (h *history) play() {
	w := h.w
	w.after = func(e simulator.Effect) {
		who := e.After
		if who == nil {
			who = e.Before
		}
		what := "gone"
		if e.After != nil {
			what = describe(*e.After)
		}
		h.say("    %s %s: %s", e.Operation, who.Email, what)
		if raced {
			return
		}
		if wrong := h.m.called(e); wrong != "" {
			h.wrong("%s %s: %s", e.Operation, who.Email, wrong)
		}
	}
	defer func() { w.after = nil }()
	for range 3 {
		h.byHand()
		h.m.rest()
		if h.dice.IntN(4) > 0 {
			h.faults()
		}
		for range 3 + h.dice.IntN(8) {
			h.act()
			if w.t.Failed() {
				return
			}
		}
		h.quiet()
		if w.t.Failed() {
			return
		}
	}
}

// byHand is what administrators do, seen by the looks that follow.
func (h *history) byHand() {
	for range h.dice.IntN(4) {
		email := pick(h, h.addresses())
		p := h.m.places[email]
		role := pick(h, []string{"CREATOR", "AGENT_VIEWER", "EXPLORER at h"})
		switch {
		case !p.there:
			if p.user != nil {
				continue // a suspended user's address: his account is linked, not adopted
			}
			h.say("by hand: invite %s with %s crm_id=77", email, role)
			p.there, p.ours, p.former, p.hand, p.aside, p.foreign = true, false, nil, units(role), nil, map[string]string{"crm_id": "77"}
			h.w.invite(email, strings.Replace(role, " at ", "@", 1), "crm_id=77", "sso=x(jwt)")
			continue
		}
		u := h.w.there(email)
		active := p.user != nil && p.user.active || p.user == nil && p.former == nil
		switch h.dice.IntN(4) {
		case 0:
			if active && h.m.roles2(p).covers(units(role)[0]) {
				continue // both by hand and by a group: goes with the group
			}
			h.say("by hand: give %s to %s", role, email)
			if active {
				p.hand = p.hand.union(units(role))
			} else {
				p.aside = p.aside.union(units(role))
			}
			p.allowed = p.allowed.union(units(role))
			u.RoleAssignments = unitsOf(u).union(units(role)).simulated()
		case 1:
			if !active || len(p.hand) == 0 {
				continue
			}
			role := pick(h, p.hand)
			if !unitsOf(u).has(role) {
				continue // swallowed
			}
			h.say("by hand: take %v from %s", role, email)
			p.hand = p.hand.minus(grants{role})
			u.RoleAssignments = unitsOf(u).minus(grants{role}).simulated()
		case 2:
			h.say("by hand: set notes of %s", email)
			p.foreign["notes"] = "x"
			u.UserAttributes = append(slices.DeleteFunc(u.UserAttributes, func(a simulator.UserAttribute) bool { return a.Key == "notes" }),
				simulator.UserAttribute{Key: "notes", Value: "x", Source: "DATABASE"})
		case 3:
			if p.user != nil || p.former != nil {
				continue
			}
			h.say("by hand: delete %s", email)
			p.there, p.hand, p.foreign = false, nil, map[string]string{}
			h.w.sim.RemoveUsers(email)
			continue
		}
		h.w.sim.PutUsers(*u)
	}
	for range 3 { // the second look that lacks somebody comes listing.max_age after the first
		h.w.pass(70 * time.Second)
		h.w.lookup("nobody@example.com")
	}
	h.compare("after what was done by hand")
}

// roles2 are the rules' roles of whoever is active at a place.
func (m *model) roles2(p *place) grants {
	if p.user == nil || !p.user.active {
		return nil
	}
	return m.roles(p.user)
}

func (g grants) simulated() []simulator.RoleAssignment {
	out := []simulator.RoleAssignment{}
	for _, a := range g.assignments() {
		out = append(out, simulator.RoleAssignment{RoleID: a.RoleID, Scopes: a.Scopes})
	}
	return out
}

func (h *history) faults() {
	mutations := []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"}
	var rules []simulator.Fault
	for range 1 + h.dice.IntN(3) {
		f := simulator.Fault{Operation: pick(h, mutations), Times: 1 + h.dice.IntN(3)}
		f.Kind = pick(h, []string{"latency", "status", "errors", "http", "reset", "hang", "after", "after_hang", "late", "noeffect", "expire"})
		switch f.Kind {
		case "latency", "late":
			f.Latency = pick(h, []string{"2s", "8s", "35s", "70s"})
		case "http":
			f.HTTP = pick(h, []int{429, 500, 502, 503})
		}
		rules = append(rules, f)
	}
	if h.dice.IntN(3) == 0 {
		f := simulator.Fault{Operation: "listUsers", Times: 1 + h.dice.IntN(6)}
		f.Kind = pick(h, []string{"latency", "errors", "http", "reset", "hang", "empty", "truncate"})
		switch f.Kind {
		case "latency":
			f.Latency = pick(h, []string{"2s", "8s", "70s"})
		case "http":
			f.HTTP = 503
		case "truncate":
			f.Times = 1
		}
		rules = append(rules, f)
	}
	h.say("faults %+v", rules)
	h.w.sim.SetFaults(rules...)
}

// act is one thing that happens.
func (h *history) act() {
	var here []*modelUser
	for _, u := range h.m.users {
		if !u.deleted {
			here = append(here, u)
		}
	}
	n := h.dice.IntN(20)
	if len(here) == 0 && n < 16 {
		n = 0
	}
	switch {
	case n < 3:
		h.create()
	case n < 5:
		u := pick(h, here)
		u.region = pick(h, []string{"emea", "amer"})
		h.say("set region of %s to %s", u.userName, u.region)
		h.update(u, func(d Document) {
			d["urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"] = map[string]any{"region": u.region}
		}, false)
	case n < 8:
		u := pick(h, here)
		active := !u.active
		h.say("%s active=%v", u.userName, active)
		conflict := h.m.activate(u, active)
		h.update(u, func(d Document) { d["active"] = active }, conflict)
	case n < 10:
		u := pick(h, here)
		to := pick(h, h.addresses())
		if !u.active && h.m.handsOff(to) {
			return // V-02 lets it through; it has its own test
		}
		h.say("rename %s to %s", u.userName, to)
		conflict := h.m.rename(u, to)
		h.update(u, func(d Document) {
			d["userName"] = to
			d["emails"] = []any{map[string]any{"value": to, "primary": true}}
		}, conflict)
	case n < 11:
		u := pick(h, here)
		h.say("delete %s", u.userName)
		h.m.remove(u)
		h.do(func() {
			epoch := h.epoch
			if err := h.w.dir.DeleteUser(h.w.t.Context(), okta, u.id, Precondition{}); err != nil && epoch == h.epoch {
				h.wrong("delete %s: %v", u.userName, err)
			}
		})
	case n < 16:
		h.group(here)
	case n < 18:
		d := pick(h, []time.Duration{time.Second, 10 * time.Second, time.Minute, 4 * time.Minute})
		h.say("%s pass", d)
		h.w.pass(d)
	case n < 19:
		h.say("restart")
		h.epoch++
		h.w.stop()
		h.w.start()
		h.w.dir.polls.Store(int64(pollInHistories))
	default:
		h.w.lookup("nobody@example.com")
	}
}

// do runs a request, and mostly waits for its answer: what follows may come while it is
// being delivered.
func (h *history) do(request func()) {
	if h.dice.IntN(4) > 0 {
		request()
		return
	}
	go request()
	synctest.Wait()
}

func (h *history) create() {
	u := &modelUser{userName: pick(h, h.addresses()), active: true, region: pick(h, []string{"", "emea"})}
	doc := person(u.userName, "externalId", "x")
	if u.region != "" {
		doc = person(u.userName, "externalId", "x", "region", u.region)
	}
	written := h.dice.IntN(4) > 0
	conflict := h.m.create(u)
	h.say("create %s region=%s, answer written: %v", u.userName, u.region, written)
	// A create is waited for: the model needs the id.
	for {
		c, err := h.w.dir.CreateUser(h.w.t.Context(), okta, doc)
		if h.refused(err, conflict, "create "+u.userName) {
			return
		}
		if u.id != "" && u.id != c.User.ID {
			h.wrong("the replay has another id")
		}
		u.id = c.User.ID
		c.Done(written)
		if written {
			return
		}
		written = true
	}
}

func (h *history) refused(err error, conflict bool, what string) bool {
	var e *Error
	switch {
	case err == nil && conflict:
		h.wrong("%s was not refused", what)
	case err != nil && !conflict:
		h.wrong("%s: %v", what, err)
	case err != nil && (!errors.As(err, &e) || e.Kind != Conflict):
		h.wrong("%s: %v, want a conflict", what, err)
	}
	return err != nil
}

func (h *history) update(u *modelUser, change func(Document), conflict bool) {
	h.do(func() {
		epoch := h.epoch
		_, err := h.w.dir.UpdateUser(h.w.t.Context(), okta, u.id, Precondition{}, func(d Document) (Document, error) {
			change(d)
			return d, nil
		})
		if err == nil || epoch == h.epoch && !u.deleted { // else the answer was cut off, or comes after his end
			h.refused(err, conflict, "update "+u.userName)
		}
	})
}

func (h *history) group(here []*modelUser) {
	names := []string{"Explorers", "Viewers", "explorer-x", "explorer-y", "Book club"}
	free := slices.DeleteFunc(names, func(n string) bool {
		return slices.ContainsFunc(h.m.groups, func(g *modelGroup) bool { return g.name == n })
	})
	n := h.dice.IntN(8)
	if len(h.m.groups) == 0 {
		n = 0
	}
	ctx := h.w.t.Context()
	patch := func(g *modelGroup, c GroupChange) {
		h.m.note()
		h.do(func() {
			epoch := h.epoch
			if _, err := h.w.dir.UpdateGroup(ctx, okta, g.id, Precondition{}, []GroupChange{c}); err != nil && epoch == h.epoch {
				h.wrong("patch group: %v", err)
			}
		})
	}
	switch {
	case n < 2:
		if len(free) == 0 {
			return
		}
		u := pick(h, here)
		g := &modelGroup{name: pick(h, free), members: map[*modelUser]bool{u: true}}
		h.say("create group %s with %s", g.name, u.userName)
		h.m.groups = append(h.m.groups, g)
		h.m.note()
		made, err := h.w.dir.CreateGroup(ctx, okta, GroupDraft{DisplayName: g.name, Members: refs(u.id)})
		if err != nil {
			h.wrong("create group: %v", err)
		}
		g.id = made.ID
	case n < 5:
		g, u := pick(h, h.m.groups), pick(h, here)
		h.say("add %s to %s", u.userName, g.name)
		g.members[u] = true
		patch(g, GroupChange{Add: refs(u.id)})
	case n < 6:
		g, u := pick(h, h.m.groups), pick(h, here)
		h.say("remove %s from %s", u.userName, g.name)
		delete(g.members, u)
		patch(g, GroupChange{Remove: []string{u.id}})
	case n < 7:
		if len(free) == 0 {
			return
		}
		g := pick(h, h.m.groups)
		to := pick(h, free)
		h.say("rename group %s to %s", g.name, to)
		g.name = to
		patch(g, GroupChange{SetDisplayName: &to})
	default:
		i := h.dice.IntN(len(h.m.groups))
		g := h.m.groups[i]
		h.say("delete group %s", g.name)
		h.m.groups = slices.Delete(h.m.groups, i, i+1)
		h.m.note()
		if err := h.w.dir.DeleteGroup(ctx, okta, g.id, Precondition{}); err != nil {
			h.wrong("delete group: %v", err)
		}
	}
}

// quiet lifts the faults and lets time pass, with an IdP that goes on asking.
func (h *history) quiet() {
	h.say("quiet")
	h.w.sim.SetFaults()
	for range 10 {
		h.w.pass(4 * time.Minute)
		h.w.lookup("nobody@example.com")
	}
	h.compare("at rest")
}

func (h *history) compare(when string) {
	for _, email := range h.addresses() {
		if wrong := h.m.check(h.m.places[email], h.w.there(email)); wrong != "" {
			a := h.w.account(email)
			look, _ := h.w.lastLook()
			h.fail("%s, %s %s\n%+v\n%s\ndesired %s\nmemory %s\nowned %s\nactual %s", when, email, wrong, look, row(a), a.Desired, a.Memory, a.Owned, a.Actual)
		}
	}
}

// row is an account's columns that are not JSON, in a line.
func row(a *account) string {
	return fmt.Sprintf("user %s former %v present %v id %q ours %v version %d delivered %d confirmed %d failed %d uncertain %s call %v/%d/%s missing %d lease %q/%s due %s pending %s attempts %d: %s",
		a.UserID, a.Former, a.Present, a.WisdomID, a.CreatedByBridge, a.Version, a.Delivered, a.Confirmed, a.Failed, a.Uncertain.Format(time.TimeOnly),
		a.CallOpen, a.CallLook, a.CallDeadline.Format(time.TimeOnly), a.MissingLook, a.LeaseHolder, a.LeaseUntil.Format(time.TimeOnly),
		a.Due.Format(time.TimeOnly), a.Pending.Format(time.TimeOnly), a.Attempts, a.LastError)
}

func (w *world) lastLook() (look *store.Look, err error) {
	err = w.store.View(w.t.Context(), func(tx store.Tx) error {
		look, err = tx.LastLook(w.o.Workspace, store.LookApplied)
		return err
	})
	return look, err
}
