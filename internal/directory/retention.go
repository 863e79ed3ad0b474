package directory

import (
	"context"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Retention is how long what has happened is kept. The zero value keeps the documented defaults.
type Retention struct {
	Events     time.Duration // 0: 400 days
	Tombstones time.Duration // of deleted ids, removals (V-38), settled holds; 0: 90 days
}

const (
	// pruneEvery is how often old rows are looked for.
	pruneEvery = time.Hour
	// pruneBatch is how many rows one transaction removes: few enough that a write of the IdP does
	// not wait noticeably behind the first pruning of a large log.
	pruneBatch = 500
)

// prune drops what is older than it is kept for, once an hour, until ctx is done. Several tenants
// of one store do it for each other: what one has removed the next does not find.
func (d *Directory) prune(ctx context.Context) {
	timer := time.NewTimer(time.Minute) // not among the first writes after a start
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(pruneEvery)
		if err := d.pruneOnce(ctx); err != nil && ctx.Err() == nil {
			d.o.Log.Error("old rows could not be removed; it is tried again in an hour", "error", err)
		}
	}
}

func (d *Directory) pruneOnce(ctx context.Context) error {
	for _, aged := range []struct {
		kind store.Aged
		keep time.Duration
	}{
		{store.AgedEvents, d.o.Retention.Events},
		{store.AgedTombstones, d.o.Retention.Tombstones},
		{store.AgedRemovals, d.o.Retention.Tombstones},
		{store.AgedHolds, d.o.Retention.Tombstones},
		// Beyond every brake's window: another tenant of the workspace may have a longer one than this.
		{store.AgedDeletes, max(d.o.Retention.Tombstones, d.o.Brake.Window)},
	} {
		for n := pruneBatch; n == pruneBatch; {
			err := d.store.Update(ctx, func(tx store.Tx) error {
				var err error
				n, err = tx.Prune(aged.kind, tx.Now().Add(-aged.keep), pruneBatch)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
