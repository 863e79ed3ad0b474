package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
)

// postgresEngine is a PostgreSQL database, which several servers may share.
type postgresEngine struct{ store config.Store }

func (e postgresEngine) open(ctx context.Context, log *slog.Logger) (database, error) {
	return e.openWith(ctx, postgres.Options{Log: log})
}

func (e postgresEngine) openUnfinished(ctx context.Context, log *slog.Logger) (database, error) {
	return e.openWith(ctx, postgres.Options{Log: log, Unfinished: true})
}

func (e postgresEngine) openWith(ctx context.Context, o postgres.Options) (_ database, err error) {
	if o.URL, err = e.url(ctx); err != nil {
		return nil, err
	}
	s, err := postgres.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return postgresDatabase{s}, nil
}

func (e postgresEngine) url(ctx context.Context) (string, error) {
	url, err := e.store.DatabaseURL(ctx)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return url, nil
}

func (e postgresEngine) serving(ctx context.Context) (func(), error) {
	url, err := e.url(ctx)
	if err != nil {
		return nil, err
	}
	return postgres.Serving(ctx, url)
}

func (e postgresEngine) exclusive(ctx context.Context) (func(), error) {
	url, err := e.url(ctx)
	if err != nil {
		return nil, err
	}
	return postgres.Exclusive(ctx, url)
}

func (e postgresEngine) versions(ctx context.Context) (current, target int64, err error) {
	url, err := e.url(ctx)
	if err != nil {
		return 0, 0, err
	}
	return postgres.Versions(ctx, url)
}

func (postgresEngine) backup(context.Context, string, func(store.Tx) error) error {
	return &exitError{exitFailed, "a PostgreSQL database is copied by pg_dump, or by the snapshots of whoever runs it, and not by this command. " +
		"Not every copy that is put back can be told from the original: declare it with `scimbridge serve --restored`"}
}

// postgresDatabase tells another history by its timeline.
type postgresDatabase struct{ *postgres.Store }

func (d postgresDatabase) noticeRestore(ctx context.Context, older func(store.Tx, string) error) error {
	return d.NoticeRestore(ctx, older)
}

func (d postgresDatabase) warnings(ctx context.Context) ([]string, error) { return d.Warnings(ctx) }
