package relational

import (
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// aged are, by kind, the statements that remove the oldest rows, each along an index of their age.
var aged = map[store.Aged]string{
	store.AgedEvents:     "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < ? ORDER BY time LIMIT ?)",
	store.AgedTombstones: "DELETE FROM tombstones WHERE (tenant, id) IN (SELECT tenant, id FROM tombstones WHERE deleted < ? ORDER BY deleted LIMIT ?)",
	store.AgedRemovals:   "DELETE FROM removals WHERE id IN (SELECT id FROM removals WHERE at < ? ORDER BY at LIMIT ?)",
	store.AgedHolds:      "DELETE FROM holds WHERE id IN (SELECT id FROM holds WHERE settled <> 0 AND settled < ? ORDER BY settled LIMIT ?)",
	store.AgedDeletes:    "DELETE FROM deletes WHERE seq IN (SELECT seq FROM deletes WHERE at < ? ORDER BY at LIMIT ?)",
}

func (t *Tx) Prune(kind store.Aged, before time.Time, limit int) (int, error) {
	statement, ok := aged[kind]
	if !ok {
		return 0, fmt.Errorf("%q is no kind of row that ages", kind)
	}
	n, err := t.exec(statement, before, max(limit, 0))
	return int(n), err
}
