package wisdom

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What WisdomAI may be up to.
var (
	errDown    = &Error{Op: "createUsers", Kind: Transient, Unanswered: true, HTTPStatus: 502, Message: "Bad Gateway"}
	errExpired = &Error{Op: "createUsers", Kind: Unauthorized, HTTPStatus: 401, Message: "token expired"}
)

// trip opens the breaker.
func trip(t *testing.T, g *Guard, failures int, err error) {
	t.Helper()
	for range failures {
		if err := g.Wait(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if g.State().Open {
			t.Fatal("the breaker opened too early")
		}
		g.Done(err)
	}
	if !g.State().Open {
		t.Fatalf("the breaker is closed after %d failures", failures)
	}
}

// waiting starts a Wait and returns what it comes to.
func waiting(g *Guard, ctx context.Context, taking bool) <-chan error {
	done := make(chan error, 1)
	go func() { done <- g.Wait(ctx, taking) }()
	synctest.Wait()
	return done
}

// pending is whether a Wait still waits.
func pending(done <-chan error) bool {
	synctest.Wait()
	return len(done) == 0
}

func TestGuardOpensAfterFailuresInARowAndProbesOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		began := time.Now()
		trip(t, g, 5, errDown)
		var left []time.Duration // when requests left
		var mu sync.Mutex
		var all sync.WaitGroup
		back := began.Add(18 * time.Second)
		var flying, recoveries atomic.Int32
		for range 10 {
			all.Go(func() {
				for {
					if g.Wait(t.Context(), false) != nil {
						return
					}
					open := g.State().Open
					if n := flying.Add(1); open && n > 1 {
						t.Errorf("%d probes at a time", n)
					}
					mu.Lock()
					left = append(left, time.Since(began).Round(time.Second))
					mu.Unlock()
					time.Sleep(time.Second)
					flying.Add(-1)
					if time.Now().After(back) {
						if g.Done(nil) {
							recoveries.Add(1)
						}
						return
					}
					if g.Done(errDown) {
						t.Error("a failure is no recovery")
					}
				}
			})
		}
		all.Wait()
		if len(left) < 12 || len(left) > 14 {
			t.Fatalf("requests left at %v: not a probe every 5 s and its answer after 1 s, then all", left)
		}
		probes := len(left) - 9
		for i := 1; i < probes; i++ {
			if gap := left[i] - left[i-1]; gap < 5*time.Second || gap > 7*time.Second {
				t.Errorf("%s between probes, at %v", gap, left)
			}
		}
		if last := left[len(left)-1] - left[probes-1]; last > 2*time.Second {
			t.Errorf("%s from the recovery to the last that waited", last)
		}
		if recoveries.Load() != 1 {
			t.Errorf("%d requests were told that the outage is over", recoveries.Load())
		}
		if diff := cmp.Diff(GuardState{}, g.State()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestV15TakingsProbeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		trip(t, g, 5, errDown)
		ctx := t.Context()
		giving, other := waiting(g, ctx, false), waiting(g, ctx, false)
		time.Sleep(time.Second)
		taking := waiting(g, ctx, true) // the last to come
		time.Sleep(6 * time.Second)
		if pending(taking) || !pending(giving) || !pending(other) {
			t.Fatalf("pending: taking %t, givings %t %t", pending(taking), pending(giving), pending(other))
		}
		second := waiting(g, ctx, true) // waits for the probe's answer
		if !g.Done(nil) {
			t.Error("no recovery")
		}
		if pending(second) || pending(giving) || pending(other) {
			t.Error("somebody still waits")
		}
	})
}

func TestV15AGivingProbesWhereNoTakingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		trip(t, g, 5, errDown)
		ctx, cancel := context.WithCancel(t.Context())
		taking, giving := waiting(g, ctx, true), waiting(g, t.Context(), false)
		time.Sleep(2 * time.Second)
		cancel() // who stops waiting does not keep the probe from others
		if err := <-taking; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		time.Sleep(4 * time.Second)
		if pending(giving) {
			t.Fatal("still waits")
		}
		g.Done(errDown)
		if !g.State().Open {
			t.Error("a failed probe closed the breaker")
		}
	})
}

func TestV15TakingsGoFirstAtTheRateToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{Rate: 1})
		if err := g.Wait(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		givings := []<-chan error{waiting(g, t.Context(), false), waiting(g, t.Context(), false)}
		taking := waiting(g, t.Context(), true)
		time.Sleep(time.Second)
		if pending(taking) || !pending(givings[0]) || !pending(givings[1]) {
			t.Error("the leaver waits behind a joiner")
		}
		time.Sleep(2 * time.Second)
		if pending(givings[0]) || pending(givings[1]) {
			t.Error("a permit was lost")
		}
	})
}

func TestGuardHoldsTheRate(t *testing.T) {
	for _, test := range []struct {
		rate, requests int
		within         time.Duration // of the first and the last
	}{
		{0, 500, 10 * time.Second},
		{1, 10, 10 * time.Second},
		{7, 70, 10 * time.Second},
		{1000, 3000, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := NewGuard(GuardOptions{Rate: test.rate})
			began := time.Now()
			if err := g.Wait(t.Context(), false); err != nil || time.Since(began) != 0 {
				t.Errorf("the first waited %s, error %v", time.Since(began), err)
			}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for range test.requests / 4 {
						if err := g.Wait(t.Context(), rand.N(2) == 0); err != nil {
							t.Error(err)
						}
						g.Done(nil)
					}
				})
			}
			all.Wait()
			if took := time.Since(began); took > test.within+time.Second/10 || took < test.within*7/10 {
				t.Errorf("rate %d: %d requests took %s", test.rate, test.requests, took)
			}
		})
	}
}

func TestGuardHonoursRetryAfter(t *testing.T) {
	turnedAway := func(status int, after time.Duration) *Error {
		return &Error{Op: "createUsers", Kind: Transient, HTTPStatus: status, RetryAfter: after, Message: http.StatusText(status)}
	}
	for _, test := range []struct {
		name string
		errs []error
		held time.Duration
	}{
		{"429", []error{turnedAway(429, 7*time.Second)}, 7 * time.Second},
		{"503", []error{turnedAway(503, 40*time.Second)}, 40 * time.Second},
		{"of every mutation of a batch", []error{turnedAway(429, 7*time.Second), turnedAway(429, 7*time.Second)}, 7 * time.Second},
		{"a day is an hour", []error{turnedAway(429, 24*time.Hour)}, time.Hour},
		{"429 without", []error{turnedAway(429, 0)}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewGuard(GuardOptions{})
				began := time.Now()
				if err := g.Wait(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				g.Done(test.errs...)
				all := []<-chan error{waiting(g, t.Context(), true), waiting(g, t.Context(), false)}
				for _, done := range all {
					if err := <-done; err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took < test.held || took > test.held+time.Second/5 {
						t.Errorf("left after %s", took)
					}
				}
				if s := g.State(); s.Open || s.FailingSince.IsZero() || s.Err == nil {
					t.Errorf("state %+v", s)
				}
			})
		})
	}
	t.Run("an earlier end does not shorten it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := NewGuard(GuardOptions{})
			began := time.Now()
			for _, after := range []time.Duration{9 * time.Second, 2 * time.Second} {
				g.Done(turnedAway(429, after))
			}
			if err := g.Wait(t.Context(), true); err != nil || time.Since(began) != 9*time.Second {
				t.Errorf("left after %s", time.Since(began))
			}
		})
	})
	t.Run("a probe that is told to come later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := NewGuard(GuardOptions{})
			trip(t, g, 5, errDown)
			for _, after := range []time.Duration{0, 30 * time.Second} {
				if err := g.Wait(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				g.Done(turnedAway(429, after))
				began := time.Now()
				if !g.State().Open {
					t.Error("it closed the breaker")
				}
				if err := g.Wait(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < max(after, 4*time.Second) || took > max(after, 6*time.Second) {
					t.Errorf("the next probe left after %s", took)
				}
				g.Done(turnedAway(429, 0))
			}
		})
	})
}

