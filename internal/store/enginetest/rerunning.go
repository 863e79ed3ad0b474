package enginetest

import (
	"context"
	"errors"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Rerunning is a store that runs each Update's function twice: first in a transaction of which nothing is kept, as an
// engine does that finds out at its end that it met another. What the function did outside its Tx is doubled.
func Rerunning(s store.Store) store.Store { return rerunning{s} }

type rerunning struct{ store.Store }

var errNotKept = errors.New("nothing of this run is kept")

func (r rerunning) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := r.Store.Update(ctx, func(tx store.Tx) error {
		_ = fn(tx) // and if it fails: the next run says
		return errNotKept
	})
	if !errors.Is(err, errNotKept) {
		return err
	}
	return r.Store.Update(ctx, fn)
}
