package directory

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// looker decides when listUsers is called: one look at a time, shared by everybody
// who needs one that began late enough, and never more than listing.max_duty of the
// time (V-24). It knows nothing of what a look contains.
type looker struct {
	o    *Options
	look func(context.Context) (store.Look, error) // makes one look and applies it
	// ended is told of every attempt, after those who ask are answered by it.
	ended func(context.Context, store.Look, error)

	mu       sync.Mutex
	wanted   time.Time // a look that began at or after it is wanted; zero: none
	begun    time.Time // of the last one that was applied, by an earlier process too; zero: never
	endedAt  time.Time // when the last attempt ended
	took     time.Duration
	err      error // of the last attempt
	failures int   // attempts in a row that failed
	traffic  time.Time
	settleAt time.Time     // when the next unconfirmed account can be settled; zero: none
	changed  chan struct{} // closed and replaced when an attempt ends
	poke     chan struct{}
}

func newLooker(o *Options, look func(context.Context) (store.Look, error), ended func(context.Context, store.Look, error)) *looker {
	return &looker{o: o, look: look, ended: ended, changed: make(chan struct{}), poke: make(chan struct{}, 1)}
}

// want asks for a look that begins at or after t, without waiting for it. It reports
// whether there is one already.
func (l *looker) want(t time.Time) bool {
	l.mu.Lock()
	if !l.begun.IsZero() && !l.begun.Before(t) {
		l.mu.Unlock()
		return true
	}
	if t.IsZero() {
		t = l.o.Now()
	}
	l.wanted = earlier(l.wanted, t)
	l.mu.Unlock()
	select {
	case l.poke <- struct{}{}:
	default:
	}
	return false
}

// noteTraffic says that requests are coming in: looks then keep to listing.max_age.
func (l *looker) noteTraffic() {
	l.mu.Lock()
	l.traffic = l.o.Now()
	l.mu.Unlock()
}

// noteUnconfirmed says when a look could settle the next account.
func (l *looker) noteUnconfirmed(at time.Time) {
	l.mu.Lock()
	l.settleAt = earlier(l.settleAt, at)
	l.mu.Unlock()
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// failing is the error of the last attempt, nil if it succeeded or is under way.
func (l *looker) failing() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// errNoLook: no look that is fresh enough can be had in the time there is.
var errNoLook = errors.New("no fresh listing of WisdomAI's users can be had right now")

// ensure waits for a look that began at or after t. It gives up at once when the duty cycle
// or a back-off does not allow one before ctx's deadline, and when the attempt fails.
func (l *looker) ensure(ctx context.Context, t time.Time) error {
	for {
		l.mu.Lock()
		if !l.begun.IsZero() && !l.begun.Before(t) {
			l.mu.Unlock()
			return nil
		}
		changed := l.changed
		next := l.allowed()
		l.mu.Unlock()
		if deadline, ok := ctx.Deadline(); ok && next.After(deadline) {
			return errors.Join(errNoLook, l.failing())
		}
		l.want(t)
		select {
		case <-ctx.Done():
			return errNoLook
		case <-changed:
			if err := l.failing(); err != nil {
				return errors.Join(errNoLook, err)
			}
		}
	}
}

// believed reports whether there ever was a believed look.
func (l *looker) believed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.begun.IsZero()
}

// allowed is the earliest begin of the next look: the duty cycle's, or a back-off's
// after failures. One that failed late, mostly by its deadline, says little of what a
// look costs: the rest after it grows to the duty cycle's failure by failure, so that a
// single one that hung does not leave the tenant without looks for an hour. The caller
// holds mu.
func (l *looker) allowed() time.Time {
	if l.endedAt.IsZero() {
		return time.Time{}
	}
	rest := time.Duration(float64(l.took) * (1/l.o.Listing.MaxDuty - 1))
	if l.failures > 0 {
		rest = min(rest, time.Minute<<min(l.failures-1, 10))
		rest = max(rest, min(500*time.Millisecond<<min(l.failures, 6), 30*time.Second))
	}
	return l.endedAt.Add(rest)
}

// due is when the next look should begin. The caller holds mu.
func (l *looker) due() time.Time {
	if l.endedAt.IsZero() || l.begun.IsZero() {
		return l.allowed() // the first of this process, or the first ever: as soon as it may be
	}
	age := l.o.Listing.IdleAge
	if l.o.Now().Sub(l.traffic) < l.o.Listing.IdleAge && !l.traffic.Before(l.begun) {
		age = l.o.Listing.MaxAge
	}
	due := l.begun.Add(age)
	for _, t := range []time.Time{l.wanted, l.settleAt} {
		if !t.IsZero() && t.Before(due) {
			due = t
		}
	}
	if allowed := l.allowed(); allowed.After(due) {
		due = allowed
	}
	return due
}

// run makes looks until ctx is done.
func (l *looker) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.mu.Lock()
		wait := l.due().Sub(l.o.Now())
		l.mu.Unlock()
		if wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
			case <-l.poke:
			case <-timer.C:
			}
			timer.Stop()
			continue
		}
		l.attempt(ctx)
	}
}

func (l *looker) attempt(ctx context.Context) {
	l.mu.Lock()
	wanted, settleAt := l.wanted, l.settleAt
	l.wanted, l.settleAt = time.Time{}, time.Time{} // wishes that come from now on are for the next one, unless this one serves them
	l.mu.Unlock()
	begun := l.o.Now()
	look, err := l.look(ctx)
	defer l.ended(ctx, look, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endedAt = l.o.Now()
	l.took = l.endedAt.Sub(begun)
	l.err = err
	if err != nil {
		l.failures++
		l.wanted, l.settleAt = earlier(l.wanted, wanted), earlier(l.settleAt, settleAt) // it served nobody
	} else {
		l.failures = 0
		l.begun = look.Begun
		if !l.wanted.IsZero() && !l.wanted.After(l.begun) {
			l.wanted = time.Time{}
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
}
