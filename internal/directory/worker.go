package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// Guard keeps calls within what WisdomAI can bear, and away from it while it is down;
// *wisdom.Guard is one.
type Guard interface {
	// Wait blocks until one request may leave; while WisdomAI is down takings probe first (V-15).
	Wait(ctx context.Context, taking bool) error
	// Done tells what came of each mutation of the request that Wait let go, and reports whether
	// that ended an outage.
	Done(errs ...error) (recovered bool)
	// Cancel says that the request that Wait let go was not sent.
	Cancel()
	State() wisdom.GuardState
}

// job is an account that a worker works on.
type job struct {
	id    int64
	fence int64 // of our lease; 0: none yet
	last  *sent // the call that was made for it and is not recorded yet
	again bool  // its last call was to be sent anew at once
	// company is the most people with whom its next call may share a request; 0: as many as fit.
	// A shared call that was refused is repeated in halves until the guilty one stands alone (V-20).
	company int
}

// aMoment is how long a worker that has answers to record waits for leave to send what
// comes next: longer than the rate makes it wait, while others send too. If it takes longer,
// WisdomAI is down, and the answers are recorded without it.
const aMoment = time.Second

// work is one worker. It works in rounds on as many accounts as share a request; while a call
// is on its way others queue, and the next round takes what has queued, so that nothing
// waits when there is little to do and much goes out together when there is much. One
// worker of several is for takings alone (V-15).
func (d *Directory) work(ctx context.Context, takingsOnly bool) {
	var jobs []*job
	for {
		answers := false
		for _, j := range jobs {
			answers = answers || j.last != nil
		}
		if len(jobs) == 0 && !d.queue.await(ctx, takingsOnly) {
			return
		}
		leave := ctx
		cancel := func() {}
		if answers {
			leave, cancel = context.WithTimeout(ctx, aMoment)
		}
		err := d.guard.Wait(leave, takingsOnly || d.queue.hasTaking())
		cancel()
		switch {
		case err == nil:
			if room := d.o.Delivery.Share - len(jobs); room > 0 {
				for _, id := range d.queue.take(room, takingsOnly) {
					jobs = append(jobs, &job{id: id})
				}
			}
			jobs = d.round(ctx, jobs)
		case answers:
			jobs = d.end(ctx, jobs) // and when ctx is done, that it was cut off
		case ctx.Err() != nil:
			d.end(ctx, jobs)
			return
		}
	}
}

// round plans the next call of each account, sends as many of them as share a request, and
// returns the accounts with something left to do: an answer to record, or a call that did not fit.
func (d *Directory) round(ctx context.Context, jobs []*job) []*job {
	began := time.Now()
	req := &request{}
	left, ok := d.advance(ctx, jobs, func(tx store.Tx, j *job, a *account) (outcome, error) {
		if ctx.Err() != nil { // stopping: what is pending stays due
			return outcome{state: backedOff, err: ctx.Err()}, nil
		}
		st, out, err := d.next(tx, a)
		if err != nil || out.state != "" {
			return out, err
		}
		if !req.fits(d, j, a, st) {
			return outcome{}, nil
		}
		if err := d.open(tx, a, st); err != nil {
			return outcome{}, err
		}
		req.add(d, j, a, st)
		return outcome{}, nil
	}, func() { *req = request{} })
	switch {
	case !ok || len(req.calls) == 0:
		d.guard.Cancel()
	case time.Since(began) > leaseMargin:
		// A holder sends nothing that it cannot finish before its lease ends (V-17).
		d.guard.Cancel()
		d.unsent(req)
	default:
		d.exchange(ctx, req)
	}
	return left
}

// end records what was answered and lets the accounts go: no call may leave now. What is pending stays due.
func (d *Directory) end(ctx context.Context, jobs []*job) []*job {
	d.advance(ctx, jobs, func(tx store.Tx, _ *job, a *account) (outcome, error) {
		return outcome{state: backedOff, err: ctx.Err()}, nil
	}, func() {})
	return nil
}

