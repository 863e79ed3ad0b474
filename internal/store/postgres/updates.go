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
	met, moves, deadline := 0, 0, time.Time{}
	for run := 1; ; run++ {
		what, err := s.updateOnce(ctx, met+1, moved != nil, fn)
		switch what {
		case permanent:
			return err
		case elsewhere:
			if err := moved(ctx); err != nil {
				return err
			}
			if moves++; moves >= maxRuns {
				return fmt.Errorf("%w: one server and another take turns behind its address", store.ErrUnavailable)
			}
		case busy:
			return explain(err)
		case again:
			if met++; met >= maxRuns {
				return fmt.Errorf("%w: it met others %d times: %w", store.ErrUnavailable, met, err)
			}
		case lost:
			if deadline.IsZero() {
				deadline = time.Now().Add(s.limits.patience)
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
func (s *Store) updateOnce(ctx context.Context, run int, minds bool, fn func(store.Tx) error) (what verdict, err error) {
	turn := turnShared
	switch {
	case run >= aloneFrom:
		turn = turnAlone
	case run >= queuedFrom:
		turn = turnQueued
	}
	known := s.timeline.Load() // before the snapshot is taken, which then has what was written when it was noticed
	t, err := s.begin(ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE; "+s.limits.settings()+s.local()+turn+"SELECT "+clock+", "+s.timelineOrNone())
	if err != nil {
		return permanent, err // begin has tried for as long as it may
	}
	defer t.end()
	if minds && known != nil && t.timeline != *known {
		return elsewhere, nil
	}
	tx := &tx{Tx: t.tx(ctx)}
	defer tx.End()
	err = fn(tx)
	switch {
	case t.conn.failed != nil && t.conn.doomed: // and whatever fn makes of it
		return judge(t.conn.failed), t.conn.failed
	case err != nil:
		return permanent, err
	case t.conn.failed != nil: // and fn did not mind
		return permanent, t.conn.failed
	}
	sent, err := t.commit()
	switch {
	case err == nil:
		s.commits.done(t.mark)
		if marks := s.commits.take(manyMarks); marks != nil {
			removeMarks(t.conn.ctx, t.conn.pg, marks)
		}
		s.news.tell(tx.topics)
		return permanent, nil
	case !sent || refused(err):
		return judge(err), err
	case t.mark == 0: // nothing to be kept, but what was read may not have held
		return lost, err
	}
	kept, e := s.wasKept(ctx, t.mark)
	switch {
	case e != nil:
		return permanent, fmt.Errorf("%w: whether the last write was kept is not known: %w", store.ErrUnavailable, errors.Join(err, e))
	case kept:
		s.log.WarnContext(ctx, "a commit was kept whose answer was lost")
		s.news.tell(tx.topics)
		return permanent, nil
	}
	return lost, err
}

// wasKept asks what became of a transaction whose COMMIT was not answered.
func (s *Store) wasKept(ctx context.Context, mark int64) (kept bool, err error) {
	ctx = context.WithoutCancel(ctx)
	for deadline := time.Now().Add(2 * s.limits.patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var is int
		asking, cancel := context.WithTimeout(ctx, s.limits.end)
		err = s.pool.QueryRow(asking, askForMark, mark).Scan(&is)
		cancel()
		if err == nil {
			if is == 1 { // or it has to be there when the COMMIT arrives after all
				s.commits.done(mark)
			}
			return is == 1, nil
		}
	}
	return false, err
}
