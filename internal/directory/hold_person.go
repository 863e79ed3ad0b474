package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// Hold is something that waits for a person: `scimbridge brake list`.
type Hold struct {
	Kind     string    `json:"kind"`           // delete or protected
	Address  string    `json:"address"`        // at WisdomAI
	User     string    `json:"user,omitempty"` // SCIM id
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`
	Wish     string    `json:"wish,omitempty"`  // what the IdP asked for and was refused: suspend, delete, create
	Token    string    `json:"token,omitempty"` // whose wish it is
	Released time.Time `json:"released,omitzero"`
	Release  string    `json:"release"` // what `brake release` would do
	Discard  string    `json:"discard"` // what `brake discard` would do
}

// Settled is what `brake release` or `brake discard` did about one hold.
type Settled struct {
	Kind    string `json:"kind"`
	Address string `json:"address"`
	// Outcome is released, discarded, withdrawn (it was not wanted any more), or waits: nothing was done.
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// Waits is the outcome of a hold about which nothing could be done.
const Waits = "waits"

// Holds are the open holds of the tenant, oldest first.
func (d *Directory) Holds(ctx context.Context) ([]Hold, error) {
	out := []Hold{}
	err := d.store.View(ctx, func(tx store.Tx) error {
		out = out[:0]
		open, err := tx.Holds(d.o.Tenant)
		if err != nil {
			return err
		}
		for _, h := range open {
			shown, err := d.showHold(tx, h)
			if err != nil {
				return err
			}
			out = append(out, shown)
		}
		return nil
	})
	return out, err
}

func (d *Directory) showHold(tx store.Tx, h *store.Hold) (Hold, error) {
	shown := Hold{Kind: h.Kind, Address: h.EmailKey, Since: h.Created, Reason: h.Reason, Released: h.Released}
	a, err := loadAccount(tx, h.Account)
	if err != nil {
		return shown, err
	}
	w, err := wishOf(h)
	if err != nil {
		return shown, err
	}
	shown.Address, shown.User, shown.Wish, shown.Token = a.Email, cmp.Or(w.User, a.UserID), string(w.What), w.Token
	shown.Discard = d.discarding(a, h, w)
	why, err := d.protects(tx, a, w.What != "")
	if err != nil {
		return shown, err
	}
	switch {
	case h.Kind == holdProtected && why != "":
		shown.Release = "nothing yet: " + why + "; when that is no longer so it is done by itself"
	case h.Kind == holdProtected:
		shown.Release = "nothing: it is being done"
	case why != "":
		shown.Release = "nothing yet: " + why
	case !h.Released.IsZero():
		shown.Release = "released " + h.Released.Format(time.RFC3339) + ", not carried out yet: " + cmp.Or(a.LastError, "waits for a listing")
	default:
		shown.Release = "deletes the account at WisdomAI for ever, beyond the brake, if a listing still shows the address with WisdomAI id " + d.heldID(a, h)
	}
	return shown, nil
}

// heldID is whom a delete is about.
func (d *Directory) heldID(a *account, h *store.Hold) string {
	return cmp.Or(h.WisdomID, a.WisdomID, "(not listed yet)")
}

// discarding says what `brake discard` does.
func (d *Directory) discarding(a *account, h *store.Hold, w wish) string {
	switch {
	case h.Kind == holdDelete:
		return "forgets the delete: the account stays at WisdomAI, suspended, without any role"
	case w.What != "" && d.keeps(a), w.What == "" && a.desired.State == present:
		return "keeps the roles at WisdomAI that he would have lost, until the next write about him; an IdP's wish is forgotten"
	case w.What == wishCreate:
		return "forgets the create: the account stays as it is at WisdomAI, and unmanaged"
	case w.What != "":
		return "forgets the IdP's wish: the user stays active, here and at WisdomAI"
	default:
		return "leaves the account as it is at WisdomAI, with its roles, until the next write about its user"
	}
}

// settleBatch bounds how many holds one transaction settles.
const settleBatch = 200

// Release lets go what is held: of the addresses named, or (none) everything. A delete goes out even
// beyond the brake once a listing that begins after this shows that the address is still the same
// person's (V-33); what V-34 protects is never released, for it is done by itself when its reason is
// gone. It only writes to the store: the running server carries it out. Errors: NotFound for
// an address that nothing is held of.
func (d *Directory) Release(ctx context.Context, by Caller, addresses ...string) ([]Settled, error) {
	return d.settleHolds(ctx, addresses, func(tx store.Tx, a *account, h *store.Hold, w wish) (outcome, detail string, err error) {
		why, err := d.protects(tx, a, w.What != "")
		switch {
		case err != nil:
			return "", "", err
		case why != "":
			return Waits, "nothing was done: " + why, nil
		case h.Kind == holdProtected:
			return Waits, "nothing needs a release: its reason is gone, and the server does it by itself", nil
		case a.memory.Held == nil || a.desired.State != absent || !a.Present:
			a.memory.Held = nil
			return holdWithdrawn, "the delete is not wanted any more", errors.Join(d.closeHold(tx, by, h, holdWithdrawn, ""), a.put(tx))
		case !h.Released.IsZero():
			return holdReleased, "it was released already, " + h.Released.Format(time.RFC3339), nil
		}
		now := tx.Now()
		h.Released, h.WisdomID = now, cmp.Or(h.WisdomID, a.WisdomID)
		a.memory.Held = &heldDelete{Reason: h.Reason, WisdomID: h.WisdomID, Released: now}
		a.memory.LookAfter = now.Add(time.Microsecond) // the resolution of times: one begun at this moment may have been before
		a.due(now)
		a.Attempts, a.Taking = 0, true
		d.event(tx, by, "hold.released", a.UserID, a.Email, map[string]any{"kind": h.Kind, "reason": h.Reason, "wisdom_id": h.WisdomID})
		return holdReleased, fmt.Sprintf("the account is deleted at WisdomAI once a listing shows the address with WisdomAI id %s", d.heldID(a, h)),
			errors.Join(tx.PutHold(h), a.put(tx))
	})
}

// Discard withdraws what is held: of the addresses named, or (none) everything. Whose delete was
// held stays suspended; who was protected stays as he is. Errors: NotFound for an address that nothing is held of.
func (d *Directory) Discard(ctx context.Context, by Caller, addresses ...string) ([]Settled, error) {
	return d.settleHolds(ctx, addresses, func(tx store.Tx, a *account, h *store.Hold, w wish) (outcome, detail string, err error) {
		detail = d.discarding(a, h, w)
		switch {
		case h.Kind == holdDelete:
			if a.desired.State == absent {
				want := a.desired
				want.State = suspended
				a.want(want, tx.Now())
				a.Taking = true
			}
			a.memory.Held = nil
		case d.keeps(a):
			a.memory.Spared = a.Version
			a.due(tx.Now())
		}
		return holdDiscarded, detail, errors.Join(d.closeHold(tx, by, h, holdDiscarded, detail), a.put(tx))
	})
}

// settleHolds settles open holds one by one, in transactions of bounded size.
func (d *Directory) settleHolds(ctx context.Context, addresses []string,
	one func(store.Tx, *account, *store.Hold, wish) (outcome, detail string, err error)) ([]Settled, error) {
	var open []*store.Hold
	err := d.store.View(ctx, func(tx store.Tx) error {
		all, err := tx.Holds(d.o.Tenant)
		if err != nil {
			return err
		}
		open, err = d.ofAddresses(all, addresses)
		return err
	})
	out := []Settled{}
	for len(open) > 0 && err == nil {
		batch := open[:min(len(open), settleBatch)]
		open = open[len(batch):]
		var settled []Settled
		err = d.store.Update(ctx, func(tx store.Tx) error {
			settled = nil
			for _, seen := range batch {
				h, err := openHold(tx, seen.Account, seen.Kind)
				if err != nil {
					return err
				}
				if h == nil || h.ID != seen.ID {
					continue // settled meanwhile
				}
				a, err := loadAccount(tx, h.Account)
				if err != nil {
					return err
				}
				w, err := wishOf(h)
				if err != nil {
					return err
				}
				outcome, detail, err := one(tx, a, h, w)
				if err != nil {
					return err
				}
				settled = append(settled, Settled{Kind: h.Kind, Address: a.Email, Outcome: outcome, Detail: detail})
			}
			return nil
		})
		if err == nil {
			out = append(out, settled...)
		}
	}
	return out, err
}

// ofAddresses are the holds of the addresses, as shown over SCIM or as at WisdomAI; none named: all.
func (d *Directory) ofAddresses(all []*store.Hold, addresses []string) ([]*store.Hold, error) {
	if len(addresses) == 0 {
		return all, nil
	}
	var out []*store.Hold
	for _, address := range addresses {
		key, found := mapping.FoldAddress(address), false
		for _, h := range all {
			if h.EmailKey == key || mapping.FoldAddress(d.o.Rules.ShowAddress(h.EmailKey)) == key {
				out, found = append(out, h), true
			}
		}
		if !found {
			return nil, &Error{Kind: NotFound, Detail: fmt.Sprintf("nothing is held of %s", address)}
		}
	}
	return out, nil
}
