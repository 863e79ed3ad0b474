package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

const (
	// stageBatch is how many changed rows of a running look go into one transaction.
	stageBatch = 500
	// applyBatch is how many rows are applied in one transaction: small enough that a
	// write of the IdP does not wait noticeably behind the first look of a large workspace.
	applyBatch = 200
)

// known is what the listing's rows are compared with.
type known struct {
	hash    int64
	present bool
	seen    bool
}

// look makes one complete listUsers and applies it. What differs from what is known is
// staged while the listing streams; nothing is concluded before it is complete (V-23).
func (d *Directory) look(ctx context.Context) (store.Look, error) {
	var look *store.Look
	accounts := map[string]*known{}
	err := d.store.Update(ctx, func(tx store.Tx) error {
		var err error
		look, err = tx.BeginLook(d.o.Workspace)
		return err
	})
	if err != nil {
		return store.Look{}, err
	}
	// The begin is drawn before the known accounts are read and before the call: whatever
	// is delivered from here on overlaps.
	err = d.store.View(ctx, func(tx store.Tx) error {
		for k, err := range tx.KnownAccounts(d.o.Workspace) {
			if err != nil {
				return err
			}
			accounts[k.EmailKey] = &known{hash: k.RowHash, present: k.Present}
		}
		return nil
	})
	if err == nil {
		err = d.list(ctx, look, accounts)
	}
	if err == nil && look.Users == 0 {
		err = errEmptyListing // V-28: an instance always has an administrator
	}
	if err == nil {
		err = d.apply(ctx, look, accounts)
	}
	d.endLook(ctx, look, err)
	return *look, err
}

var (
	errEmptyListing = errors.New("WisdomAI listed no users at all: not believed, check the workspace and the token")
	errOlderLook    = errors.New("a newer listing was applied meanwhile")
)

// list streams the listing and stages the rows that differ.
func (d *Directory) list(ctx context.Context, look *store.Look, accounts map[string]*known) error {
	var rows []store.LookRow
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		err := d.store.Update(ctx, func(tx store.Tx) error { return tx.StageRows(d.o.Workspace, look.Number, rows) })
		rows = nil
		return err
	}
	err := d.wisdom.ListUsers(ctx, func(u wisdom.User) error {
		look.Users++
		key := mapping.FoldAddress(u.Email)
		k := accounts[key]
		if k == nil {
			k = &known{}
			accounts[key] = k
		}
		if k.seen {
			d.o.Log.Warn("WisdomAI lists one address twice; the second is passed over", "id", u.ID)
			return nil
		}
		k.seen = true
		if k.present && k.hash == rowHash(&u) {
			return nil
		}
		row, err := json.Marshal(u)
		if err != nil {
			return err
		}
		rows = append(rows, store.LookRow{EmailKey: key, Row: row})
		if len(rows) < stageBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// endLook records what became of a look.
func (d *Directory) endLook(ctx context.Context, look *store.Look, err error) {
	look.State = store.LookApplied
	switch {
	case errors.Is(err, errOlderLook):
		look.State = store.LookDiscarded
	case errors.Is(err, errEmptyListing):
		look.State = store.LookDisbelieved
	case err != nil:
		look.State = store.LookFailed
	}
	if err != nil {
		look.Detail = err.Error()
	}
	recovered := d.looker.failing() != nil // WisdomAI is back
	werr := d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		look.Ended = tx.Now()
		if err := d.noteLook(tx, look.State, err); err != nil {
			return err
		}
		if err := tx.DropStaged(d.o.Workspace, look.Number); err != nil {
			return err
		}
		if err == nil && recovered {
			if err := d.rouse(tx); err != nil {
				return err
			}
		}
		return tx.PutLook(look)
	})
	if werr != nil {
		d.o.Log.Error("the end of a listing could not be recorded", "error", werr)
	}
	if d.o.OnLook != nil {
		d.o.OnLook(*look)
	}
	if err == nil && recovered {
		d.wakeScheduler()
	}
}

// looked wakes those who wait for a look, or tells them that it will take longer.
func (d *Directory) looked(ctx context.Context, look store.Look, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil:
		d.o.Log.Warn("listing WisdomAI's users failed; it is tried again", "error", err)
		d.queue.giveUpWaiting(err)
	default:
		if next := d.queue.unpark(look.Begun); !next.IsZero() {
			d.looker.want(next)
		}
	}
}

