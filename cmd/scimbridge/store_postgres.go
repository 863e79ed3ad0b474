package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
)

// postgresEngine is a PostgreSQL database, which several servers may share.
type postgresEngine struct{ store config.Store }

var errPostgresToCome = errors.New("PostgreSQL is still to come in this version; name a store sqlite:PATH")

func (e postgresEngine) open(ctx context.Context, _ *slog.Logger) (database, error) {
	if _, err := e.url(ctx); err != nil {
		return nil, err
	}
	return nil, errPostgresToCome
}

func (e postgresEngine) url(ctx context.Context) (string, error) {
	url, err := e.store.DatabaseURL(ctx)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return url, nil
}

func (postgresEngine) serving(context.Context) (func(), error) { return func() {}, nil }

func (e postgresEngine) exclusive(ctx context.Context) (func(), error) {
	if _, err := e.url(ctx); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("stop all servers of this database first, every replica: %w", errPostgresToCome)
}

func (e postgresEngine) versions(ctx context.Context) (current, target int64, err error) {
	if _, err := e.url(ctx); err != nil {
		return 0, 0, err
	}
	return 0, 0, errPostgresToCome
}

func (postgresEngine) backup(context.Context, string, func(store.Tx) error) error {
	return &exitError{exitFailed, "a PostgreSQL database is copied by pg_dump, or by the snapshots of whoever runs it, and not by this command. " +
		"Not every copy that is put back can be told from the original: declare it with `scimbridge serve --restored`"}
}
