package directory

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// rulesKept are the rules of a Directory: those of the configuration, and those in force.
type rulesKept struct {
	steady  *steadyStore
	file    atomic.Pointer[ruleset]   // what the configuration says
	inForce atomic.Pointer[ruleset]   // what somebody approved; what transactions go by
	held    atomic.Pointer[RulesPlan] // why file is not in force; nil: nothing is held
	offered chan struct{}             // has an element when file was replaced
	judged  *ruleset                  // the file that was planned; keepRules' alone
}

// loadRules finds the rules in force beside those of the file. Before the first start, which approves
// the file, they are the file's.
func (d *Directory) loadRules(tx store.Tx, file *ruleset) error {
	force := file
	kept, err := tx.RulesInForce(d.o.Tenant)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && kept.Hash != file.hash {
		if force, err = approvedRules(kept); err != nil {
			return err
		}
	}
	force.into(&d.o) // the file's too: an earlier run of the transaction may have found others
	d.rules.file.Store(file)
	d.rules.inForce.Store(force)
	return nil
}

// approveFirst approves the rules of a tenant's first start.
func (d *Directory) approveFirst(ctx context.Context) error {
	return d.store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.RulesInForce(d.o.Tenant)
		if errors.Is(err, store.ErrNotFound) {
			err = d.approve(tx, Caller{}, d.rules.inForce.Load())
		}
		return err
	})
}

// OfferRules gives a running Directory the rules of a configuration that was read again.
// They are planned, and put in force or held, while it goes on (V-35). Of o only the rules matter.
func (d *Directory) OfferRules(o Options) error {
	o = o.withDefaults()
	file, err := rulesOf(&o)
	if err != nil {
		return err
	}
	d.rules.file.Store(file)
	select {
	case d.rules.offered <- struct{}{}:
	default:
	}
	return nil
}

// keepRules sees to it that what is approved is in force and carried out, and that what the
// configuration says is planned, until ctx is done.
func (d *Directory) keepRules(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.rules.offered:
		case <-timer.C:
		}
		more, err := d.keepRulesOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.o.Log.Error("the rules could not be seen to; it is tried again", "error", err)
			timer.Reset(10 * d.poll())
		case more:
			timer.Reset(0)
		default:
			timer.Reset(d.poll())
		}
	}
}

// keepRulesOnce takes the next step; more says that there is another one at once.
func (d *Directory) keepRulesOnce(ctx context.Context) (more bool, err error) {
	if err := d.follow(ctx); err != nil {
		return false, err
	}
	switch file := d.rules.file.Load(); {
	case file.hash == d.rules.inForce.Load().hash:
		d.rules.judged = file
		d.rules.held.Store(nil)
	case file != d.rules.judged:
		err := d.review(ctx, file)
		if errors.Is(err, errSuperseded) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		d.rules.judged = file
	}
	return d.carryOutRules(ctx)
}

