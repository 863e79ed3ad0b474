package sqlite

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Bounds of a batch, so that nobody waits long for a commit because others keep
// coming. With the queue always full, a commit of 256 small writes takes about 10 ms;
// beyond that size the fsync's share of a write is too small to be worth waiting for.
const (
	maxBatch     = 256
	maxBatchTime = 20 * time.Millisecond
)

// lockWait is how long a write waits for another process (a command, a backup tool)
// to finish its own. Longer than any command's transaction takes, shorter than an
// IdP's patience (30 s and more).
const lockWait = 10 * time.Second

// writer owns the one connection that writes, and shares commits between callers.
//
// There is no goroutine behind it: callers pass the turn from one to the next. Whose
// turn it is runs his function on his own goroutine, in the transaction that the first
// of the batch began, under a savepoint of its own. When he is done he gives the
// turn to the next in line; if there is none, or the batch is full, he commits for all.
// Everybody returns after the commit that holds his work. A panic thus stays where it
// belongs, and whoever arrives during a commit shares the next one.
type writer struct {
	conn *conn

	mu      sync.Mutex // guards the fields below
	taken   bool       // it is somebody's turn
	waiting list.List  // of *turn, first come first served
	closed  bool

	// batch is the open transaction, nil if there is none. It belongs to whose turn it is.
	batch *batch
}

// turn is a place in the queue.
type turn struct {
	given chan struct{} // closed when it is this one's turn
}

// batch is the work that one commit makes durable.
type batch struct {
	began time.Time
	kept  int           // functions whose work is in it
	done  chan struct{} // closed after the commit; err is then its outcome
	err   error
}

// update runs fn in a transaction and returns after its commit.
func (w *writer) update(ctx context.Context, fn func(*conn) error) error {
	if err := w.acquire(ctx); err != nil {
		return err
	}
	b, err := w.run(ctx, fn)
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

// run adds fn's work to the batch and passes the turn on, even if fn panics.
func (w *writer) run(ctx context.Context, fn func(*conn) error) (*batch, error) {
	defer w.pass()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.batch == nil {
		if err := w.begin(ctx); err != nil {
			return nil, err
		}
	}
	b := w.batch

	// The first needs no savepoint: as long as the batch holds nobody else's work,
	// rolling the transaction back undoes his alone.
	first := b.kept == 0
	if !first {
		if _, err := w.conn.exec("SAVEPOINT fn"); err != nil {
			return nil, w.abandon(err)
		}
	}
	kept := false
	defer func() {
		if !kept && w.batch == b {
			w.undo(first)
		}
	}()
	if err := fn(w.conn); err != nil {
		return nil, err
	}
	if w.conn.lost != nil { // and fn did not mind
		return nil, w.abandon(w.conn.lost)
	}
	if !first {
		if _, err := w.conn.exec("RELEASE fn"); err != nil {
			return nil, w.abandon(err)
		}
	}
	kept = true
	b.kept++
	return b, nil
}

// begin opens the transaction of a new batch. IMMEDIATE, because a transaction that
// begins as a reader and finds at its first write that another process wrote
// meanwhile cannot go on.
func (w *writer) begin(ctx context.Context) error {
	for deadline := time.Now().Add(lockWait); ; {
		w.conn.lost = nil // an error outside a transaction ended none
		_, err := w.conn.exec("BEGIN IMMEDIATE")
		switch {
		case err == nil:
			w.batch = &batch{began: time.Now(), done: make(chan struct{})}
			return nil
		case primary(err) != sqlite3.SQLITE_BUSY:
			return fmt.Errorf("begin: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("%w: another process has been writing to it for %s: %w", store.ErrUnavailable, lockWait, err)
		}
	}
}

// undo takes back what the function whose turn it is has done.
func (w *writer) undo(first bool) {
	if first {
		_ = w.abandon(nil) // nobody else's work is in it
		return
	}
	_, err := w.conn.exec("ROLLBACK TO fn")
	if err == nil {
		_, err = w.conn.exec("RELEASE fn")
	}
	if err != nil {
		_ = w.abandon(err)
	}
}

// abandon rolls the whole batch back and fails all that are in it: SQLite itself has
// given the transaction up (disk full, I/O error), or the commit failed.
func (w *writer) abandon(cause error) error {
	b := w.batch
	w.batch = nil
	w.conn.lost = nil // this is what ends it
	_, err := w.conn.exec("ROLLBACK")
	if code(err) == sqlite3.SQLITE_ERROR {
		err = nil // no transaction is active: SQLite has rolled it back by itself
	}
	b.err = errors.Join(cause, err)
	close(b.done)
	return b.err
}

// pass gives the turn to the next in line, or to nobody, after a commit if the batch is
// full or nobody is left to join it.
func (w *writer) pass() {
	for {
		w.mu.Lock()
		next := w.waiting.Front()
		if b := w.batch; b != nil && (next == nil || b.kept >= maxBatch || time.Since(b.began) >= maxBatchTime) {
			w.mu.Unlock()
			w.commit()
			continue
		}
		if next == nil {
			w.taken = false
		} else {
			close(w.waiting.Remove(next).(*turn).given)
		}
		w.mu.Unlock()
		return
	}
}

func (w *writer) commit() {
	if _, err := w.conn.exec("COMMIT"); err != nil {
		_ = w.abandon(fmt.Errorf("commit: %w", err))
		return
	}
	close(w.batch.done)
	w.batch = nil
}

// acquire waits for the turn.
func (w *writer) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return store.ErrClosed
	}
	return w.await(ctx)
}

// await is acquire with mu held, which it releases.
func (w *writer) await(ctx context.Context) error {
	if !w.taken {
		w.taken = true
		w.mu.Unlock()
		return nil
	}
	t := &turn{given: make(chan struct{})}
	place := w.waiting.PushBack(t)
	w.mu.Unlock()
	select {
	case <-t.given:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	select {
	case <-t.given: // at the same moment
		w.mu.Unlock()
		w.pass()
	default:
		w.waiting.Remove(place)
		w.mu.Unlock()
	}
	return ctx.Err()
}

// close waits for all that are in line, and then keeps the turn for ever.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	_ = w.await(context.Background()) // cannot end early
	if w.batch != nil {
		w.commit()
	}
	return w.conn.close()
}
