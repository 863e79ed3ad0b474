package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// InUse says whose an address of the workspace is, as far as the store knows: "" if it is nobody's
// that the bridge manages, or managed. It is for what must not meet anybody's person, such
// as a write that only tries something (V-18).
func (d *Directory) InUse(ctx context.Context, address string) (by string, err error) {
	err = d.store.View(ctx, func(tx store.Tx) error {
		a, err := tx.AccountByEmail(d.o.Workspace, mapping.FoldAddress(address))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		case a.UserID == "":
			return nil
		}
		by = fmt.Sprintf("user %s of tenant %s", a.UserID, a.Tenant)
		if a.Former {
			by = "a former address of " + by
		}
		return nil
	})
	return by, err
}
