package relational

import (
	"errors"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

const selectLook = "SELECT workspace, number, begun, ended, state, users, detail, tenant, holder, until FROM looks WHERE "

func scanLook(r *row) *store.Look {
	return &store.Look{
		Workspace: r.text(), Number: r.int64(), Begun: r.time(), Ended: r.time(),
		State: store.LookState(r.text()), Users: r.int(), Detail: r.text(),
		Tenant: r.text(), Holder: r.text(), Until: r.time(),
	}
}

func (t *Tx) BeginLook(workspace string) (*store.Look, error) {
	t.recall.looks = nil
	last, err := t.LookNumber(workspace)
	if err != nil {
		return nil, err
	}
	l := &store.Look{Workspace: workspace, Number: last + 1, Begun: t.Now(), State: store.LookRunning}
	_, err = t.exec("INSERT INTO looks (workspace, number, begun, ended, state, users, detail) VALUES (?, ?, ?, 0, ?, 0, '')",
		l.Workspace, l.Number, l.Begun, string(l.State))
	return l, err
}

func (t *Tx) PutLook(l *store.Look) error {
	t.recall.looks = nil
	return t.must("UPDATE looks SET begun = ?, ended = ?, state = ?, users = ?, detail = ?, tenant = ?, holder = ?, until = ? WHERE workspace = ? AND number = ?",
		l.Begun, l.Ended, string(l.State), l.Users, l.Detail, l.Tenant, l.Holder, l.Until, l.Workspace, l.Number)
}

func (t *Tx) LookNumber(workspace string) (int64, error) {
	return t.number("SELECT MAX(number) FROM looks WHERE workspace = ?", workspace)
}

func (t *Tx) LastLook(workspace string, state store.LookState) (*store.Look, error) {
	key := lastLook{workspace, state}
	known, ok := t.recall.looks[key]
	if !ok {
		var err error
		known, err = get(t, scanLook, selectLook+"workspace = ? AND state = ? ORDER BY number DESC LIMIT 1", workspace, string(state))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if t.recall.looks == nil {
			t.recall.looks = map[lastLook]*store.Look{}
		}
		t.recall.looks[key] = known // nil: there is none
	}
	if known == nil {
		return nil, store.ErrNotFound
	}
	look := *known
	return &look, nil
}

const newestLooks = "workspace = ? ORDER BY number DESC LIMIT ?"

func (t *Tx) Looks(workspace string, limit int) ([]*store.Look, error) {
	return all(t, scanLook, selectLook+newestLooks, workspace, max(limit, 0))
}

func (t *Tx) PruneLooks(workspace string, before time.Time) error {
	t.recall.looks = nil
	_, err := t.exec(`DELETE FROM looks WHERE workspace = ? AND begun < ?
		AND number NOT IN (SELECT MAX(number) FROM looks WHERE workspace = ? GROUP BY state)`, workspace, before, workspace)
	return err
}

func (t *Tx) StageRows(workspace string, look int64, staged []store.LookRow) error {
	rows := make([][]any, len(staged))
	for i, r := range staged {
		rows[i] = values([]any{workspace, look, r.EmailKey, r.Row})
	}
	return t.conn.ExecEach(`INSERT INTO look_rows (workspace, look, email_key, row) VALUES (?, ?, ?, ?)
		ON CONFLICT (workspace, look, email_key) DO UPDATE SET row = excluded.row`, rows)
}

func (t *Tx) StagedRows(workspace string, look int64, after string, limit int) ([]store.LookRow, error) {
	return all(t, func(r *row) store.LookRow { return store.LookRow{EmailKey: r.text(), Row: r.bytes()} },
		`SELECT email_key, row FROM look_rows WHERE workspace = ? AND look = ? AND email_key > ?
		ORDER BY email_key LIMIT ?`, workspace, look, after, max(limit, 0))
}

func (t *Tx) DropStaged(workspace string, look int64) error {
	_, err := t.exec("DELETE FROM look_rows WHERE workspace = ? AND look <= ?", workspace, look)
	return err
}
