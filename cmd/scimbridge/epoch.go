package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// epochEvery is how often a server raises the epoch beside its database: what was written
// since is all that a copy put back can lack unnoticed (V-31).
const epochEvery = time.Minute

// raiseEpoch raises it, and holds all giving if the database is an older copy.
func raiseEpoch(ctx context.Context, s *sqlite.Store, log *slog.Logger) error {
	return s.RaiseEpoch(ctx, func(tx store.Tx, why string) error {
		log.Warn("THE DATABASE WAS RESTORED: all giving is held", "why", why)
		return directory.MarkRestored(tx, why)
	})
}

// keepEpoch raises it until ctx is done, and once more then.
func keepEpoch(ctx context.Context, s *sqlite.Store, log *slog.Logger) {
	timer := time.NewTicker(epochEvery)
	defer timer.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-timer.C:
		}
		if err := raiseEpoch(context.WithoutCancel(ctx), s, log); err != nil {
			log.Error("the epoch of the database could not be raised: a copy put back may not be noticed", "error", err)
		}
	}
}
