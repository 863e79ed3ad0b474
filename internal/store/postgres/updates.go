package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Updates take turns, over all replicas: each holds the lock of the empty table turns while it runs, taken before its
// snapshot, so that it sees what all before it wrote and nobody writes beside it. Optimism was tried and measured
// (SERIALIZABLE, with reruns): what one Update reads and another writes at the same time shares pages of a dozen
// indexes, so that of three transactions at once two were refused, and three replicas did less than one.
//
// What would make turns slow is the fsync of each commit. So the turn ends before it: a COMMIT is asynchronous, and
// who has it waits, together with all others who do, for one commit that is not (flusher). As the log is
// written in its order, what that one makes durable holds all that came before. Update returns only then; who
// reads may see what is not durable for the moment, but a write that builds on it is after it in the log.
// https://www.postgresql.org/docs/current/wal-async-commit.html
//
// Each connection has a row in marks, and each Update writes there how many there were on the connection. When a COMMIT is not
// answered, or the server crashed before it was durable, that row says what became of it: neither a number of a
// transaction, which is given anew after a crash, nor anything else that a standby which takes over might lack.
const turn = "LOCK TABLE turns IN EXCLUSIVE MODE; "

// maxRuns is how often fn runs at most because of others: who writes by other means than an Update, an administrator
// say, may meet one.
const maxRuns = 5

// mark is the row of a connection in marks.
type mark struct {
	id string
	n  int64 // of the last Update
}

func (m mark) statement() string {
	return "INSERT INTO marks (id, n, at) VALUES ('" + m.id + "', " + strconv.FormatInt(m.n, 10) + ", " + clock + ")" +
		" ON CONFLICT (id) DO UPDATE SET n = excluded.n, at = excluded.at; "
}

// newMark is the row for a new connection, or for anything else that commits.
func newMark() *mark { return &mark{id: rand.Text()} }

// marked is the mark of a connection.
func (s *Store) marked(c *pgx.Conn) *mark {
	m, _ := s.marks.LoadOrStore(c, newMark())
	return m.(*mark)
}

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
	for {
		what, err := s.updateOnce(ctx, moved != nil, fn)
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
			case <-time.After(20*time.Millisecond + mathrand.N(80*time.Millisecond)):
			}
		}
	}
}

// updateOnce runs fn once, and says of an error whether another run may pass; fn's own errors are permanent.
func (s *Store) updateOnce(ctx context.Context, minds bool, fn func(store.Tx) error) (verdict, error) {
	known := s.timeline.Load() // before the snapshot is taken, which then has what was written when it was noticed
	t, err := s.begin(ctx, s.limits.longest, func(c *pgx.Conn) string {
		m := s.marked(c)
		m.n++
		return "BEGIN ISOLATION LEVEL REPEATABLE READ; " + s.limits.settings() + s.local() + turn + m.statement() + "SELECT " + clock + ", " + s.timelineOrNone()
	})
	if err != nil {
		return permanent, err // begin has tried for as long as it may
	}
	defer t.end()
	if minds && known != nil && t.timeline != *known {
		return elsewhere, nil
	}
	mine := *s.marked(t.conn.pg)
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
	switch sent, e := t.commit(); {
	case e == nil:
		if err = s.flusher.wait(t); err == nil {
			s.news.tell(tx.topics)
			return permanent, nil
		}
	case !sent || refused(e):
		return judge(e), e
	default:
		err = e
	}
	t.end() // its connection is of no use any more
	kept, e := s.outcome(ctx, mine)
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

// outcome asks what became of an Update whose COMMIT, or what makes it durable, was not answered; if it was
// kept, it is durable. As long as the server carries it out the row is locked.
func (s *Store) outcome(ctx context.Context, m mark) (kept bool, err error) {
	ctx = context.WithoutCancel(ctx)
	for deadline := time.Now().Add(2 * s.limits.patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var n int64
		asking, cancel := context.WithTimeout(ctx, s.limits.end)
		// An INSERT waits for one of the same row that is not decided yet; and to write is what makes the answer
		// durable, and all before it.
		err = s.pool.QueryRow(asking, "INSERT INTO marks (id, n, at) VALUES ($1, 0, "+clock+") ON CONFLICT (id) DO UPDATE SET at = excluded.at RETURNING n", m.id).Scan(&n)
		cancel()
		if err == nil {
			return n >= m.n, nil // more: others have used the connection since
		}
	}
	return false, err
}

// flusher makes commits durable, those of all who wait at the same time together.
type flusher struct {
	turn sync.Mutex // whose flight is under way

	mu   sync.Mutex
	next *flight // that who comes now goes with
}

// flight is one commit that is durable when it is answered.
type flight struct {
	ended chan struct{}
	err   error // after ended
}

// wait waits until what t committed is durable. The first of a flight carries it out, on its own connection.
func (f *flusher) wait(t *transaction) error {
	f.mu.Lock()
	mine, first := f.next, f.next == nil
	if first {
		mine = &flight{ended: make(chan struct{})}
		f.next = mine
	}
	f.mu.Unlock()
	if !first {
		t.end() // somebody else may use the connection
		<-mine.ended
		return mine.err
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	f.mu.Lock()
	f.next = nil // who comes now may have committed too late
	f.mu.Unlock()
	defer close(mine.ended)
	_, mine.err = t.conn.pg.Exec(t.conn.ctx, t.store.flushes.statement(), pgx.QueryExecModeSimpleProtocol)
	return mine.err
}

// keepMarks is how long the mark of a connection that is gone is kept: longer than anybody asks for it.
const keepMarks = 24 * time.Hour

// forgetMarks removes those of connections that are long gone.
func forgetMarks(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "DELETE FROM marks WHERE at < "+clock+" - $1", keepMarks.Microseconds())
	return err
}
