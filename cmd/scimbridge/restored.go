package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
)

// noticeEvery is how often a server finds out whether an older copy of its database was put back. What an
// SQLite file was written since is all that a copy can lack unnoticed (V-31).
const noticeEvery = time.Minute

// noticeRestore holds all giving if the database is an older copy.
func noticeRestore(ctx context.Context, s database, log *slog.Logger) error {
	return s.noticeRestore(ctx, func(tx store.Tx, why string) error {
		log.Warn("THE DATABASE WAS RESTORED: all giving is held", "why", why)
		return directory.MarkRestored(tx, why)
	})
}

// keepNoticing does so until ctx is done, and once more then.
func keepNoticing(ctx context.Context, s database, log *slog.Logger) {
	timer := time.NewTicker(noticeEvery)
	defer timer.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-timer.C:
		}
		if err := noticeRestore(context.WithoutCancel(ctx), s, log); err != nil {
			log.Error("how far the database has come could not be kept: a copy put back may not be noticed", "error", err)
		}
	}
}
