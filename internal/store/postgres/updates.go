package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Turns. An Update that met another one is run again; if nothing were done, many that want one row would meet again
// and again. So who comes back waits in a line of the database's own: a lock of the empty table turns, which each
// transaction takes before its snapshot. The first run shares it with everybody; the second and third keep
// out others that come back; from the fourth on the transaction is alone, and cannot be refused.
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
const (
	turnShared = "LOCK TABLE turns IN ROW SHARE MODE; "
	turnQueued = "LOCK TABLE turns IN SHARE UPDATE EXCLUSIVE MODE; "
	turnAlone  = "LOCK TABLE turns IN EXCLUSIVE MODE; "

	queuedFrom = 2
	aloneFrom  = 4
	maxRuns    = 20
)

// Update runs fn in a transaction; see store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.update(ctx, s.noticeAgain, fn)
}

// update is Update for who is inside; moved is called when the server is found in another timeline than before, and
// is nil for who does not mind.
func (s *Store) update(ctx context.Context, moved func(context.Context) error, fn func(store.Tx) error) error {
	if moved != nil { // or it is what others wait for
		select {
		case s.updates <- struct{}{}:
			defer func() { <-s.updates }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var met, deadline = 0, time.Time{}
	for run := 1; ; run++ {
		err, what := s.updateOnce(ctx, met+1, moved != nil, fn)
		switch what {
		case permanent:
			return err
		case elsewhere:
			if err := moved(ctx); err != nil {
				return err
			}
		case busy:
			return explain(err)
		case again:
			if met++; met >= maxRuns {
				return fmt.Errorf("%w: it met others %d times: %w", store.ErrUnavailable, met, err)
			}
		case lost:
			if deadline.IsZero() {
				deadline = time.Now().Add(patience)
			}
			if time.Now().After(deadline) {
				return explain(err)
			}
			select {
			case <-ctx.Done(): // nothing of it is kept
				return ctx.Err()
			case <-time.After(20*time.Millisecond + rand.N(80*time.Millisecond)):
			}
		}
	}
}

// updateOnce runs fn once, and says of an error whether another run may pass; fn's own errors are permanent.
func (s *Store) updateOnce(ctx context.Context, run int, minds bool, fn func(store.Tx) error) (err error, what verdict) {
	turn := turnShared
	switch {
	case run >= aloneFrom:
		turn = turnAlone
	case run >= queuedFrom:
		turn = turnQueued
	}
	t, err := s.begin(ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE; "+settings+s.local()+turn+"SELECT "+clock+", pg_current_xact_id(), "+s.timelineOrNone())
	if err != nil {
		return err, permanent // begin has tried for as long as it may
	}
	defer t.end()
	if known := s.timeline.Load(); minds && known != nil && t.timeline != *known {
		return nil, elsewhere
	}
	tx := &tx{Tx: t.tx(ctx)}
	defer tx.End()
	err = fn(tx)
	switch {
	case t.conn.failed != nil && t.conn.doomed: // and whatever fn makes of it
		return t.conn.failed, judge(t.conn.failed)
	case err != nil:
		return err, permanent
	case t.conn.failed != nil: // and fn did not mind
		return t.conn.failed, permanent
	}
	sent, err := t.commit()
	switch {
	case err == nil:
		s.news.tell(tx.topics)
		return nil, permanent
	case !sent || judge(err) != lost:
		return err, judge(err)
	}
	committed, e := s.outcome(ctx, t.xid)
	switch {
	case e != nil:
		return fmt.Errorf("%w: whether the last write was kept is not known: %w", store.ErrUnavailable, errors.Join(err, e)), permanent
	case committed:
		s.log.WarnContext(ctx, "a commit was kept whose answer was lost")
		s.news.tell(tx.topics)
		return nil, permanent
	}
	return err, lost
}

// outcome asks what became of a transaction whose COMMIT was not answered. Its connection is closed: the server may
// take a moment to see that.
func (s *Store) outcome(ctx context.Context, xid string) (committed bool, err error) {
	ctx = context.WithoutCancel(ctx)
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var status string
		asking, cancel := context.WithTimeout(ctx, endWait)
		// A number that is not given out yet belongs to a standby that had not heard of it.
		err = s.pool.QueryRow(asking, `SELECT CASE WHEN $1::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'aborted'
			ELSE COALESCE(pg_xact_status($1::text::xid8), 'forgotten') END`, xid).Scan(&status)
		cancel()
		switch {
		case err != nil:
			continue
		case status == "committed":
			return true, nil
		case status == "aborted":
			return false, nil
		}
		err = fmt.Errorf("its transaction is %s", status)
	}
	return false, err
}
