package sqlite

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

const selectLook = "SELECT workspace, number, begun, ended, state, users, detail, tenant, holder, until FROM looks WHERE "

func scanLook(r *rows) *store.Look {
	return &store.Look{
		Workspace: r.text(), Number: r.int64(), Begun: r.time(), Ended: r.time(),
		State: store.LookState(r.text()), Users: r.int(), Detail: r.text(),
		Tenant: r.text(), Holder: r.text(), Until: r.time(),
	}
}

func (t *tx) BeginLook(workspace string) (*store.Look, error) {
	last, err := t.LookNumber(workspace)
	if err != nil {
		return nil, err
	}
	l := &store.Look{Workspace: workspace, Number: last + 1, Begun: t.Now(), State: store.LookRunning}
	_, err = t.conn.exec("INSERT INTO looks (workspace, number, begun, ended, state, users, detail) VALUES (?, ?, ?, 0, ?, 0, '')",
		l.Workspace, l.Number, l.Begun, string(l.State))
	return l, err
}

func (t *tx) PutLook(l *store.Look) error {
	return t.must("UPDATE looks SET begun = ?, ended = ?, state = ?, users = ?, detail = ?, tenant = ?, holder = ?, until = ? WHERE workspace = ? AND number = ?",
		l.Begun, l.Ended, string(l.State), l.Users, l.Detail, l.Tenant, l.Holder, l.Until, l.Workspace, l.Number)
}

func (t *tx) LookNumber(workspace string) (int64, error) {
	return t.conn.number("SELECT MAX(number) FROM looks WHERE workspace = ?", workspace)
}

func (t *tx) LastLook(workspace string, state store.LookState) (*store.Look, error) {
	return get(t, scanLook, selectLook+"workspace = ? AND state = ? ORDER BY number DESC LIMIT 1", workspace, string(state))
}

const newestLooks = "workspace = ? ORDER BY number DESC LIMIT ?"

func (t *tx) Looks(workspace string, limit int) ([]*store.Look, error) {
	return all(t, scanLook, selectLook+newestLooks, workspace, max(limit, 0))
}

func (t *tx) PruneLooks(workspace string, before time.Time) error {
	_, err := t.conn.exec(`DELETE FROM looks WHERE workspace = ? AND begun < ?
		AND number NOT IN (SELECT MAX(number) FROM looks WHERE workspace = ? GROUP BY state)`, workspace, before, workspace)
	return err
}

func (t *tx) StageRows(workspace string, look int64, staged []store.LookRow) error {
	for _, r := range staged {
		_, err := t.conn.exec(`INSERT INTO look_rows (workspace, look, email_key, row) VALUES (?, ?, ?, ?)
			ON CONFLICT (workspace, look, email_key) DO UPDATE SET row = excluded.row`, workspace, look, r.EmailKey, r.Row)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) StagedRows(workspace string, look int64, after string, limit int) ([]store.LookRow, error) {
	return all(t, func(r *rows) store.LookRow { return store.LookRow{EmailKey: r.text(), Row: r.bytes()} },
		`SELECT email_key, row FROM look_rows WHERE workspace = ? AND look = ? AND email_key > ?
		ORDER BY email_key LIMIT ?`, workspace, look, after, max(limit, 0))
}

func (t *tx) DropStaged(workspace string, look int64) error {
	_, err := t.conn.exec("DELETE FROM look_rows WHERE workspace = ? AND look <= ?", workspace, look)
	return err
}
