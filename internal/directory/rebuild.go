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

// takeIn makes one person known again.
func (d *Directory) takeIn(tx store.Tx, by Caller, account int64, twice map[string][]string, r *Rebuilt) error {
	a, err := loadAccount(tx, account)
	if err != nil {
		return err
	}
	id, former := d.carried(a)
	if id == "" || a.UserID == id || !former && twice[id] != nil {
		return nil
	}
	if gone, err := tx.Deleted(d.o.Tenant, id); err != nil || gone {
		return err // the IdP has deleted him since
	}
	holder, err := tx.UserByAccount(a.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	elsewhere := true
	if _, err := tx.User(d.o.Tenant, id); errors.Is(err, store.ErrNotFound) {
		elsewhere = false
	} else if err != nil {
		return err
	}
	switch {
	case former && (a.UserID != "" || holder != nil && holder.Managed):
		return nil // somebody has the address who works here
	case former:
		r.Former++
		return d.takeInFormer(tx, by, a, holder, id)
	case elsewhere:
		r.Conflicts = append(r.Conflicts, RebuildConflict{a.Email, id, "another address has the user of this id"})
		return nil
	case holder != nil && holder.Managed:
		if stands, err := tx.Alias(d.o.Tenant, id); err == nil && stands == holder.ID {
			return nil
		}
		r.Aliased++
		return d.takeInWritten(tx, a, holder, id)
	case a.UserID != "":
		return nil // somebody former, whose end is on its way
	}
	u, why, err := d.remake(tx, a, holder, id)
	if err != nil {
		return err
	}
	if why != "" {
		r.Conflicts = append(r.Conflicts, RebuildConflict{a.Email, id, why})
		return nil
	}
	r.People++
	a.Tenant, a.UserID, a.Former = d.o.Tenant, id, false
	a.CreatedByBridge = false // or not: who was there before us is never deleted for good (V-08)
	a.takenIn(u.Active, d.ourKeys(a))
	d.event(tx, by, "user.rebuilt", id, u.UserName, map[string]any{"active": u.Active, "roles": a.actual.Roles})
	return d.putTakenIn(tx, a)
}

// takenIn makes desired what is there, so that there is nothing to do about somebody whom
// nobody has written; all of it is owned.
func (a *account) takenIn(active bool, keys []string) {
	a.owned = owned{Roles: a.actual.Roles, Keys: keys}
	a.memory.Rebuilt = &rebuilt{Unwritten: true}
	a.desired = desired{State: suspended, Attributes: map[string]string{}}
	for _, k := range keys {
		if active || strings.HasPrefix(k, "scim_") {
			a.desired.Attributes[k] = a.actual.Database[k]
		}
	}
	if active {
		a.desired.State, a.desired.Roles = present, a.actual.Roles
		a.memory.Rebuilt.Roles = a.actual.Roles
	}
	a.Version, a.Delivered, a.Confirmed, a.Failed = 1, 1, 1, 0
}

// ourKeys are the attributes there that the bridge writes: its own and those of the rules.
func (d *Directory) ourKeys(a *account) []string {
	var keys []string
	for k := range a.actual.Database {
		if strings.HasPrefix(k, "scim_") || d.o.Rules.Writes(k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// putTakenIn stores the account, due if something has to be taken after all.
func (d *Directory) putTakenIn(tx store.Tx, a *account) error {
	if err := d.replan(tx, a); err != nil {
		return err
	}
	return a.put(tx)
}

// remake makes the user again, from what there is: the address, the name and the identity
// attributes. why is a reason for which it cannot be.
func (d *Directory) remake(tx store.Tx, a *account, shown *store.User, id string) (u *store.User, why string, err error) {
	doc := documentOf(d.o.Rules.ShowAddress(a.Email), a.Name)
	if external := a.actual.Database["scim_external_id"]; external != "" {
		doc["externalId"] = external
	}
	doc["active"] = a.actual.Database["scim_state"] != "suspended"
	now := tx.Now()
	u = &store.User{Tenant: d.o.Tenant, ID: id, Managed: true, Answered: true, Version: 1, Created: createdAt(a.Created, now), Modified: now, Account: a.ID}
	if err := d.writeDocument(u, doc); err != nil {
		return nil, "", err
	}
	var refused *Error
	if err := d.checkExternalID(tx, u); errors.As(err, &refused) {
		return nil, refused.Error(), nil
	} else if err != nil {
		return nil, "", err
	}
	other, err := tx.UserByName(d.o.Tenant, u.UserNameKey)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, "", err
	case other.Managed:
		return nil, fmt.Sprintf("userName %q is already in use by user %s", u.UserName, other.ID), nil
	case shown == nil || other.ID != shown.ID:
		if err := tx.HideUser(d.o.Tenant, other.ID); err != nil {
			return nil, "", err
		}
	}
	if shown != nil { // under an id that somebody may have been told
		if err := tx.HideUser(d.o.Tenant, shown.ID); err != nil {
			return nil, "", err
		}
		if shown.ID != id {
			if err := tx.PutAlias(d.o.Tenant, shown.ID, id); err != nil {
				return nil, "", err
			}
		}
	}
	return u, "", tx.PutUser(u)
}

// takeInFormer makes the account one of somebody who left it: he must have no access there.
func (d *Directory) takeInFormer(tx store.Tx, by Caller, a *account, shown *store.User, id string) error {
	if shown != nil {
		if err := tx.HideUser(d.o.Tenant, shown.ID); err != nil {
			return err
		}
	}
	a.Tenant, a.UserID, a.Former, a.CreatedByBridge = d.o.Tenant, id, true, false
	a.takenIn(false, d.ourKeys(a))
	a.memory.Rebuilt = nil // no write can come that would be waited for
	d.event(tx, by, "account.rebuilt", id, a.Email, map[string]any{"former": true, "roles": a.actual.Roles})
	return d.putTakenIn(tx, a)
}

// takeInWritten is for somebody whom the IdP wrote before the look that shows his old id came:
// the id that was answered stays, the old one stands for it, and what he has is ours.
func (d *Directory) takeInWritten(tx store.Tx, a *account, u *store.User, id string) error {
	if err := tx.PutAlias(d.o.Tenant, id, u.ID); err != nil {
		return err
	}
	keys := d.ourKeys(a)
	a.owned = a.owned.plus(a.actual.Roles, nil)
	a.owned.Keys = slices.Compact(slices.Sorted(slices.Values(append(a.owned.Keys, keys...))))
	if a.desired.State == present {
		a.memory.Rebuilt = &rebuilt{Roles: a.actual.Roles}
		if err := d.written(tx, a); err != nil {
			return err
		}
	}
	a.want(a.desired, tx.Now())
	d.event(tx, Caller{}, "user.rebuilt", u.ID, u.UserName, map[string]any{"stands_for": id, "roles": a.actual.Roles})
	return d.putTakenIn(tx, a)
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

// Resumption is what ending the hold of a rebuild does, or would do.
type Resumption struct {
	Since time.Time // zero: nothing is held
	// Unwritten people are let go as they are: the next write about them counts.
	Unwritten int
	// Losing are people whom the IdP has written, and their roles that none of its groups gives:
	// they are taken.
	Losing []Losing
}

// Losing is somebody with the roles that he loses.
type Losing struct {
	Address string   `json:"address"`
	Roles   []string `json:"roles"`
}

// ResumeRebuild ends what a rebuild holds: the IdP has written what it will. dry only says what that means.
func (d *Directory) ResumeRebuild(ctx context.Context, by Caller, dry bool) (Resumption, error) {
	var out, chunk Resumption
	err := d.store.View(ctx, func(tx store.Tx) error {
		s, err := d.rebuildState(tx)
		out.Since = s.Since
		return err
	})
	if err != nil || out.Since.IsZero() {
		return out, err
	}
	one := func(tx store.Tx, id int64) error {
		a, err := loadAccount(tx, id)
		if err != nil || a.memory.Rebuilt == nil {
			return err
		}
		r := *a.memory.Rebuilt
		a.memory.Rebuilt = nil
		if r.Unwritten {
			chunk.Unwritten++
			if !dry {
				d.event(tx, by, "account.resumed", a.UserID, a.Email, map[string]any{"unwritten": true})
				return d.putTakenIn(tx, a)
			}
			return nil
		}
		u, err := tx.User(d.o.Tenant, a.UserID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		doc, err := readDocument(u)
		if err != nil {
			return err
		}
		res, err := d.resolve(tx, u.ID, doc)
		if err != nil {
			return err
		}
		if lost := r.Roles.minus(newGrants(res.Grants...)).filter(a.actual.Roles.has); len(lost) > 0 && u.Active {
			chunk.Losing = append(chunk.Losing, Losing{d.o.Rules.ShowAddress(a.Email), unitTexts(lost)})
		}
		if dry {
			return nil
		}
		d.event(tx, by, "account.resumed", a.UserID, a.Email, map[string]any{"origin_unknown": r.Roles})
		if err := a.put(tx); err != nil {
			return err
		}
		_, _, err = d.recompute(tx, u)
		return err
	}
	all := func(tx store.Tx, ids []int64) error {
		chunk = Resumption{}
		for _, id := range ids {
			if err := one(tx, id); err != nil {
				return err
			}
		}
		return nil
	}
	err = d.eachAccount(ctx, func(a *account) (bool, error) { return a.Tenant == d.o.Tenant && a.memory.Rebuilt != nil, nil },
		all, func() { out.Unwritten, out.Losing = out.Unwritten+chunk.Unwritten, append(out.Losing, chunk.Losing...) })
	if err != nil || dry {
		return out, err
	}
	d.wakeScheduler()
	return out, d.store.Update(ctx, func(tx store.Tx) error {
		s, err := d.rebuildState(tx)
		if err != nil {
			return err
		}
		d.event(tx, by, "rebuild.resumed", "", "", map[string]any{"since": s.Since, "unwritten": out.Unwritten, "losing": len(out.Losing)})
		return writeState(tx, d.ofTenant("rebuild"), rebuildState{Restored: s.Restored})
	})
}
