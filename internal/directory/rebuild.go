package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// A rebuild gets back from one look who is who: whom WisdomAI shows with a scim_id of the
// tenant is made a managed user again, under the id that the IdP knows (V-32). What the IdP
// wants of him, and what groups there were, is lost. So nothing is given to him before the
// IdP has written him, and what he has is taken in as owned, origin unknown.

// rebuilt is what an account remembers of it.
type rebuilt struct {
	// Unwritten: the IdP has not written him since. Only taking.
	Unwritten bool `json:"unwritten,omitempty"`
	// Roles are of unknown origin: kept until the write that would give them does not. For what
	// the IdP's groups may have given that is a write of a group that gives it, or Resume.
	Roles grants `json:"roles,omitempty"`
}

// unwritten reports whether the IdP has still to write the person after a rebuild.
func (a *account) unwritten() bool { return a.memory.Rebuilt != nil && a.memory.Rebuilt.Unwritten }

const heldUnwritten = "held since the rebuild until the identity provider has written about the person, or `scimbridge rebuild --resume`"

// heldRebuilt holds what would give anything to somebody unwritten.
func (d *Directory) heldRebuilt(_ store.Tx, a *account, st step) (string, error) {
	if st.taking || !a.unwritten() {
		return "", nil
	}
	return heldUnwritten, nil
}

// rebuildState is where a tenant stands between a lost database and its identity provider.
type rebuildState struct {
	// Fresh: this tenant has never had a look; the first may show that it had another life.
	Fresh bool `json:"fresh,omitempty"`
	// Restored is the restore after which a look was searched for people made since the copy (V-31).
	Restored string `json:"restored,omitempty"`
	// Since: people were taken in, and it was not resumed; zero: not so.
	Since time.Time `json:"since,omitzero"`
	// People were taken in; Held of them are unwritten.
	People int `json:"people,omitempty"`
	Held   int `json:"held,omitempty"`
	// Twice are ids that several people carry: used for nobody, and not known to be gone either.
	Twice []string `json:"twice,omitempty"`
}

func (d *Directory) rebuildState(tx store.Tx) (rebuildState, error) {
	return readState[rebuildState](tx, d.ofTenant("rebuild"))
}

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Look    store.Look `json:"-"`
	People  int        `json:"people"`  // made managed users again
	Former  int        `json:"former"`  // accounts of people who left, or have another address now
	Aliased int        `json:"aliased"` // whom the IdP had written under a new id before: the old one stands for it
	Known   int        `json:"known"`   // were there already, or were deleted since
	// Twice are ids carried by several addresses, Conflicts addresses whose user could not be
	// made, with the reason. They are left as they are.
	Twice     []RebuiltTwice    `json:"twice,omitempty"`
	Conflicts []RebuildConflict `json:"conflicts,omitempty"`
}

// RebuiltTwice is a scim_id that several people carry.
type RebuiltTwice struct {
	ID        string   `json:"id"`
	Addresses []string `json:"addresses"`
}

// RebuildConflict is somebody who could not be made a user again.
type RebuildConflict struct {
	Address string `json:"address"`
	ID      string `json:"id"`
	Reason  string `json:"reason"`
}

func (r Rebuilt) any() bool { return r.People+r.Former+r.Aliased > 0 }

// Rebuild takes in what the last believed look showed. It may be repeated: who is known is
// left as he is. Errors: Unavailable, if there never was such a look.
func (d *Directory) Rebuild(ctx context.Context, by Caller) (Rebuilt, error) {
	var look *store.Look
	err := d.store.View(ctx, func(tx store.Tx) error {
		var err error
		look, err = tx.LastLook(d.o.Workspace, store.LookApplied)
		if errors.Is(err, store.ErrNotFound) {
			return &Error{Kind: Unavailable, Detail: "WisdomAI's users have never been listed: start the server, whose first listing rebuilds an empty store by itself"}
		}
		return err
	})
	if err != nil {
		return Rebuilt{}, err
	}
	r, err := d.takeInAll(ctx, by)
	r.Look = *look
	return r, err
}

