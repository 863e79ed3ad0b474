package directory

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// The kinds of holds. At most one of each is open for an account.
const (
	holdDelete    = "delete"    // a delete that was carried out as a suspension (V-08, V-33)
	holdProtected = "protected" // what V-34 does not let happen
)

// Why a delete is held.
const (
	heldAdopted = "not created by the bridge (on_delete_adopted: suspend)"
	heldByBrake = "more deletes than the brake allows"
)

// openHold is the open hold of a kind of an account, nil if there is none.
func openHold(tx store.Tx, account int64, kind string) (*store.Hold, error) {
	open, err := tx.HoldsOf(account)
	if err != nil {
		return nil, err
	}
	for _, h := range open {
		if h.Kind == kind {
			return h, nil
		}
	}
	return nil, nil
}

func (d *Directory) newHold(a *account, kind, reason string, now time.Time) *store.Hold {
	return &store.Hold{Tenant: d.o.Tenant, Workspace: a.Workspace, Kind: kind, Account: a.ID, EmailKey: a.EmailKey,
		WisdomID: a.WisdomID, Reason: reason, Created: now}
}

// ensureHold makes visible that a delete was carried out as a suspension and waits for a person (V-08, V-33).
func (d *Directory) ensureHold(tx store.Tx, a *account, reason string, now time.Time) error {
	h, err := openHold(tx, a.ID, holdDelete)
	if err != nil {
		return err
	}
	switch {
	case h == nil:
		h = d.newHold(a, holdDelete, reason, now)
		d.event(tx, Caller{}, "hold.delete", a.UserID, a.Email, map[string]any{"reason": reason})
	case h.WisdomID == "" && a.WisdomID != "":
		h.WisdomID = a.WisdomID // the bridge had just created him
	case a.memory.Held != nil:
		return nil
	}
	a.memory.Held = &heldDelete{Reason: h.Reason, WisdomID: h.WisdomID, Released: h.Released}
	return tx.PutHold(h)
}

// holdProtected makes visible what V-34 does not let happen to an account.
func (d *Directory) holdProtected(tx store.Tx, a *account, why string, now time.Time) error {
	h, err := openHold(tx, a.ID, holdProtected)
	switch {
	case err != nil:
		return err
	case h == nil:
		h = d.newHold(a, holdProtected, why, now)
		d.event(tx, Caller{}, "hold.protected", a.UserID, a.Email, map[string]any{"reason": why})
	case h.Reason == why:
		return nil
	}
	h.Reason = why
	return tx.PutHold(h)
}

// What became of a hold.
const (
	holdReleased   = "released"
	holdDiscarded  = "discarded"
	holdWithdrawn  = "withdrawn"   // what was held is not wanted any more
	holdCarriedOut = "carried_out" // its reason was gone
)

// closeHold ends a hold.
func (d *Directory) closeHold(tx store.Tx, by Caller, h *store.Hold, outcome, why string) error {
	h.Settled, h.Outcome = tx.Now(), outcome
	detail := map[string]any{"kind": h.Kind, "reason": h.Reason}
	if why != "" {
		detail["detail"] = why
	}
	d.event(tx, by, "hold."+outcome, "", h.EmailKey, detail)
	return tx.PutHold(h)
}

// withdrawHolds settles the holds of an account that is taken up again (V-10).
func (d *Directory) withdrawHolds(tx store.Tx, a *account) error {
	open, err := tx.HoldsOf(a.ID)
	if err != nil {
		return err
	}
	a.memory.Held = nil
	for _, h := range open {
		if err := d.closeHold(tx, Caller{}, h, holdWithdrawn, "the account was taken up again"); err != nil {
			return err
		}
	}
	return nil
}

// settleDelete ends the hold of a delete, if there is one: nobody has the address any more.
func (d *Directory) settleDelete(tx store.Tx, a *account) error {
	if a.memory.Held.released() {
		return d.closeDelete(tx, a, holdReleased, "")
	}
	return d.closeDelete(tx, a, holdWithdrawn, "nobody is there any more")
}

// closeDelete ends the hold of a delete, if there is one.
func (d *Directory) closeDelete(tx store.Tx, a *account, outcome, why string) error {
	if a.memory.Held == nil {
		return nil
	}
	a.memory.Held = nil
	h, err := openHold(tx, a.ID, holdDelete)
	if err != nil || h == nil {
		return err
	}
	return d.closeHold(tx, Caller{}, h, outcome, why)
}

// reviewDelete looks again at a delete that is held, or was released, before the account is worked
// on: it is withdrawn if it is not wanted any more, or if the address has somebody else (V-33).
func (d *Directory) reviewDelete(tx store.Tx, a *account) error {
	switch h := a.memory.Held; {
	case h == nil:
		return nil
	case a.desired.State != absent:
		return d.closeDelete(tx, a, holdWithdrawn, "the delete is not wanted any more")
	case !a.Present:
		return d.settleDelete(tx, a)
	case h.WisdomID != "" && a.WisdomID != "" && h.WisdomID != a.WisdomID:
		return d.closeDelete(tx, a, holdWithdrawn, "the address has somebody else, WisdomAI id "+a.WisdomID)
	}
	return nil
}
