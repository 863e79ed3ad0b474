package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// sqliteEngine is a file of one server.
type sqliteEngine struct{ path string }

func (e sqliteEngine) open(ctx context.Context, log *slog.Logger) (database, error) {
	return e.openWith(ctx, sqlite.Options{Log: log})
}

func (e sqliteEngine) openUnfinished(ctx context.Context, log *slog.Logger) (database, error) {
	return e.openWith(ctx, sqlite.Options{Log: log, Unfinished: true})
}

func (e sqliteEngine) openWith(ctx context.Context, o sqlite.Options) (database, error) {
	o.Path, o.Now = e.path, time.Now
	s, err := sqlite.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return sqliteDatabase{s}, nil
}

func (e sqliteEngine) serving(context.Context) (func(), error) { return sqlite.Lock(e.path) }

func (e sqliteEngine) exclusive(context.Context) (func(), error) {
	release, err := sqlite.Lock(e.path)
	if err != nil {
		return nil, fmt.Errorf("stop the server first: %w", err)
	}
	return release, nil
}

func (e sqliteEngine) versions(ctx context.Context) (current, target int64, err error) {
	return sqlite.Versions(ctx, e.path)
}

func (e sqliteEngine) backup(ctx context.Context, file string, mark func(store.Tx) error) error {
	if _, err := os.Stat(e.path); err != nil {
		return &exitError{exitFailed, fmt.Sprintf("there is no database to copy: %v", err)}
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Path: e.path, Now: time.Now})
	if err != nil {
		return err
	}
	err = errors.Join(s.Backup(ctx, file, mark), s.Close())
	if errors.Is(err, fs.ErrExist) {
		return &exitError{exitFailed, file + " is there already: name a new file"}
	}
	return err
}

// sqliteDatabase tells an older copy by its epoch.
type sqliteDatabase struct{ *sqlite.Store }

func (sqliteDatabase) warnings(context.Context) ([]string, error) { return nil, nil }

func (d sqliteDatabase) noticeRestore(ctx context.Context, older func(store.Tx, string) error) error {
	return d.RaiseEpoch(ctx, older)
}
