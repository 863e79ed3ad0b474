package directory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// queue holds account ids to work on, never payloads (V-12): an id is in it once,
// whatever happens to the account meanwhile, so the backlog is bounded by the number
// of people. Takings go before givings (V-15).
type queue struct {
	mu      sync.Mutex
	ready   chan struct{} // has one element while there may be something to take
	taking  []int64
	giving  []int64
	entries map[int64]*entry
}

// entry is an account that is queued, being worked on, or waited for.
type entry struct {
	queued  bool
	running bool
	again   bool // queued again while running
	// parked is when a look must have begun to go on; zero: not parked.
	parked  time.Time
	waiters []chan outcome // buffered; each gets one outcome
}

func newQueue(workers int) *queue {
	return &queue{ready: make(chan struct{}, workers), entries: map[int64]*entry{}}
}

func (q *queue) entry(id int64) *entry {
	e := q.entries[id]
	if e == nil {
		e = &entry{}
		q.entries[id] = e
	}
	return e
}

// signal wakes a worker. The caller holds mu.
func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *queue) push(id int64, taking bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pushLocked(id, taking)
}

func (q *queue) pushLocked(id int64, taking bool) {
	e := q.entry(id)
	e.parked = time.Time{}
	switch {
	case e.running:
		e.again = true
	case !e.queued:
		e.queued = true
		if taking {
			q.taking = append(q.taking, id)
		} else {
			q.giving = append(q.giving, id)
		}
		q.signal()
	}
}

// pop takes the next id and marks it running.
func (q *queue) pop() (int64, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var id int64
	switch {
	case len(q.taking) > 0:
		id, q.taking = q.taking[0], q.taking[1:]
	case len(q.giving) > 0:
		id, q.giving = q.giving[0], q.giving[1:]
	default:
		return 0, false
	}
	e := q.entries[id]
	e.queued, e.running = false, true
	if len(q.taking)+len(q.giving) > 0 {
		q.signal()
	}
	return id, true
}

// finish ends the work on id and tells who waits: everybody of an outcome that ends
// the matter for now, nobody of a park, which goes on after the next look.
func (q *queue) finish(id int64, out outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entries[id]
	e.running = false
	if e.again {
		e.again = false
		q.pushLocked(id, true)
		return
	}
	if out.state == parked {
		e.parked = out.after
		if e.parked.IsZero() {
			e.parked = time.Unix(0, 0)
		}
		return
	}
	e.tell(out)
	delete(q.entries, id)
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
		q.pushLocked(id, false)
	}
	return next
}

// unparkOne queues an account, if it is parked.
func (q *queue) unparkOne(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[id]; e != nil && !e.parked.IsZero() {
		q.pushLocked(id, false)
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
// returns the outcome of those that ended.
func (q *queue) wait(ctx context.Context, ids []int64) map[int64]outcome {
	waiting := make(map[int64]chan outcome, len(ids))
	q.mu.Lock()
	for _, id := range ids {
		if waiting[id] != nil {
			continue
		}
		w := make(chan outcome, 1)
		waiting[id] = w
		e := q.entry(id)
		e.waiters = append(e.waiters, w)
		q.pushLocked(id, true) // somebody is waiting for it
	}
	q.mu.Unlock()
	out := make(map[int64]outcome, len(ids))
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

// length is how many accounts are queued or running.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.taking) + len(q.giving)
}

// work is one worker: it takes accounts until ctx is done.
func (d *Directory) work(ctx context.Context) {
	for {
		id, ok := d.queue.pop()
		if !ok {
			select {
			case <-d.queue.ready:
				continue
			case <-ctx.Done():
				return
			}
		}
		out, err := d.deliver(ctx, id)
		if err != nil {
			d.o.Log.Error("delivery could not be recorded; it is tried again", "account", id, "error", err)
			out = outcome{state: backedOff, err: err}
		}
		d.queue.finish(id, out)
		if out.state == parked {
			if d.looker.want(out.after) { // it came while this was being planned
				d.queue.unparkOne(id)
			} else if err := d.looker.failing(); err != nil {
				d.queue.giveUpWaitingFor(id, err)
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// pollEvery is how often due accounts are looked for in the store: commands write
// to it from other processes, and a running server honours them within a second.
const pollEvery = time.Second

// schedule feeds the queue with what is due, after a restart as well as after a
// back-off, until ctx is done.
func (d *Directory) schedule(ctx context.Context) {
	const batch = 256
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		timer.Reset(pollEvery)
		if d.queue.length() > batch {
			continue
		}
		var due []store.Due
		err := d.store.View(ctx, func(tx store.Tx) error {
			var err error
			due, err = tx.DueAccounts(d.o.Workspace, d.o.Tenant, tx.Now(), batch)
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				d.o.Log.Error("due accounts could not be read", "error", err)
			}
			continue
		}
		for _, a := range due {
			d.queue.push(a.ID, a.Taking)
		}
		if len(due) == batch {
			timer.Reset(20 * time.Millisecond) // there is more: come back when the workers caught up
		}
	}
}

// wakeScheduler says that accounts have become due.
func (d *Directory) wakeScheduler() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
