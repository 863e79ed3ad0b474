package relational

import (
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

var accounts = newTable("accounts", "id",
	"workspace", "email_key", "email", "tenant", "user_id", "former",
	"present", "wisdom_id", "name", "created", "actual", "row_hash", "actual_look", "missing_look", "missing_since",
	"owned", "created_by_bridge", "desired", "version", "delivered", "confirmed", "memory",
	"uncertain", "call_open", "call_look", "call_deadline", "lease_holder", "lease_until", "lease_fence",
	"due", "taking", "pending", "attempts", "last_error", "failed", "drift", "admin")

// Places in a stored account.
const (
	workspacePlace   = 1
	emailKeyPlace    = 2
	leaseHolderPlace = 27
	leaseUntilPlace  = 28
	leaseFencePlace  = 29
)

// accountKey is what an account is remembered by: its id.
func accountKey(s stored) any { return s[0] }

// account reads one account.
func (t *Tx) account(query string, args ...any) (*store.Account, error) {
	s, err := t.find(accounts, accountKey, query, args...)
	return accountOf(s, err)
}

func accountOf(s stored, err error) (*store.Account, error) {
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, store.ErrNotFound
	}
	return scanAccount(&row{rows: s}), nil
}

var selectAccount = "SELECT " + accounts.columns + " FROM accounts WHERE "

// scanAccount reads the columns of selectAccount.
func scanAccount(r *row) *store.Account {
	return &store.Account{
		ID: r.int64(), Workspace: r.text(), EmailKey: r.text(), Email: r.text(), Tenant: r.text(), UserID: r.text(), Former: r.bool(),
		Present: r.bool(), WisdomID: r.text(), Name: r.text(), Created: r.text(), Actual: r.bytes(), RowHash: r.int64(),
		ActualLook: r.int64(), MissingLook: r.int64(), MissingSince: r.time(),
		Owned: r.bytes(), CreatedByBridge: r.bool(),
		Desired: r.bytes(), Version: r.int64(), Delivered: r.int64(), Confirmed: r.int64(), Memory: r.bytes(),
		Uncertain: r.time(), CallOpen: r.bool(), CallLook: r.int64(), CallDeadline: r.time(),
		LeaseHolder: r.text(), LeaseUntil: r.time(), LeaseFence: r.int64(),
		Due: r.time(), Taking: r.bool(), Pending: r.time(), Attempts: r.int(), LastError: r.text(), Failed: r.int64(),
		Drift: r.int(), Admin: r.bool(),
	}
}

func (t *Tx) Account(id int64) (*store.Account, error) {
	if s := t.recalled(accounts, id); s != nil {
		return accountOf(s, nil)
	}
	return t.account(selectAccount+"id = ?", id)
}

func (t *Tx) AccountByEmail(workspace, emailKey string) (*store.Account, error) {
	return t.account(selectAccount+"workspace = ? AND email_key = ?", workspace, emailKey)
}

func (t *Tx) PutAccount(a *store.Account) error {
	row := []any{a.Workspace, a.EmailKey, a.Email, a.Tenant, a.UserID, a.Former,
		a.Present, a.WisdomID, a.Name, a.Created, a.Actual, a.RowHash, a.ActualLook, a.MissingLook, a.MissingSince,
		a.Owned, a.CreatedByBridge, a.Desired, a.Version, a.Delivered, a.Confirmed, a.Memory,
		a.Uncertain, a.CallOpen, a.CallLook, a.CallDeadline, a.LeaseHolder, a.LeaseUntil, a.LeaseFence,
		a.Due, a.Taking, a.Pending, a.Attempts, a.LastError, a.Failed, a.Drift, a.Admin}
	var old stored
	if a.ID != 0 {
		if old = t.recalled(accounts, a.ID); old == nil {
			var err error
			if old, err = t.find(accounts, accountKey, selectAccount+"id = ?", a.ID); err != nil {
				return err
			}
		}
		if old == nil {
			return store.ErrNotFound
		}
	}
	// Asked for, and not read off the engine's refusal, after which a transaction may be lost.
	if old == nil || old[workspacePlace] != a.Workspace || old[emailKeyPlace] != a.EmailKey {
		holder, err := t.number("SELECT id FROM accounts WHERE workspace = ? AND email_key = ? AND id <> ?", a.Workspace, a.EmailKey, a.ID)
		if err != nil {
			return err
		}
		if holder != 0 {
			return &store.Conflict{Field: "email", Holder: strconv.FormatInt(holder, 10)}
		}
	}
	if old != nil {
		return accounts.update(t, old, row)
	}
	id, err := accounts.add(t, row)
	if err == nil {
		a.ID = id
	}
	return err
}

