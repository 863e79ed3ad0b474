package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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

// isSeen reports whether the look showed the address; nil is one that nobody ever had.
func (k *known) isSeen() bool { return k != nil && k.seen }

// look makes one complete listUsers and applies it. What differs from what is known is
// staged while the listing streams; nothing is concluded before it is complete (V-23).
func (d *Directory) look(ctx context.Context) (store.Look, error) {
	d.askOwner(ctx)
	// The begin is drawn before the known accounts are read and before the call: whatever
	// is delivered from here on overlaps.
	look, err := d.takeTurn(ctx)
	if err != nil {
		return store.Look{}, err
	}
	accounts := map[string]*known{}
	var v verdict
	kept, release := d.keepTurn(ctx, look)
	sight, err := d.readKnown(kept, accounts)
	if err == nil {
		err = d.list(kept, look, accounts)
	}
	if err == nil {
		v, err = d.judge(kept, look, accounts)
		v.sight = sight
	}
	if err == nil {
		err = d.apply(kept, look, accounts, v)
	}
	for _, n := range d.neighbours() {
		if err == nil {
			err = n.rebuildIfNew(kept)
		}
	}
	if cause := context.Cause(kept); cause != nil && ctx.Err() == nil {
		err = cause
	}
	release()
	d.endLook(ctx, look, accounts, v, err)
	return *look, err
}

// readKnown reads what the rows are compared with. All of them differ if the tenants see
// others than when the last look was applied (V-36): who is shown to whom is then settled anew.
func (d *Directory) readKnown(ctx context.Context, accounts map[string]*known) (sight string, err error) {
	sight = d.sightOfAll()
	return sight, d.store.View(ctx, func(tx store.Tx) error {
		was, err := readState[string](tx, d.ofWorkspace("sight"))
		if err != nil {
			return err
		}
		anew := was != sight
		for k, err := range tx.KnownAccounts(d.o.Workspace) {
			if err != nil {
				return err
			}
			if anew {
				k.RowHash = 0
			}
			accounts[k.EmailKey] = &known{hash: k.RowHash, present: k.Present}
		}
		return nil
	})
}