// rebuildIfNew is called with the first look ever of a tenant, or the first after a restore,
// before it counts as applied: nothing was delivered by it, and nobody was told that
// an id is unknown.
func (d *Directory) rebuildIfNew(ctx context.Context) error {
	var s rebuildState
	var h RestoreHold
	err := d.store.View(ctx, func(tx store.Tx) error {
		var err error
		if s, err = d.rebuildState(tx); err == nil {
			h, err = d.restoreHold(tx)
		}
		return err
	})
	if err != nil || !s.Fresh && (h.ID == "" || s.Restored == h.ID) {
		return err
	}
	r, err := d.takeInAll(ctx, Caller{})
	if err != nil {
		return fmt.Errorf("rebuilding from the listing: %w", err)
	}
	if r.any() || len(r.Twice)+len(r.Conflicts) > 0 {
		d.o.Log.Warn("THE STORE WAS REBUILT from what WisdomAI shows: nothing is given to the people taken in until the identity provider has written them, "+
			"or `scimbridge rebuild --resume`; unknown group ids are answered 503 until then",
			"people", r.People, "former", r.Former, "aliased", r.Aliased, "ids carried twice", len(r.Twice), "conflicts", len(r.Conflicts))
	}
	for _, c := range r.Conflicts {
		d.o.Log.Warn("somebody could not be taken in", "email", c.Address, "id", c.ID, "reason", c.Reason)
	}
	for _, t := range r.Twice {
		d.o.Log.Warn("one SCIM id is carried by several people, and used for none of them", "id", t.ID, "emails", t.Addresses)
	}
	return d.store.Update(ctx, func(tx store.Tx) error {
		s, err := d.rebuildState(tx)
		if err != nil {
			return err
		}
		s.Fresh = false
		if h.ID != "" {
			s.Restored = h.ID
		}
		return writeState(tx, d.ofTenant("rebuild"), s)
	})
}

// carried is the SCIM id that WisdomAI shows of somebody, if it is one of the tenant's.
func (d *Directory) carried(a *account) (id string, former bool) {
	mark, ok := strings.CutPrefix(a.actual.Database["scim_id"], d.o.Tenant+"/")
	if !ok || mark == "" || !a.Present || !d.o.Rules.Visible(a.Email) {
		return "", false
	}
	return mark, a.actual.Database["scim_state"] == "former"
}

// takeInAll goes through all accounts twice: an id has to be known to be carried once before
// anybody is given it.
func (d *Directory) takeInAll(ctx context.Context, by Caller) (r Rebuilt, err error) {
	first := map[string]string{}
	twice := map[string][]string{}
	err = d.eachAccount(ctx, func(a *account) (bool, error) {
		id, former := d.carried(a)
		switch {
		case id == "" || former:
		case first[id] == "":
			first[id] = a.Email
		case twice[id] == nil:
			twice[id] = []string{first[id], a.Email}
		default:
			twice[id] = append(twice[id], a.Email)
		}
		return false, nil
	}, nil)
	if err != nil {
		return r, err
	}
	for id, addresses := range twice {
		r.Twice = append(r.Twice, RebuiltTwice{ID: id, Addresses: addresses})
	}
	slices.SortFunc(r.Twice, func(a, b RebuiltTwice) int { return strings.Compare(a.ID, b.ID) })
	var chunk Rebuilt
	err = d.eachAccount(ctx, func(a *account) (bool, error) {
		id, _ := d.carried(a)
		return id != "" && a.UserID != id, nil
	}, func(tx store.Tx, accounts []int64) error {
		chunk = Rebuilt{}
		for _, account := range accounts {
			if err := d.takeIn(tx, by, account, twice, &chunk); err != nil {
				return err
			}
		}
		return d.tookIn(tx, &chunk, r.Twice)
	}, func() {
		r.People, r.Former, r.Aliased = r.People+chunk.People, r.Former+chunk.Former, r.Aliased+chunk.Aliased
		r.Conflicts = append(r.Conflicts, chunk.Conflicts...)
	})
	r.Known = len(first) - len(twice) - r.People - r.Aliased - len(r.Conflicts)
	return r, err
}

