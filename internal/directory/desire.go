package directory

import (
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// resolveStored is resolve of the document that the store has.
func (d *Directory) resolveStored(tx store.Tx, u *store.User) (mapping.Result, error) {
	doc, err := readDocument(u)
	if err != nil {
		return mapping.Result{}, err
	}
	return d.resolve(tx, u.ID, doc)
}

// resolve runs the mapping on a user's document and the groups he is in.
func (d *Directory) resolve(tx store.Tx, userID string, doc Document) (mapping.Result, error) {
	in, err := tx.GroupsOf(d.o.Tenant, userID)
	if err != nil {
		return mapping.Result{}, err
	}
	return d.o.Rules.Resolve(doc, groupsOf(in)), nil
}

// groupsOf are groups as rules see them.
func groupsOf(in []*store.Group) []mapping.Group {
	groups := make([]mapping.Group, len(in))
	for i, g := range in {
		groups[i] = mapping.Group{ID: g.ID, DisplayName: g.DisplayName, ExternalID: g.ExternalID}
	}
	return groups
}

// desire is what is wanted of the account of a user who is not deleted.
func (d *Directory) desire(u *store.User, res mapping.Result) desired {
	if !u.Active {
		if d.o.Policy.OnDeactivate == "delete" {
			return desired{State: absent, Attributes: d.identity(u, "suspended")}
		}
		return desired{State: suspended, Attributes: d.identity(u, "suspended")}
	}
	w := desired{State: present, Roles: newGrants(res.Grants...), Attributes: d.identity(u, "active")}
	for k, v := range res.Attributes {
		w.Attributes[k] = v
	}
	for _, k := range res.FreeKeys {
		if !d.o.Rules.MayTakeOver(k) {
			w.Free = append(w.Free, k)
		}
	}
	for _, p := range res.Problems {
		if p.Kind != mapping.NoAddress {
			w.Problem = problemText(p)
			break
		}
	}
	return w
}

// desireGone is what is wanted of an account whose user was deleted or has another address now.
func (d *Directory) desireGone(u *store.User, remove bool) desired {
	w := desired{State: suspended, Attributes: d.identity(u, "former")}
	if remove {
		w.State = absent
	}
	return w
}

// identity are the attributes by which a lost database is rebuilt (V-32). They are
// not removed by a suspension.
func (d *Directory) identity(u *store.User, state string) map[string]string {
	attributes := map[string]string{}
	if d.o.Policy.NoIdentityAttributes {
		return attributes
	}
	attributes["scim_id"] = d.o.Tenant + "/" + u.ID
	attributes["scim_state"] = state
	if u.ExternalID != "" {
		attributes["scim_external_id"] = u.ExternalID
	}
	return attributes
}

func problemText(p mapping.Problem) string {
	if p.Attribute == "" {
		return p.Detail
	}
	return p.Attribute + ": " + p.Detail
}

// refusal is why an active user cannot be recorded as he is, nil if he can: no
// deliverable address (V-03), one outside email_domains (V-09), and everything that
// would leave him without a row filter he must have (V-42).
func refusal(res mapping.Result) *Error {
	for _, p := range res.Problems {
		return &Error{Kind: Invalid, Attribute: p.Attribute, Detail: p.Detail}
	}
	return nil
}

// deliverable reports whether there is an address that this tenant may have.
func deliverable(res mapping.Result) bool {
	for _, p := range res.Problems {
		if p.Kind == mapping.NoAddress || p.Kind == mapping.OutsideDomains {
			return false
		}
	}
	return res.EmailKey != ""
}

// point makes the active user u the one who points at the address that res gives, and
// wants there what desire says; it returns the accounts that have something to do. A
// change of address is a rename (V-09, V-22).
func (d *Directory) point(tx store.Tx, by Caller, u *store.User, res mapping.Result, adopting bool) ([]int64, error) {
	var old *account
	if u.Account != 0 {
		a, err := loadAccount(tx, u.Account)
		if err != nil {
			return nil, err
		}
		if a.EmailKey == res.EmailKey {
			a.Tenant, a.UserID = d.o.Tenant, u.ID // an adopted one was nobody's
			if err := errors.Join(d.written(tx, a), d.reactivate(tx, a)); err != nil {
				return nil, err
			}
			w := d.desire(u, res)
			if err := d.refuseContested(a, w); err != nil {
				return nil, err
			}
			changed := a.want(w, tx.Now())
			return ids(a, changed), a.put(tx)
		}
		if d.o.Policy.OnRename == "refuse" {
			return nil, &Error{Kind: Mutability, Attribute: "emails", Detail: fmt.Sprintf(
				"this would change the address %s to %s, and WisdomAI cannot rename (policy on_rename: refuse)",
				d.o.Rules.ShowAddress(a.Email), d.o.Rules.ShowAddress(res.Email))}
		}
		old = a
		old.Tenant, old.UserID = d.o.Tenant, u.ID
		if err := d.written(tx, old); err != nil {
			return nil, err
		}
	}
	a, err := d.claim(tx, u, res, adopting)
	if err != nil {
		return nil, err
	}
	now := tx.Now()
	var touched []int64
	if old != nil {
		adopted := a.Present && a.Version == 0        // somebody else's, by on_rename_conflict
		if err := d.reactivate(tx, old); err != nil { // a rename that waited for reactivation (V-02)
			return nil, err
		}
		if !adopted { // carried over to an address that nobody has (V-22)
			a.giveBackAlso(old.manual().union(old.memory.Swallowed), old.foreign())
			if gb := old.memory.GiveBack; gb != nil {
				a.giveBackAlso(gb.Roles, gb.Attributes)
			}
		}
		if err := d.recordRemoval(tx, by, u, old, removedRenamed, nil); err != nil {
			return nil, err
		}
		d.leave(u, old, d.o.Policy.OnRename == "delete_old", tx)
		if err := old.put(tx); err != nil {
			return nil, err
		}
		touched = append(touched, old.ID)
	}
	w := d.desire(u, res)
	if err := d.refuseContested(a, w); err != nil {
		return nil, err
	}
	a.want(w, now)
	if err := a.put(tx); err != nil {
		return nil, err
	}
	u.Account = a.ID
	return append(touched, a.ID), nil
}

// leave makes an account a former user's: suspended, or absent. What was given by
// hand is set aside first, for the same user coming back (V-09, V-10).
func (d *Directory) leave(u *store.User, a *account, remove bool, tx store.Tx) {
	now := tx.Now()
	a.setAsideAlso(a.manual(), nil, now)
	a.setAsideKept(now)
	a.Former = true
	a.want(d.desireGone(u, remove), now)
	a.Taking = true
}

// claim finds or makes the account of an address for u, and refuses one that somebody else has.
func (d *Directory) claim(tx store.Tx, u *store.User, res mapping.Result, adopting bool) (*account, error) {
	row, err := tx.AccountByEmail(d.o.Workspace, res.EmailKey)
	if errors.Is(err, store.ErrNotFound) {
		return &account{Account: &store.Account{Workspace: d.o.Workspace, EmailKey: res.EmailKey, Email: res.Email, Tenant: d.o.Tenant, UserID: u.ID}}, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := decodeAccount(row)
	if err != nil {
		return nil, err
	}
	if a.Tenant != "" && a.Tenant != d.o.Tenant {
		// Only where the tenants' bounds were changed: whom another manages does not exist here (V-36).
		return nil, &Error{Kind: Conflict, Attribute: "emails", Detail: fmt.Sprintf(
			"the address %s is not this tenant's to manage: another one on the same WisdomAI workspace has it", d.o.Rules.ShowAddress(res.Email))}
	}
	holder, err := tx.UserByAccount(a.ID)
	if err == nil && holder.Tenant != d.o.Tenant && !holder.Managed { // shown elsewhere, while the bounds were others
		if err := tx.HideUser(holder.Tenant, holder.ID); err != nil {
			return nil, err
		}
		err = store.ErrNotFound
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		if a.Present && !a.Former && !adopting && d.o.Policy.OnRenameConflict != "adopt" { // there, and not shown
			return nil, &Error{Kind: Conflict, Attribute: "emails", Detail: fmt.Sprintf(
				"the address %s belongs to somebody at WisdomAI already (policy on_rename_conflict: refuse)", d.o.Rules.ShowAddress(a.Email))}
		}
	case err != nil:
		return nil, err
	case holder.ID == u.ID:
	case holder.Managed:
		return nil, &Error{Kind: Conflict, Attribute: "emails", Detail: fmt.Sprintf("the address %s is already used by user %s (%s)",
			d.o.Rules.ShowAddress(a.Email), holder.ID, holder.UserName)}
	case adopting || d.o.Policy.OnRenameConflict == "adopt":
		if err := tx.HideUser(d.o.Tenant, holder.ID); err != nil {
			return nil, err
		}
		if err := tx.PutAlias(d.o.Tenant, holder.ID, u.ID); err != nil {
			return nil, err
		}
	default:
		return nil, &Error{Kind: Conflict, Attribute: "emails", Detail: fmt.Sprintf(
			"the address %s belongs to somebody at WisdomAI already, user %s (policy on_rename_conflict: refuse)", d.o.Rules.ShowAddress(a.Email), holder.ID)}
	}
	if a.Former && a.UserID != u.ID {
		if why, err := d.protects(tx, a, false); err != nil {
			return nil, err
		} else if why != "" && len(a.held()) > 0 { // a new hire must not inherit what V-34 keeps (V-10)
			return nil, &Error{Kind: Protected, Attribute: "emails", Detail: fmt.Sprintf(
				"the address %s has the account of somebody who left and is protected: %s", d.o.Rules.ShowAddress(a.Email), why)}
		}
		a.takeOver(tx.Now())
	}
	// The same user renaming back gets back what was set aside.
	if err := d.reactivate(tx, a); err != nil {
		return nil, err
	}
	a.Former, a.Tenant, a.UserID = false, d.o.Tenant, u.ID
	return a, nil
}

// reactivate turns what a suspension set aside into what is given back, if it is not
// too long ago (V-22), and withdraws a delete that is held. It does nothing for
// somebody who is present and not a former user.
func (d *Directory) reactivate(tx store.Tx, a *account) error {
	if a.desired.State == present && !a.Former {
		return nil
	}
	if err := d.withdrawHolds(tx, a); err != nil {
		return err
	}
	if sa := a.memory.SetAside; sa != nil && tx.Now().Sub(sa.At) <= d.o.Policy.SuspendRemember {
		a.giveBackAlso(sa.Roles, sa.Attributes)
		d.event(tx, Caller{}, "roles.given_back", a.UserID, a.Email, map[string]any{"roles": sa.Roles, "set_aside": sa.At})
	} else if sa != nil {
		d.event(tx, Caller{}, "roles.forgotten", a.UserID, a.Email, map[string]any{"roles": sa.Roles, "set_aside": sa.At})
	}
	a.memory.SetAside = nil
	return d.settleRemovals(tx, a, "reactivated")
}

// suspend makes the account of a user who is not active suspended, keeping its address
// whatever the document says now (V-02). Somebody without an account is linked to the
// one that exists at his address, so that he has no access there; no address is created.
func (d *Directory) suspend(tx store.Tx, by Caller, u *store.User, res mapping.Result) ([]int64, error) {
	var a *account
	if u.Account != 0 {
		var err error
		if a, err = loadAccount(tx, u.Account); err != nil {
			return nil, err
		}
	} else if deliverable(res) {
		claimed, err := d.claim(tx, u, res, true)
		var refused *Error
		if errors.As(err, &refused) {
			return nil, nil // somebody else's: V-02 refuses nothing
		}
		if err != nil {
			return nil, err
		}
		if claimed.ID == 0 {
			return nil, nil
		}
		a = claimed
		u.Account = a.ID
	}
	if a == nil {
		return nil, nil
	}
	if a.desired.State == "" || a.desired.State == present {
		if err := d.mustStay(tx, a, wish{}); err != nil { // the one thing that refuses a deactivation (V-34)
			return nil, err
		}
	}
	a.Tenant, a.UserID = d.o.Tenant, u.ID
	if a.desired.State == present || a.desired.State == "" && a.Present {
		if err := d.recordRemoval(tx, by, u, a, removedDeactivated, nil); err != nil {
			return nil, err
		}
	}
	if err := d.written(tx, a); err != nil {
		return nil, err
	}
	a.setAsideKept(tx.Now())
	changed := a.want(d.desire(u, res), tx.Now())
	a.Taking = a.Taking || changed
	return ids(a, changed), a.put(tx)
}

// ids is the account's id if there is something to do about it.
func ids(a *account, changed bool) []int64 {
	if changed || !a.Due.IsZero() {
		return []int64{a.ID}
	}
	return nil
}
