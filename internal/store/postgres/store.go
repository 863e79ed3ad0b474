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
	// updates has an element for each Update that runs: Views can always go on.
	updates chan struct{}
	news    *news

	saysTimeline bool                   // the server does
	timeline     atomic.Pointer[string] // in which Updates are to be; nil: nobody minds
	history      sync.Mutex             // guards older, and is held while another history is noticed
	older        func(store.Tx, string) error

	mu     sync.Mutex // guards the fields below
	closed bool
	inside sync.WaitGroup // the calls that run; none is added after closed
}

var _ store.Store = (*Store)(nil)

// Limits of time. An identity provider waits for 30 seconds and more.
const (
	// patience is how long a call waits for a server that does not answer: longer than one takes to
	// restart, or a standby to take over from it.
	patience = 10 * time.Second
	// poolWait is how long a call waits for a connection while others have them all.
	poolWait = 10 * time.Second
	// longest is how long one run of an Update may take, the waiting for others' locks in it.
	longest = 45 * time.Second
	// endWait is how long the end of a transaction may take that is of no use any more.
	endWait = 5 * time.Second
)

// settings are what each Update sets for itself: how long it waits for a lock, how long a statement may take, and how
// long it may sit still. The last is what lets the others go on when a process is stopped in the middle of one.
const settings = "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '10s'; "

// planning are settings of the session, or of the transaction behind a pooler: an index is used even where a table is
// small, because a transaction that reads a table from end to end is refused beside every other that writes to it
// (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-SERIALIZABLE); and what such a plan seems to
// cost must not make PostgreSQL compile it.
var planning = map[string]string{"enable_seqscan": "off", "jit": "off"}

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
	t, err := s.begin(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "+s.local()+"SELECT "+clock)
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
	if err := s.pool.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return explain(err)
	}
	if standby {
		return fmt.Errorf("%w: the server is a standby, which takes no writes", store.ErrUnavailable)
	}
	return nil
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
	// Of an Update: its number, and the server's timeline if it says so.
	xid, timeline string
	over          bool
	stop          context.CancelFunc
}

// begin opens a transaction with a text of statements of which the last gives the time, and maybe the number. As long
// as there is no server that opens one it tries again, for as long as patience lasts; nothing has run yet.
func (s *Store) begin(ctx context.Context, text string) (*transaction, error) {
	for deadline := time.Now().Add(patience); ; {
		t, err := s.beginOnce(ctx, text)
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

func (s *Store) beginOnce(ctx context.Context, text string) (*transaction, error) {
	wait, cancel := context.WithTimeout(ctx, poolWait)
	held, err := s.pool.Acquire(wait)
	late := wait.Err() != nil && ctx.Err() == nil
	cancel()
	if err != nil {
		if late {
			return nil, fmt.Errorf("%w: no connection was free for %s: %w", store.ErrUnavailable, poolWait, err)
		}
		return nil, err
	}
	bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), longest)
	t := &transaction{store: s, held: held, conn: &conn{ctx: bounded, pg: held.Conn()}, stop: stop}
	results, err := held.Conn().PgConn().Exec(bounded, text).ReadAll()
	if err == nil {
		last := results[len(results)-1].Rows
		var micros int64
		if micros, err = strconv.ParseInt(string(last[0][0]), 10, 64); err == nil {
			t.now = time.UnixMicro(micros)
			if len(last[0]) > 2 {
				t.xid, t.timeline = string(last[0][1]), string(last[0][2])
			}
			return t, nil
		}
	}
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

// commit makes what was written durable. sent reports whether the server may have heard of it.
func (t *transaction) commit() (sent bool, err error) {
	if err := t.conn.ready(); err != nil {
		return false, err
	}
	tag, err := t.conn.pg.Exec(t.conn.ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
	if err == nil && tag.String() != "COMMIT" {
		err = errors.New("PostgreSQL rolled the transaction back") // cannot be: every failure is in conn.failed
	}
	t.over = err == nil
	return true, err
}

// end gives the connection back, and takes back what was not committed. A connection that does not
// answer to that is closed.
func (t *transaction) end() {
	defer t.stop()
	if t.conn.reading != nil {
		_ = t.conn.reading.Close()
	}
	if !t.over && !t.conn.pg.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), endWait)
		if _, err := t.conn.pg.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
			_ = t.conn.pg.Close(ctx)
		}
		cancel()
	}
	t.held.Release()
}
