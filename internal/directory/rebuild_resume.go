package directory

import (
	"context"
	"errors"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Resumption is what ending the hold of a rebuild does, or would do.
type Resumption struct {
	Since time.Time // zero: nothing is held
	// Unwritten people are let go as they are: the next write about them counts.
	Unwritten int
	// Losing are people whom the IdP has written, and their roles that none of its groups gives:
	// they are taken.
	Losing []Losing
}

// Losing is somebody with the roles that he loses.
type Losing struct {
	Address string   `json:"address"`
	Roles   []string `json:"roles"`
}

// ResumeRebuild ends what a rebuild holds: the IdP has written what it will. dry only says what that means.
func (d *Directory) ResumeRebuild(ctx context.Context, by Caller, dry bool) (Resumption, error) {
	var out, chunk Resumption
	err := d.store.View(ctx, func(tx store.Tx) error {
		s, err := d.rebuildState(tx)
		out.Since = s.Since
		return err
	})
	if err != nil || out.Since.IsZero() {
		return out, err
	}
	one := func(tx store.Tx, id int64) error {
		a, err := loadAccount(tx, id)
		if err != nil || a.memory.Rebuilt == nil {
			return err
		}
		r := *a.memory.Rebuilt
		a.memory.Rebuilt = nil
		if r.Unwritten {
			chunk.Unwritten++
			if !dry {
				d.event(tx, by, "account.resumed", a.UserID, a.Email, map[string]any{"unwritten": true})
				return d.putTakenIn(tx, a)
			}
			return nil
		}
		u, err := tx.User(d.o.Tenant, a.UserID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := d.resolveStored(tx, u)
		if err != nil {
			return err
		}
		if lost := r.Roles.minus(newGrants(res.Grants...)).filter(a.actual.Roles.has); len(lost) > 0 && u.Active {
			chunk.Losing = append(chunk.Losing, Losing{d.o.Rules.ShowAddress(a.Email), unitTexts(lost)})
		}
		if dry {
			return nil
		}
		d.event(tx, by, "account.resumed", a.UserID, a.Email, map[string]any{"origin_unknown": r.Roles})
		if err := a.put(tx); err != nil {
			return err
		}
		_, _, err = d.recompute(tx, u)
		return err
	}
	all := func(tx store.Tx, ids []int64) error {
		chunk = Resumption{}
		for _, id := range ids {
			if err := one(tx, id); err != nil {
				return err
			}
		}
		return nil
	}
	err = d.eachAccount(ctx, func(a *account) (bool, error) { return a.Tenant == d.o.Tenant && a.memory.Rebuilt != nil, nil },
		all, func() { out.Unwritten, out.Losing = out.Unwritten+chunk.Unwritten, append(out.Losing, chunk.Losing...) })
	if err != nil || dry {
		return out, err
	}
	d.wakeScheduler()
	return out, d.store.Update(ctx, func(tx store.Tx) error {
		s, err := d.rebuildState(tx)
		if err != nil {
			return err
		}
		d.event(tx, by, "rebuild.resumed", "", "", map[string]any{"since": s.Since, "unwritten": out.Unwritten, "losing": len(out.Losing)})
		return writeState(tx, d.ofTenant("rebuild"), rebuildState{Restored: s.Restored})
	})
}
