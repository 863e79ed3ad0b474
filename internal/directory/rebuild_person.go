package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store"
)

// takeIn makes one person known again.
func (d *Directory) takeIn(tx store.Tx, by Caller, account int64, twice map[string][]string, r *Rebuilt) error {
	a, err := loadAccount(tx, account)
	if err != nil {
		return err
	}
	id, former := d.carried(a)
	if id == "" || a.UserID == id || !former && twice[id] != nil {
		return nil
	}
	if gone, err := tx.Deleted(d.o.Tenant, id); err != nil || gone {
		return err // the IdP has deleted him since
	}
	holder, err := tx.UserByAccount(a.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	elsewhere := true
	if _, err := tx.User(d.o.Tenant, id); errors.Is(err, store.ErrNotFound) {
		elsewhere = false
	} else if err != nil {
		return err
	}
	switch {
	case former && (a.UserID != "" || holder != nil && holder.Managed):
		return nil // somebody has the address who works here
	case former:
		r.Former++
		return d.takeInFormer(tx, by, a, holder, id)
	case elsewhere:
		r.Conflicts = append(r.Conflicts, RebuildConflict{a.Email, id, "another address has the user of this id"})
		return nil
	case holder != nil && holder.Managed:
		if stands, err := tx.Alias(d.o.Tenant, id); err == nil && stands == holder.ID {
			return nil
		}
		r.Aliased++
		return d.takeInWritten(tx, a, holder, id)
	case a.UserID != "":
		return nil // somebody former, whose end is on its way
	}
	u, why, err := d.remake(tx, a, holder, id)
	if err != nil {
		return err
	}
	if why != "" {
		r.Conflicts = append(r.Conflicts, RebuildConflict{a.Email, id, why})
		return nil
	}
	r.People++
	a.Tenant, a.UserID, a.Former = d.o.Tenant, id, false
	a.CreatedByBridge = false // or not: who was there before us is never deleted for good (V-08)
	a.takenIn(u.Active, d.ourKeys(a))
	d.event(tx, by, "user.rebuilt", id, u.UserName, map[string]any{"active": u.Active, "roles": a.actual.Roles})
	return d.putTakenIn(tx, a)
}

// takenIn makes desired what is there, so that there is nothing to do about somebody whom
// nobody has written; all of it is owned.
func (a *account) takenIn(active bool, keys []string) {
	a.owned = owned{Roles: a.actual.Roles, Keys: keys}
	a.memory.Rebuilt = &rebuilt{Unwritten: true}
	a.desired = desired{State: suspended, Attributes: map[string]string{}}
	for _, k := range keys {
		if active || strings.HasPrefix(k, "scim_") {
			a.desired.Attributes[k] = a.actual.Database[k]
		}
	}
	if active {
		a.desired.State, a.desired.Roles = present, a.actual.Roles
		a.memory.Rebuilt.Roles = a.actual.Roles
	}
	a.Version, a.Delivered, a.Confirmed, a.Failed = 1, 1, 1, 0
}

// ourKeys are the attributes there that the bridge writes: its own and those of the rules.
func (d *Directory) ourKeys(a *account) []string {
	var keys []string
	for k := range a.actual.Database {
		if strings.HasPrefix(k, "scim_") || d.o.Rules.Writes(k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// putTakenIn stores the account, due if something has to be taken after all.
func (d *Directory) putTakenIn(tx store.Tx, a *account) error {
	if err := d.replan(tx, a); err != nil {
		return err
	}
	return a.put(tx)
}

// remake makes the user again, from what there is: the address, the name and the identity
// attributes. why is a reason for which it cannot be.
func (d *Directory) remake(tx store.Tx, a *account, shown *store.User, id string) (u *store.User, why string, err error) {
	doc := documentOf(d.o.Rules.ShowAddress(a.Email), a.Name)
	if external := a.actual.Database["scim_external_id"]; external != "" {
		doc["externalId"] = external
	}
	doc["active"] = a.actual.Database["scim_state"] != "suspended"
	now := tx.Now()
	u = &store.User{Tenant: d.o.Tenant, ID: id, Managed: true, Answered: true, Version: 1, Created: createdAt(a.Created, now), Modified: now, Account: a.ID}
	if err := d.writeDocument(u, doc); err != nil {
		return nil, "", err
	}
	var refused *Error
	if err := d.checkExternalID(tx, u); errors.As(err, &refused) {
		return nil, refused.Error(), nil
	} else if err != nil {
		return nil, "", err
	}
	other, err := tx.UserByName(d.o.Tenant, u.UserNameKey)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, "", err
	case other.Managed:
		return nil, fmt.Sprintf("userName %q is already in use by user %s", u.UserName, other.ID), nil
	case shown == nil || other.ID != shown.ID:
		if err := tx.HideUser(d.o.Tenant, other.ID); err != nil {
			return nil, "", err
		}
	}
	if shown != nil { // under an id that somebody may have been told
		if err := tx.HideUser(d.o.Tenant, shown.ID); err != nil {
			return nil, "", err
		}
		if shown.ID != id {
			if err := tx.PutAlias(d.o.Tenant, shown.ID, id); err != nil {
				return nil, "", err
			}
		}
	}
	return u, "", tx.PutUser(u)
}

// takeInFormer makes the account one of somebody who left it: he must have no access there.
func (d *Directory) takeInFormer(tx store.Tx, by Caller, a *account, shown *store.User, id string) error {
	if shown != nil {
		if err := tx.HideUser(d.o.Tenant, shown.ID); err != nil {
			return err
		}
	}
	a.Tenant, a.UserID, a.Former, a.CreatedByBridge = d.o.Tenant, id, true, false
	a.takenIn(false, d.ourKeys(a))
	a.memory.Rebuilt = nil // no write can come that would be waited for
	d.event(tx, by, "account.rebuilt", id, a.Email, map[string]any{"former": true, "roles": a.actual.Roles})
	return d.putTakenIn(tx, a)
}

// takeInWritten is for somebody whom the IdP wrote before the look that shows his old id came:
// the id that was answered stays, the old one stands for it, and what he has is ours.
func (d *Directory) takeInWritten(tx store.Tx, a *account, u *store.User, id string) error {
	if err := tx.PutAlias(d.o.Tenant, id, u.ID); err != nil {
		return err
	}
	keys := d.ourKeys(a)
	a.owned = a.owned.plus(a.actual.Roles, nil)
	a.owned.Keys = slices.Compact(slices.Sorted(slices.Values(append(a.owned.Keys, keys...))))
	if a.desired.State == present {
		a.memory.Rebuilt = &rebuilt{Roles: a.actual.Roles}
		if err := d.written(tx, a); err != nil {
			return err
		}
	}
	a.want(a.desired, tx.Now())
	d.event(tx, Caller{}, "user.rebuilt", u.ID, u.UserName, map[string]any{"stands_for": id, "roles": a.actual.Roles})
	return d.putTakenIn(tx, a)
}
