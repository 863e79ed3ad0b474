package directory

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// account is an account row with its JSON columns decoded: desired beside actual.
type account struct {
	*store.Account
	actual  actual
	owned   owned
	desired desired
	memory  memory
}

// actual is what somebody has at WisdomAI.
type actual struct {
	Roles    grants            `json:"roles,omitempty"`
	Database map[string]string `json:"database,omitempty"` // attributes set through the API
	JWT      map[string]string `json:"jwt,omitempty"`      // single sign-on claims: never ours to write
}

// owned is every unit and key that desired has ever asked for and that a settled look
// has not yet shown gone: ours to take away again (V-11).
type owned struct {
	Roles grants   `json:"roles,omitempty"`
	Keys  []string `json:"keys,omitempty"` // sorted
}

func (o owned) hasKey(key string) bool {
	_, ok := slices.BinarySearch(o.Keys, key)
	return ok
}

// plus owns these units and keys too.
func (o owned) plus(roles grants, attributes map[string]string) owned {
	keys := append(slices.Clone(o.Keys), slices.Collect(maps.Keys(attributes))...)
	slices.Sort(keys)
	return owned{Roles: o.Roles.union(roles), Keys: slices.Compact(keys)}
}

// presence is what an account should be.
type presence string

const (
	present   presence = "present"
	suspended presence = "suspended" // there, without any role
	absent    presence = "absent"    // deleted
)

// desired is what the IdP wants of an account, as the mapping and the policies made it.
type desired struct {
	State      presence          `json:"state,omitempty"` // "": nobody's, nothing is wanted
	Roles      grants            `json:"roles,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Free are the keys of Attributes that the extension's list sets and may not take over (V-41), sorted.
	Free []string `json:"free,omitempty"`
	// Problem is why the mapping could not give everything (V-42): the account shows as failed.
	Problem string `json:"problem,omitempty"`
}

func (w desired) equal(o desired) bool {
	return w.State == o.State && w.Problem == o.Problem && slices.Equal(w.Roles, o.Roles) && slices.Equal(w.Free, o.Free) && maps.Equal(w.Attributes, o.Attributes)
}

// memory is what must not be forgotten between calls and looks.
type memory struct {
	// SetAside is what a suspension took and a reactivation gives back (V-22).
	SetAside *setAside `json:"set_aside,omitempty"`
	// Swallowed are scopes given by hand that a role everywhere swallowed (V-39).
	Swallowed grants `json:"swallowed,omitempty"`
	// GiveBack is to be there although neither desired nor (any more) seen: what a
	// suspension set aside, a rename carried over (V-22), or a look showed while
	// our own call was on its way (V-25).
	GiveBack *giveBack `json:"give_back,omitempty"`
	// Both are owned units that were there by hand before desired asked for them: they go
	// with the rule, and plans say so (V-11).
	Both grants `json:"both,omitempty"`
	// Purge: what the next look shows was a former user's, and goes (V-10).
	Purge bool `json:"purge,omitempty"`
	// Basis is the actual state that the last call was computed from (V-25).
	Basis *actual `json:"basis,omitempty"`
	// Unanswered is what calls without an answer may have done (V-16).
	Unanswered *unanswered `json:"unanswered,omitempty"`
	// Lost are units that were confirmed and that somebody else took away: reported,
	// not given again until the next SCIM write about this person (V-30).
	Lost grants `json:"lost,omitempty"`
	// LostPerson: he was confirmed present and somebody else deleted him (V-30).
	LostPerson bool `json:"lost_person,omitempty"`
	// Left are keys of ours with somebody else's value, left so until then (V-30).
	Left []string `json:"left,omitempty"`
	// Drift is what somebody else changed since the last SCIM write about this person (V-30).
	Drift []difference `json:"drift,omitempty"`
	// Removal is the record of what the last suspension or deletion took (V-38); 0: none.
	Removal int64 `json:"removal,omitempty"`
	// Seen is what was confirmed before the version that is on its way (V-30).
	Seen *seen `json:"seen,omitempty"`
	// GoneID is the WisdomAI id of who was there before the address became empty: the
	// same id seen again is a delete that had no effect, another is another person (V-09).
	GoneID string `json:"gone_id,omitempty"`
	// Held is a delete that is carried out as a suspension and waits for a person (V-08, V-33).
	Held *heldDelete `json:"held,omitempty"`
	// Kept are roles that somebody protected keeps although they are not wanted any more (V-34).
	Kept grants `json:"kept,omitempty"`
	// Spared is the version that a person decided not to carry out: nothing is taken from
	// somebody who was protected (`brake discard`). 0: none.
	Spared int64 `json:"spared,omitempty"`
	// Rebuilt is what was taken in from a look when the database was lost (V-32).
	Rebuilt *rebuilt `json:"rebuilt,omitempty"`
	// Rebound: the tenant got another workspace, and the IdP has not written the person since:
	// nothing is taken from whoever has the address there (V-32).
	Rebound bool `json:"rebound,omitempty"`
	// LookAfter asks for a look that began at or after it before the next call.
	LookAfter time.Time `json:"look_after,omitzero"`
	// Partial: failed because a part could not be sent, not because WisdomAI refused it (V-41, V-42).
	Partial bool `json:"partial,omitempty"`
	// Took are units that calls answered OK took, and that no settled look has shown gone yet;
	// Ignored is that one shows them there (V-18).
	Took    grants   `json:"took,omitempty"`
	Ignored *ignored `json:"ignored,omitempty"`
	// CallsFail is since when calls about the account fail for no fault of the person's,
	// without an OK in between; WaitsForLook is that it waits for one (V-37).
	CallsFail    time.Time `json:"calls_fail,omitzero"`
	WaitsForLook bool      `json:"waits_for_look,omitempty"`
}

type setAside struct {
	Roles      grants            `json:"roles,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	At         time.Time         `json:"at"`
}

