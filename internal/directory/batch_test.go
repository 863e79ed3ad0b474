package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// watched is WisdomAI with somebody who writes down each request, and may spoil it.
type watched struct {
	WisdomAI
	mu       sync.Mutex // guards requests
	requests [][]wisdom.Mutation
	// instead, if set, may answer in place of WisdomAI; nil lets the request through.
	instead func(mutations []wisdom.Mutation) []error
}

func (w *world) watch(instead func([]wisdom.Mutation) []error) *watched {
	v := &watched{WisdomAI: w.dir.wisdom, instead: instead}
	w.dir.wisdom = v
	return v
}

func (v *watched) Mutate(ctx context.Context, mutations []wisdom.Mutation) []error {
	v.mu.Lock()
	v.requests = append(v.requests, mutations)
	v.mu.Unlock()
	if v.instead != nil {
		if errs := v.instead(mutations); errs != nil {
			return errs
		}
	}
	return v.WisdomAI.Mutate(ctx, mutations)
}

func (v *watched) sent() [][]wisdom.Mutation {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.requests)
}

func (v *watched) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests = nil
}

// people are the addresses that a request's createUsers are about.
func people(mutations []wisdom.Mutation) []string {
	var out []string
	for _, m := range mutations {
		if m.Create != nil {
			out = append(out, m.Create.Emails...)
		}
	}
	return out
}

// crowd creates n people in one go, as an IdP with many connections does, and returns their ids.
func (w *world) crowd(n int, pairs ...string) []string {
	w.t.Helper()
	ids := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			c, err := w.dir.CreateUser(w.t.Context(), okta, person(fmt.Sprintf("p%03d@example.com", i), pairs...))
			if err != nil {
				w.t.Errorf("create p%03d: %v", i, err)
				return
			}
			c.Done(true)
			ids[i] = c.User.ID
		})
	}
	wg.Wait()
	return ids
}

func (w *world) crowdHas(n int, want string) {
	w.t.Helper()
	wrong := map[string][]string{}
	for i := range n {
		email := fmt.Sprintf("p%03d@example.com", i)
		if got := w.at(email); got != want {
			wrong[got] = append(wrong[got], email)
		}
	}
	for got, who := range wrong {
		w.t.Errorf("%d people (%s, ...) at WisdomAI: %s, want %s", len(who), who[0], got, want)
	}
}

// slowly gives every mutation a latency, so that accounts queue behind it.
func (w *world) slowly(d time.Duration) {
	w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "latency", Latency: d.String()})
}

func TestV12WhatQueuesWhileACallIsOnItsWayGoesOutTogether(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.create(person("first@example.com"))
		w.slowly(time.Second)
		v := w.watch(nil)
		w.crowd(100)
		w.crowdHas(100, "no role")
		if n := len(v.sent()); n > 6 {
			w.t.Errorf("%d requests for 100 people who came at once", n)
		}
	})
}

func TestV14TwoStepsOfOnePersonNeverShareARequest(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ids := w.crowd(30)
		g, other := w.group("Viewers", ids...), w.group("Explorers")
		w.pass(10 * time.Minute)
		v := w.watch(nil)
		// Everybody loses a role, gets another and another department: three steps each.
		w.slowly(time.Second)
		w.patch(g.ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
		w.patch(other.ID, GroupChange{Add: refs(ids...)})
		for _, id := range ids {
			go w.update(id, "department", "Sales")
		}
		w.pass(5 * time.Minute)
		w.crowdHas(30, "EXPLORER department=Sales")
		byID := map[string]string{}
		for _, u := range w.sim.Users() {
			byID[u.ID] = u.Email
		}
		for _, mutations := range v.sent() {
			about := people(mutations)
			for _, m := range mutations {
				if m.Attributes != nil {
					about = append(about, byID[m.Attributes.UserID])
				}
			}
			slices.Sort(about)
			if len(slices.Compact(slices.Clone(about))) != len(about) {
				w.t.Errorf("one request has two steps of one person: %v", about)
			}
		}
	})
}

