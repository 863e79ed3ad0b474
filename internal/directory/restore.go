package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Restored is what a restore did about one person, or would do.
type Restored struct {
	Address  string    `json:"address"`
	UserID   string    `json:"id"`
	UserName string    `json:"userName,omitempty"`
	Kind     string    `json:"kind"`            // deactivated or deleted: what is undone
	At       time.Time `json:"at"`              // when that was written
	Token    string    `json:"token,omitempty"` // by whom
	Request  string    `json:"request,omitempty"`
	// Active is false for somebody deleted who had been deactivated before, by another write than those undone.
	Active bool `json:"active"`
	// Roles come back because rules give them, ByHand as given by hand. Attributes are those of
	// other systems; ours follow from the document.
	Roles      []string `json:"roles"`
	ByHand     []string `json:"roles_by_hand"`
	Attributes []string `json:"attributes"`
	// Withheld are privileged roles that he had and that no rule gives: only a person gives them back, at WisdomAI.
	Withheld []string `json:"withheld"`
	// Problem is why he was not restored; "" if he was.
	Problem string `json:"problem,omitempty"`
}

// restorer is the actor of a restore's events.
var restorer = Caller{Token: "users restore"}

// errDry takes back a transaction that was only to show what it would do.
var errDry = errors.New("dry run")

// RestoreUser gives back what suspensions and deletions took from the person with that address,
// userName or SCIM id since he was last active (V-38): he is active again, a deleted one under the id that he
// had, with the groups that are still there. It overrides the IdP's word; the IdP's next write about him
// counts as always. dry shows it and changes nothing. Errors: NotFound, Conflict, Invalid.
func (d *Directory) RestoreUser(ctx context.Context, who string, dry bool) (Restored, error) {
	var out Restored
	err := d.store.Update(ctx, func(tx store.Tx) error {
		accounts, err := d.accountsOf(tx, who)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			rows, err := d.restorable(tx, a.ID)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				continue
			}
			if out, err = d.restore(tx, a, rows, rows, true); err != nil {
				return err
			}
			if dry {
				return errDry
			}
			return nil
		}
		return &Error{Kind: NotFound, Detail: fmt.Sprintf("no suspension or deletion that could be given back is recorded of %q", who)}
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	if err == nil {
		d.wakeScheduler()
	}
	return out, translate(err)
}

