package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scimbridge/scimbridge/internal/store"
)

// UpdateUser replaces a user's document by what change makes of it (PUT and PATCH), in one
// transaction: change gets its own copy and may run more than once. A document
// that does not change leaves the version as it is. Errors: those of change,
// NotFound, PreconditionFailed, Invalid, Conflict, Mutability, Unavailable.
func (d *Directory) UpdateUser(ctx context.Context, by Caller, id string, pre Precondition, change func(Document) (Document, error)) (User, error) {
	d.looker.noteTraffic()
	var touched []int64
	err := d.withUnknown(ctx, func() error {
		return d.store.Update(ctx, func(tx store.Tx) error {
			u, err := d.find(tx, id)
			if err != nil {
				return err
			}
			if err := pre.check(u.Version); err != nil {
				return err
			}
			before, err := readDocument(u)
			if err != nil {
				return err
			}
			doc, err := change(before)
			if err != nil {
				return err
			}
			if err := d.heedActive(tx, by, u, change); err != nil {
				return err
			}
			_, touched, err = d.change(tx, by, u, doc, "user.update")
			return err
		})
	})
	if err != nil {
		return User{}, d.refused(ctx, by, err)
	}
	d.deliverNow(ctx, touched)
	if err := d.accepted(ctx); err != nil {
		return User{}, err
	}
	return d.read(ctx, id)
}

// change makes doc the document of u, adopting him if he was unmanaged. It returns
// whether anything changed and the accounts to deliver.
func (d *Directory) change(tx store.Tx, by Caller, u *store.User, doc Document, kind string) (bool, []int64, error) {
	adopting := !u.Managed
	active, _ := doc["active"].(bool)
	same := !adopting && sameDocument(u.Document, doc)
	before, versionBefore := u.Document, u.Version
	now := tx.Now()
	had, err := d.accessOf(tx, u)
	if err != nil {
		return false, nil, err
	}

	nameBefore := u.UserNameKey
	if err := d.writeDocument(u, doc); err != nil {
		return false, nil, err
	}
	if u.UserNameKey != nameBefore {
		if err := d.checkName(tx, u); err != nil {
			return false, nil, err
		}
	}
	if err := d.checkExternalID(tx, u); err != nil {
		return false, nil, err
	}
	u.Managed = true
	res, err := d.resolve(tx, u.ID, doc)
	if err != nil {
		return false, nil, err
	}
	var touched []int64
	if active {
		if e := refusal(res); e != nil && !same {
			return false, nil, e
		} else if e == nil {
			if touched, err = d.point(tx, by, u, res, false); err != nil {
				return false, nil, err
			}
		}
	} else if touched, err = d.suspend(tx, by, u, res); err != nil {
		return false, nil, wishing(err, wish{What: wishSuspend, User: u.ID, Version: versionBefore}, doc)
	}
	lost := had.ends()
	if active {
		lost = had.loses(newGrants(res.Grants...))
	}
	if err := d.rolesLost(tx, by, lost, nil); err != nil {
		return false, nil, err
	}
	if same {
		return false, touched, tx.PutUser(u)
	}
	u.Version++
	u.Modified = now
	if err := tx.PutUser(u); err != nil {
		return false, nil, err
	}
	if adopting {
		kind = "user.adopt"
	}
	d.event(tx, by, kind, u.ID, u.UserName, map[string]any{"before": rawJSON(before), "after": doc, "reasons": res.Reasons, "problems": res.Problems})
	return true, touched, nil
}

// checkName refuses a userName that another user has; one who is only shown yields it to
// somebody inactive, and else as on_rename_conflict says.
func (d *Directory) checkName(tx store.Tx, u *store.User) error {
	other, err := tx.UserByName(d.o.Tenant, u.UserNameKey)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case other.ID == u.ID:
		return nil
	case !other.Managed && !u.Active:
		return tx.HideUser(d.o.Tenant, other.ID) // V-02: no policy refuses a deactivation
	case !other.Managed:
		// His address is a different matter: point refuses it if it is asked for.
		if row, err := tx.Account(other.Account); err == nil && d.o.Policy.OnRenameConflict != "adopt" {
			return &Error{Kind: Conflict, Attribute: "userName", Detail: fmt.Sprintf(
				"%q belongs to somebody at WisdomAI already, user %s (%s; policy on_rename_conflict: refuse)", u.UserName, other.ID, row.Email)}
		}
		return nil
	default:
		return &Error{Kind: Conflict, Attribute: "userName", Detail: fmt.Sprintf("%q is already in use by user %s", u.UserName, other.ID)}
	}
}

// DeleteUser deletes a user; what follows at WisdomAI is the policy's business (V-08). Errors: NotFound, PreconditionFailed, Unavailable.
func (d *Directory) DeleteUser(ctx context.Context, by Caller, id string, pre Precondition) error {
	d.looker.noteTraffic()
	var touched []int64
	err := d.withUnknown(ctx, func() error {
		return d.store.Update(ctx, func(tx store.Tx) error {
			touched = nil
			u, err := d.find(tx, id)
			if err != nil {
				return err
			}
			if err := pre.check(u.Version); err != nil {
				return err
			}
			touched, err = d.remove(tx, by, u)
			return err
		})
	})
	if err != nil {
		return d.refused(ctx, by, err)
	}
	d.deliverNow(ctx, touched)
	return d.accepted(ctx)
}

// remove is DeleteUser's transaction: it returns the account to deliver.
func (d *Directory) remove(tx store.Tx, by Caller, u *store.User) ([]int64, error) {
	now := tx.Now()
	var a *account
	if u.Account != 0 {
		var err error
		if a, err = loadAccount(tx, u.Account); err != nil {
			return nil, err
		}
		if err := d.mustStay(tx, a, wish{What: wishDelete, User: u.ID}); err != nil {
			return nil, err
		}
	}
	if err := d.openWindow(tx); err != nil { // he is one of those whom its share is measured by
		return nil, err
	}
	groups, err := tx.GroupsOf(d.o.Tenant, u.ID)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		g.Version++
		g.Modified = now
		if err := tx.PutGroup(g); err != nil {
			return nil, err
		}
	}
	if err := tx.DeleteUser(d.o.Tenant, u.ID, now); err != nil {
		return nil, err
	}
	d.event(tx, by, "user.delete", u.ID, u.UserName, map[string]any{"before": rawJSON(u.Document)})
	if a == nil {
		return nil, nil
	}
	if err := d.rolesLost(tx, by, a.access().ends(), nil); err != nil {
		return nil, err
	}
	a.Tenant, a.UserID = d.o.Tenant, u.ID
	if err := errors.Join(d.written(tx, a), d.recordRemoval(tx, by, u, a, removedDeleted, groups)); err != nil {
		return nil, err
	}
	d.leave(u, a, d.o.Policy.OnDelete != "suspend", tx)
	return []int64{a.ID}, a.put(tx)
}

// check answers If-Match.
func (p Precondition) check(version int64) error {
	if len(p.Versions) == 0 || slices.Contains(p.Versions, version) {
		return nil
	}
	return &Error{Kind: PreconditionFailed, Detail: fmt.Sprintf("the resource is at version W/\"%d\", not the one that If-Match names: read it again and repeat the change", version)}
}
