package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Directory is one tenant. Safe for concurrent use.
type Directory struct {
	o      Options
	store  store.Store
	wisdom WisdomAI
	holder string // of leases: this process

	looker *looker
	queue  *queue
	wake   chan struct{} // has an element when accounts may have become due

	// creating guards V-05 and V-04: users whose create is being answered.
	creating struct {
		sync.Mutex
		users map[string]*creating // by SCIM id
	}
	background sync.WaitGroup
	accepting  acceptances // V-37
}

// New makes a Directory and records, or checks, which workspace the store's rows of
// this tenant belong to (V-32). Nothing runs before Run.
func New(ctx context.Context, o Options) (*Directory, error) {
	d := &Directory{o: o.withDefaults(), store: o.Store, wisdom: o.WisdomAI, holder: uuid.NewString(), wake: make(chan struct{}, 1)}
	d.queue = newQueue(d.o.Delivery.Concurrency)
	d.looker = newLooker(&d.o, d.look, d.looked)
	d.creating.users = map[string]*creating{}
	err := d.store.Update(ctx, func(tx store.Tx) error {
		t, err := tx.Tenant(o.Tenant)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return tx.PutTenant(&store.Tenant{Name: o.Tenant, Workspace: o.Workspace, Created: tx.Now()})
		case err != nil:
			return err
		case t.Workspace != o.Workspace:
			return fmt.Errorf("tenant %q of this store belongs to WisdomAI workspace %s, the configuration says %s: "+
				"use another store file, or put the old workspace back", o.Tenant, t.Workspace, o.Workspace)
		}
		look, err := tx.LastLook(o.Workspace, store.LookApplied)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			d.looker.begun = look.Begun
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	_, _, err = d.seeAcceptance(ctx)
	return d, err
}

// Run converges until ctx is done: it takes up what an earlier process left pending,
// makes looks and delivers. It returns when everything it started has ended; a
// call that was on its way then is recorded as unanswered.
func (d *Directory) Run(ctx context.Context) error {
	if err := d.takeUp(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var wg sync.WaitGroup
	for range d.o.Delivery.Concurrency {
		wg.Go(func() { d.work(ctx) })
	}
	wg.Go(func() { d.schedule(ctx) })
	wg.Go(func() { d.looker.run(ctx) })
	wg.Go(func() { d.watch(ctx) })
	<-ctx.Done()
	wg.Wait()
	d.background.Wait()
	return nil
}

// takeUp makes uncertain what an earlier process left in the middle of a call (V-16)
// and due what it left pending.
func (d *Directory) takeUp(ctx context.Context) error {
	return d.store.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.AbandonedAccounts(d.o.Workspace, d.holder)
		if err != nil {
			return err
		}
		now := tx.Now()
		for _, row := range rows {
			a, err := decodeAccount(row)
			if err != nil {
				return err
			}
			if a.CallOpen {
				number, err := tx.LookNumber(a.Workspace)
				if err != nil {
					return err
				}
				a.abandoned(number, now)
				d.event(tx, Caller{}, "delivery.abandoned", a.UserID, a.Email, map[string]any{"call_deadline": a.CallDeadline})
			}
			a.LeaseHolder, a.LeaseUntil = "", now
			a.LeaseFence++
			a.due(now)
			a.Attempts = 0
			if err := a.put(tx); err != nil {
				return err
			}
		}
		return d.rouse(tx)
	})
}

// rouse makes everything that is pending due now: after a restart, and when WisdomAI is
// back after an outage, nobody waits for his own back-off.
func (d *Directory) rouse(tx store.Tx) error {
	now := tx.Now()
	due, err := tx.DueAccounts(d.o.Workspace, now.Add(haltedFor), 1<<30) // no back-off is longer
	if err != nil {
		return err
	}
	for _, e := range due {
		if !e.Due.After(now) {
			continue
		}
		row, err := tx.Account(e.ID)
		if err != nil {
			return err
		}
		row.Due, row.Attempts = now, 0
		if err := tx.PutAccount(row); err != nil {
			return err
		}
	}
	return nil
}

// abandoned ends a call whose process died: nobody knows which step it was, so
// everything that the desired state could have asked for may have happened.
func (a *account) abandoned(look int64, now time.Time) {
	a.CallOpen, a.CallLook, a.RowHash = false, look, 0
	if a.Uncertain.IsZero() {
		a.Uncertain = now
	}
	u := a.memory.Unanswered
	if u == nil {
		u = &unanswered{}
		a.memory.Unanswered = u
	}
	u.Roles = u.Roles.union(a.owned.Roles)
	u.Taken = u.Taken.union(a.actual.Roles)
	u.Attributes = true
	u.Present = !a.Present
	u.Deleted = a.Present && a.desired.State == absent
	a.memory.LookAfter = now
}