func TestV15TakingsLeaveBeforeGivings(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		leaver := w.create(person("leaver@example.com")).ID
		w.group("Explorers", leaver)
		w.pass(10 * time.Minute)
		w.slowly(time.Second)
		v := w.watch(nil)
		go w.crowd(400)
		synctest.Wait()
		go w.update(leaver, "active", false)
		w.pass(1500 * time.Millisecond)
		w.wantAt("leaver@example.com", "no role") // although some hundred joiners wait
		for _, mutations := range v.sent() {
			if who := people(mutations); slices.Contains(who, "leaver@example.com") && len(who) > 1 {
				w.t.Errorf("his call went out with %d joiners", len(who)-1)
			}
		}
		w.pass(10 * time.Minute)
		w.crowdHas(400, "no role")
	})
}

// Where nothing shares a request and hundreds wait their turn, a leaver has his at once.
func TestV15ALeaverDoesNotQueueBehindJoiners(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		leaver := w.create(person("leaver@example.com")).ID
		w.group("Explorers", leaver)
		w.pass(10 * time.Minute)
		w.slowly(time.Second)
		go w.crowd(200)
		w.pass(5 * time.Second) // the look by which they are created is over: they queue
		go w.update(leaver, "active", false)
		w.pass(2500 * time.Millisecond)
		w.wantAt("leaver@example.com", "no role")
		if n := w.backlog(); n < 150 {
			w.t.Errorf("only %d wait: it tests nothing", n)
		}
		w.pass(10 * time.Minute)
		w.crowdHas(200, "no role")
	}, func(w *world) { w.o.Delivery.Batch, w.o.Delivery.Concurrency = 1, 2 })
}

func TestV15AfterAnOutageLeaversGoFirstAndAtOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var leavers []string
		for i := range 3 {
			leavers = append(leavers, w.create(person(fmt.Sprintf("leaver%d@example.com", i))).ID)
		}
		w.group("Explorers", leavers...)
		w.pass(10 * time.Minute)

		w.down.set(true)
		go w.crowd(100) // they cannot even be looked up
		for i, id := range leavers {
			w.pass(time.Minute)
			w.mustUpdate(id, "active", false)
			w.mustUpdate(id, "displayName", fmt.Sprint("again ", i))
		}
		w.pass(7 * time.Minute) // ten minutes in all: every back-off is long by now

		var order []string
		var mu sync.Mutex
		w.after = func(e simulator.Effect) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, e.After.Email)
		}
		w.down.set(false)
		w.pass(10 * time.Second)
		for i := range leavers {
			w.wantAt(fmt.Sprintf("leaver%d@example.com", i), "no role")
		}
		w.pass(10 * time.Minute)
		w.crowdHas(100, "no role")
		w.after = nil
		if len(order) < 3 || strings.Contains(fmt.Sprint(order[:3]), "p0") {
			w.t.Errorf("the first to be delivered were %v", order[:min(5, len(order))])
		}
	})
}

func TestV15ARequestDoesNotWaitWithAnotherPersonsBackOff(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com")).ID
		w.group("Explorers", ann)
		w.pass(10 * time.Minute)
		var down atomicBool
		down.set(true)
		w.watch(func(mutations []wisdom.Mutation) []error {
			if !down.get() {
				return nil
			}
			return []error{&wisdom.Error{Op: "createUsers", Kind: wisdom.Transient, HTTPStatus: 500, Message: "for a while"}}
		})
		w.mustUpdate(ann, "active", false)
		w.pass(10 * time.Second) // four failures: her next try is in some seconds
		down.set(false)
		w.create(person("bob@example.com"))
		w.pass(time.Second)
		w.wantAt("ann@example.com", "no role")
	})
}

// A shared createUsers has one status for all: the one of a hundred whom Email Access Control
// refuses must not be everybody's refusal, nor a hundred calls.
func TestV20OneBlockedAddressInASharedCall(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.create(person("first@example.com"))
		if err := w.sim.SetSettings(simulator.Settings{Block: []string{"p041@example.com"}}); err != nil {
			w.t.Fatal(err)
		}
		w.slowly(100 * time.Millisecond)
		v := w.watch(nil)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				c, err := w.dir.CreateUser(w.t.Context(), okta, person(fmt.Sprintf("p%03d@example.com", i)))
				if i == 41 {
					wantRefused(w.t, err, Invalid, "p041@example.com")
					return
				}
				if err != nil {
					w.t.Errorf("create p%03d: %v", i, err)
					return
				}
				c.Done(true)
			})
		}
		wg.Wait()
		if n := len(v.sent()); n > 20 {
			w.t.Errorf("%d requests", n)
		}
		w.pass(10 * time.Minute)
		for i := range 64 {
			if want := "no role"; i != 41 {
				w.wantAt(fmt.Sprintf("p%03d@example.com", i), want)
			}
		}
		w.wantAt("p041@example.com", "-")
	}, func(w *world) { w.o.Policy.NoIdentityAttributes = true })
}