// advance takes or keeps the lease of each account, records the answer to its last call, and
// asks then, all in one transaction; an account whose outcome has a state is finished with. It returns
// the others. again is called before every run of the transaction. If that fails nothing is
// known of any, and each is tried by itself: one that is poisoned does not stop the others.
func (d *Directory) advance(ctx context.Context, jobs []*job, then func(store.Tx, *job, *account) (outcome, error), again func()) (left []*job, ok bool) {
	if len(jobs) == 0 {
		return nil, true
	}
	outcomes, fences := make([]outcome, len(jobs)), make([]int64, len(jobs))
	err := d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		again()
		for i, j := range jobs {
			var err error
			if outcomes[i], fences[i], err = d.advanceOne(tx, j, then); err != nil {
				return fmt.Errorf("account %d: %w", j.id, err)
			}
		}
		return nil
	})
	if err != nil {
		d.o.Log.Error("deliveries could not be recorded; each is tried again by itself", "accounts", len(jobs), "error", err)
		for _, j := range jobs {
			d.queue.finish(j.id, outcome{state: unrecorded, err: err})
		}
		return nil, false
	}
	for i, j := range jobs {
		if outcomes[i].state != "" {
			d.finish(j.id, outcomes[i])
			continue
		}
		j.fence, j.last = fences[i], nil
		left = append(left, j)
	}
	return left, true
}

func (d *Directory) advanceOne(tx store.Tx, j *job, then func(store.Tx, *job, *account) (outcome, error)) (out outcome, fence int64, err error) {
	a, err := d.lease(tx, j.id, j.fence)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return outcome{state: delivered}, 0, nil // rolled back meanwhile (V-04)
	case errors.Is(err, store.ErrLeased):
		return outcome{state: busy}, 0, nil
	case err != nil:
		return outcome{}, 0, err
	}
	if j.last != nil {
		if out, err = d.record(tx, a, j.last); err != nil {
			return outcome{}, 0, err
		}
	}
	if out.state == "" {
		if out, err = then(tx, j, a); err != nil {
			return outcome{}, 0, err
		}
	}
	if out.state != "" {
		out.taking = a.Taking
		a.LeaseHolder, a.LeaseUntil = "", time.Time{}
	}
	return out, a.LeaseFence, a.put(tx)
}

// finish ends the work on an account for now.
func (d *Directory) finish(id int64, out outcome) {
	d.queue.finish(id, out)
	if out.state != parked {
		return
	}
	if d.looker.want(out.after) { // it came while this was being planned
		d.queue.unparkOne(id)
	} else if err := d.looker.failing(); err != nil {
		d.queue.giveUpWaitingFor(id, err)
	}
}

// pollEvery is how often due accounts are looked for in the store: commands write
// to it from other processes, and a running server honours them within a second.
const pollEvery = time.Second

// poll is how long to wait before the store is asked again.
func (d *Directory) poll() time.Duration { return time.Duration(d.polls.Load()) }

// schedule feeds the queue with what is due, after a restart as well as after a
// back-off, until ctx is done.
func (d *Directory) schedule(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		timer.Reset(d.poll())
		if err := d.reviewProtected(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.Error("what is held of protected people could not be looked at again", "error", err)
		}
		if d.feed(ctx) {
			timer.Reset(20 * time.Millisecond) // there is more: come back when the workers caught up
		}
	}
}

// feed queues what is due, and reports whether there is more. While much is queued
// it is takings alone.
func (d *Directory) feed(ctx context.Context) (more bool) {
	const batch = 1000
	full := d.queue.length() > batch
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
		return false
	}
	for _, a := range due {
		if a.Taking || !full {
			d.queue.push(a.ID, a.Taking)
		}
	}
	return len(due) == batch
}

// wakeScheduler says that accounts have become due.
func (d *Directory) wakeScheduler() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