// apply takes in a complete look: its changed rows, who is missing, and what it settles.
func (d *Directory) apply(ctx context.Context, look *store.Look, accounts map[string]*known) error {
	err := d.store.View(ctx, func(tx store.Tx) error {
		last, err := tx.LastLook(d.o.Workspace, store.LookApplied)
		if err == nil && last.Number > look.Number {
			return errOlderLook // V-23
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	after := ""
	for {
		var rows []store.LookRow
		err := d.store.View(ctx, func(tx store.Tx) error {
			var err error
			rows, err = tx.StagedRows(d.o.Workspace, look.Number, after, applyBatch)
			return err
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if err := d.applyBatch(ctx, look, len(rows), func(tx store.Tx, i int) error {
			var u wisdom.User
			if err := json.Unmarshal(rows[i].Row, &u); err != nil {
				return err
			}
			return d.applyRow(tx, look, rows[i].EmailKey, &u)
		}); err != nil {
			return err
		}
		after = rows[len(rows)-1].EmailKey
	}
	var missing []string
	for key, k := range accounts {
		if k.present && !k.seen {
			missing = append(missing, key)
		}
	}
	for len(missing) > 0 {
		n := min(len(missing), applyBatch)
		batch := missing[:n]
		if err := d.applyBatch(ctx, look, n, func(tx store.Tx, i int) error { return d.applyRow(tx, look, batch[i], nil) }); err != nil {
			return err
		}
		missing = missing[n:]
	}
	return d.applySettled(ctx, look)
}

func (d *Directory) applyBatch(ctx context.Context, look *store.Look, n int, one func(store.Tx, int) error) error {
	return d.store.Update(ctx, func(tx store.Tx) error {
		for i := range n {
			if err := one(tx, i); err != nil {
				return fmt.Errorf("applying listing %d: %w", look.Number, err)
			}
		}
		return nil
	})
}

// applyRow takes in one row, or (nil) that an address seen before is not in the listing.
func (d *Directory) applyRow(tx store.Tx, look *store.Look, key string, row *wisdom.User) error {
	stored, err := tx.AccountByEmail(d.o.Workspace, key)
	if errors.Is(err, store.ErrNotFound) {
		if row == nil {
			return nil
		}
		stored, err = &store.Account{Workspace: d.o.Workspace, EmailKey: key, Email: row.Email}, nil
	}
	if err != nil {
		return err
	}
	a, err := decodeAccount(stored)
	if err != nil {
		return err
	}
	wasID, wasPresent := a.WisdomID, a.Present
	if !wasPresent {
		wasID = a.memory.GoneID
	}
	for _, f := range d.o.observe(a, look, row) {
		d.event(tx, Caller{}, f.kind, a.UserID, a.Email, map[string]any{"roles": f.roles, "attributes": f.keys, "detail": f.detail, "look": look.Number})
	}
	goneID := ""
	if !wasPresent {
		goneID = wasID
	}
	d.noteEffect(tx, a, look, row, goneID)
	another := row != nil && row.ID != wasID && (wasID != "" || !wasPresent)
	if a.Former && another && !a.overlaps(look) && a.Uncertain.IsZero() {
		// Somebody was invited anew at a former user's address: he is his own man (V-09).
		a.Former, a.UserID, a.Tenant = false, "", ""
		a.desired, a.owned, a.memory = desired{}, owned{}, memory{}
		a.CreatedByBridge = false
		a.Version, a.Delivered, a.Confirmed = 0, 0, 0
		if err := d.withdrawHolds(tx, a, tx.Now()); err != nil {
			return err
		}
	}
	if a.desired.State != "" {
		if err := d.replan(tx, a); err != nil {
			return err
		}
	}
	if err := a.put(tx); err != nil {
		return err
	}
	switch {
	case a.UserID == "" && row == nil && wasPresent && !a.Present:
		return d.hideUnmanaged(tx, a)
	case a.UserID == "" && row != nil:
		return d.showUnmanaged(tx, a, row)
	case a.UserID != "" && !a.Former && row != nil && !a.CreatedByBridge && a.WisdomID != wasID:
		// Adopted before anybody knew: the id under which he would have been shown stays good (V-07).
		if id := d.unmanagedID(a.WisdomID); id != a.UserID {
			return tx.PutAlias(d.o.Tenant, id, a.UserID)
		}
	}
	return nil
}

// replan makes the account due if what a look showed leaves a difference.
func (d *Directory) replan(tx store.Tx, a *account) error {
	now := tx.Now()
	s, err := d.sight(tx, now)
	if err != nil {
		return err
	}
	st := d.o.plan(a, s)
	if st.kind == stepNone || (a.refusedForGood() && !st.taking) {
		return nil
	}
	if a.Due.IsZero() {
		a.due(now)
	}
	a.Taking = st.taking
	d.wakeScheduler()
	return nil
}

// applySettled confirms, or makes due again, the accounts that this look settles.
func (d *Directory) applySettled(ctx context.Context, look *store.Look) error {
	var rows []*store.Account
	err := d.store.View(ctx, func(tx store.Tx) error {
		var err error
		rows, err = tx.UnconfirmedAccounts(d.o.Workspace)
		return err
	})
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		n := min(len(rows), applyBatch)
		batch := rows[:n]
		err := d.applyBatch(ctx, look, n, func(tx store.Tx, i int) error { return d.settle(tx, look, batch[i].ID) })
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (d *Directory) settle(tx store.Tx, look *store.Look, id int64) error {
	a, err := loadAccount(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := tx.Now()
	if !d.o.settled(a, look) {
		if !a.CallDeadline.IsZero() {
			d.looker.noteUnconfirmed(a.CallDeadline.Add(d.o.Listing.Settle))
		}
		return nil
	}
	s := sight{now: now, look: look, mayDelete: func() bool { return d.mayDelete(tx, now) }}
	if d.o.confirm(a, s) {
		d.event(tx, Caller{}, "delivery.confirmed", a.UserID, a.Email, map[string]any{"state": a.desired.State, "version": a.Confirmed, "look": look.Number})
	} else {
		d.unsettled(tx, a)
		d.wakeScheduler()
	}
	return a.put(tx)
}

// unmanagedID is the SCIM id under which somebody is shown whom only WisdomAI has. It is made
// from the tenant and the WisdomAI id, so it survives the loss of the database.
func (d *Directory) unmanagedID(wisdomID string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("scimbridge:"+d.o.Tenant+":"+wisdomID)).String()
}
