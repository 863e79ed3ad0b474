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
// time (V-24). What other tenants and processes on the workspace look at counts as much as
// its own: it reads in the store how the looks stand. It knows nothing of what a look contains.
type looker struct {
	o    *Options
	look func(context.Context) (store.Look, error) // makes one look and applies it
	read func(context.Context) (standing, error)
	poll func() time.Duration // how often it is read
	// ended is told of every attempt of its own, and of every look of others that was
	// applied, after those who ask are answered by it.
	ended func(context.Context, store.Look, error)

	mu       sync.Mutex
	wanted   time.Time // a look that began at or after it is wanted; zero: none
	begun    time.Time // of the last one that was applied, whoever made it; zero: never
	standing standing  // as last read
	err      error     // of the last attempt of its own
	traffic  time.Time
	settleAt time.Time     // when the next unconfirmed account can be settled; zero: none
	changed  chan struct{} // closed and replaced when an attempt ends, or a look of others is seen
	poke     chan struct{}
}

func newLooker(d *Directory) *looker {
	return &looker{o: &d.o, look: d.look, ended: d.looked, poll: d.poll, changed: make(chan struct{}), poke: make(chan struct{}, 1),
		read: func(ctx context.Context) (s standing, err error) {
			err = d.store.View(ctx, func(tx store.Tx) error {
				s, err = d.standing(tx)
				return err
			})
			return s, err
		}}
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
	l.prod()
	return false
}

// prod makes it read anew how the looks stand.
func (l *looker) prod() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
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
	for attempted := false; ; {
		l.mu.Lock()
		there := !l.begun.IsZero() && !l.begun.Before(t)
		changed, s, err := l.changed, l.standing, l.err
		l.mu.Unlock()
		if there {
			return nil
		}
		if attempted && err != nil {
			return errors.Join(errNoLook, err)
		}
		if deadline, ok := ctx.Deadline(); ok && !s.busy && s.next.After(deadline) {
			return errors.Join(errNoLook, err)
		}
		l.want(t)
		select {
		case <-ctx.Done():
			return errNoLook
		case <-changed:
			attempted = true
		}
	}
}

// Look waits for a listing that begins from now on and is applied. It is for who has to know
// what there is right now; reads and deliveries see to their freshness by themselves.
func (d *Directory) Look(ctx context.Context) error { return d.looker.ensure(ctx, d.o.Now()) }

// believed reports whether there ever was a believed look.
func (l *looker) believed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.begun.IsZero()
}

// due is when the next look should begin. The caller holds mu.
func (l *looker) due() time.Time {
	switch {
	case !l.standing.asked.IsZero():
		return l.standing.asked
	case l.begun.IsZero() || l.err != nil:
		return l.standing.next // the first ever, or the next try: as soon as it may be
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
	return later(due, l.standing.next)
}

// run makes looks until ctx is done. A start counts as traffic: what went by while nobody
// looked is looked at within listing.max_age, and not at once, lest a crash loop does so.
func (l *looker) run(ctx context.Context) {
	const whileBusy = 100 * time.Millisecond // another's look is waited for
	l.noteTraffic()
	for ctx.Err() == nil {
		l.sync(ctx)
		l.mu.Lock()
		wait := min(l.due().Sub(l.o.Now()), l.poll())
		if l.standing.busy {
			wait = whileBusy
		}
		l.mu.Unlock()
		if wait <= 0 {
			l.attempt(ctx)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-l.poke:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// sync takes notice of how the looks stand, and of those that others made.
func (l *looker) sync(ctx context.Context) {
	s, err := l.read(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.o.Log.Error("how the listings stand could not be read", "error", err)
		}
		return
	}
	l.mu.Lock()
	l.standing = s
	news := s.applied != nil && s.applied.Begun.After(l.begun)
	if news {
		l.applied(s.applied.Begun)
	}
	l.mu.Unlock()
	if news {
		l.ended(ctx, *s.applied, nil)
	}
}

// applied notes a look that was applied and wakes those who wait for it. The caller holds mu.
func (l *looker) applied(begun time.Time) {
	l.begun = begun
	if !l.wanted.IsZero() && !l.wanted.After(begun) {
		l.wanted = time.Time{}
	}
	l.tell()
}

// tell wakes those who wait. The caller holds mu.
func (l *looker) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *looker) attempt(ctx context.Context) {
	l.mu.Lock()
	wanted, settleAt := l.wanted, l.settleAt
	l.wanted, l.settleAt = time.Time{}, time.Time{} // wishes that come from now on are for the next one, unless this one serves them
	l.mu.Unlock()
	look, err := l.look(ctx)
	s, rerr := l.read(ctx)
	l.mu.Lock()
	if rerr == nil {
		l.standing = s
	}
	if err != nil {
		l.wanted, l.settleAt = earlier(l.wanted, wanted), earlier(l.settleAt, settleAt) // it served nobody
	}
	switch {
	case errors.Is(err, errNotNow):
		l.mu.Unlock()
		return // somebody else's serves them
	case err != nil:
		l.err = err
		l.tell()
	default:
		l.err = nil
		l.applied(look.Begun)
	}
	l.mu.Unlock()
	l.ended(ctx, look, err)
}
