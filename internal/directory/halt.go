package directory

import (
	"context"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Pause is that somebody stopped a tenant's deliveries; the zero value is that nobody
// did. It stops takings too: it is for the moment in which what the bridge does is
// wrong, and nobody knows yet what part of it. Requests are recorded and answered,
// listings are made, and nothing is sent.
type Pause struct {
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// haltedFor is when an account that a halt holds is looked at again if nobody ends the
// halt before. Whoever ends one makes them due, and so does a start: it is for the case
// that a process died in between, so that a backlog of 100,000 costs nothing meanwhile.
const haltedFor = 24 * time.Hour

// Pause stops the tenant's deliveries until Resume; a running server goes by it within
// a second. It returns what is in force: one that is there already keeps its begin.
func (d *Directory) Pause(ctx context.Context, by Caller, reason string) (Pause, error) {
	var p Pause
	err := d.store.Update(ctx, func(tx store.Tx) error {
		var err error
		if p, err = readState[Pause](tx, d.ofTenant("pause")); err != nil {
			return err
		}
		if p.Since.IsZero() {
			p.Since = tx.Now()
		}
		p.Reason = reason
		d.event(tx, by, "tenant.paused", "", "", map[string]any{"reason": reason, "since": p.Since})
		return writeState(tx, d.ofTenant("pause"), p)
	})
	return p, err
}

// Resume ends a pause and makes what waits due; it reports how much that is, and
// whether there was a pause.
func (d *Directory) Resume(ctx context.Context, by Caller) (waiting int, paused bool, err error) {
	err = d.store.Update(ctx, func(tx store.Tx) error {
		p, err := readState[Pause](tx, d.ofTenant("pause"))
		paused = !p.Since.IsZero()
		if err != nil || !paused {
			return err
		}
		d.event(tx, by, "tenant.resumed", "", "", map[string]any{"paused": p.Since, "reason": p.Reason})
		return writeState(tx, d.ofTenant("pause"), Pause{})
	})
	if err != nil || !paused {
		return 0, paused, err
	}
	waiting, err = d.eachPending(ctx, func(tx store.Tx, a *account) (bool, error) {
		if a.refusedForGood() {
			return false, nil
		}
		a.Due, a.Attempts = tx.Now(), 0
		return true, nil
	})
	return waiting, paused, err
}

// halted says why nothing at all may be sent for the tenant now, "" if it may. It is no
// reason to leave anything undone but the call: what waits is planned, so that it is known
// what takes access, and who looks at it sees what would be done.
func (d *Directory) halted(tx store.Tx) (string, error) {
	if d.o.Observe {
		return "observed only: the tenant's mode is observe", nil
	}
	p, err := readState[Pause](tx, d.ofTenant("pause"))
	if err != nil || p.Since.IsZero() {
		return "", err
	}
	reason := "paused since " + p.Since.Format(time.RFC3339)
	if p.Reason != "" {
		reason += ": " + p.Reason
	}
	return reason, nil
}

// eachPending runs fn on every account of the tenant that has something to do, takings
// first, in transactions of bounded size, and stores those for which it returns true. It
// returns how many that were. fn must leave Pending as it is.
func (d *Directory) eachPending(ctx context.Context, fn func(store.Tx, *account) (bool, error)) (changed int, err error) {
	for _, taking := range []bool{true, false} {
		var since time.Time
		var last int64
		for more := true; more; {
			var n int
			from, at := since, last
			err := d.store.Update(ctx, func(tx store.Tx) error {
				n, since, last = 0, from, at
				rows, err := tx.PendingAccounts(d.o.Workspace, d.o.Tenant, taking, since, last, applyBatch)
				if err != nil {
					return err
				}
				more = len(rows) == applyBatch
				for _, row := range rows {
					since, last = row.Pending, row.ID
					if row.Tenant != d.o.Tenant {
						continue
					}
					a, err := decodeAccount(row)
					if err != nil {
						return err
					}
					switch change, err := fn(tx, a); {
					case err != nil:
						return err
					case !change:
						continue
					}
					if err := a.put(tx); err != nil {
						return err
					}
					n++
				}
				return nil
			})
			if err != nil {
				return changed, err
			}
			changed += n
		}
	}
	return changed, nil
}

// watch says in the log what begins and ends to hold the tenant up: a pause that a command
// made, and that writes are no longer answered with success (V-37). It runs until ctx is done.
func (d *Directory) watch(ctx context.Context) {
	timer := time.NewTimer(d.poll())
	defer timer.Stop()
	var halted string
	refusing := false
	var held string
	for ctx.Err() == nil {
		if err := d.hearWish(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.Error("what commands ask for could not be read", "error", err)
		}
		err := d.store.View(ctx, func(tx store.Tx) error {
			restored, err := d.restoreHold(tx)
			if err != nil {
				return err
			}
			switch {
			case restored.ID == held:
			case restored.ID != "":
				d.o.Log.Warn("ALL GIVING IS HELD: the database was restored. Takings go on. `scimbridge reconcile --after-restore` shows what would be given, and lets it go",
					"since", restored.Since, "why", restored.Why)
			default:
				d.o.Log.Warn("the restore is confirmed: giving goes on")
			}
			held = restored.ID
			reason, err := d.halted(tx)
			if err != nil || reason == halted {
				return err
			}
			if reason != "" {
				d.o.Log.Warn("NOTHING IS DELIVERED, no removal of access either: writes are recorded and answered", "reason", reason)
			} else {
				d.o.Log.Warn("deliveries go on", "were", halted)
			}
			halted = reason
			return nil
		})
		if err == nil {
			var now, was Acceptance
			if now, was, err = d.seeAcceptance(ctx); err == nil && now.Refusing != refusing {
				refusing = now.Refusing
				err = d.tellAcceptance(ctx, now, was)
			}
		}
		if err != nil && ctx.Err() == nil {
			d.o.Log.Error("what holds the tenant up could not be told", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
			timer.Reset(d.poll())
		}
	}
}