func TestWhatCountsAsAFailure(t *testing.T) {
	poisoned := &Error{Op: "createUsers", Kind: Transient, Unanswered: true, HTTPStatus: 200, Message: "internal system error"}
	blocked := &Error{Op: "createUsers", Kind: Permanent, Code: "ERROR", HTTPStatus: 200, Message: "blocked"}
	for _, test := range []struct {
		name string
		errs []error
		open bool // after more of it than it takes
	}{
		{"not reached", []error{&Error{Kind: Transient, Message: "connection refused", Err: errors.New("refused")}}, true},
		{"no answer in time", []error{&Error{Kind: Transient, Unanswered: true, Err: context.DeadlineExceeded}}, true},
		{"500", []error{&Error{Kind: Transient, HTTPStatus: 500}}, true},
		{"503", []error{&Error{Kind: Transient, HTTPStatus: 503}}, true},
		{"404 of another server", []error{&Error{Kind: Transient, HTTPStatus: 404}}, true},
		{"a redirect", []error{&Error{Kind: Transient, HTTPStatus: 307}}, true},
		{"a login page", []error{&Error{Kind: Transient, Unanswered: true, HTTPStatus: 200, Err: errors.New("invalid character '<'")}}, true},
		{"the token", []error{errExpired}, true},
		{"iam:write", []error{&Error{Op: "createUsers", Kind: Unauthorized, Code: "ERROR", HTTPStatus: 200, Message: "permission denied"}}, true},
		{"the token, beside mutations that have no answer for it", []error{poisoned, errExpired}, true},
		{"what is no Error of ours", []error{errors.New("?")}, true},

		{"OK", []error{nil}, false},
		{"429", []error{&Error{Kind: Transient, HTTPStatus: 429}}, false},
		{"400", []error{&Error{Kind: Transient, HTTPStatus: 400}}, false},
		{"a refusal of a person", []error{blocked}, false},
		{"NOT_FOUND", []error{&Error{Kind: NotFound, Code: "NOT_FOUND", HTTPStatus: 200}}, false},
		{"an ERROR in other words", []error{&Error{Kind: Transient, Code: "ERROR", HTTPStatus: 200}}, false},
		{"errors[]", []error{poisoned}, false},
		{"an invalid document", []error{&Error{Kind: Transient, HTTPStatus: 422, Err: errInvalidDocument}}, false},
		{"the token was renewed", []error{&Error{Kind: Transient, HTTPStatus: 401, Again: true}}, false},
		{"our own end", []error{&Error{Kind: Transient, Unanswered: true, Err: context.Canceled}}, false},
		{"what cannot be encoded", []error{unencodable("createUsers", false, errors.New("UTF-8"))}, false},
		{"iam:delete alone", []error{&Error{Op: "deleteUsersFromWorkspace", Kind: Unauthorized, Code: "ERROR", HTTPStatus: 200, Message: "permission denied: iam:delete"}}, false},
		{"a batch with one OK", []error{errExpired, nil, blocked}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewGuard(GuardOptions{Failures: 3})
				for range 3 {
					if err := g.Wait(t.Context(), true); err != nil {
						t.Fatal(err)
					}
					g.Done(test.errs...)
				}
				if g.State().Open != test.open {
					t.Errorf("open %t", g.State().Open)
				}
			})
		})
	}
}

func TestAnOKEndsWhatWasInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		for i := range 20 {
			if err := g.Wait(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			if i%5 == 4 {
				g.Done(nil)
			} else {
				g.Done(errDown)
			}
			if g.State().Open {
				t.Fatal("four at a time are not five in a row")
			}
		}
	})
}

func TestAProbeWithErrorsShowsThatWisdomAIWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		trip(t, g, 5, errDown)
		if err := g.Wait(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if !g.Done(&Error{Op: "createUsers", Kind: Transient, Unanswered: true, HTTPStatus: 200, Message: "internal system error"}) {
			t.Error("one poisoned person keeps the breaker open")
		}
		if g.State().FailingSince.IsZero() {
			t.Error("errors[] counts as an answer")
		}
	})
}

