package directory

import (
	"context"
	"sync"
	"time"
)

// OneRequest makes of several writes one request as far as waiting goes: those that are
// given the context wait for their deliveries together no longer than one would
// (DeliveryOptions.RequestBudget), counted from the first that waits. What is not
// delivered by then follows later, as it does for any write.
func OneRequest(ctx context.Context) context.Context {
	return context.WithValue(ctx, oneRequestKey{}, &oneRequest{})
}

type oneRequestKey struct{}

// oneRequest is when the writes of a request have waited enough.
type oneRequest struct {
	mu  sync.Mutex // guards end
	end time.Time  // zero until one waited
}

// waitBudget bounds the time that a write may wait for its delivery.
func waitBudget(ctx context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	r, _ := ctx.Value(oneRequestKey{}).(*oneRequest)
	if r == nil {
		return context.WithTimeout(ctx, budget)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end.IsZero() {
		r.end = time.Now().Add(budget)
	}
	return context.WithDeadline(ctx, r.end)
}
