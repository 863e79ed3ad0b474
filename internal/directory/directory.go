package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

	rules  rulesKept
	looker *looker
	queue  *queue
	guard  Guard
	wake   chan struct{} // has an element when accounts may have become due
	polls  atomic.Int64  // pollEvery, but where a test lets days pass

	breadth breadth

	// The two are the looks' alone, of which there is one at a time.
	ownerAsked time.Time // when whose key it is was last answered
	pruned     time.Time // when old looks were last forgotten

	// creating guards V-05 and V-04: users whose create is being answered, or just was.
	creating struct {
		sync.Mutex
		users    map[string]*creating // by SCIM id
		answered []*creating          // those that just were, the oldest first
	}
	background sync.WaitGroup
	accepting  acceptances // V-37
}

// New makes a Directory and records, or checks, which workspace the store's rows of
// this tenant belong to (V-32). Nothing runs before Run.
func New(ctx context.Context, o Options) (*Directory, error) {
	d := newDirectory(o)
	file, err := rulesOf(&d.o)
	if err != nil {
		return nil, err
	}
	err = o.Store.Update(ctx, func(tx store.Tx) error {
		if err := d.loadRules(tx, file); err != nil {
			return err
		}
		t, err := tx.Tenant(o.Tenant)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return d.begin(tx)
		case err != nil:
			return err
		case t.Workspace != o.Workspace:
			return fmt.Errorf("tenant %q of this store belongs to WisdomAI workspace %s, the configuration says %s: "+
				"put the old workspace back, or move the tenant with `scimbridge tenant rebind --tenant %[1]s`", o.Tenant, t.Workspace, o.Workspace)
		}
		if err := d.bound(tx); err != nil {
			return err
		}
		s, err := d.standing(tx)
		if d.looker.standing = s; s.applied != nil {
			d.looker.begun = s.applied.Begun
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	d.o.Shared.join(d)
	_, _, err = d.seeAcceptance(ctx)
	return d, err
}

// newDirectory makes a Directory that has read nothing.
func newDirectory(o Options) *Directory {
	d := &Directory{o: o.withDefaults(), wisdom: o.WisdomAI, holder: uuid.NewString(), wake: make(chan struct{}, 1)}
	d.rules.steady = &steadyStore{Store: o.Store}
	d.rules.offered = make(chan struct{}, 1)
	d.store = d.rules.steady
	d.polls.Store(int64(pollEvery))
	d.queue = newQueue(d.o.Delivery.Concurrency)
	d.guard = d.o.Guard
	d.breadth.most, d.breadth.now = d.o.Delivery.Share, d.o.Delivery.Share
	d.looker = newLooker(d)
	d.creating.users = map[string]*creating{}
	return d
}

// Run converges until ctx is done: it takes up what an earlier process left pending,
// makes looks and delivers. It returns when everything it started has ended; a
// call that was on its way then is recorded as unanswered.
func (d *Directory) Run(ctx context.Context) error {
	if err := errors.Join(d.approveFirst(ctx), d.takeUp(ctx)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var wg sync.WaitGroup
	for i := range d.o.Delivery.Concurrency {
		wg.Go(func() { d.work(ctx, i == 0 && d.o.Delivery.Concurrency > 1) })
	}
	wg.Go(func() { d.schedule(ctx) })
	wg.Go(func() { d.keepRules(ctx) })
	wg.Go(func() { d.looker.run(ctx) })
	wg.Go(func() { d.listen(ctx) })
	wg.Go(func() { d.watch(ctx) })
	wg.Go(func() { d.prune(ctx) })
	<-ctx.Done()
	wg.Wait()
	d.background.Wait()
	return nil
}

// listen hears of what other processes commit, where the store is one that says so: what they make due, and
// listings for which requests wait here.
func (d *Directory) listen(ctx context.Context) {
	watcher, ok := d.o.Store.(store.Watcher)
	if !ok {
		return
	}
	watcher.Watch(ctx, func(t store.Topic) {
		if t.Workspace != d.o.Workspace && t.Kind != "" {
			return
		}
		if t.Kind != store.TopicLooks {
			d.wakeScheduler()
		}
		if t.Kind != store.TopicDue {
			d.looker.prod()
		}
	})
}

// takeUp makes uncertain what an earlier process left in the middle of a call (V-16)
// and due what it left pending. In a store that several processes share it leaves alone whom one has the lease of.
func (d *Directory) takeUp(ctx context.Context) error {
	_, shared := d.o.Store.(store.Watcher)
	err := d.store.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.AbandonedAccounts(d.o.Workspace, d.holder)
		if err != nil {
			return err
		}
		now := tx.Now()
		for _, row := range rows {
			if row.Tenant != d.o.Tenant {
				continue // delivered by another, which takes it up itself (V-36)
			}
			if shared && row.LeaseUntil.After(now) {
				continue // another process is at it; when it dies the lease ends (V-17)
			}
			a, err := decodeAccount(row)
			if err != nil {
				return err
			}
			if a.CallOpen {
				if err := d.takeFrom(tx, a, now); err != nil {
					return err
				}
			}
			a.LeaseHolder, a.LeaseUntil = "", now
			a.LeaseFence++
			a.due(now)
			a.Attempts = 0
			if err := a.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, taking := range []bool{true, false} {
		if err == nil {
			err = d.rouse(ctx, taking)
		}
	}
	return err
}

// rouse makes everything that is pending due now: after a restart, and when WisdomAI is
// back after an outage, nobody waits for his own back-off.
func (d *Directory) rouse(ctx context.Context, taking bool) error {
	return d.store.Update(ctx, func(tx store.Tx) error { return tx.RouseAccounts(d.o.Workspace, d.o.Tenant, taking) })
}

// abandoned ends a call whose process died: nobody knows which step it was, so
// everything that the desired state could have asked for may have happened.
func (a *account) abandoned(look int64, now time.Time) {
	a.CallOpen, a.CallLook, a.RowHash = false, look, 0
	if a.Uncertain.IsZero() {
		a.Uncertain = now
	}
	a.memory.Seen = nil
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
