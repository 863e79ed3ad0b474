package relational

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

const selectRemoval = "SELECT id, tenant, workspace, account, email_key, user_id, kind, taken, at, token, request, settled, outcome FROM removals WHERE "

func scanRemoval(r *row) *store.Removal {
	return &store.Removal{
		ID: r.int64(), Tenant: r.text(), Workspace: r.text(), Account: r.int64(), EmailKey: r.text(), UserID: r.text(), Kind: r.text(),
		Taken: r.bytes(), At: r.time(), Token: r.text(), Request: r.text(), Settled: r.time(), Outcome: r.text(),
	}
}

func (t *Tx) PutRemoval(m *store.Removal) error {
	row := []any{m.Tenant, m.Workspace, m.Account, m.EmailKey, m.UserID, m.Kind, m.Taken, m.At, m.Token, m.Request, m.Settled, m.Outcome}
	if m.ID != 0 {
		return t.must(`UPDATE removals SET tenant = ?, workspace = ?, account = ?, email_key = ?, user_id = ?, kind = ?, taken = ?, at = ?,
			token = ?, request = ?, settled = ?, outcome = ? WHERE id = ?`, append(row, m.ID)...)
	}
	var err error
	m.ID, err = t.insert(`INSERT INTO removals (tenant, workspace, account, email_key, user_id, kind, taken, at, token, request, settled, outcome)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, "id", row...)
	return err
}

func (t *Tx) Removal(id int64) (*store.Removal, error) {
	return get(t, scanRemoval, selectRemoval+"id = ?", id)
}

const (
	removalsOf = "account = ? AND settled = 0 ORDER BY id"
	removalsBy = "tenant = ? AND token = ? AND settled = 0 AND id > ? AND at >= ? ORDER BY id LIMIT ?"
)

func (t *Tx) RemovalsOf(account int64) ([]*store.Removal, error) {
	return all(t, scanRemoval, selectRemoval+removalsOf, account)
}

func (t *Tx) RemovalsBy(tenant, token string, since time.Time, after int64, limit int) ([]*store.Removal, error) {
	return all(t, scanRemoval, selectRemoval+removalsBy, tenant, token, after, since, max(limit, 0))
}