// RestoreUsers undoes, person by person, what a token has suspended and deleted since a time (V-38). told is
// told of each. Who cannot be restored has a Problem and stops nobody else. Each person is a transaction
// of his own, so that what was interrupted is gone on with by asking once more.
func (d *Directory) RestoreUsers(ctx context.Context, since time.Time, token string, dry bool, told func(Restored) error) error {
	const page = 100
	since = since.Truncate(time.Microsecond) // as the store keeps times
	done := map[int64]bool{}                 // a dry run settles nothing
	for after := int64(0); ; {
		var rows []*store.Removal
		err := d.store.View(ctx, func(tx store.Tx) error {
			var err error
			rows, err = tx.RemovalsBy(d.o.Tenant, token, since, after, page)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, m := range rows {
			after = m.ID
			if done[m.Account] || m.Kind == removedRenamed {
				continue
			}
			done[m.Account] = true
			out, err := d.restoreOf(ctx, m, since, token, dry)
			if err != nil {
				return err
			}
			if out == nil {
				continue // settled meanwhile
			}
			if err := told(*out); err != nil {
				return err
			}
		}
		d.wakeScheduler()
	}
}

// restoreOf is one person of RestoreUsers; nil if there is nothing left to restore.
func (d *Directory) restoreOf(ctx context.Context, m *store.Removal, since time.Time, token string, dry bool) (*Restored, error) {
	var out *Restored
	err := d.store.Update(ctx, func(tx store.Tx) error {
		out = nil
		open, err := d.restorable(tx, m.Account)
		if err != nil {
			return err
		}
		var chosen []*store.Removal
		for _, o := range open {
			if o.Token == token && !o.At.Before(since) {
				chosen = append(chosen, o)
			}
		}
		if len(chosen) == 0 {
			return nil
		}
		a, err := loadAccount(tx, m.Account)
		if err != nil {
			return err
		}
		r, err := d.restore(tx, a, chosen, open, false)
		out = &r
		if err == nil && dry {
			return errDry
		}
		return err
	})
	var refused *Error
	switch {
	case errors.Is(err, errDry), errors.Is(err, store.ErrNotFound):
		return out, nil
	case errors.As(translate(err), &refused):
		if out == nil {
			out = &Restored{}
		}
		out.Address, out.UserID, out.Kind, out.At, out.Token, out.Request = m.EmailKey, m.UserID, m.Kind, m.At, m.Token, m.Request
		out.Problem = refused.Detail
		return out, nil
	}
	return out, err
}

// restorable are the open removals of an account that are a suspension or a deletion.
func (d *Directory) restorable(tx store.Tx, account int64) ([]*store.Removal, error) {
	open, err := tx.RemovalsOf(account)
	return slices.DeleteFunc(open, func(m *store.Removal) bool { return m.Kind == removedRenamed || m.Tenant != d.o.Tenant }), err
}

// restore undoes the chosen ones of the open removals of an account, oldest first. activate says
// that he is to be active whatever he was before them.
func (d *Directory) restore(tx store.Tx, a *account, chosen, open []*store.Removal, activate bool) (Restored, error) {
	last := chosen[len(chosen)-1]
	out := Restored{Address: d.o.Rules.ShowAddress(a.Email), UserID: last.UserID, Kind: last.Kind, At: last.At, Token: last.Token, Request: last.Request}
	var all taken
	var deleted *taken // what the DELETE took, if it is undone
	for _, m := range open {
		t, err := readTaken(m)
		if err != nil {
			return out, err
		}
		is := slices.Contains(chosen, m)
		switch {
		case is && m.Kind == removedDeleted:
			deleted = &t
		case is:
			activate = true // he was active when that was written
		}
		if is {
			all.Hand, all.Ours = all.Hand.union(t.Hand), all.Ours.union(t.Ours)
			all.Foreign = merged(all.Foreign, t.Foreign)
		}
	}
	u, err := d.restoredUser(tx, a, last, deleted)
	if err != nil {
		return out, err
	}
	out.UserName = u.UserName
	doc, err := readDocument(u)
	if err != nil {
		return out, err
	}
	if activate {
		doc["active"] = true
	}
	out.Active, _ = doc["active"].(bool)

	// What was given by hand comes back by the way of a reactivation (V-22), but for privileged roles.
	privileged := func(unit grant) bool { return d.o.Rules.Privileged(unit.Role) }
	hand := all.Hand.filter(func(unit grant) bool { return !privileged(unit) })
	a.memory.SetAside, a.memory.GiveBack, a.memory.Swallowed = nil, nil, nil
	a.setAsideAlso(hand, all.Foreign, tx.Now())
	if err := a.put(tx); err != nil {
		return out, err
	}
	if _, _, err := d.change(tx, restorer, u, doc, "user.restore"); err != nil {
		return out, err
	}
	if u.Account == 0 {
		return out, &Error{Kind: Conflict, Detail: "the address is somebody else's now"}
	}
	now, err := loadAccount(tx, u.Account)
	if err != nil {
		return out, err
	}
	if out.Active && deleted != nil && now.desired.Problem == "" {
		// His groups may be gone with him. What they gave is ours until the IdP's next word about him.
		w := now.desired
		w.Roles = w.Roles.union(all.Ours.filter(func(unit grant) bool { return !privileged(unit) && !w.Roles.covers(unit) }))
		now.want(w, tx.Now())
	}
	if err := d.settleRestored(tx, now, chosen, open); err != nil {
		return out, err
	}
	if err := now.put(tx); err != nil {
		return out, err
	}
	out.tell(now, all)
	for _, unit := range all.Hand.union(all.Ours).filter(privileged) {
		if !now.desired.Roles.covers(unit) && out.Active {
			out.Withheld = append(out.Withheld, unitText(unit))
		}
	}
	d.event(tx, restorer, "access.restored", u.ID, a.Email, map[string]any{"restored": out})
	return out, nil
}

// restoredUser is the user whose access comes back: the one that there is, or the one who was deleted,
// as he was, with the groups of his that are still there.
func (d *Directory) restoredUser(tx store.Tx, a *account, last *store.Removal, deleted *taken) (*store.User, error) {
	if holder, err := tx.UserByAccount(a.ID); err == nil && holder.ID != last.UserID && holder.Managed {
		return nil, &Error{Kind: Conflict, Detail: fmt.Sprintf("the address %s is now that of user %s (%s)", d.o.Rules.ShowAddress(a.Email), holder.ID, holder.UserName)}
	}
	u, err := tx.User(d.o.Tenant, last.UserID)
	if !errors.Is(err, store.ErrNotFound) {
		return u, err
	}
	if deleted == nil {
		return nil, &Error{Kind: Conflict, Detail: fmt.Sprintf("user %s was deleted since, by another token: restore the address by name", last.UserID)}
	}
	now := tx.Now()
	u = &store.User{Tenant: d.o.Tenant, ID: last.UserID, Managed: true, Answered: true, Version: deleted.Version + 1, Created: deleted.Created, Modified: now}
	var doc Document
	u.Document = deleted.Document
	if doc, err = readDocument(u); err != nil {
		return nil, err
	}
	if err := d.writeDocument(u, doc); err != nil {
		return nil, err
	}
	switch other, err := tx.UserByName(d.o.Tenant, u.UserNameKey); {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	case other.Managed:
		return nil, &Error{Kind: Conflict, Detail: fmt.Sprintf("the userName %q is now that of user %s", u.UserName, other.ID)}
	default:
		if err := tx.HideUser(d.o.Tenant, other.ID); err != nil {
			return nil, err
		}
	}
	if err := tx.PutUser(u); err != nil {
		return nil, err
	}
	for _, id := range deleted.Groups {
		g, err := tx.Group(d.o.Tenant, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if _, err := tx.AddMember(d.o.Tenant, store.Member{Group: id, ID: u.ID, Type: "User"}); err != nil {
			return nil, err
		}
		g.Version++
		g.Modified = now
		if err := tx.PutGroup(g); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// settleRestored settles what was given back. What was taken before, and is not undone, stays open.
func (d *Directory) settleRestored(tx store.Tx, a *account, chosen, open []*store.Removal) error {
	a.memory.Removal = 0
	for _, m := range open {
		m.Settled, m.Outcome = time.Time{}, ""
		if slices.Contains(chosen, m) {
			m.Settled, m.Outcome = tx.Now(), "restored"
		} else {
			a.memory.Removal = m.ID
		}
		if err := tx.PutRemoval(m); err != nil {
			return err
		}
	}
	return nil
}

// tell fills in what comes back.
func (r *Restored) tell(a *account, all taken) {
	r.Roles, r.ByHand, r.Attributes, r.Withheld = []string{}, []string{}, []string{}, []string{}
	if !r.Active {
		return
	}
	for _, unit := range a.desired.Roles {
		r.Roles = append(r.Roles, unitText(unit))
	}
	if gb := a.memory.GiveBack; gb != nil {
		for _, unit := range gb.Roles.filter(func(unit grant) bool { return !a.desired.Roles.covers(unit) }) {
			r.ByHand = append(r.ByHand, unitText(unit))
		}
		for k := range gb.Attributes {
			if _, ours := a.desired.Attributes[k]; !ours && all.Foreign[k] != "" {
				r.Attributes = append(r.Attributes, k)
			}
		}
		slices.Sort(r.Attributes)
	}
}

// unitText is a unit of access in words: "EXPLORER at x".
func unitText(u grant) string {
	if u.Scope == "" {
		return u.Role
	}
	return u.Role + " at " + u.Scope
}

// merged is what both have; where they differ, what the first has.
func merged(first, second map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{second, first} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}
