package main

import (
	"context"
	"log/slog"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/transfer"
)

// engine is where a configuration keeps the state, and what of that commands have to know: a
// file that one server has to itself, or a database that several share. The rows are the
// same on each. It touches nothing before a method is called, and then resolves the secret that the
// store may be given by.
type engine interface {
	// open opens the store and brings its schema up to date; log, if not nil, hears of that.
	open(ctx context.Context, log *slog.Logger) (database, error)
	// openUnfinished is open for who copies to it: what else is refused, a store that a copy to was not finished.
	openUnfinished(ctx context.Context, log *slog.Logger) (database, error)
	// serving makes this process a server of the store, until release. Where there may be only one, a second
	// is refused.
	serving(ctx context.Context) (release func(), err error)
	// exclusive makes sure that no server runs, and that none starts, until release. The error says what
	// to stop.
	exclusive(ctx context.Context) (release func(), err error)
	// versions are the version of the schema that the store has, 0 without one, and that of this program's.
	// The store is not changed, nor made.
	versions(ctx context.Context) (current, target int64, err error)
	// backup writes a copy, with what mark writes in it, to a new file.
	backup(ctx context.Context, file string, mark func(store.Tx) error) error
}

// database is an open store.
type database interface {
	store.Store
	transfer.Store
	// noticeRestore finds out whether an older copy was put in the database's place (V-31). If so, older is called
	// with the reason in the transaction that remembers it: of all servers and calls, once. A server calls it
	// before it serves, now and then while it does, and when it ends.
	noticeRestore(ctx context.Context, older func(tx store.Tx, why string) error) error
	// warnings say which settings of the database could cost writes that were accepted.
	warnings(ctx context.Context) ([]string, error)
}

// engineOf is the one place where the engine is chosen.
func engineOf(s config.Store) engine {
	if s.Engine == config.Postgres {
		return postgresEngine{s}
	}
	return sqliteEngine{s.Path}
}

// openStore opens the configured store for a command.
func openStore(ctx context.Context, cfg *config.Config) (database, error) {
	return engineOf(cfg.Store).open(ctx, nil)
}
