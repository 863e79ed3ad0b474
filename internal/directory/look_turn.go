package directory

import (
	"context"
	"errors"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

var (
	// errNotNow: another look is being made, or the pace does not allow one yet.
	errNotNow = errors.New("another listing is under way, or was just made")
	// errLostLook: the look was taken for dead.
	errLostLook = errors.New("this process was too slow to keep its listing, and another may have begun one")
)

// takeTurn begins a look, if nobody makes one and the pace allows it: one process and tenant at
// a time, whoever asks. What a dead process left is ended as failed.
func (d *Directory) takeTurn(ctx context.Context) (*store.Look, error) {
	var look *store.Look
	err := d.store.Update(ctx, func(tx store.Tx) error {
		s, err := d.standing(tx)
		if err != nil {
			return err
		}
		now := tx.Now()
		if s.busy || s.next.After(now) && s.asked.IsZero() {
			return errNotNow
		}
		dead, err := tx.LastLook(d.o.Workspace, store.LookRunning)
		if err == nil {
			dead.State, dead.Ended, dead.Detail = store.LookFailed, endOf(dead), "its process ended while it was being made"
			err = tx.PutLook(dead)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if look, err = tx.BeginLook(d.o.Workspace); err != nil {
			return err
		}
		look.Tenant, look.Holder, look.Until = d.o.Tenant, d.holder, now.Add(lookLease)
		return tx.PutLook(look)
	})
	return look, err
}

// keepTurn renews the look's lease until stop is called. The context it returns ends, with
// errLostLook for a cause, when somebody else took the look for dead.
func (d *Directory) keepTurn(ctx context.Context, look *store.Look) (kept context.Context, stop func()) {
	kept, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(lookRenewal)
		defer ticker.Stop()
		for {
			select {
			case <-kept.Done():
				return
			case <-ticker.C:
			}
			err := d.store.Update(kept, func(tx store.Tx) error {
				l, err := d.ownTurn(tx, look)
				if err != nil {
					return err
				}
				l.Until = tx.Now().Add(lookLease)
				return tx.PutLook(l)
			})
			if errors.Is(err, errLostLook) {
				cancel(err)
			}
		}
	}()
	return kept, func() { cancel(nil); <-ended }
}

// ownTurn is the look's row as long as it is this process's to make.
func (d *Directory) ownTurn(tx store.Tx, look *store.Look) (*store.Look, error) {
	l, err := tx.LastLook(d.o.Workspace, store.LookRunning)
	if errors.Is(err, store.ErrNotFound) || err == nil && (l.Number != look.Number || l.Holder != look.Holder) {
		return nil, errLostLook
	}
	return l, err
}