func TestV37SinceWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		start := time.Now()
		do := func(at time.Duration, errs ...error) GuardState {
			time.Sleep(time.Until(start.Add(at)))
			if err := g.Wait(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			g.Done(errs...)
			return g.State()
		}
		at := func(d time.Duration) time.Time { return start.Add(d) }
		for i, test := range []struct {
			at   time.Duration
			errs []error
			want GuardState
		}{
			{time.Minute, []error{errDown}, GuardState{FailingSince: at(time.Minute), Err: errDown}},
			{2 * time.Minute, []error{errExpired, errExpired}, GuardState{FailingSince: at(time.Minute), UnauthorizedSince: at(2 * time.Minute), Err: errExpired}},
			{3 * time.Minute, []error{errDown}, GuardState{FailingSince: at(time.Minute), UnauthorizedSince: at(2 * time.Minute), Err: errDown}},
			{4 * time.Minute, []error{&Error{Kind: Permanent, Code: "ERROR", HTTPStatus: 200}}, GuardState{}}, // it was answered
			{5 * time.Minute, []error{errExpired}, GuardState{FailingSince: at(5 * time.Minute), UnauthorizedSince: at(5 * time.Minute), Err: errExpired}},
			{6 * time.Minute, []error{nil}, GuardState{}},
		} {
			if diff := cmp.Diff(test.want, do(test.at, test.errs...), cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
				t.Errorf("step %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

func TestCancelGivesTheProbeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		trip(t, g, 5, errDown)
		if err := g.Wait(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		next := waiting(g, t.Context(), false)
		if !pending(next) {
			t.Fatal("two probes at a time")
		}
		g.Cancel()
		if err := <-next; err != nil || time.Since(began) > time.Second {
			t.Errorf("the probe came %s after it was given back, error %v", time.Since(began), err)
		}
		if !g.Done(nil) || g.State().Open {
			t.Error("the breaker is open")
		}
	})
}

func TestAnAnswerFromBeforeTheOutageDoesNotLoseTheProbe(t *testing.T) {
	for _, late := range [][]error{{errDown}, {nil}, {}, {&Error{Err: context.Canceled}}, {&Error{HTTPStatus: 429}}} {
		synctest.Test(t, func(t *testing.T) {
			g := NewGuard(GuardOptions{})
			if err := g.Wait(t.Context(), false); err != nil { // its answer comes late
				t.Fatal(err)
			}
			trip(t, g, 5, errDown)
			if err := g.Wait(t.Context(), true); err != nil { // the probe
				t.Fatal(err)
			}
			g.Done(late...)
			g.Done(errDown) // of the probe
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := g.Wait(ctx, true); err != nil {
				t.Errorf("%v: nothing leaves any more", late)
			}
			g.Done(nil)
			if g.State().Open {
				t.Errorf("%v: the breaker stays open", late)
			}
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardOptions{})
		over, end := context.WithCancel(t.Context())
		end()
		if err := g.Wait(over, true); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		trip(t, g, 5, errDown)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Wait(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// TestGuardUnderLoad lets takings and givings come, fail, be cancelled and give up at random
// through outages: in the end, WisdomAI being back, everybody gets through within seconds, and
// the bubble shows that no goroutine is left.
func TestGuardUnderLoad(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			g := NewGuard(GuardOptions{Rate: 200})
			down := func(now time.Time) bool { return now.Unix()/20%2 == 1 && now.Sub(midnight()) < 3*time.Minute }
			began := time.Now()
			var all sync.WaitGroup
			for worker := range 8 {
				dice := rand.New(rand.NewPCG(seed, uint64(worker)))
				all.Go(func() {
					for time.Since(began) < 4*time.Minute {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.IntN(20_000))*time.Millisecond)
						err := g.Wait(ctx, dice.IntN(3) == 0)
						cancel()
						if err != nil {
							continue
						}
						if dice.IntN(20) == 0 {
							g.Cancel()
							continue
						}
						time.Sleep(time.Duration(dice.IntN(1000)) * time.Millisecond)
						switch {
						case dice.IntN(50) == 0:
							g.Done(&Error{HTTPStatus: 429, RetryAfter: time.Second})
						case down(time.Now()):
							g.Done(errDown, errDown)
						default:
							g.Done(nil)
						}
					}
				})
			}
			all.Wait()
			late := time.Now()
			for i := range 20 {
				all.Go(func() {
					if err := g.Wait(t.Context(), i%2 == 0); err != nil {
						t.Error(err)
					}
					g.Done(nil)
				})
			}
			all.Wait()
			if took := time.Since(late); took > 7*time.Second || g.State().Open {
				t.Errorf("seed %d: the last got through after %s, %+v", seed, took, g.State())
			}
		})
	}
}

// midnight is when a bubble's time begins.
func midnight() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