// eachAccount walks the accounts of the workspace in transactions of bounded size. Those that
// pick chooses are given to change by id, in a transaction that writes; committed is called after it.
func (d *Directory) eachAccount(ctx context.Context, pick func(*account) (bool, error), change func(store.Tx, []int64) error, committed ...func()) error {
	for after, more := int64(0), true; more; {
		var chosen []int64
		err := d.store.View(ctx, func(tx store.Tx) error {
			rows, err := tx.Accounts(d.o.Workspace, after, applyBatch)
			if err != nil {
				return err
			}
			more = len(rows) == applyBatch
			for _, row := range rows {
				after = row.ID
				a, err := decodeAccount(row)
				if err != nil {
					return err
				}
				ok, err := pick(a)
				if err != nil {
					return err
				}
				if ok {
					chosen = append(chosen, row.ID)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(chosen) == 0 {
			continue
		}
		if err := d.store.Update(ctx, func(tx store.Tx) error { return change(tx, chosen) }); err != nil {
			return err
		}
		for _, fn := range committed {
			fn()
		}
	}
	return nil
}

// tookIn counts what a transaction took in.
func (d *Directory) tookIn(tx store.Tx, chunk *Rebuilt, twice []RebuiltTwice) error {
	s, err := d.rebuildState(tx)
	if err != nil {
		return err
	}
	if s.Since.IsZero() && (chunk.any() || len(twice) > 0) {
		s.Since, s.People, s.Held = tx.Now(), 0, 0
	}
	s.People += chunk.People
	s.Held += chunk.People
	s.Twice = nil
	for _, t := range twice {
		s.Twice = append(s.Twice, t.ID)
	}
	return writeState(tx, d.ofTenant("rebuild"), s)
}

// written is called for every write of the IdP about a person, before it makes anything desired:
// what was held for it goes its way.
func (d *Directory) written(tx store.Tx, a *account) error {
	a.memory.Rebound = false
	r := a.memory.Rebuilt
	if r == nil {
		return nil
	}
	if r.Unwritten {
		r.Unwritten = false
		s, err := d.rebuildState(tx)
		if err != nil {
			return err
		}
		s.Held = max(s.Held-1, 0)
		if err := writeState(tx, d.ofTenant("rebuild"), s); err != nil {
			return err
		}
	}
	r.Roles = r.Roles.filter(func(u grant) bool { return d.o.Rules.GroupsGive(u.Role) })
	if len(r.Roles) == 0 {
		a.memory.Rebuilt = nil
	}
	return nil
}

// groupWritten is called for everybody whom a write of a group concerns: what that group gives is
// of known origin now, and he has it as a member or not at all.
func (d *Directory) groupWritten(tx store.Tx, u *store.User, g *store.Group) error {
	if u.Account == 0 {
		return nil
	}
	a, err := loadAccount(tx, u.Account)
	if err != nil || a.memory.Rebuilt == nil {
		return err
	}
	given := newGrants(d.o.Rules.GrantsOf(g.DisplayName, g.ExternalID)...)
	r := a.memory.Rebuilt
	r.Roles = r.Roles.minus(given)
	if len(r.Roles) == 0 && !r.Unwritten {
		a.memory.Rebuilt = nil
	}
	return a.put(tx)
}

// unwrittenUser reports whether the IdP has still to write a user after a rebuild: a create of his is
// then the write that is waited for.
func (d *Directory) unwrittenUser(tx store.Tx, u *store.User) (bool, error) {
	if u.Account == 0 {
		return false, nil
	}
	a, err := loadAccount(tx, u.Account)
	return err == nil && a.unwritten(), err
}

// lostWith says why an id that the store does not know may be somebody's, "" if it is not.
func (d *Directory) lostWith(tx store.Tx, what, id string) (string, error) {
	s, err := d.rebuildState(tx)
	if err != nil || s.Since.IsZero() {
		return "", err
	}
	if deleted, err := tx.Deleted(d.o.Tenant, id); err != nil || deleted {
		return "", err
	}
	switch {
	case what == "group":
		return fmt.Sprintf("the database was lost and rebuilt from WisdomAI, which has no groups: whether there is a group %q "+
			"is not known until the identity provider has written its groups again and `scimbridge rebuild --resume` has said so", id), nil
	case slices.Contains(s.Twice, id):
		return fmt.Sprintf("several people at WisdomAI carry the id %q, so the rebuild used it for none of them: "+
			"remove the attribute scim_id of those whose it is not, and run `scimbridge rebuild`", id), nil
	}
	return "", nil
}
