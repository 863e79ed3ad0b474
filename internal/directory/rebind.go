package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/store"
)

// rebindState is a move to another workspace that is under way.
type rebindState struct {
	From  string `json:"from,omitempty"`
	Under bool   `json:"under,omitempty"` // some people may still point at the old workspace's accounts
}

// begin records that the tenant's rows belong to the workspace. It has never had a look, nor
// been restored.
func (d *Directory) begin(tx store.Tx) error {
	if err := d.notRestored(tx); err != nil {
		return err
	}
	if err := writeState(tx, d.ofTenant("rebuild"), rebuildState{Fresh: true}); err != nil {
		return err
	}
	return tx.PutTenant(&store.Tenant{Name: d.o.Tenant, Workspace: d.o.Workspace, Created: tx.Now()})
}

// bound refuses a tenant whose move to the workspace did not end.
func (d *Directory) bound(tx store.Tx) error {
	s, err := readState[rebindState](tx, d.ofTenant("rebind"))
	if err == nil && s.Under {
		err = fmt.Errorf("tenant %q was being moved from WisdomAI workspace %s to %s when it was interrupted: repeat `scimbridge tenant rebind --tenant %[1]s`", d.o.Tenant, s.From, d.o.Workspace)
	}
	return err
}

// heldRebound takes nothing from whoever has the address of somebody at a workspace that he was
// moved to: that he must have no access was said of the old one.
func (d *Directory) heldRebound(_ store.Tx, a *account, st step) (string, error) {
	if !st.taking || !a.memory.Rebound {
		return "", nil
	}
	return "held since the tenant was moved to another workspace, until the identity provider has written about the person, or `scimbridge reconcile`", nil
}

// Rebound is what a move to another workspace did, or would do.
type Rebound struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Active    int    `json:"active"`    // people who will be created there, or given their roles
	Suspended int    `json:"suspended"` // people who stay as they are there until the IdP writes them
	Hidden    int    `json:"hidden"`    // people whom only the old workspace showed: no longer shown
}

// errBound: there is nothing to move.
var errBound = &Error{Kind: Conflict, Detail: "the tenant belongs to the configured workspace already"}

// Rebind makes a tenant belong to the workspace of the options instead of the one that its rows
// belong to (V-32). No server may run. Users, groups, ids and aliases stay. The accounts of the old
// workspace are left as they are, and nothing is sent there any more. Everybody gets an
// account at the new one, at the address that he had, with what the mapping wants of him; nobody
// there is deleted, and nothing is taken from anybody, before the IdP has written him or a person says
// `reconcile`. Nothing is sent before a look has shown who is there. It may be repeated after an
// interruption; dry changes nothing.
func Rebind(ctx context.Context, o Options, by Caller, dry bool) (Rebound, error) {
	d := &Directory{o: o.withDefaults(), store: o.Store}
	r := Rebound{To: o.Workspace}
	begin := func(tx store.Tx) error {
		t, err := tx.Tenant(o.Tenant)
		if errors.Is(err, store.ErrNotFound) {
			return &Error{Kind: NotFound, Detail: fmt.Sprintf("the store has no tenant %q: it belongs to the workspace of its first start", o.Tenant)}
		}
		if err != nil {
			return err
		}
		s, err := readState[rebindState](tx, d.ofTenant("rebind"))
		if err != nil {
			return err
		}
		switch {
		case t.Workspace != o.Workspace:
			s = rebindState{From: t.Workspace, Under: true}
		case !s.Under:
			return errBound
		}
		r.From = s.From
		if dry {
			return nil
		}
		t.Workspace = o.Workspace
		d.event(tx, by, "tenant.rebound", "", "", map[string]any{"from": s.From, "to": o.Workspace})
		return errors.Join(tx.PutTenant(t), writeState(tx, d.ofTenant("rebind"), s))
	}
	in := d.store.Update
	if dry {
		in = d.store.View
	}
	if err := in(ctx, begin); err != nil {
		return r, err
	}
	for after, more := int64(0), true; more; {
		chunk, last := r, after
		err := in(ctx, func(tx store.Tx) error {
			chunk, last = r, after
			var users []*store.User
			for u, err := range tx.Users(o.Tenant, store.Query{After: &store.Position{Seq: after}, Limit: applyBatch}) {
				if err != nil {
					return err
				}
				users = append(users, u)
			}
			more = len(users) == applyBatch
			for _, u := range users {
				last = u.Seq
				if err := d.rebind(tx, u, &chunk, dry); err != nil {
					return fmt.Errorf("user %s: %w", u.ID, err)
				}
			}
			return nil
		})
		if err != nil {
			return r, err
		}
		r, after = chunk, last
	}
	if dry {
		return r, nil
	}
	return r, d.store.Update(ctx, func(tx store.Tx) error {
		return writeState(tx, d.ofTenant("rebind"), rebindState{From: r.From})
	})
}

// rebind moves one user.
func (d *Directory) rebind(tx store.Tx, u *store.User, r *Rebound, dry bool) error {
	if u.Account == 0 {
		return nil
	}
	old, err := loadAccount(tx, u.Account)
	if err != nil || old.Workspace == d.o.Workspace {
		return err
	}
	switch {
	case !u.Managed:
		r.Hidden++
		if dry {
			return nil
		}
		return tx.HideUser(d.o.Tenant, u.ID)
	case u.Active:
		r.Active++
	default:
		r.Suspended++
	}
	if dry {
		return nil
	}
	if err := d.withdrawHolds(tx, old); err != nil {
		return err
	}
	if err := old.put(tx); err != nil {
		return err
	}
	res, err := d.resolveStored(tx, u)
	if err != nil {
		return err
	}
	a := &account{Account: &store.Account{Workspace: d.o.Workspace, EmailKey: old.EmailKey, Email: old.Email}}
	switch row, err := tx.AccountByEmail(d.o.Workspace, old.EmailKey); {
	case err == nil: // of an earlier time at this workspace
		if a, err = decodeAccount(row); err != nil {
			return err
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	a.Tenant, a.UserID, a.Former = d.o.Tenant, u.ID, false
	a.memory.Rebound = true
	a.want(d.desire(u, res), tx.Now())
	if err := a.put(tx); err != nil {
		return err
	}
	u.Account = a.ID
	return tx.PutUser(u)
}
