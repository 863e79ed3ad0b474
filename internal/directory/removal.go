package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Why access was taken: the kinds of a store.Removal.
const (
	removedDeactivated = "deactivated" // active: false
	removedDeleted     = "deleted"     // DELETE
	removedRenamed     = "renamed"     // another address has it now (V-09)
)

// taken is what a suspension or deletion takes, as far as it was known before the calls (V-38).
type taken struct {
	Hand       grants            `json:"hand,omitempty"`       // roles given by hand
	Ours       grants            `json:"ours,omitempty"`       // roles that rules gave
	Attributes map[string]string `json:"attributes,omitempty"` // ours
	Foreign    map[string]string `json:"foreign,omitempty"`    // other systems'

	// What else a DELETE takes: the user, with the number of his version, and his groups by id.
	Document json.RawMessage `json:"document,omitempty"`
	Version  int64           `json:"version,omitempty"`
	Created  time.Time       `json:"created,omitzero"`
	Groups   []string        `json:"groups,omitempty"`
}

// add takes in what the account has, and what is kept for it.
func (t *taken) add(a *account) {
	hand := a.manual().union(a.memory.Swallowed)
	foreign := a.foreign()
	if gb := a.memory.GiveBack; gb != nil {
		hand = hand.union(gb.Roles)
		maps.Copy(foreign, gb.Attributes)
	}
	if sa := a.memory.SetAside; sa != nil {
		hand = hand.union(sa.Roles)
		maps.Copy(foreign, sa.Attributes)
	}
	t.Hand = t.Hand.union(hand)
	t.Ours = t.Ours.union(a.actual.Roles.filter(a.owned.Roles.has))
	ours := maps.Clone(a.actual.Database)
	maps.DeleteFunc(ours, func(k, _ string) bool { _, is := foreign[k]; return is })
	for _, m := range []struct {
		into *map[string]string
		from map[string]string
	}{{&t.Attributes, ours}, {&t.Foreign, foreign}} {
		for k, v := range m.from {
			if _, had := (*m.into)[k]; had {
				continue // as it was first: a suspension changes scim_state before it takes the rest
			}
			if *m.into == nil {
				*m.into = map[string]string{}
			}
			(*m.into)[k] = v
		}
	}
}

// recordRemoval records, in the transaction of the write that wants it, what is about to be taken
// from the account, and by whom (V-38). groups are for a DELETE. It is called before desired changes.
func (d *Directory) recordRemoval(tx store.Tx, by Caller, u *store.User, a *account, kind string, groups []*store.Group) error {
	var t taken
	t.add(a)
	if kind == removedDeleted {
		t.Document, t.Version, t.Created = rawJSON(u.Document), u.Version, u.Created
		for _, g := range groups {
			t.Groups = append(t.Groups, g.ID)
		}
	}
	return d.putRemoval(tx, a, &store.Removal{Tenant: d.o.Tenant, Workspace: a.Workspace, Account: a.ID, EmailKey: a.EmailKey, UserID: u.ID,
		Kind: kind, At: tx.Now(), Token: by.Token, Request: by.Request}, t)
}

func (d *Directory) putRemoval(tx store.Tx, a *account, m *store.Removal, t taken) error {
	var err error
	if m.Taken, err = json.Marshal(t); err != nil {
		return err
	}
	if err := tx.PutRemoval(m); err != nil {
		return err
	}
	a.memory.Removal = m.ID
	return nil
}

// recordTaken completes the record with what is known now, before a call that takes it leaves: a
// look may have shown more since the write. A taking that no write of the IdP caused itself, such as of
// somebody found at a deactivated user's address, is recorded as the bridge's.
func (d *Directory) recordTaken(tx store.Tx, a *account, st step) error {
	if a.desired.State == present || st.kind != stepRoles && st.kind != stepAttributes && st.kind != stepDelete {
		return nil
	}
	m, err := tx.Removal(a.memory.Removal)
	if errors.Is(err, store.ErrNotFound) {
		if len(a.actual.Roles) == 0 && st.kind != stepDelete {
			return nil
		}
		m = &store.Removal{Tenant: d.o.Tenant, Workspace: a.Workspace, Account: a.ID, EmailKey: a.EmailKey, UserID: a.UserID, Kind: removedDeactivated, At: tx.Now()}
		err = nil
	}
	if err != nil {
		return err
	}
	before, err := readTaken(m)
	if err != nil {
		return err
	}
	after, err := readTaken(m) // of its own: add writes into maps
	if err != nil {
		return err
	}
	after.add(a)
	if m.ID != 0 && reflect.DeepEqual(before, after) {
		return nil
	}
	return d.putRemoval(tx, a, m, after)
}

func readTaken(m *store.Removal) (t taken, err error) {
	if len(m.Taken) == 0 {
		return t, nil
	}
	if err = json.Unmarshal(m.Taken, &t); err != nil {
		err = fmt.Errorf("removal %d: %w", m.ID, err)
	}
	return t, err
}

// settleRemovals says of what was taken from an account that nobody needs to give it back any more.
func (d *Directory) settleRemovals(tx store.Tx, a *account, outcome string) error {
	if a.ID == 0 {
		return nil
	}
	open, err := tx.RemovalsOf(a.ID)
	if err != nil {
		return err
	}
	for _, m := range open {
		m.Settled, m.Outcome = tx.Now(), outcome
		if err := tx.PutRemoval(m); err != nil {
			return err
		}
	}
	a.memory.Removal = 0
	return nil
}
