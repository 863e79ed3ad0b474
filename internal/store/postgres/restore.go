package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
)

// identity is which history of which database this is. A standby that took over, or a server that was brought
// back to an earlier moment, goes on in a timeline of its own
// (https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES); a dump that was
// loaded somewhere is another database, or one of another cluster.
type identity struct {
	Cluster  string `json:"cluster"`
	Database string `json:"database"`
	Timeline string `json:"timeline"` // "" where the server does not say
}

// identityKey names it in the store as a whole.
const identityKey = "postgres"

// timeline asks for it as eight hexadecimal digits: it is what the name of the log's current file begins with.
const timeline = "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"

// saysTimeline finds out whether the server has an answer to that: what is made to look like PostgreSQL may not.
func saysTimeline(ctx context.Context, c *pgx.Conn) bool {
	var now string
	return c.QueryRow(ctx, "SELECT "+timeline).Scan(&now) == nil && now != ""
}

// timelineOrNone asks for the timeline where there is an answer.
func (s *Store) timelineOrNone() string {
	if s.saysTimeline {
		return timeline
	}
	return "''"
}

// NoticeRestore finds out whether another history was put in the place of the one that the store remembers (V-31):
// a standby that may lack the last writes, or an older copy. If so, older is called with the reason in the
// transaction that remembers the new one: once, of however many processes and calls. From the first call on
// every Update looks whether the server behind its connection is still in the same timeline, and finds out
// before it runs if it is not.
func (s *Store) NoticeRestore(ctx context.Context, older func(tx store.Tx, why string) error) error {
	s.history.Lock()
	defer s.history.Unlock()
	now, err := s.identity(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	known := ""
	err = s.View(ctx, func(tx store.Tx) error {
		known, err = tx.Meta(identityKey)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if known != string(text) {
		err = s.update(ctx, nil, func(tx store.Tx) error {
			known, err := tx.Meta(identityKey)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if known == string(text) {
				return nil // another replica was faster
			}
			if known != "" {
				var before identity
				if err := json.Unmarshal([]byte(known), &before); err != nil {
					return err
				}
				if err := older(tx, before.differs(now)); err != nil {
					return err
				}
			}
			return tx.PutMeta(identityKey, string(text))
		})
		if err != nil {
			return err
		}
	}
	s.older = older
	s.timeline.Store(&now.Timeline)
	return nil
}

// differs says in what.
func (i identity) differs(now identity) string {
	if i.Cluster != now.Cluster || i.Database != now.Database {
		return "the rows are a copy of another database's, which may have gone on since"
	}
	return fmt.Sprintf("PostgreSQL is in timeline %s and was in %s: a standby took over, or an older copy was put back, and the last writes may be missing",
		now.Timeline, i.Timeline)
}

func (s *Store) identity(ctx context.Context) (now identity, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return identity{}, err
	}
	defer leave()
	err = s.ask(ctx, s.limits.patience, `SELECT (SELECT system_identifier FROM pg_control_system())::text,
		(SELECT oid FROM pg_database WHERE datname = current_database())::text, `+s.timelineOrNone(), &now.Cluster, &now.Database, &now.Timeline)
	return now, err
}

// noticeAgain is NoticeRestore after an Update met another timeline.
func (s *Store) noticeAgain(ctx context.Context) error {
	s.history.Lock()
	older := s.older
	s.history.Unlock()
	return s.NoticeRestore(ctx, older)
}

// countStandbys leaves out who copies the server or is told of rows: neither takes over. A user without the rights of
// pg_monitor sees of the others only that they are there.
const countStandbys = `(SELECT COUNT(*) FROM pg_stat_replication r WHERE COALESCE(r.state, '') <> 'backup'
	AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical'))`

// Warnings say what of the server's settings could cost writes that were accepted.
func (s *Store) Warnings(ctx context.Context) ([]string, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var standbys int
	var names, commit, fsync string
	err = s.ask(ctx, 0, `SELECT `+countStandbys+`, current_setting('synchronous_standby_names'),
		current_setting('synchronous_commit'), current_setting('fsync')`, &standbys, &names, &commit, &fsync)
	if err != nil {
		return nil, err
	}
	var list []string
	if standbys > 0 && names == "" {
		list = append(list, "PostgreSQL has a standby, and synchronous_standby_names is empty: if the standby takes over, the last accepted writes may be missing; "+
			"set synchronous_standby_names on the primary")
	}
	if commit == "local" && names != "" {
		list = append(list, "PostgreSQL has synchronous_commit = local: it waits for no standby, and if one takes over, the last accepted writes may be missing; set it to on")
	}
	if commit == "off" {
		list = append(list, "PostgreSQL has synchronous_commit = off: a crash loses the last accepted writes; set it to on")
	}
	if fsync == "off" {
		list = append(list, "PostgreSQL has fsync = off: a crash may lose or damage everything; set it to on")
	}
	return list, nil
}