var errOlderLook = errors.New("a newer listing was applied meanwhile")

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
		if len(key) > longestText {
			d.o.Log.Warn("WisdomAI lists an address that is too long to be one; it is passed over", "id", u.ID, "bytes", len(key))
			return nil
		}
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
func (d *Directory) endLook(ctx context.Context, look *store.Look, accounts map[string]*known, v verdict, err error) {
	look.State = store.LookApplied
	var disbelieved *disbelievedError
	switch {
	case errors.Is(err, errOlderLook):
		look.State = store.LookDiscarded
	case errors.As(err, &disbelieved):
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
		if _, err := d.ownTurn(tx, look); err != nil {
			return err // whoever took it for dead has said what became of it
		}
		if err := d.noteLook(tx, look.State, err); err != nil {
			return err
		}
		if err == nil {
			if err := d.believe(tx, look, accounts, v); err != nil {
				return err
			}
		}
		if err := d.pruneLooks(tx); err != nil {
			return err
		}
		if err := tx.DropStaged(d.o.Workspace, look.Number); err != nil {
			return err
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
		d.back(ctx)
	}
	for _, n := range d.neighbours() {
		if n != d {
			n.looker.prod()
		}
	}
}

// keepLooks is how long the looks' rows are kept to be read by people: some 5,000 of them
// at one a minute.
const keepLooks = 3 * 24 * time.Hour

// pruneLooks forgets old looks, now and then.
func (d *Directory) pruneLooks(tx store.Tx) error {
	now := tx.Now()
	if now.Sub(d.pruned) < time.Hour {
		return nil
	}
	whenCommitted(tx, func() { d.pruned = now })
	return tx.PruneLooks(d.o.Workspace, now.Add(-keepLooks))
}

// looked wakes those who wait for a look, or tells them that it will take longer.
func (d *Directory) looked(ctx context.Context, look store.Look, err error) {
	switch {
	case ctx.Err() != nil:
	case look.State == store.LookDisbelieved:
		d.o.Log.Warn("a listing of WisdomAI's users is not believed and changes nothing; if so many people were really removed, say so",
			"reason", err, "run", fmt.Sprintf("scimbridge listing accept %d --tenant %s", look.Number, d.o.Tenant))
		d.queue.giveUpWaiting(err)
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
func (d *Directory) apply(ctx context.Context, look *store.Look, accounts map[string]*known, v verdict) error {
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
			return d.applyRow(tx, look, rows[i].EmailKey, &u, false)
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
		if err := d.applyBatch(ctx, look, n, func(tx store.Tx, i int) error {
			_, removed := slices.BinarySearch(v.removed, batch[i])
			return d.applyRow(tx, look, batch[i], nil, removed)
		}); err != nil {
			return err
		}
		missing = missing[n:]
	}
	return d.applySettled(ctx, look)
}

func (d *Directory) applyBatch(ctx context.Context, look *store.Look, n int, one func(store.Tx, int) error) error {
	return d.store.Update(ctx, func(tx store.Tx) error {
		if _, err := d.ownTurn(tx, look); err != nil {
			return err
		}
		for i := range n {
			if err := one(tx, i); err != nil {
				return fmt.Errorf("applying listing %d: %w", look.Number, err)
			}
		}
		return nil
	})
}

// applyRow takes in one row, or (nil) that an address seen before is not in the listing:
// removed says that it is believed to have been emptied by hand (V-28). It is the business of the
// tenant whose account it is, or who may see it (V-36).
func (d *Directory) applyRow(tx store.Tx, look *store.Look, key string, row *wisdom.User, removed bool) error {
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
	restored, err := d.restoreHold(tx)
	if err != nil {
		return err
	}
	before := a.memory
	whose := d.whose(a)
	if whose != nil {
		d = whose
	}
	found := d.o.observe(a, look, row)
	if removed {
		found = d.o.observeRemoval(a, look)
	}
	if restored.ID != "" {
		found = a.changedMeanwhile(before, found)
	}
	for _, f := range found {
		d.event(tx, Caller{}, f.kind, a.UserID, a.Email, map[string]any{"roles": f.roles, "attributes": f.keys, "detail": f.detail, "look": look.Number})
		if kind, ok := strings.CutPrefix(f.kind, "drift."); ok && d.o.OnDrift != nil {
			tell := d.o.OnDrift
			whenCommitted(tx, func() { tell(kind) })
		}
	}
	if wasPresent && !a.Present {
		if err := d.settleDelete(tx, a); err != nil {
			return err
		}
	}
	goneID := ""
	if !wasPresent {
		goneID = wasID
	}
	d.noteEffect(tx, a, look, row, goneID)
	another := row != nil && row.ID != wasID && (wasID != "" || !wasPresent)
	if a.Former && another && !a.overlaps(look) && a.Uncertain.IsZero() && a.Delivered == a.Version {
		// Somebody was invited anew at a former user's address: he is his own man (V-09).
		a.Former, a.UserID, a.Tenant = false, "", ""
		a.desired, a.owned, a.memory = desired{}, owned{}, memory{}
		a.CreatedByBridge = false
		a.Version, a.Delivered, a.Confirmed = 0, 0, 0
		a.Due, a.Pending, a.Taking, a.Attempts, a.LastError = time.Time{}, time.Time{}, false, 0, ""
		if whose = d.whose(a); whose != nil {
			d = whose
		}
		if err := d.withdrawHolds(tx, a); err != nil {
			return err
		}
	}
	if whose != nil && a.desired.State != "" {
		if err := d.replan(tx, a); err != nil {
			return err
		}
	}
	if err := a.put(tx); err != nil {
		return err
	}
	switch {
	case whose == nil:
		return d.hideUnmanaged(tx, a)
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
	if d = d.whose(a); d == nil {
		return nil
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