type giveBack struct {
	Roles      grants            `json:"roles,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

type unanswered struct {
	Roles      grants `json:"roles,omitempty"`      // units that may be there
	Taken      grants `json:"taken,omitempty"`      // units that may be gone
	Attributes bool   `json:"attributes,omitempty"` // the attributes may be other than actual says
	Present    bool   `json:"present,omitempty"`    // he may have been created
	Deleted    bool   `json:"deleted,omitempty"`    // he may have been deleted
}

// heldDelete mirrors the open hold of a delete, so that plan goes by it.
type heldDelete struct {
	Reason   string    `json:"reason"`
	WisdomID string    `json:"wisdom_id,omitempty"` // whom it is about, as far as known
	Released time.Time `json:"released,omitzero"`
}

// released reports whether a person let the delete go; it does so for no hold too: false.
func (h *heldDelete) released() bool { return h != nil && !h.Released.IsZero() }

// spared reports whether a person decided that what is wanted now is not carried out.
func (a *account) spared() bool { return a.memory.Spared != 0 && a.memory.Spared == a.Version }

func decodeAccount(row *store.Account) (*account, error) {
	a := &account{Account: row}
	for _, c := range []struct {
		column string
		data   []byte
		into   any
	}{
		{"actual", row.Actual, &a.actual}, {"owned", row.Owned, &a.owned},
		{"desired", row.Desired, &a.desired}, {"memory", row.Memory, &a.memory},
	} {
		if len(c.data) == 0 {
			continue
		}
		if err := json.Unmarshal(c.data, c.into); err != nil {
			return nil, fmt.Errorf("account %d: column %s: %w", row.ID, c.column, err)
		}
	}
	return a, nil
}

// put encodes the account and writes it.
func (a *account) put(tx store.Tx) error {
	for _, c := range []struct {
		from any
		into *[]byte
	}{
		{a.actual, &a.Actual}, {a.owned, &a.Owned}, {a.desired, &a.Desired}, {a.memory, &a.Memory},
	} {
		data, err := json.Marshal(c.from)
		if err != nil {
			return err
		}
		*c.into = data
	}
	a.Drift = a.driftOf()
	a.Admin = a.Present && a.held().has(admin)
	return tx.PutAccount(a.Account)
}

func loadAccount(tx store.Tx, id int64) (*account, error) {
	row, err := tx.Account(id)
	if err != nil {
		return nil, err
	}
	return decodeAccount(row)
}

// want makes desired what is wanted of the account. It owns what is asked for (V-11)
// and makes the account due; it reports whether anything changed.
func (a *account) want(w desired, now time.Time) bool {
	left := a.endDrift()                                       // a SCIM write about this person (V-30)
	if r := a.memory.Rebuilt; r != nil && w.State == present { // origin unknown: kept, as far as it is there
		w.Roles = w.Roles.union(r.Roles.filter(a.actual.Roles.covers))
	}
	if a.desired.equal(w) && a.Version > 0 && !left {
		return false
	}
	switch {
	case w.State != present:
		a.memory.Seen = nil
	case a.desired.State == present && a.Present && a.atRest():
		a.memory.Seen = &seen{Roles: a.desired.Roles.filter(a.actual.Roles.covers)}
	}
	a.desired = w
	a.Version++
	a.memory.Both = a.memory.Both.filter(a.owned.Roles.has).union(a.manual().filter(w.Roles.has))
	a.memory.Kept, a.memory.Spared = nil, 0 // judged anew
	a.owned = a.owned.plus(w.Roles, w.asked())
	a.due(now)
	a.Taking = a.Taking || a.takes()
	a.Attempts, a.Failed, a.memory.Partial = 0, 0, false
	return true
}

// takes reports whether what is desired takes access: as far as can be said before a
// step is planned, so that it is queued where it belongs (V-15).
func (a *account) takes() bool {
	held := a.held()
	if a.desired.State != present {
		return a.desired.State == absent && a.Present || len(held) > 0
	}
	return len(held.filter(func(u grant) bool { return a.owned.Roles.has(u) && !a.desired.Roles.covers(u) })) > 0
}

// due makes the account something to work on now.
func (a *account) due(now time.Time) {
	a.Due = now
	if a.Pending.IsZero() {
		a.Pending = now
	}
}

// refusedForGood: WisdomAI will not have this version, and there is no use in sending it again
// (V-20). One that is failed because a part of it could not be sent is looked after as any other.
func (a *account) refusedForGood() bool {
	return a.Failed != 0 && a.Failed == a.Version && !a.memory.Partial
}

// manual are the units given by hand: there, and never asked for.
func (a *account) manual() grants {
	return a.actual.Roles.minus(a.owned.Roles)
}

// foreign are the DATABASE attributes that are there and not ours (V-21).
func (a *account) foreign() map[string]string {
	out := map[string]string{}
	for k, v := range a.actual.Database {
		if _, asked := a.desired.Attributes[k]; !asked && !a.owned.hasKey(k) {
			out[k] = v
		}
	}
	return out
}

// giveBackAlso adds to what is to be given back.
func (a *account) giveBackAlso(roles grants, attributes map[string]string) {
	if len(roles) == 0 && len(attributes) == 0 {
		return
	}
	gb := a.memory.GiveBack
	if gb == nil {
		gb = &giveBack{}
		a.memory.GiveBack = gb
	}
	gb.Roles = gb.Roles.union(roles)
	if len(attributes) > 0 {
		if gb.Attributes == nil {
			gb.Attributes = map[string]string{}
		}
		maps.Copy(gb.Attributes, attributes)
	}
}

// setAsideAlso adds to what a suspension took.
func (a *account) setAsideAlso(roles grants, attributes map[string]string, now time.Time) {
	if len(roles) == 0 && len(attributes) == 0 {
		return
	}
	sa := a.memory.SetAside
	if sa == nil {
		sa = &setAside{}
		a.memory.SetAside = sa
	}
	sa.Roles = sa.Roles.union(roles)
	if len(attributes) > 0 {
		if sa.Attributes == nil {
			sa.Attributes = map[string]string{}
		}
		maps.Copy(sa.Attributes, attributes)
	}
	sa.At = now
}

// setAsideKept sets aside what was kept for somebody active: the roles to be given back
// and the scopes that a role everywhere swallowed. Attributes are no access; those
// to be given back stay so.
func (a *account) setAsideKept(now time.Time) {
	a.setAsideAlso(a.memory.Swallowed, nil, now)
	a.memory.Swallowed = nil
	if gb := a.memory.GiveBack; gb != nil {
		a.setAsideAlso(gb.Roles, nil, now)
		gb.Roles = nil
	}
}

// takeOver drops what a former user left, as the delete would have done (V-10): what is
// there, or may be when calls without an answer arrive, is ours to take away, and so
// is what the next look shows, if there is somebody to look at.
func (a *account) takeOver(now time.Time) {
	a.owned = a.owned.plus(a.actual.Roles, a.actual.Database)
	if b := a.memory.Basis; b != nil {
		a.owned = a.owned.plus(b.Roles, b.Database)
	}
	if u := a.memory.Unanswered; u != nil {
		a.owned = a.owned.plus(u.Roles, nil)
	}
	a.memory.SetAside, a.memory.GiveBack, a.memory.Swallowed, a.memory.Both = nil, nil, nil, nil
	if a.Present {
		a.memory.Purge, a.memory.LookAfter = true, now
	}
}

// actualOf is what a listing row shows.
func actualOf(row *wisdom.User) actual {
	a := actual{Roles: grantsOf(row.Roles)}
	for _, attr := range row.Attributes {
		m := &a.Database
		if attr.Source == wisdom.JWT {
			m = &a.JWT
		}
		if *m == nil {
			*m = map[string]string{}
		}
		(*m)[attr.Key] = attr.Value
	}
	return a
}

// rowHash is the same for listing rows that say the same, whatever their order. It is
// kept in the store, so it must never change without a migration. Never 0.
func rowHash(row *wisdom.User) int64 {
	h := fnv.New64a()
	field := func(parts ...string) {
		for _, s := range parts {
			h.Write([]byte(s))
			h.Write([]byte{0})
		}
	}
	field(row.ID, row.Email, row.Name, row.Created)
	for _, g := range grantsOf(row.Roles) {
		field("r", g.Role, g.Scope)
	}
	attributes := slices.Clone(row.Attributes)
	slices.SortFunc(attributes, func(a, b wisdom.Attribute) int {
		return slices.Compare([]string{a.Key, string(a.Source), a.Value}, []string{b.Key, string(b.Source), b.Value})
	})
	for _, a := range attributes {
		field("a", a.Key, string(a.Source), a.Value)
	}
	if sum := int64(h.Sum64()); sum != 0 {
		return sum
	}
	return 1
}