func (t *Tx) DeleteAccount(id int64) error {
	t.remember(accounts, id, nil)
	return t.must("DELETE FROM accounts WHERE id = ?", id)
}

func (t *Tx) LeaseAccount(id int64, holder string, until time.Time) (*store.Account, error) {
	a, err := t.account(selectAccount+"id = ?"+t.dialect.Claim, id)
	if errors.Is(err, store.ErrNotFound) && t.dialect.Claim != "" {
		if _, err = t.account(selectAccount+"id = ?", id); err == nil {
			err = store.ErrLeased // somebody is at it this very moment
		}
	}
	if err != nil {
		return nil, err
	}
	if a.LeaseHolder != "" && a.LeaseHolder != holder && a.LeaseUntil.After(t.Now()) {
		return nil, store.ErrLeased
	}
	a.LeaseHolder, a.LeaseUntil = holder, timeOf(micros(until))
	a.LeaseFence++
	_, err = t.exec("UPDATE accounts SET lease_holder = ?, lease_until = ?, lease_fence = ? WHERE id = ?",
		a.LeaseHolder, a.LeaseUntil, a.LeaseFence, id)
	s := t.recalled(accounts, id)
	s[leaseHolderPlace], s[leaseUntilPlace], s[leaseFencePlace] = holder, micros(until), a.LeaseFence
	return a, err
}

// dueAccounts are the due accounts of one kind. One query a kind, because within a
// kind the index has them in the order in which they are due.
const dueAccounts = `SELECT id, taking, due FROM accounts
	WHERE workspace = ? AND tenant = ? AND taking = ? AND due <> 0 AND due <= ? AND (lease_holder = '' OR lease_until <= ?)
	ORDER BY due, id LIMIT ?`

func (t *Tx) DueAccounts(workspace, tenant string, now time.Time, limit int) ([]store.Due, error) {
	scan := func(r *row) store.Due { return store.Due{ID: r.int64(), Taking: r.bool(), Due: r.time()} }
	var due []store.Due
	for _, taking := range []bool{true, false} {
		if len(due) >= limit {
			break
		}
		more, err := all(t, scan, dueAccounts, workspace, tenant, taking, now, now, limit-len(due))
		if err != nil {
			return nil, err
		}
		due = append(due, more...)
	}
	return due, nil
}

const rouseAccounts = "UPDATE accounts SET due = ?, attempts = 0 WHERE workspace = ? AND tenant = ? AND taking = ? AND due <> 0 AND due > ?"

func (t *Tx) RouseAccounts(workspace, tenant string, taking bool) error {
	t.forget(accounts)
	_, err := t.exec(rouseAccounts, t.Now(), workspace, tenant, taking, t.Now())
	return err
}

const nextDue = "SELECT due FROM accounts WHERE workspace = ? AND tenant = ? AND taking = ? AND due <> 0 AND due > ? ORDER BY due LIMIT 1"

func (t *Tx) NextDue(workspace, tenant string, now time.Time) (time.Time, error) {
	var first int64
	for _, taking := range []bool{true, false} {
		due, err := t.number(nextDue, workspace, tenant, taking, now)
		if err != nil {
			return time.Time{}, err
		}
		if due != 0 && (first == 0 || due < first) {
			first = due
		}
	}
	return timeOf(first), nil
}

// The conditions in brackets are those of the partial indexes, word for word.
const (
	abandonedAccounts   = "workspace = ? AND (call_open = 1 OR lease_holder <> '') AND lease_holder <> ? ORDER BY id"
	unconfirmedAccounts = "workspace = ? AND (confirmed < delivered OR uncertain <> 0) ORDER BY id"
	accountsOf          = "tenant = ? AND user_id = ? AND user_id <> '' ORDER BY id"
	adminAccounts       = "workspace = ? AND admin = 1 ORDER BY id"
)

