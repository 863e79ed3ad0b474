package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// Options say where a store is and what time it is.
type Options struct {
	// Path of the file; made if it is not there. In memory (":memory:") is not
	// supported: a store exists to be durable.
	Path string
	// Now is the clock behind Tx.Now; nil is time.Now.
	Now func() time.Time
	// Log hears of migrations; nil is nobody.
	Log *slog.Logger
	// Unfinished opens a store that a copy to was not finished, too: for who copies.
	Unfinished bool
}

// Store is a store.Store in one SQLite file. Safe for concurrent use.
type Store struct {
	path    string
	now     func() time.Time
	writer  *writer
	readers *readers
}

var _ store.Store = (*Store)(nil)

// Open opens the store, and brings its schema up to date. Errors are *OpenError, apart
// from those of ctx. Several processes may open one file; of servers only one should,
// which Lock sees to.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path, err := fileOf(o.Path)
	if err != nil {
		return nil, err
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	// What distributions' builds of SQLite do: a commit in half the time, as durable. For
	// the whole process, but the same for whoever asks. Not everywhere, and then no loss.
	if _, err := engine.Fdatasync(true); err != nil && !errors.Is(err, engine.ErrFdatasyncUnavailable) {
		return nil, explain(path, err)
	}
	return openWithin(ctx, openWait, path, o)
}

// openWait is how long Open waits for another process that migrates the file.
const openWait = 10 * time.Second

func openWithin(ctx context.Context, wait time.Duration, path string, o Options) (*Store, error) {
	for deadline := time.Now().Add(wait); ; {
		err := migrate(ctx, path, o.Log)
		if err == nil {
			var s *Store
			if s, err = connectAll(ctx, path, o.Now); err == nil {
				if o.Unfinished {
					return s, nil
				}
				return s.finished(ctx)
			}
		}
		if primary(err) != sqlite3.SQLITE_BUSY || time.Now().After(deadline) {
			return nil, explain(path, err)
		}
		select { // try again, but not in step with others that do
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5*time.Millisecond + rand.N(40*time.Millisecond)):
		}
	}
}

// finished is the store, unless a copy to it was not finished.
func (s *Store) finished(ctx context.Context) (*Store, error) {
	copying := false
	err := s.readers.view(ctx, func(c *conn) (err error) {
		copying, err = relational.Copying(c)
		return err
	})
	if err == nil && copying {
		err = &OpenError{Path: s.path, Kind: KindUnfinished, Reason: "a copy to it was not finished",
			Advice: "repeat `scimbridge copy`, which begins again, or go on with the store that was to be copied"}
	}
	if err != nil {
		return nil, errors.Join(explain(s.path, err), s.Close())
	}
	return s, nil
}

// connectAll opens the connection that writes, and prepares for those that read.
func connectAll(ctx context.Context, path string, now func() time.Time) (*Store, error) {
	write, err := connector(path, common, writing)
	if err != nil {
		return nil, err
	}
	read, err := connector(path, common, reading)
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, write)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, now: now, writer: &writer{conn: c}, readers: newReaders(read)}
	// SQLite opens what it may only read without a word; a statement that would write tells.
	if err := s.writer.update(ctx, func(c *conn) error { _, err := c.exec("DELETE FROM meta WHERE FALSE"); return err }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// View runs fn on a snapshot; see store.Store. At most maxReaders run at the same time,
// so fn must not wait for another View.
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	return s.readers.view(ctx, func(c *conn) error { return s.in(ctx, c, fn) })
}

// Update runs fn in a transaction; see store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.writer.update(ctx, func(c *conn) error { return s.in(ctx, c, fn) })
}

// in runs fn with a Tx that is of no use afterwards.
func (s *Store) in(ctx context.Context, c *conn, fn func(store.Tx) error) error {
	t := s.tx(ctx, c)
	defer t.End()
	return fn(t)
}

func (s *Store) tx(ctx context.Context, c *conn) *relational.Tx {
	return relational.New(ctx, c, &dialect, s.now)
}

// Ping reads from the file.
func (s *Store) Ping(ctx context.Context) error {
	return s.readers.view(ctx, func(c *conn) error {
		_, err := c.number("SELECT COUNT(*) FROM tenants")
		return err
	})
}

// Close closes the store; see store.Store.
func (s *Store) Close() error {
	// Readers first: the last connection to go tidies the log away, and one that only
	// reads could not.
	return errors.Join(s.readers.close(), s.writer.close())
}