// poison answers every request that is about an address as a server does in which it breaks something:
// errors[], and data null for all.
func poison(email string) func([]wisdom.Mutation) []error {
	return func(mutations []wisdom.Mutation) []error {
		if !slices.Contains(people(mutations), email) {
			return nil
		}
		errs := make([]error, len(mutations))
		for i := range errs {
			errs[i] = &wisdom.Error{Op: "createUsers", Kind: wisdom.Transient, Unanswered: true, HTTPStatus: 200, Message: "internal server error"}
		}
		return errs
	}
}

func TestField08OnePoisonedPersonDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ids := w.crowd(60)
		w.pass(10 * time.Minute)
		v := w.watch(poison("p007@example.com"))
		w.group("Explorers", ids...)
		w.pass(4 * time.Minute)
		for i := range 60 {
			if i != 7 {
				w.wantAt(fmt.Sprintf("p%03d@example.com", i), "EXPLORER")
			}
		}
		v.forget()
		w.pass(time.Hour)
		for _, mutations := range v.sent() {
			if who := people(mutations); len(who) > 1 {
				w.t.Errorf("still together with %d others", len(who)-1)
			}
		}
		w.dir.wisdom = v.WisdomAI
		w.pass(time.Hour)
		w.crowdHas(60, "EXPLORER")
	})
}

func TestV20RequestsThatAreNotAnsweredInTimeGetSmaller(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ids := w.crowd(100)
		w.pass(10 * time.Minute)
		v := w.watch(nil)
		slow := func(mutations []wisdom.Mutation) []error {
			if len(people(mutations)) <= 12 {
				return nil
			}
			time.Sleep(w.o.Delivery.Deadline)
			errs := make([]error, len(mutations))
			for i := range errs {
				errs[i] = &wisdom.Error{Op: "createUsers", Kind: wisdom.Transient, Unanswered: true, Err: context.DeadlineExceeded}
			}
			return errs
		}
		v.instead = slow
		w.group("Explorers", ids...)
		w.pass(15 * time.Minute)
		w.crowdHas(100, "EXPLORER")
		v.forget()
		w.group("Viewers", ids...) // it has learned
		w.pass(5 * time.Minute)
		w.crowdHas(100, "EXPLORER VIEWER")
		large := 0
		for _, mutations := range v.sent() {
			if len(people(mutations)) > 12 {
				large++
			}
		}
		if large > 4 {
			w.t.Errorf("%d more requests that were too large", large)
		}
	}, func(w *world) { w.o.Delivery.Deadline = 10 * time.Second })
}

func TestBatchOfOneSharesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.create(person("first@example.com"))
		w.slowly(time.Second)
		v := w.watch(nil)
		ids := w.crowd(20)
		w.group("Explorers", ids...)
		w.pass(5 * time.Minute)
		w.crowdHas(20, "EXPLORER")
		for _, mutations := range v.sent() {
			if len(mutations) > 1 || len(people(mutations)) > 1 {
				w.t.Errorf("a request is about %v", people(mutations))
			}
		}
	}, func(w *world) { w.o.Delivery.Batch = 1 })
}

// Two processes on one store, of which one is stopped in the middle of a call and goes on after
// its lease has ended: what it did is not taken for an answer any more, and is looked after (V-16).
func TestV17ALeaseThatEndedIsTakenOver(t *testing.T) {
	t.Parallel()
	t.Run("by one who starts", func(t *testing.T) { leaseThatEnds(t, false) })
	t.Run("by one who ran all along", func(t *testing.T) { leaseThatEnds(t, true) })
}

