package directory

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/store"
)

// readState reads what belongs to a tenant or a workspace as a whole: who paused it, what is
// held since a restore. It is in the store, so that commands set it beside a running
// server, and every replica goes by it. The zero value if nothing is kept.
func readState[T any](tx store.Tx, name string) (T, error) {
	var v T
	text, err := tx.Meta(name)
	if errors.Is(err, store.ErrNotFound) || err == nil && text == "" {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return v, fmt.Errorf("state %s: %w", name, err)
	}
	return v, nil
}

// writeState keeps a state.
func writeState(tx store.Tx, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.PutMeta(name, string(text))
}

// ofTenant and ofWorkspace are the names of states: each belongs to one of the two.
func (d *Directory) ofTenant(what string) string    { return what + "/tenant/" + d.o.Tenant }
func (d *Directory) ofWorkspace(what string) string { return what + "/workspace/" + d.o.Workspace }
