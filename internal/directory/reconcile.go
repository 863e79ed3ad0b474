package directory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// Planned is what there is to do about one account.
type Planned struct {
	Address string        `json:"address"`
	User    string        `json:"user"`
	Calls   []PlannedCall `json:"calls,omitempty"` // in order
	// Waits is why it cannot be said or done yet; Held is why nothing would be given although it
	// was let go.
	Waits string `json:"waits,omitempty"`
	Held  string `json:"held,omitempty"`
}

// PlannedCall is one call to WisdomAI by what it changes.
type PlannedCall struct {
	Call   string   `json:"call"` // create, roles, setUserAttributes, deleteUsers
	Give   []string `json:"give,omitempty"`
	Take   []string `json:"take,omitempty"`
	Set    []string `json:"set,omitempty"`    // attribute keys: their values are people's data
	Remove []string `json:"remove,omitempty"` // attribute keys
}

// gives reports whether anything would be given to the person.
func (p Planned) gives() bool {
	return p.Held == "" && slices.ContainsFunc(p.Calls, func(c PlannedCall) bool {
		return c.Call == string(stepCreate) || len(c.Give)+len(c.Set)+len(c.Remove) > 0
	})
}

// Reconciled is what Reconcile found.
type Reconciled struct {
	Look store.Look // the listing that it went by; the zero value if there is none
	// People have something to do; Again of them get back what drift had left (V-30).
	People, Again int
	Hold          RestoreHold // it still holds what gives
}

// Reconcile makes everybody's desired state, or that of the people at some addresses, be
// delivered again now: what somebody else took away is given again, what was refused for good is
// tried again, and what a rebind holds is let go. It tells what there is to do by the last
// listing; the calls that follow are computed from what is there when they are sent (V-12). dry changes nothing.
func (d *Directory) Reconcile(ctx context.Context, by Caller, addresses []string, dry bool, told func(Planned) error) (Reconciled, error) {
	var r Reconciled
	err := d.store.View(ctx, func(tx store.Tx) error {
		s, err := d.sight(tx, tx.Now())
		if err != nil {
			return err
		}
		if s.look != nil {
			r.Look = *s.look
		}
		r.Hold, err = d.restoreHold(tx)
		return err
	})
	if err != nil {
		return r, err
	}
	var due []int64
	err = d.rehearseAll(ctx, addresses, true, func(p Planned, account int64, again bool) error {
		due = append(due, account)
		r.People++
		if again {
			r.Again++
		}
		return told(p)
	})
	if err != nil || dry {
		return r, err
	}
	for batch := range slices.Chunk(due, applyBatch) {
		err := d.store.Update(ctx, func(tx store.Tx) error {
			for _, id := range batch {
				a, err := loadAccount(tx, id)
				if err != nil {
					return err
				}
				again := a.reconciled()
				a.due(tx.Now())
				a.Attempts, a.Failed = 0, 0
				d.event(tx, by, "account.reconciled", a.UserID, a.Email, map[string]any{"lost_given_again": again})
				if err := a.put(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return r, err
		}
	}
	d.wakeScheduler()
	return r, nil
}

// reconciled lifts from the account what a person's word lifts; it reports whether
// somebody else's change was left as it was, and is now ours to repair.
func (a *account) reconciled() bool {
	a.memory.Rebound = false
	return a.endDrift()
}

// rehearseAll tells everybody of the tenant for whom there is something to do, in
// transactions of bounded size, as if no restore held it; reconciled: and as if Reconcile had
// been called, which again says makes a difference for him. One of the addresses that nobody
// here has is refused.
func (d *Directory) rehearseAll(ctx context.Context, addresses []string, reconciled bool, told func(p Planned, account int64, again bool) error) error {
	one := func(tx store.Tx, s sight, row *store.Account) error {
		if row.Tenant != d.o.Tenant {
			return nil
		}
		a, err := decodeAccount(row)
		if err != nil || a.desired.State == "" {
			return err
		}
		again := reconciled && a.reconciled()
		p := d.playThrough(a, s)
		if len(p.Calls) == 0 && p.Waits == "" {
			return nil
		}
		return told(p, row.ID, again)
	}
	if len(addresses) > 0 {
		return d.store.View(ctx, func(tx store.Tx) error {
			s, err := d.sight(tx, tx.Now())
			if err != nil {
				return err
			}
			for _, address := range addresses {
				found, err := d.accountsOf(tx, address)
				if err != nil {
					return err
				}
				for _, a := range found {
					if a.Workspace != d.o.Workspace {
						continue
					}
					if err := one(tx, s, a.Account); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	for after, more := int64(0), true; more; {
		err := d.store.View(ctx, func(tx store.Tx) error {
			s, err := d.sight(tx, tx.Now())
			if err != nil {
				return err
			}
			rows, err := tx.Accounts(d.o.Workspace, after, applyBatch)
			if err != nil {
				return err
			}
			more = len(rows) == applyBatch
			for _, row := range rows {
				after = row.ID
				if err := one(tx, s, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// playThrough goes through the steps that the account's plan would take if each was answered
// OK, starting from what the last listing showed. It changes the account.
func (d *Directory) playThrough(a *account, s sight) Planned {
	p := Planned{Address: d.o.Rules.ShowAddress(a.Email), User: a.UserID}
	s.restored = time.Time{}
	if s.look != nil {
		s.now = s.look.Begun
	}
	a.Pending, a.memory.LookAfter = time.Time{}, time.Time{}
	if a.unwritten() {
		p.Held = heldUnwritten
	}
	const most = 6 // take, set, give, and one more of each
	for range most {
		st := d.o.plan(a, s)
		switch st.kind {
		case stepNone:
			return p
		case stepWait:
			p.Waits = st.reason
			return p
		}
		p.Calls = append(p.Calls, plannedCall(a, st))
		a.answered(st)
		if st.kind == stepCreate {
			a.WisdomID = "new"
		}
	}
	return p
}

func plannedCall(a *account, st step) PlannedCall {
	c := PlannedCall{Call: string(st.kind)}
	has := a.actual.Roles
	switch st.kind {
	case stepCreate, stepRoles:
		c.Give = unitTexts(st.roles.filter(func(u mapping.Grant) bool { return !has.covers(u) }))
		c.Take = unitTexts(has.filter(func(u mapping.Grant) bool { return !st.roles.covers(u) }))
	case stepDelete:
		c.Take = unitTexts(has)
	}
	if st.kind == stepCreate || st.kind == stepAttributes {
		for _, k := range slices.Sorted(maps.Keys(st.attributes)) {
			if v, there := a.actual.Database[k]; !there || v != st.attributes[k] {
				c.Set = append(c.Set, k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(a.actual.Database)) {
			if _, stays := st.attributes[k]; !stays && st.kind == stepAttributes {
				c.Remove = append(c.Remove, k)
			}
		}
	}
	return c
}