// follow puts in force what was approved elsewhere: by `scimbridge apply`, or by another
// process on the same store. A configuration that was read before is then no longer judged: the
// one that was approved is newer.
func (d *Directory) follow(ctx context.Context) error {
	var kept *store.Rules
	err := d.store.View(ctx, func(tx store.Tx) error {
		var err error
		kept, err = tx.RulesInForce(d.o.Tenant)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && kept.Hash == d.rules.inForce.Load().hash {
		return nil
	}
	if err != nil {
		return err
	}
	file := d.rules.file.Load()
	force := file
	if kept.Hash != file.hash {
		if force, err = approvedRules(kept); err != nil {
			return err
		}
	}
	d.enforce(force)
	if !file.offered.After(kept.Approved) {
		d.rules.judged = file
	}
	d.rules.held.Store(nil)
	d.o.Log.Info("approved rules are in force", "hash", kept.Hash)
	return nil
}

// review plans a file that differs from the rules in force, and puts it in force or holds it.
func (d *Directory) review(ctx context.Context, file *ruleset) error {
	force := d.rules.inForce.Load()
	plan, err := d.planRules(ctx, file, nil, func(tx store.Tx) (bool, error) {
		kept, err := tx.RulesInForce(d.o.Tenant)
		return d.rules.file.Load() != file || err == nil && kept.Hash != force.hash, err
	})
	if err != nil {
		return err
	}
	if len(plan.Held) > 0 {
		d.rules.held.Store(&plan)
		d.o.Log.Error("the rules of the configuration are HELD: those approved before stay in force until somebody approves the new ones",
			"reasons", plan.Held, "in_force", force.hash, "held", plan.Hash,
			"look", "scimbridge plan --tenant "+d.o.Tenant, "approve", "scimbridge apply --tenant "+d.o.Tenant+" --approve "+plan.Hash)
		return d.store.Update(ctx, func(tx store.Tx) error {
			d.event(tx, Caller{}, "rules.held", "", "", plan)
			return nil
		})
	}
	if err := d.store.Update(ctx, func(tx store.Tx) error { return d.approve(tx, Caller{}, file) }); err != nil {
		return err
	}
	d.enforce(file)
	d.rules.held.Store(nil)
	d.o.Log.Info("the rules of the configuration are in force", "hash", file.hash, "before", force.hash, "affected", plan.Affected, "managed", plan.Managed)
	return nil
}

// carrying is how far approved rules are carried out: first users, then the people whom
// only WisdomAI has. It is kept by the approval and gone when all is done, so that a
// process that dies on the way is gone on for by the next.
type carrying struct {
	Hash     string `json:"hash,omitempty"` // "": nothing is to be carried out
	User     int64  `json:"user,omitempty"` // Seq of the last one who was done
	Accounts bool   `json:"accounts,omitempty"`
	Account  int64  `json:"account,omitempty"`
	Changed  int    `json:"changed,omitempty"` // people for whom something changed
}

// carryBatch is how many people are taken in one transaction: a write of the IdP waits for
// no more than that.
const carryBatch = 100

// carryOutRules makes the next people what the rules in force say. It reports whether there are more.
func (d *Directory) carryOutRules(ctx context.Context) (more bool, err error) {
	var at carrying
	read := func(tx store.Tx) (err error) {
		at, err = readState[carrying](tx, d.ofTenant("rules"))
		return err
	}
	force := d.rules.inForce.Load()
	if err := d.store.View(ctx, read); err != nil || at.Hash == "" {
		return false, err
	}
	done, mine := false, false
	err = d.store.Update(ctx, func(tx store.Tx) error {
		done, mine = false, false
		if err := read(tx); err != nil || at.Hash != force.hash { // approved anew: follow comes first
			return err
		}
		mine = true
		if err := d.carryBatch(tx, &at); err != nil {
			return err
		}
		if at.Hash != "" {
			return writeState(tx, d.ofTenant("rules"), at)
		}
		done = true
		d.event(tx, Caller{}, "rules.carried_out", "", "", map[string]any{"hash": force.hash, "changed": at.Changed})
		return writeState(tx, d.ofTenant("rules"), carrying{})
	})
	if err != nil {
		return false, err
	}
	if done {
		d.o.Log.Info("the rules in force are carried out", "hash", force.hash, "changed", at.Changed)
	}
	d.wakeScheduler()
	return mine && !done, nil
}

func (d *Directory) carryBatch(tx store.Tx, at *carrying) error {
	if !at.Accounts {
		page, err := usersAfter(tx, d.o.Tenant, &store.Position{Seq: at.User}, carryBatch)
		if err != nil {
			return err
		}
		for _, u := range page {
			at.User = u.Seq
			if !u.Managed {
				continue
			}
			touched, err := d.conform(tx, u)
			if err != nil {
				return err
			}
			if len(touched) > 0 {
				at.Changed++
				d.event(tx, Caller{}, "user.rules", u.ID, u.UserName, map[string]any{"hash": at.Hash, "accounts": touched})
			}
		}
		at.Accounts = len(page) < carryBatch
		return nil
	}
	rows, err := tx.Accounts(d.o.Workspace, at.Account, carryBatch)
	if err != nil {
		return err
	}
	for _, row := range rows {
		at.Account = row.ID
		if row.UserID != "" || !row.Present || row.WisdomID == "" {
			continue
		}
		a, err := decodeAccount(row)
		if err != nil {
			return err
		}
		if err := d.showUnmanaged(tx, a, &wisdom.User{ID: a.WisdomID, Email: a.Email, Name: a.Name, Created: a.Created}); err != nil {
			return err
		}
	}
	if len(rows) < carryBatch {
		at.Hash = ""
	}
	return nil
}

// HeldRules is the plan of the configuration's rules if they wait for a person's approval, else nil.
func (d *Directory) HeldRules() *RulesPlan {
	held := d.rules.held.Load()
	if held == nil {
		return nil
	}
	plan := *held
	plan.Held = slices.Clone(held.Held)
	return &plan
}
