package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// Store is a store.Store in a PostgreSQL database. Safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	now  func() time.Time // nil: the database's clock
	log  *slog.Logger
	// pooler: there is one for transactions between the server and us, so that nothing may need a session.
	pooler bool
	limits limits
	// updates has an element for each Update that runs: Views can always go on.
	updates chan struct{}
	marks   sync.Map // of *mark by *pgx.Conn
	flushes *mark    // what flusher writes
	flusher flusher
	news    *news

	heard atomic.Pointer[moment] // when the database last said what time it is

	saysTimeline bool                   // the server does
	timeline     atomic.Pointer[string] // in which Updates are to be; nil: nobody minds
	history      sync.Mutex             // guards older, and is held while another history is noticed
	older        func(store.Tx, string) error

	mu     sync.Mutex // guards the fields below
	closed bool
	inside sync.WaitGroup // the calls that run; none is added after closed
}

var _ store.Store = (*Store)(nil)

// limits are limits of time. An identity provider waits for 30 seconds and more.
type limits struct {
	// patience is how long a call waits for a server that does not answer: longer than one takes to
	// restart, or a standby to take over from it.
	patience time.Duration
	// pool is how long a call waits for a connection while others have them all.
	pool time.Duration
	// longest is how long one run of an Update may take, the waiting for its turn in it.
	longest time.Duration
	// end is how long the end of a transaction may take that is of no use any more.
	end time.Duration
	// lock is how long a statement of an Update waits for others.
	lock time.Duration
	// statement is how long it may take.
	statement time.Duration
	// idle is how long the server waits for the next one: who is stopped in the middle of an Update
	// keeps the others waiting for less long than they wait.
	idle time.Duration
}

// longestView is how long a View may take: it holds up nobody, and may go through a million people for a slow client.
const longestView = time.Hour

var defaultLimits = limits{
	patience: 10 * time.Second, pool: 10 * time.Second, longest: 45 * time.Second, end: 5 * time.Second,
	lock: 10 * time.Second, statement: 30 * time.Second, idle: 5 * time.Second,
}

// settings are what each Update sets for itself: that its COMMIT does not wait (updates.go), and the limits.
func (l *limits) settings() string {
	return fmt.Sprintf("SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d; ",
		l.lock.Milliseconds(), l.statement.Milliseconds(), l.idle.Milliseconds())
}

// planning are settings of the session, or of the transaction behind a pooler: what has an index is read by it, whatever
// the statistics say of a table that was small a moment ago; what another plan then seems to
// cost must not make PostgreSQL compile it; and none is kept that was made while a table was empty, or without
// knowing the values: it may read all of a tenant, or all of the log.
var planning = map[string]string{"enable_seqscan": "off", "jit": "off", "plan_cache_mode": "force_custom_plan"}

// clock asks for the time in microseconds since 1970.
const clock = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"

// local makes statements of settings.
func (s *Store) local() string {
	if !s.pooler {
		return ""
	}
	text := ""
	for name, value := range planning {
		text += "SET LOCAL " + name + " = " + value + "; "
	}
	return text
}

// moment is one moment by two clocks, the second of which goes on steadily here.
type moment struct{ database, here time.Time }

// Now is the database's clock, reckoned from when it was last heard of; before the first transaction it is
// this machine's. See store.Clock.
func (s *Store) Now() time.Time {
	if s.now != nil {
		return s.now()
	}
	if m := s.heard.Load(); m != nil {
		return m.database.Add(time.Since(m.here)).UTC()
	}
	return time.Now().UTC()
}

// enter counts a call that uses the pool; leave must be called after it.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	s.inside.Add(1)
	return s.inside.Done, nil
}

// View runs fn on a snapshot; see store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	t, err := s.begin(ctx, longestView, func(*pgx.Conn) string {
		return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; " + s.local() + "SELECT " + clock
	})
	if err != nil {
		return err
	}
	defer t.end()
	tx := t.tx(ctx)
	defer tx.End()
	err = fn(tx)
	if t.conn.failed != nil && (t.conn.doomed || err == nil || errors.Is(err, t.conn.failed)) { // whatever fn makes of a store that is lost
		err = explain(t.conn.failed)
	}
	return err
}

// Ping asks the server whether it takes writes.
func (s *Store) Ping(ctx context.Context) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var standby bool
	if err := s.ask(ctx, 0, "SELECT pg_is_in_recovery()", &standby); err != nil {
		return err
	}
	if standby {
		return fmt.Errorf("%w: the server is a standby, which takes no writes", store.ErrUnavailable)
	}
	return nil
}

