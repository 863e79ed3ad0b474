package sqlite

import "github.com/scimbridge/scimbridge/internal/store"

const selectEvent = "SELECT seq, time, tenant, actor, request, kind, resource, email, detail FROM events "

func scanEvent(r *rows) *store.Event {
	return &store.Event{
		Seq: r.int64(), Time: r.time(), Tenant: r.text(), Actor: r.text(), Request: r.text(),
		Kind: r.text(), Resource: r.text(), Email: r.text(), Detail: r.bytes(),
	}
}

func (t *tx) AppendEvent(e *store.Event) error {
	if e.Time.IsZero() {
		e.Time = t.Now()
	}
	res, err := t.conn.exec(`INSERT INTO events (time, tenant, actor, request, kind, resource, email, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, e.Time, e.Tenant, e.Actor, e.Request, e.Kind, e.Resource, e.Email, e.Detail)
	if err != nil {
		return err
	}
	e.Seq, err = res.LastInsertId()
	return err
}

func (t *tx) Events(tenant string, after int64, limit int) ([]*store.Event, error) {
	if tenant == "" {
		return all(t, scanEvent, selectEvent+"WHERE seq > ? ORDER BY seq LIMIT ?", after, max(limit, 0))
	}
	return all(t, scanEvent, selectEvent+"WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?", tenant, after, max(limit, 0))
}

const eventsAbout = "WHERE tenant = ? AND resource = ? AND resource <> '' ORDER BY seq DESC LIMIT ?"

func (t *tx) EventsAbout(tenant, resource string, limit int) ([]*store.Event, error) {
	return all(t, scanEvent, selectEvent+eventsAbout, tenant, resource, max(limit, 0))
}
