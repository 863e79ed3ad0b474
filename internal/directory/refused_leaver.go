package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// refusedLeaver is somebody whose deactivation was refused because the request itself was wrong (V-02).
type refusedLeaver struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

const (
	// leaverShown is how long a refused deactivation is a problem by itself. Most IdPs have
	// given up long before, and it is up to a person.
	leaverShown = 7 * 24 * time.Hour
	// mostLeavers bounds how many are remembered.
	mostLeavers = 1000
)

// RefusedDeactivation records that a request which would have ended with active: false was
// refused, so that the user keeps what access he has: an event, and a problem of Health
// until he has left after all. id is "" for a POST, after
// which there is nobody who keeps anything.
func (d *Directory) RefusedDeactivation(ctx context.Context, by Caller, id, detail string) error {
	return d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		u, err := d.find(tx, id)
		if err == nil {
			id = u.ID // id may be an alias
		}
		d.event(tx, by, "user.deactivation_refused", id, "", map[string]any{"detail": detail})
		if id == "" {
			return nil
		}
		all, err := d.refusedLeavers(tx)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(r refusedLeaver) bool { return r.ID == id })
		all = append(all, refusedLeaver{ID: id, At: tx.Now()})
		return writeState(tx, d.ofTenant("refused leavers"), all[max(0, len(all)-mostLeavers):])
	})
}

// refusedLeavers are those who have not left since: they are there, and active.
func (d *Directory) refusedLeavers(tx store.Tx) ([]refusedLeaver, error) {
	all, err := readState[[]refusedLeaver](tx, d.ofTenant("refused leavers"))
	if err != nil {
		return nil, err
	}
	var left []refusedLeaver
	for _, r := range all {
		if tx.Now().Sub(r.At) > leaverShown {
			continue
		}
		switch u, err := tx.User(d.o.Tenant, r.ID); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, err
		case u.Active:
			left = append(left, r)
		}
	}
	return left, nil
}
