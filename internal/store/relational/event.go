package relational

import (
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store"
)

const selectEvent = "SELECT seq, time, tenant, actor, request, kind, resource, email, detail FROM events "

func scanEvent(r *row) *store.Event {
	return &store.Event{
		Seq: r.int64(), Time: r.time(), Tenant: r.text(), Actor: r.text(), Request: r.text(),
		Kind: r.text(), Resource: r.text(), Email: r.text(), Detail: r.bytes(),
	}
}

func (t *Tx) AppendEvent(e *store.Event) error {
	if e.Time.IsZero() {
		e.Time = t.Now()
	}
	var err error
	e.Seq, err = t.insert(`INSERT INTO events (time, tenant, actor, request, kind, resource, email, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, "seq", e.Time, e.Tenant, e.Actor, e.Request, e.Kind, e.Resource, e.Email, e.Detail)
	return err
}

func (t *Tx) Events(tenant string, after int64, limit int) ([]*store.Event, error) {
	if tenant == "" {
		return all(t, scanEvent, selectEvent+"WHERE seq > ? ORDER BY seq LIMIT ?", after, max(limit, 0))
	}
	return all(t, scanEvent, selectEvent+"WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?", tenant, after, max(limit, 0))
}

func (t *Tx) FindEvents(q store.EventQuery) ([]*store.Event, error) {
	query, args := findEvents(q)
	found, err := all(t, scanEvent, query, args...)
	if q.Last {
		slices.Reverse(found)
	}
	return found, err
}

// findEvents walks the log from its end that is asked for, by number or by time: both
// are its order, and what else is asked for is compared on the way.
func findEvents(q store.EventQuery) (query string, args []any) {
	where := []string{"seq > ?"}
	args = []any{q.After}
	also := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if q.Tenant != "" {
		also("tenant = ?", q.Tenant)
	}
	if !q.Since.IsZero() {
		also("seq >= (SELECT MIN(seq) FROM events WHERE time >= ?) AND time >= ?", q.Since, q.Since)
	}
	if prefix, many := strings.CutSuffix(q.Kind, "."); many {
		also("kind >= ? AND kind < ?", q.Kind, prefix+"/") // the character after the dot
	} else if q.Kind != "" {
		also("kind = ?", q.Kind)
	}
	if q.Person != "" {
		also("(resource = ? OR lower(email) = ?)", q.Person, lower(q.Person))
	}
	order := " ORDER BY seq LIMIT ?"
	if q.Last {
		order = " ORDER BY seq DESC LIMIT ?"
	}
	return selectEvent + "WHERE " + strings.Join(where, " AND ") + order, append(args, max(q.Limit, 0))
}

// lower is what an engine's lower() does to bytes: ASCII alone.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

const eventsAbout = "WHERE tenant = ? AND resource = ? AND resource <> '' ORDER BY seq DESC LIMIT ?"

func (t *Tx) EventsAbout(tenant, resource string, limit int) ([]*store.Event, error) {
	return all(t, scanEvent, selectEvent+eventsAbout, tenant, resource, max(limit, 0))
}
