package directory

import (
	"errors"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// The pace of looks is read from the store: what the last ones cost says when the next may
// begin, whichever process and tenant made them. A restart changes nothing about it, so
// that a crash loop does not list WisdomAI at every start (V-24).

const (
	// paceLooks is how many of the last looks the pace is read from: more failures in a row
	// than that back off no further.
	paceLooks = 16
	// lookLease is for how long a look is its holder's: after that long without a renewal
	// its process is taken for dead. Another waits no longer than that for it.
	lookLease = 10 * time.Second
	// lookRenewal is how often the holder renews it: two renewals may fail.
	lookRenewal = 3 * time.Second
)

// standing is what the store says about the looks of a workspace.
type standing struct {
	applied *store.Look // the last believed one; nil: there never was one
	next    time.Time   // no look may begin before
	busy    bool        // one is being made, by whomever
	// asked is since when somebody wants one made whatever the duty cycle says: who
	// accepted a disbelieved one waits for the next (V-28). Zero: nobody.
	asked time.Time
}

func (d *Directory) standing(tx store.Tx) (standing, error) {
	looks, err := tx.Looks(d.o.Workspace, paceLooks)
	if err != nil {
		return standing{}, err
	}
	var s standing
	s.applied, err = tx.LastLook(d.o.Workspace, store.LookApplied)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return standing{}, err
	}
	now := tx.Now()
	for _, l := range looks {
		s.busy = s.busy || l.State == store.LookRunning && l.Until.After(now)
	}
	s.next = d.o.nextLook(looks)
	accepted, err := readState[acceptance](tx, d.ofWorkspace("accept"))
	if accepted.Look != 0 && (len(looks) == 0 || looks[0].Begun.Before(accepted.At)) {
		s.asked = accepted.At
	}
	return s, err
}

// nextLook is the earliest begin of the next look, from the last ones, the newest first: the
// duty cycle's, which counts everybody's, or a back-off's after failures of this tenant's own. One
// that failed late, mostly by its deadline, says little of what a look costs: the rest after it
// grows to the duty cycle's failure by failure, so that a single one that hung does not
// leave the tenant without looks for an hour.
func (o *Options) nextLook(looks []*store.Look) time.Time {
	duty := func(l *store.Look) time.Duration {
		return time.Duration(float64(endOf(l).Sub(l.Begun)) * (1/o.Listing.MaxDuty - 1))
	}
	var next time.Time
	if len(looks) > 0 {
		last := looks[0]
		rest := duty(last)
		if failed(last) {
			rest = min(rest, time.Minute)
		}
		next = endOf(last).Add(rest)
	}
	failures := 0
	var last *store.Look // of this tenant's that failed
	for _, l := range looks {
		if l.Tenant != o.Tenant {
			continue
		}
		if !failed(l) && l.State != store.LookDisbelieved {
			break
		}
		if failures++; last == nil {
			last = l
		}
	}
	if last == nil {
		return next
	}
	rest := duty(last)
	if failed(last) {
		rest = min(rest, time.Minute<<min(failures-1, 10))
	}
	rest = max(rest, min(500*time.Millisecond<<min(failures, 6), 30*time.Second))
	return later(next, endOf(last).Add(rest))
}

// failed: it ended without a listing, or its process died.
func failed(l *store.Look) bool {
	return l.State == store.LookFailed || l.State == store.LookRunning
}

// endOf is when a look ended; of one whose process died, when its lease did.
func endOf(l *store.Look) time.Time {
	if l.State == store.LookRunning {
		return later(l.Until, l.Begun)
	}
	return l.Ended
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
