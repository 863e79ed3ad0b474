package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/store"
)

// wish is what an IdP asked for and was refused, because it concerns somebody protected (V-34). It is
// kept in a hold and carried out when he is no longer, unless the IdP has said `active: true` since.
type wish struct {
	What     wishKind        `json:"what,omitempty"`
	User     string          `json:"user,omitempty"`     // SCIM id
	Version  int64           `json:"version,omitempty"`  // of the user then
	Document json.RawMessage `json:"document,omitempty"` // as it was to be
	Token    string          `json:"token,omitempty"`
	Request  string          `json:"request,omitempty"`
}

type wishKind string

const (
	wishSuspend wishKind = "suspend"
	wishDelete  wishKind = "delete"
	wishCreate  wishKind = "create" // of somebody inactive whom WisdomAI has
)

// protectedError ends a write's transaction: V-34 refuses it.
type protectedError struct {
	account *account
	why     string
	wish    wish
}

func (e *protectedError) Error() string { return e.account.Email + ": " + e.why }

// mustStay refuses a write that ends somebody's access if he is protected.
func (d *Directory) mustStay(tx store.Tx, a *account, w wish) error {
	why, err := d.protects(tx, a, true)
	if why == "" || err != nil {
		return err
	}
	return &protectedError{account: a, why: why, wish: w}
}

// wishing adds to a refusal by mustStay what the write was.
func wishing(err error, w wish, doc Document) error {
	var p *protectedError
	if !errors.As(err, &p) {
		return err
	}
	data, e := json.Marshal(doc)
	if e != nil {
		return e
	}
	w.Document = data
	p.wish = w
	return p
}

// refused is the answer to a write that failed. One that V-34 refuses is recorded as a hold before it is answered.
func (d *Directory) refused(ctx context.Context, by Caller, err error) error {
	var p *protectedError
	if !errors.As(err, &p) {
		return translate(err)
	}
	w := p.wish
	w.Token, w.Request = by.Token, by.Request
	err = d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		a, err := loadAccount(tx, p.account.ID)
		if err != nil {
			return err
		}
		h, err := openHold(tx, a.ID, holdProtected)
		if err != nil {
			return err
		}
		if h == nil {
			h = d.newHold(a, holdProtected, p.why, tx.Now())
		}
		before, err := wishOf(h)
		if err != nil {
			return err
		}
		if before.What == wishDelete && w.What != wishDelete {
			return nil // he is to go altogether
		}
		h.Reason = p.why
		if h.Wish, err = json.Marshal(w); err != nil {
			return err
		}
		d.event(tx, by, "hold.protected", w.User, a.Email, map[string]any{"reason": p.why, "wish": w.What})
		return tx.PutHold(h)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return &Error{Kind: Protected, Detail: fmt.Sprintf("%s is protected: %s. Nothing was changed; it is done when this is no longer so, unless the user is written active before",
		d.o.Rules.ShowAddress(p.account.Email), p.why)}
}

func wishOf(h *store.Hold) (wish, error) {
	var w wish
	if len(h.Wish) == 0 {
		return w, nil
	}
	if err := json.Unmarshal(h.Wish, &w); err != nil {
		return w, fmt.Errorf("hold %d: %w", h.ID, err)
	}
	return w, nil
}

// heedActive forgets the wish about a user if a write says that he is active. That his document
// says so before and after tells nothing; that the same write would make him so if he
// were not, does.
func (d *Directory) heedActive(tx store.Tx, by Caller, u *store.User, change func(Document) (Document, error)) error {
	if u.Account == 0 {
		return nil
	}
	h, err := openHold(tx, u.Account, holdProtected)
	if err != nil || h == nil || len(h.Wish) == 0 {
		return err
	}
	doc, err := readDocument(u)
	if err != nil {
		return err
	}
	doc["active"] = false
	if doc, err = change(doc); err != nil || doc["active"] != true {
		return nil // what the write is, and whether it is one, is not decided here
	}
	return d.dropWish(tx, by, h, holdWithdrawn, "the user was written active")
}

// dropWish forgets a wish, and ends its hold unless it is about something else too.
func (d *Directory) dropWish(tx store.Tx, by Caller, h *store.Hold, outcome, why string) error {
	a, err := loadAccount(tx, h.Account)
	if err != nil {
		return err
	}
	if !d.keeps(a) {
		return d.closeHold(tx, by, h, outcome, why)
	}
	h.Wish = nil
	return tx.PutHold(h)
}

// keeps reports whether V-34 keeps something from happening to the account that was accepted.
func (d *Directory) keeps(a *account) bool {
	switch a.desired.State {
	case present:
		b := *a
		b.memory.Kept = nil
		roles, _ := d.o.target(&b)
		return len(a.memory.Kept.filter(a.actual.Roles.has).filter(func(u grant) bool { return !roles.covers(u) })) > 0
	case "":
		return false
	default:
		return !a.Pending.IsZero() && !a.spared()
	}
}

