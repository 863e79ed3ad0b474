package main

import (
	"context"
	"sync"
	"time"
)

const (
	// warningsFor is how long /healthz takes what the database said about its settings for true.
	warningsFor = time.Minute
	// warningsWait is how long /healthz waits for it to say so.
	warningsWait = time.Second
)

// storeWarnings is what the database's settings could cost. Safe for concurrent use.
type storeWarnings struct {
	mu    sync.Mutex // guards the fields below
	asked time.Time
	said  []string
}

// of asks the database at most once in a while. Where it does not answer, it is what it said last: that it
// cannot be reached is for others to say.
func (w *storeWarnings) of(ctx context.Context, db database, now time.Time) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.asked.IsZero() && now.Sub(w.asked) < warningsFor {
		return w.said
	}
	ctx, cancel := context.WithTimeout(ctx, warningsWait)
	defer cancel()
	if said, err := db.warnings(ctx); err == nil {
		w.said = said
	}
	w.asked = now
	return w.said
}