func (t *Tx) AbandonedAccounts(workspace, holder string) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+abandonedAccounts, workspace, holder)
}

func (t *Tx) UnconfirmedAccounts(workspace string) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+unconfirmedAccounts, workspace)
}

func (t *Tx) AccountsOf(tenant, userID string) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+accountsOf, tenant, userID)
}

func (t *Tx) AdminAccounts(workspace string) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+adminAccounts, workspace)
}

// allAccounts walks the accounts by their id; those of other workspaces are passed over.
const allAccounts = "workspace = ? AND id > ? ORDER BY id LIMIT ?"

func (t *Tx) Accounts(workspace string, after int64, limit int) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+allAccounts, workspace, after, limit)
}

const (
	// pendingAccounts goes along the index that has them in the order in which they wait.
	pendingAccounts = "workspace = ? AND tenant = ? AND taking = ? AND pending <> 0 AND (pending, id) > (?, ?) ORDER BY pending, id LIMIT ?"
	failedAccounts  = "workspace = ? AND tenant = ? AND failed <> 0 AND id > ? ORDER BY id LIMIT ?"
)

func (t *Tx) PendingAccounts(workspace, tenant string, taking bool, since time.Time, id int64, limit int) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+pendingAccounts, workspace, tenant, taking, since, id, limit)
}

func (t *Tx) FailedAccounts(workspace, tenant string, after int64, limit int) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+failedAccounts, workspace, tenant, after, limit)
}

const (
	driftedAccounts = "tenant = ? AND drift <> 0 AND id > ? ORDER BY id LIMIT ?"
	countDrift      = "SELECT drift, COUNT(*) FROM accounts WHERE tenant = ? AND drift <> 0 GROUP BY drift"
)

func (t *Tx) DriftedAccounts(tenant string, after int64, limit int) ([]*store.Account, error) {
	return all(t, scanAccount, selectAccount+driftedAccounts, tenant, after, limit)
}

func (t *Tx) CountDrift(tenant string) (map[int]int, error) {
	counts := map[int]int{}
	for c, err := range each(t, func(r *row) [2]int { return [2]int{r.int(), r.int()} }, countDrift, tenant) {
		if err != nil {
			return nil, err
		}
		counts[c[0]] = c[1]
	}
	return counts, nil
}

const knownAccounts = "SELECT id, email_key, row_hash, present FROM accounts WHERE workspace = ?"

func (t *Tx) KnownAccounts(workspace string) iter.Seq2[store.Known, error] {
	return each(t, func(r *row) store.Known {
		return store.Known{ID: r.int64(), EmailKey: r.text(), RowHash: r.int64(), Present: r.bool()}
	}, knownAccounts, workspace)
}

// The counts of Backlog, each from an index of just those accounts.
const (
	backlogPending   = "SELECT COUNT(*), COALESCE(SUM(taking), 0), MIN(pending), MIN(CASE WHEN taking = 1 THEN pending END) FROM accounts WHERE workspace = ? AND tenant = ? AND pending <> 0"
	backlogFailed    = "SELECT COUNT(*) FROM accounts WHERE workspace = ? AND tenant = ? AND failed <> 0"
	backlogUncertain = "SELECT COUNT(*) FROM accounts WHERE workspace = ? AND tenant = ? AND uncertain <> 0"
)

func (t *Tx) Backlog(workspace, tenant string) (store.Backlog, error) {
	var b store.Backlog
	_, err := t.one(backlogPending, []any{workspace, tenant}, func(r *row) {
		b.Pending, b.Taking, b.Oldest, b.OldestTaking = r.int(), r.int(), r.time(), r.time()
	})
	if err != nil {
		return b, err
	}
	failed, err := t.number(backlogFailed, workspace, tenant)
	if err != nil {
		return b, err
	}
	uncertain, err := t.number(backlogUncertain, workspace, tenant)
	b.Failed, b.Uncertain = int(failed), int(uncertain)
	return b, err
}