// reviewProtected looks again at everything that V-34 holds, and carries out what it need not
// hold any more. The scheduler calls it each second, so that it matters to nobody why a
// reason is gone: a listing, a call, a new key, another configuration.
func (d *Directory) reviewProtected(ctx context.Context) error {
	var open []*store.Hold
	err := d.store.View(ctx, func(tx store.Tx) error {
		open = nil
		held, err := tx.HoldsOfKind(d.o.Tenant, holdProtected)
		if err != nil {
			return err
		}
		for _, h := range held {
			v, err := d.judgeHold(tx, h)
			if err != nil {
				return err
			}
			if !v.stays {
				open = append(open, h)
			}
		}
		return nil
	})
	for _, h := range open {
		if err == nil {
			err = d.reviewHold(ctx, h, false)
		}
	}
	return err
}

// judgement is what is to become of a protected hold.
type judgement struct {
	stays bool
	wish  wish   // to carry out
	why   string // it is withdrawn, or (stays) cannot be carried out
}

// judgeHold looks at a protected hold anew.
func (d *Directory) judgeHold(tx store.Tx, h *store.Hold) (judgement, error) {
	a, err := loadAccount(tx, h.Account)
	if errors.Is(err, store.ErrNotFound) {
		return judgement{why: "the account is gone"}, nil
	}
	if err != nil {
		return judgement{}, err
	}
	w, err := wishOf(h)
	if err != nil {
		return judgement{}, err
	}
	if w.What == wishSuspend || w.What == wishDelete {
		u, err := tx.User(d.o.Tenant, w.User)
		switch {
		case errors.Is(err, store.ErrNotFound):
			w = wish{}
		case err != nil:
			return judgement{}, err
		case w.What == wishSuspend && !u.Active:
			w = wish{}
		}
	}
	if w.What == "" && !d.keeps(a) {
		return judgement{why: "it is not wanted any more"}, nil
	}
	why, err := d.protects(tx, a, w.What != "")
	if err != nil {
		return judgement{}, err
	}
	return judgement{stays: why != "", wish: w, why: why}, nil
}

// reviewHold carries out, or withdraws, one hold that does not stay. A wish whose document cannot be
// recorded any more, because of what was written since, is carried out without it (plain).
func (d *Directory) reviewHold(ctx context.Context, seen *store.Hold, plain bool) error {
	var touched []int64
	mine := &creating{} // nobody waits for an answer
	err := d.store.Update(ctx, func(tx store.Tx) error {
		touched = nil
		d.release(mine) // fn may run again
		h, err := openHold(tx, seen.Account, holdProtected)
		if err != nil || h == nil || h.ID != seen.ID {
			return err
		}
		v, err := d.judgeHold(tx, h)
		if err != nil || v.stays {
			return err
		}
		if v.why != "" {
			return d.closeHold(tx, Caller{}, h, holdWithdrawn, v.why)
		}
		if plain && v.wish.What == wishCreate { // somebody else has the name, or the address, since
			return d.closeHold(tx, Caller{}, h, holdWithdrawn, "it cannot be recorded any more")
		}
		if err := d.closeHold(tx, Caller{}, h, holdCarriedOut, string(v.wish.What)); err != nil {
			return err
		}
		a, err := loadAccount(tx, h.Account)
		if err != nil {
			return err
		}
		if len(a.memory.Kept) > 0 || d.keeps(a) {
			a.memory.Kept, a.Attempts = nil, 0
			a.due(tx.Now())
			a.Taking = true
			touched = []int64{a.ID}
			if err := a.put(tx); err != nil {
				return err
			}
		}
		more, err := d.carryOut(tx, v.wish, plain, mine)
		touched = append(touched, more...)
		return err
	})
	d.release(mine)
	var refused *Error
	if errors.As(err, &refused) && !plain {
		return d.reviewHold(ctx, seen, true)
	}
	if err != nil {
		return err
	}
	for _, id := range touched {
		d.queue.push(id, true)
	}
	return nil
}

// carryOut makes a wish the write that it was to be.
func (d *Directory) carryOut(tx store.Tx, w wish, plain bool, mine *creating) (touched []int64, err error) {
	by := Caller{Token: w.Token, Request: w.Request}
	doc := Document{}
	if len(w.Document) > 0 {
		if doc, err = readDocument(&store.User{Document: w.Document}); err != nil {
			return nil, err
		}
	}
	switch w.What {
	case wishCreate:
		_, touched, _, err = d.create(tx, by, doc, mine)
		return touched, err
	case wishDelete:
		u, err := tx.User(d.o.Tenant, w.User)
		if err != nil {
			return nil, err
		}
		touched, err = d.remove(tx, by, u)
		return touched, err
	case wishSuspend:
		u, err := tx.User(d.o.Tenant, w.User)
		if err != nil {
			return nil, err
		}
		if plain || u.Version != w.Version { // written since, without a word about active
			if doc, err = readDocument(u); err != nil {
				return nil, err
			}
			doc["active"] = false
		}
		_, touched, err = d.change(tx, by, u, doc, "user.update")
		return touched, err
	}
	return nil, nil
}
