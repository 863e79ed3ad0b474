package sqlite

import (
	"context"

	"github.com/scimbridge/scimbridge/internal/store"
)

// RaiseEpochUntil is RaiseEpoch that ends where before returns an error.
func (s *Store) RaiseEpochUntil(ctx context.Context, before func(write string) error) error {
	return s.raiseEpoch(ctx, func(store.Tx, string) error { return nil }, before)
}