// ask reads one row outside of a transaction. Connections that have ended meanwhile are passed over; a server that
// is not there is waited for.
func (s *Store) ask(ctx context.Context, wait time.Duration, query string, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.patience)
	defer cancel()
	for tries, deadline := int32(0), time.Now().Add(wait); ; tries++ {
		err := s.pool.QueryRow(ctx, query).Scan(into...)
		_, connecting := errors.AsType[*pgconn.ConnectError](err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, judge(err) != lost:
			return explain(err)
		case !connecting && tries < s.pool.Config().MaxConns:
			continue
		case time.Now().After(deadline):
			return explain(err)
		}
		select {
		case <-ctx.Done():
			return explain(err)
		case <-time.After(50*time.Millisecond + rand.N(50*time.Millisecond)):
		}
	}
}

// Close closes the store; see store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	s.inside.Wait()
	if first {
		s.news.close()
		s.pool.Close()
	}
	return nil
}

// transaction is one that is open.
type transaction struct {
	store *Store
	held  *pgxpool.Conn
	conn  *conn
	now   time.Time // of the database, at its begin

	timeline string // of the server, if it says so; of an Update
	over     bool   // nothing is to be taken back
	ended    bool
	stop     context.CancelFunc
}

// begin opens a transaction with a text of statements of which the last gives the time, and maybe the timeline. As long
// as there is no server that opens one it tries again, for as long as patience lasts; nothing has run yet.
func (s *Store) begin(ctx context.Context, longest time.Duration, text func(*pgx.Conn) string) (*transaction, error) {
	for deadline := time.Now().Add(s.limits.patience); ; {
		t, err := s.beginOnce(ctx, longest, text)
		switch {
		case err == nil:
			return t, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case judge(err) == permanent, judge(err) == busy, errors.Is(err, store.ErrUnavailable), time.Now().After(deadline):
			return nil, explain(err)
		}
		select { // not in step with others that try
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50*time.Millisecond + rand.N(150*time.Millisecond)):
		}
	}
}

func (s *Store) beginOnce(ctx context.Context, longest time.Duration, text func(*pgx.Conn) string) (*transaction, error) {
	wait, cancel := context.WithTimeout(ctx, s.limits.pool)
	held, err := s.pool.Acquire(wait)
	late := wait.Err() != nil && ctx.Err() == nil
	cancel()
	if err != nil {
		if late {
			return nil, fmt.Errorf("%w: no connection was free for %s: %w", store.ErrUnavailable, s.limits.pool, err)
		}
		return nil, err
	}
	bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), longest)
	t := &transaction{store: s, held: held, conn: &conn{ctx: bounded, pg: held.Conn()}, stop: stop}
	turn, cancel := context.WithTimeout(ctx, s.limits.longest) // who gives up while he waits for his turn is not run
	results, err := held.Conn().PgConn().Exec(turn, text(held.Conn())).ReadAll()
	cancel()
	if err == nil {
		last := results[len(results)-1].Rows
		var micros int64
		if micros, err = strconv.ParseInt(string(last[0][0]), 10, 64); err == nil {
			t.now = time.UnixMicro(micros)
			s.heard.Store(&moment{t.now, time.Now()})
			if len(last[0]) > 1 {
				t.timeline = string(last[0][1])
			}
			return t, nil
		}
	}
	_ = t.conn.check(err)
	t.end()
	return nil, err
}

// tx is the Tx of the transaction.
func (t *transaction) tx(ctx context.Context) *relational.Tx {
	now := t.store.now
	if now == nil {
		now = func() time.Time { return t.now }
	}
	return relational.New(ctx, t.conn, &dialect, now)
}

// commit lets everybody see what was written; flusher makes it durable. sent reports whether the server may have heard of it.
func (t *transaction) commit() (sent bool, err error) {
	if err := t.conn.ready(); err != nil {
		return false, err
	}
	tag, err := t.conn.pg.Exec(t.conn.ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
	if err == nil && tag.String() != "COMMIT" {
		err = errors.New("PostgreSQL rolled the transaction back") // cannot be: every failure is in conn.failed
	}
	t.over = err == nil
	_ = t.conn.check(err)
	return true, err
}

// end gives the connection back, and takes back what was not committed. A connection that does not
// answer to that is closed, and one whose server is no good: the pool looks for another.
func (t *transaction) end() {
	if t.ended {
		return
	}
	t.ended = true
	defer t.stop()
	if t.conn.reading != nil {
		_ = t.conn.reading.Close()
	}
	if !t.over && !t.conn.pg.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), t.store.limits.end)
		if t.conn.failed != nil && judge(t.conn.failed) == lost {
			_ = t.conn.pg.Close(ctx)
		} else if _, err := t.conn.pg.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
			_ = t.conn.pg.Close(ctx)
		}
		cancel()
	}
	t.held.Release()
}
