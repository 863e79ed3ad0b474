package directory

import (
	"context"
	"errors"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// lookWish is that a command asks the running server for a look, by way of the store.
type lookWish struct {
	At    time.Time `json:"at,omitzero"`
	Heard time.Time `json:"heard,omitzero"` // when a server took it up
}

// FreshLook asks the running server for a look and waits for it. It returns the last believed one:
// fresh says that it began after the call; heard, that a server runs and took the wish up. It gives up
// after wait, or after a few polls if no server hears it. No look at all is the zero value.
func (d *Directory) FreshLook(ctx context.Context, wait time.Duration) (look store.Look, fresh, heard bool, err error) {
	var w lookWish
	err = d.store.Update(ctx, func(tx store.Tx) error {
		w = lookWish{At: tx.Now()}
		return writeState(tx, d.ofWorkspace("look-wish"), w)
	})
	if err != nil {
		return look, false, false, err
	}
	const deaf = 5 * pollEvery // a server polls each second
	timer := time.NewTicker(pollEvery / 4)
	defer timer.Stop()
	for waited := time.Duration(0); ; waited += pollEvery / 4 {
		err := d.store.View(ctx, func(tx store.Tx) error {
			now, err := readState[lookWish](tx, d.ofWorkspace("look-wish"))
			if err != nil {
				return err
			}
			heard = !now.Heard.Before(w.At)
			last, err := tx.LastLook(d.o.Workspace, store.LookApplied)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if err == nil {
				look, fresh = *last, !last.Begun.Before(w.At)
			}
			return err
		})
		if err != nil || fresh || waited >= wait || !heard && waited >= deaf {
			return look, fresh, heard || fresh, err // it may have been looking already
		}
		select {
		case <-ctx.Done():
			return look, fresh, heard, ctx.Err()
		case <-timer.C:
		}
	}
}

// hearWish takes up what a command asked for.
func (d *Directory) hearWish(ctx context.Context) error {
	var w lookWish
	read := func(tx store.Tx) (err error) {
		w, err = readState[lookWish](tx, d.ofWorkspace("look-wish"))
		return err
	}
	if err := d.store.View(ctx, read); err != nil || !w.Heard.Before(w.At) {
		return err
	}
	err := d.store.Update(ctx, func(tx store.Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		w.Heard = tx.Now()
		return writeState(tx, d.ofWorkspace("look-wish"), w)
	})
	if err == nil {
		d.looker.want(w.At)
	}
	return err
}