// leaseThatEnds stops a process in the middle of a call; another, which may have been there before, takes over.
func leaseThatEnds(t *testing.T, before bool) {
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com")).ID
		w.group("Explorers", ann)
		w.pass(10 * time.Minute)

		stopped, first := make(chan struct{}), atomicBool{v: true}
		w.watch(func([]wisdom.Mutation) []error {
			if first.get() {
				first.set(false)
				<-stopped // SIGSTOP, before the call has left
			}
			return nil
		})
		o := w.o
		o.WisdomAI = w.dir.wisdom.(*watched).WisdomAI
		other, err := New(w.t.Context(), o)
		if err != nil {
			w.t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(w.t.Context())
		ended := make(chan error, 1)
		defer func() { cancel(); <-ended }()
		run := func() { go func() { ended <- other.Run(ctx) }() }
		if before {
			run()
			w.pass(time.Second)
		}
		go w.update(ann, "department", "Sales")
		w.pass(time.Second) // until the rate lets it go
		if !before {
			run()
		}
		w.pass(5 * time.Minute)
		w.wantAt("ann@example.com", "EXPLORER department=Sales")
		taken := w.account("ann@example.com")
		if n := w.events("delivery.abandoned"); n != 1 {
			w.t.Errorf("%d events say that a call was left in the middle, want 1", n)
		}

		if _, err := other.UpdateUser(w.t.Context(), okta, ann, Precondition{}, func(doc Document) (Document, error) {
			doc["active"] = false
			return doc, nil
		}); err != nil {
			w.t.Fatal(err)
		}
		w.wantAt("ann@example.com", "no role")
		close(stopped) // the old call leaves now: it sets her attributes
		w.pass(time.Second)
		if a := w.account("ann@example.com"); a.LeaseFence < taken.LeaseFence {
			w.t.Errorf("the fence fell from %d to %d", taken.LeaseFence, a.LeaseFence)
		}
		w.pass(20 * time.Minute)
		w.wantAt("ann@example.com", "no role") // found by a look, and taken again
	})
}

func TestV17NothingIsSentThatTheLeaseDoesNotOutlive(t *testing.T) {
	t.Parallel()
	slow := &slowStore{}
	inWorld(t, func(w *world) {
		w.create(person("first@example.com"))
		v := w.watch(nil)
		slow.set(20 * time.Second)
		go w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com"))
		w.pass(time.Minute)
		if n := len(v.sent()); n > 0 {
			w.t.Errorf("%d calls left with a lease that was nearly over", n)
		}
		slow.set(0)
		w.pass(10 * time.Minute)
		w.wantAt("ann@example.com", "no role")
	}, func(w *world) {
		w.wrapStore = func(s store.Store) store.Store { slow.Store = s; return slow }
	})
}

// slowStore takes its time for every commit, as a disk that stands still does.
type slowStore struct {
	store.Store
	mu   sync.Mutex
	wait time.Duration
}

func (s *slowStore) set(d time.Duration) { s.mu.Lock(); s.wait = d; s.mu.Unlock() }

func (s *slowStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	s.mu.Lock()
	d := s.wait
	s.mu.Unlock()
	time.Sleep(d)
	return err
}

// A group of many gains a role: what differs is the same for all, so it is one createUsers for many.
func TestARoleForManyIsFewRequests(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		const n = 1000
		for i := range n {
			w.invite(fmt.Sprintf("p%03d@example.com", i))
		}
		w.pass(time.Minute)
		var ids []string
		if _, page, err := w.dir.Users(w.t.Context(), UserQuery{Limit: -1}); err == nil {
			for _, u := range page {
				if strings.HasPrefix(u.Document["userName"].(string), "p") {
					ids = append(ids, u.ID)
				}
			}
		}
		g := w.group("Book club", ids...)
		w.pass(10 * time.Minute)
		v := w.watch(nil)
		name := "Explorers"
		w.patch(g.ID, GroupChange{SetDisplayName: &name})
		w.pass(10 * time.Minute)
		w.crowdHas(n, "EXPLORER")
		if got := len(v.sent()); got > n/150 {
			w.t.Errorf("%d requests for %d people", got, n)
		}
	}, func(w *world) {
		w.o.Policy.NoIdentityAttributes = true
		w.o.Rules, _ = mapping.Compile(rules())
	})
}
