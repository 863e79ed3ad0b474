package directory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// keyOwner is whom a tenant's WisdomAI key belongs to: nothing may take his access, for
// it is the bridge's own (V-34), and a listing that lacks him is not whole (V-28).
type keyOwner struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	// Listed: a believed look had him.
	Listed bool `json:"listed,omitempty"`
}

// key is his address as accounts have it.
func (o keyOwner) key() string { return mapping.FoldAddress(o.Email) }

// is reports whether the account is his.
func (o keyOwner) is(a *account) bool {
	return o.ID != "" && o.ID == a.WisdomID || o.Email != "" && o.key() == a.EmailKey
}

// askOwnerFor bounds the question whose key it is: a look does not wait longer for it, and
// goes by what was answered before.
const askOwnerFor = 5 * time.Second

// askOwner asks WisdomAI whose key the tenant's is, at most once in listing.max_age, and
// keeps the answer. A question without an answer leaves the last one as it is.
func (d *Directory) askOwner(ctx context.Context) {
	if now := d.o.Now(); d.ownerAsked.IsZero() || now.Sub(d.ownerAsked) >= d.o.Listing.MaxAge {
		d.ownerAsked = now
	} else {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askOwnerFor)
	defer cancel()
	user, err := d.wisdom.CurrentUser(ctx)
	if err == nil {
		err = d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error { return d.ownedBy(tx, user.ID, user.Email) })
	}
	if err != nil {
		d.ownerAsked = time.Time{}
		d.o.Log.Debug("whose key the tenant's is could not be asked", "error", err)
	}
}

// ownedBy keeps whose key the tenant's is.
func (d *Directory) ownedBy(tx store.Tx, id, email string) error {
	all, err := readState[map[string]keyOwner](tx, d.ofWorkspace("owner"))
	if err != nil {
		return err
	}
	if was := all[d.o.Tenant]; was.ID == id && was.Email == email {
		return nil
	}
	if all == nil {
		all = map[string]keyOwner{}
	}
	all[d.o.Tenant] = keyOwner{ID: id, Email: email}
	return writeState(tx, d.ofWorkspace("owner"), all)
}

// owner is whose key the tenant's is; the zero value while nobody has said so.
func (d *Directory) owner(tx store.Tx) (keyOwner, error) {
	all, err := readState[map[string]keyOwner](tx, d.ofWorkspace("owner"))
	return all[d.o.Tenant], err
}

// owners are those of all tenants on the workspace, by the tenants' names.
func (d *Directory) owners(tx store.Tx) ([]keyOwner, error) {
	all, err := readState[map[string]keyOwner](tx, d.ofWorkspace("owner"))
	if err != nil {
		return nil, err
	}
	var out []keyOwner
	for _, tenant := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[tenant])
	}
	return out, nil
}

// isOwner reports whether a key of a tenant on the workspace belongs to this account.
func (d *Directory) isOwner(tx store.Tx, a *account) (bool, error) {
	all, err := d.owners(tx)
	return slices.ContainsFunc(all, func(o keyOwner) bool { return o.is(a) }), err
}
