package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// PendingAccount is an account that something is to be done about, or that was refused.
type PendingAccount struct {
	Address string `json:"address"`
	User    string `json:"user,omitempty"` // SCIM id of whom it belongs, or belonged, to
	// State is pending, uncertain (a call was not answered) or failed.
	State  DeliveryState `json:"state"`
	Taking bool          `json:"taking"` // access that should be gone
	// Next says what would be sent now, as far as that is known.
	Next      string    `json:"next"`
	Since     time.Time `json:"since,omitzero"`
	Attempts  int       `json:"attempts"`
	LastError string    `json:"last_error,omitempty"` // or what it waits for
	NextTry   time.Time `json:"next_try,omitzero"`    // zero: not by itself
}

// NeedsPerson reports whether somebody should look: it failed, or access that should be
// gone is still there after a minute.
func (p PendingAccount) NeedsPerson(now time.Time) bool {
	return p.State == DeliveryFailed || p.Taking && now.Sub(p.Since) > time.Minute
}

// PendingAccounts are at most limit accounts of the tenant that have something to do or
// have failed: takings first, then who has waited longest, those that failed last.
func (d *Directory) PendingAccounts(ctx context.Context, limit int) ([]PendingAccount, error) {
	var found []PendingAccount
	err := d.store.View(ctx, func(tx store.Tx) error {
		found = nil
		halted, err := d.halted(tx)
		if err != nil {
			return err
		}
		s, err := d.sight(tx, tx.Now())
		if err != nil {
			return err
		}
		seen := map[int64]bool{}
		add := func(row *store.Account) error {
			if row.Tenant != d.o.Tenant || seen[row.ID] {
				return nil
			}
			seen[row.ID] = true
			a, err := decodeAccount(row)
			if err != nil {
				return err
			}
			found = append(found, d.pendingAccount(a, s, halted))
			return nil
		}
		for _, taking := range []bool{true, false} {
			rows, err := tx.PendingAccounts(d.o.Workspace, d.o.Tenant, taking, time.Time{}, 0, limit)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if row.Failed == row.Version && row.Failed != 0 {
					continue // below
				}
				if err := add(row); err != nil {
					return err
				}
			}
		}
		failed, err := tx.FailedAccounts(d.o.Workspace, d.o.Tenant, 0, limit)
		if err != nil {
			return err
		}
		for _, row := range failed {
			if err := add(row); err != nil {
				return err
			}
		}
		return nil
	})
	return found[:min(len(found), limit)], err
}

func (d *Directory) pendingAccount(a *account, s sight, halted string) PendingAccount {
	st := d.o.plan(a, s)
	p := PendingAccount{Address: d.o.Rules.ShowAddress(a.Email), User: a.UserID, State: DeliveryPending, Taking: a.Taking || st.taking,
		Next: st.words(a), Since: a.Pending, Attempts: a.Attempts, LastError: a.LastError, NextTry: a.Due}
	switch {
	case a.Failed != 0 && a.Failed == a.Version:
		p.State = DeliveryFailed
	case !a.Uncertain.IsZero():
		p.State = DeliveryUncertain
	}
	if halted != "" {
		p.LastError, p.NextTry = halted, time.Time{}
	}
	return p
}

// words say what a step would do, for a person.
func (st step) words(a *account) string {
	names := func(g grants) string {
		if len(g) == 0 {
			return "no role"
		}
		var all []string
		for _, u := range g {
			if u.Scope != "" {
				u.Role += " at " + u.Scope
			}
			all = append(all, u.Role)
		}
		return strings.Join(all, ", ")
	}
	switch st.kind {
	case stepCreate:
		return "create, with " + names(st.roles)
	case stepRoles:
		return "set roles: " + names(st.roles)
	case stepAttributes:
		return "set attributes"
	case stepDelete:
		return "delete"
	case stepWait:
		if a.desired.State == present {
			return "look, then give " + names(a.desired.Roles)
		}
		return "look, then make " + string(a.desired.State)
	}
	return "nothing"
}

// Retry makes accounts due now, whatever they wait for, and lets those that were refused for
// good be tried once more. It takes addresses, as they are shown over SCIM, or,
// without any, those that failed, or all. It returns how many those are. An
// address that the tenant has nothing to do with is NotFound, and nothing is done.
func (d *Directory) Retry(ctx context.Context, by Caller, addresses []string, all bool) (int, error) {
	if len(addresses) > 0 {
		return len(addresses), d.retryThese(ctx, by, addresses)
	}
	tried, err := d.retryFailed(ctx, by)
	if err != nil || !all {
		return tried, err
	}
	waiting, err := d.eachPending(ctx, func(tx store.Tx, a *account) (bool, error) {
		if !a.Due.After(tx.Now()) && !a.Due.IsZero() {
			return false, nil // it is, or was made so above
		}
		a.retry(tx.Now())
		d.event(tx, by, "delivery.retry", a.UserID, a.Email, nil)
		return true, nil
	})
	return tried + waiting, err
}

func (d *Directory) retryThese(ctx context.Context, by Caller, addresses []string) error {
	return d.store.Update(ctx, func(tx store.Tx) error {
		for _, address := range addresses {
			row, err := tx.AccountByEmail(d.o.Workspace, mapping.FoldAddress(d.o.Rules.ReadAddress(address)))
			if errors.Is(err, store.ErrNotFound) || err == nil && row.Tenant != d.o.Tenant {
				return &Error{Kind: NotFound, Detail: fmt.Sprintf("tenant %s has nothing to do with the address %s; nothing was made due", d.o.Tenant, address)}
			}
			if err != nil {
				return err
			}
			a, err := decodeAccount(row)
			if err != nil {
				return err
			}
			a.retry(tx.Now())
			d.event(tx, by, "delivery.retry", a.UserID, a.Email, nil)
			if err := a.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Directory) retryFailed(ctx context.Context, by Caller) (tried int, err error) {
	var last int64
	for more := true; more; {
		var n int
		from := last
		err := d.store.Update(ctx, func(tx store.Tx) error {
			n, last = 0, from
			rows, err := tx.FailedAccounts(d.o.Workspace, d.o.Tenant, last, applyBatch)
			if err != nil {
				return err
			}
			more = len(rows) == applyBatch
			for _, row := range rows {
				last = row.ID
				a, err := decodeAccount(row)
				if err != nil {
					return err
				}
				if row.Tenant != d.o.Tenant || row.Failed != row.Version {
					continue
				}
				a.retry(tx.Now())
				d.event(tx, by, "delivery.retry", a.UserID, a.Email, nil)
				if err := a.put(tx); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return tried, err
		}
		tried += n
	}
	return tried, nil
}

// retry forgets that the account was refused, and how often it was tried. Its last error is
// kept until there is another.
func (a *account) retry(now time.Time) {
	a.Failed, a.Attempts, a.memory.Partial = 0, 0, false
	a.due(now)
}
