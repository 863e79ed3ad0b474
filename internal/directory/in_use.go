package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// InUse says why an address is not for trying something on: somebody's whom the bridge manages, or
// managed, or a protected one. "" if it is neither; that nobody is there at WisdomAI only a look
// can tell (V-18).
func (d *Directory) InUse(ctx context.Context, address string) (why string, err error) {
	err = d.store.View(ctx, func(tx store.Tx) error {
		key := mapping.FoldAddress(address)
		a := &account{Account: &store.Account{Workspace: d.o.Workspace, EmailKey: key, Email: address}}
		switch row, err := tx.AccountByEmail(d.o.Workspace, key); {
		case err == nil:
			if a, err = decodeAccount(row); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		switch {
		case a.UserID != "" && a.Former:
			why = fmt.Sprintf("the address was that of user %s of tenant %s", a.UserID, a.Tenant)
		case a.UserID != "":
			why = fmt.Sprintf("the address is that of user %s of tenant %s", a.UserID, a.Tenant)
		default:
			why, err = d.protectedByName(tx, a)
		}
		return err
	})
	return why, err
}
