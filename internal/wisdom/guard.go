package wisdom

import (
	"context"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
)

const (
	// longestHold bounds Retry-After: a clock that is wrong, or a typo, at the other end must
	// not keep leavers waiting until tomorrow.
	longestHold = time.Hour
	// probeJitter is the share by which a probe comes sooner or later, so that the bridges of a
	// WisdomAI that was down do not return in one wave.
	probeJitter = 0.1
	// burstsPerSecond is in how many portions a second's requests are let go: none waits where
	// there are few, and one behind a burst waits a tenth of a second and not a whole one.
	burstsPerSecond = 10
)

// GuardOptions configures a Guard.
type GuardOptions struct {
	Rate     int           // requests a second; 0 means 50
	Failures int           // in a row that open the breaker; 0 means 5
	Probe    time.Duration // how long it is open before a probe; 0 means 5 s
	Now      func() time.Time
}

// GuardState is how WisdomAI has been taking a tenant's requests.
type GuardState struct {
	Open bool // nothing leaves but a probe from time to time
	// FailingSince is the first failure with nothing answered after it, zero if there is none.
	FailingSince time.Time
	// UnauthorizedSince is the first refusal of the token, its permissions or the workspace with
	// nothing answered after it, zero if there is none. What is not reached leaves it as it is.
	UnauthorizedSince time.Time
	// HeldUntil is the end of the last Retry-After, which may be past.
	HeldUntil time.Time
	// Err is the last failure since FailingSince, nil if there is none.
	Err error
}

// Guard lets requests to WisdomAI go at a rate, not before a Retry-After is over, and, once
// WisdomAI has failed several times in a row, one at a time to see whether it is back: a
// request that waits burns no attempt of the account that it is about. There is one for each
// tenant. It is safe for concurrent use, and owns no goroutine.
type Guard struct {
	now     func() time.Time
	breaker circuitbreaker.CircuitBreaker[any]
	limiter ratelimiter.RateLimiter[any]

	mu sync.Mutex // guards the fields below
	// changed is closed, and replaced, when a waiter without a time to wait for may go.
	changed chan struct{}
	takings int // how many takings are in Wait
	// permit is when the next request may leave as far as the rate goes. There is one, taken from
	// the limiter ahead of who will use it: a queue at the limiter would put leavers at its end.
	permit   time.Time
	reserved bool // permit is set, and not used
	state    GuardState
}

// NewGuard makes a Guard whose breaker is closed.
func NewGuard(o GuardOptions) *Guard {
	if o.Rate == 0 {
		o.Rate = 50
	}
	if o.Failures == 0 {
		o.Failures = 5
	}
	if o.Probe == 0 {
		o.Probe = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	burst := (o.Rate + burstsPerSecond - 1) / burstsPerSecond
	return &Guard{
		now: o.Now,
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(uint(o.Failures)).WithSuccessThreshold(1).
			WithDelay(o.Probe).WithJitterFactor(probeJitter).Build(),
		limiter: ratelimiter.NewBursty[any](uint(burst), time.Duration(burst)*time.Second/time.Duration(o.Rate)),
		changed: make(chan struct{}),
	}
}

// Wait blocks until one request may leave: the rate allows it, no Retry-After of an earlier
// answer forbids it, and the breaker is closed or lets this one probe. A giving goes only
// when no taking waits, and so is the probe only then (V-15). Whoever waited without
// error calls Done or Cancel, once.
func (g *Guard) Wait(ctx context.Context, taking bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if taking {
		g.takings++
		defer func() {
			g.takings--
			g.wake() // the givings that waited for it
		}()
	}
	for ctx.Err() == nil {
		wait, ok := g.admit(taking)
		if ok {
			return nil
		}
		g.await(ctx, wait)
	}
	return ctx.Err()
}

// admit lets a request go, or says for how long it is to wait at most; 0 is until something
// changes.
func (g *Guard) admit(taking bool) (wait time.Duration, ok bool) {
	now := g.now()
	if held := g.state.HeldUntil.Sub(now); held > 0 {
		return held, false
	}
	if !taking && g.takings > 0 {
		return 0, false
	}
	if open := g.breaker.RemainingDelay(); open > 0 {
		return open, false
	}
	if !g.reserved {
		g.permit, g.reserved = now.Add(g.limiter.ReservePermit()), true
	}
	if rate := g.permit.Sub(now); rate > 0 {
		return rate, false
	}
	if !g.breaker.TryAcquirePermit() {
		return 0, false // a probe is under way
	}
	g.reserved = false
	return 0, true
}

// await unlocks the Guard until something has changed, the time is over or ctx is.
func (g *Guard) await(ctx context.Context, wait time.Duration) {
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-changed:
	case <-over:
	case <-ctx.Done():
	}
}

func (g *Guard) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Done tells what came of the request that Wait let go: one error for each of its
// mutations, nil for OK. recovered says that its success closed an open breaker: an outage is over.
func (g *Guard) Done(errs ...error) (recovered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.wake()
	now := g.now()
	worth := nothing
	for _, err := range errs {
		worth = max(worth, worthOf(err))
		if e, ok := err.(*Error); ok && e.RetryAfter > 0 {
			if until := now.Add(min(e.RetryAfter, longestHold)); until.After(g.state.HeldUntil) {
				g.state.HeldUntil = until
			}
		}
	}
	switch worth {
	case nothing:
		g.giveBack()
	case delayed:
		g.failed(now, errs)
		if g.breaker.IsHalfOpen() {
			g.breaker.Open()
		}
	case failing, unauthorized:
		g.failed(now, errs)
		if worth == unauthorized && g.state.UnauthorizedSince.IsZero() {
			g.state.UnauthorizedSince = now
		}
		g.breaker.RecordFailure()
	case unclear:
		return g.close()
	case fine:
		g.state.FailingSince, g.state.UnauthorizedSince, g.state.Err = time.Time{}, time.Time{}, nil
		if g.breaker.IsClosed() {
			g.breaker.RecordSuccess() // it ends what was in a row
		}
		return g.close()
	}
	return false
}

// Cancel tells that nothing was sent of what Wait let go.
func (g *Guard) Cancel() { g.Done() }

// failed notes a failure.
func (g *Guard) failed(now time.Time, errs []error) {
	if g.state.FailingSince.IsZero() {
		g.state.FailingSince = now
	}
	for _, err := range errs {
		if err != nil {
			g.state.Err = err
		}
	}
}

// giveBack lets another probe go at once. If it was none that ended but a request from before the
// breaker opened, there are two of them for a moment; one that was lost would be worse.
func (g *Guard) giveBack() {
	if g.breaker.IsHalfOpen() {
		g.breaker.Open()
		g.breaker.HalfOpen()
	}
}

// close closes the breaker, and says whether it was open. An answer to a request from before
// it opened closes it as well as a probe's does.
func (g *Guard) close() (recovered bool) {
	recovered = !g.breaker.IsClosed()
	g.breaker.Close()
	return recovered
}

// State returns how things stand.
func (g *Guard) State() GuardState {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := g.state
	state.Open = !g.breaker.IsClosed()
	return state
}
