package relational

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

const selectHold = "SELECT id, tenant, workspace, kind, account, email_key, wisdom_id, reason, created, settled, outcome, wish, released FROM holds WHERE "

func scanHold(r *row) *store.Hold {
	return &store.Hold{
		ID: r.int64(), Tenant: r.text(), Workspace: r.text(), Kind: r.text(), Account: r.int64(), EmailKey: r.text(),
		WisdomID: r.text(), Reason: r.text(), Created: r.time(), Settled: r.time(), Outcome: r.text(),
		Wish: r.bytes(), Released: r.time(),
	}
}

func (t *Tx) PutHold(h *store.Hold) error {
	row := []any{h.Tenant, h.Workspace, h.Kind, h.Account, h.EmailKey, h.WisdomID, h.Reason, h.Created, h.Settled, h.Outcome, h.Wish, h.Released}
	if h.ID != 0 {
		return t.must(`UPDATE holds SET tenant = ?, workspace = ?, kind = ?, account = ?, email_key = ?, wisdom_id = ?,
			reason = ?, created = ?, settled = ?, outcome = ?, wish = ?, released = ? WHERE id = ?`, append(row, h.ID)...)
	}
	var err error
	h.ID, err = t.insert(`INSERT INTO holds (tenant, workspace, kind, account, email_key, wisdom_id, reason, created, settled, outcome, wish, released)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, "id", row...)
	return err
}

func (t *Tx) Holds(tenant string) ([]*store.Hold, error) {
	return all(t, scanHold, selectHold+"tenant = ? AND settled = 0 ORDER BY created, id", tenant)
}

// holdsOfKind is asked every second. The condition on settled is that of the partial index.
const holdsOfKind = "tenant = ? AND kind = ? AND settled = 0 ORDER BY created, id"

func (t *Tx) HoldsOfKind(tenant, kind string) ([]*store.Hold, error) {
	return all(t, scanHold, selectHold+holdsOfKind, tenant, kind)
}

func (t *Tx) HoldsOf(account int64) ([]*store.Hold, error) {
	return all(t, scanHold, selectHold+"account = ? AND settled = 0 ORDER BY created, id", account)
}

func (t *Tx) RecordDelete(workspace, emailKey string, at time.Time) error {
	_, err := t.exec("INSERT INTO deletes (workspace, email_key, at) VALUES (?, ?, ?)", workspace, emailKey, at)
	return err
}

func (t *Tx) CountDeletes(workspace string, since time.Time) (int, error) {
	n, err := t.number("SELECT COUNT(*) FROM deletes WHERE workspace = ? AND at >= ?", workspace, since)
	return int(n), err
}

func (t *Tx) CountManaged(tenant string) (int, error) {
	n, err := t.number("SELECT COUNT(*) FROM users WHERE tenant = ? AND managed = 1", tenant)
	return int(n), err
}
