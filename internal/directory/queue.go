package directory

import (
	"context"
	"slices"
	"sync"
	"time"
)

// queue holds account ids to work on, never payloads (V-12): an id is in it once,
// whatever happens to the account meanwhile, so the backlog is bounded by the number
// of people. Takings go before givings (V-15), and whom a request waits for before the rest.
type queue struct {
	mu      sync.Mutex
	lines   [3][]int64 // by rank; ids whose entry has another rank by now are passed over
	queued  int        // entries that are queued
	entries map[int64]*entry

	// Each has an element while there may be something of its kind to take.
	anything, takings chan struct{}
}

// rank is a place in the order of service.
type rank int

const (
	rankTaking rank = iota // access that should be gone
	rankAwaited
	rankGiving
)

// entry is an account that is queued, being worked on, or waited for.
type entry struct {
	rank    rank
	queued  bool
	running bool
	// again: queued again while running; urgent: as a taking.
	again, urgent bool
	alone         bool // its batch could not be recorded: it is to be worked on by itself
	// parked is when a look must have begun to go on; zero: not parked.
	parked  time.Time
	waiters []chan outcome // buffered; each gets one outcome
}

func newQueue(workers int) *queue {
	return &queue{anything: make(chan struct{}, workers), takings: make(chan struct{}, workers), entries: map[int64]*entry{}}
}

func (q *queue) entry(id int64) *entry {
	e := q.entries[id]
	if e == nil {
		e = &entry{rank: rankGiving}
		q.entries[id] = e
	}
	return e
}

// signal wakes a worker. The caller holds mu.
func (q *queue) signal(r rank) {
	wake := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	if r == rankTaking {
		wake(q.takings)
	}
	wake(q.anything)
}

func (q *queue) push(id int64, taking bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pushLocked(id, taking)
}

// pushLocked queues an account, or moves one that is queued forward.
func (q *queue) pushLocked(id int64, taking bool) {
	e := q.entry(id)
	e.parked = time.Time{}
	r := rankGiving
	switch {
	case taking:
		r = rankTaking
	case len(e.waiters) > 0:
		r = rankAwaited
	}
	switch {
	case e.running:
		e.again, e.urgent = true, e.urgent || taking
	case !e.queued:
		q.queued++
		e.queued, e.rank = true, r
	case r < e.rank:
		e.rank = r
	default:
		return
	}
	if e.queued {
		q.lines[r] = append(q.lines[r], id)
		q.signal(r)
	}
}

// await waits until there may be something to take; false when ctx is done.
func (q *queue) await(ctx context.Context, takingsOnly bool) bool {
	ready := q.anything
	if takingsOnly {
		ready = q.takings
	}
	select {
	case <-ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// hasTaking reports whether a taking is queued.
func (q *queue) hasTaking() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines[rankTaking]) > 0
}

// take takes at most n accounts, the first in the order of service, and marks them
// running. Takings are taken by themselves: nothing that gives goes out with them (V-15).
// who comes alone is the only one.
func (q *queue) take(n int, takingsOnly bool) []int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ids []int64
	left := false
	for r := range q.lines {
		if takingsOnly && rank(r) != rankTaking {
			break
		}
		line := q.lines[r]
		for len(line) > 0 && len(ids) < n {
			e := q.entries[line[0]]
			if e == nil || !e.queued || e.rank != rank(r) { // moved forward, or done with
				line = line[1:]
				continue
			}
			if e.alone && len(ids) > 0 {
				break
			}
			e.queued, e.running = false, true
			q.queued--
			ids, line = append(ids, line[0]), line[1:]
			if e.alone {
				n = 1
			}
		}
		if len(line) == 0 {
			line = nil
		}
		q.lines[r] = line
		if len(line) > 0 {
			left = true
			if rank(r) == rankTaking {
				q.signal(rankTaking)
			}
		}
		if rank(r) == rankTaking && len(ids) > 0 {
			left = left || len(q.lines[rankAwaited])+len(q.lines[rankGiving]) > 0
			break
		}
	}
	if left {
		q.signal(rankGiving)
	}
	return ids
}

// finish ends the work on id and tells who waits: everybody of an outcome that ends
// the matter for now, nobody of a park, which goes on after the next look.
func (q *queue) finish(id int64, out outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entries[id]
	e.running, e.alone = false, out.state == unrecorded
	if e.again {
		urgent := e.urgent || out.taking
		e.again, e.urgent = false, false
		q.pushLocked(id, urgent)
		return
	}
	if out.state == parked {
		e.rank = rankGiving
		if out.taking {
			e.rank = rankTaking
		}
		e.parked = out.after
		if e.parked.IsZero() {
			e.parked = time.Unix(0, 0)
		}
		return
	}
	e.tell(out)
	if !e.alone {
		delete(q.entries, id)
	}
}

func (e *entry) tell(out outcome) {
	for _, w := range e.waiters {
		w <- out
	}
	e.waiters = nil
}

// unpark queues every parked account after a look that began at begun was applied,
// as far as that look is new enough for it.
// It returns when the next one must begin for the first of the others, zero if there are none.
func (q *queue) unpark(begun time.Time) (next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ids []int64
	for id, e := range q.entries {
		switch {
		case e.parked.IsZero() || e.running:
		case begun.Before(e.parked):
			next = earlier(next, e.parked)
		default:
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		q.pushLocked(id, q.entries[id].rank == rankTaking)
	}
	return next
}

// unparkOne queues an account, if it is parked.
func (q *queue) unparkOne(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[id]; e != nil && !e.parked.IsZero() {
		q.pushLocked(id, e.rank == rankTaking)
	}
}

// giveUpWaiting tells those who wait for parked accounts that it will take longer: the look failed.
func (q *queue) giveUpWaiting(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.entries {
		e.giveUp(err)
	}
}

// giveUpWaitingFor is giveUpWaiting for one account.
func (q *queue) giveUpWaitingFor(id int64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[id]; e != nil {
		e.giveUp(err)
	}
}

func (e *entry) giveUp(err error) {
	if !e.parked.IsZero() && !e.running && !e.queued {
		e.tell(outcome{state: parked, err: err})
	}
}

// wait queues the accounts and waits until work on each has ended, or ctx is done. It
// returns the outcome of those that ended. takings says of each whether it takes access.
func (q *queue) wait(ctx context.Context, accounts []dueAccount) map[int64]outcome {
	waiting := make(map[int64]chan outcome, len(accounts))
	q.mu.Lock()
	for _, a := range accounts {
		if waiting[a.id] != nil {
			continue
		}
		w := make(chan outcome, 1)
		waiting[a.id] = w
		e := q.entry(a.id)
		e.waiters = append(e.waiters, w)
		q.pushLocked(a.id, a.taking)
	}
	q.mu.Unlock()
	out := make(map[int64]outcome, len(accounts))
	for id, w := range waiting {
		select {
		case o := <-w:
			out[id] = o
		case <-ctx.Done():
			select {
			case o := <-w:
				out[id] = o
			default:
			}
		}
	}
	return out
}

// dueAccount is an account to work on.
type dueAccount struct {
	id     int64
	taking bool
}

// length is how many accounts are queued.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.queued
}
