package directory

import (
	"maps"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// finding is what a look said about an account that is worth an event.
type finding struct {
	kind   string // "drift.lost", "drift.extra", "drift.changed", "drift.deleted", "drift.contested", "evidence", "missing"
	roles  grants
	keys   []string
	detail string
}

// overlaps reports whether a delivery overlapped the look or came after it began: then the
// look's row does not replace the actual state (V-25).
func (a *account) overlaps(look *store.Look) bool {
	return a.CallOpen || a.CallLook >= look.Number
}

// observe takes in what a believed look showed of the account: its row, or nil for
// nobody with this address. It changes a in memory only; the caller plans and puts.
func (o *Options) observe(a *account, look *store.Look, row *wisdom.User) []finding {
	if row == nil {
		return o.observeAbsence(a, look)
	}
	now := actualOf(row)
	if a.overlaps(look) {
		return a.observeOverlapping(now, row, look.Begun)
	}
	var found []finding
	settled, atRest, wasPresent, before := o.settled(a, look), a.atRest(), a.Present, a.actual
	trusted := wasPresent && !settled && a.trustRepairs(&now)
	switch {
	case a.Present && a.Uncertain.IsZero():
		found = o.drift(a, now, look, settled)
	case a.Present && a.desired.State == present:
		a.keepUncertain(now)
	}
	a.identify(row, now)
	a.Present, a.WisdomID, a.Email, a.Name, a.Created = true, row.ID, row.Email, row.Name, row.Created
	a.actual = now
	a.RowHash, a.ActualLook = rowHash(row), look.Number
	a.MissingLook, a.MissingSince = 0, time.Time{}
	a.memory.LostPerson = false
	if a.memory.Purge {
		a.owned = a.owned.plus(now.Roles, now.Database)
		a.memory.Purge = false
	}
	switch {
	case atRest && wasPresent:
		found = append(found, o.driftExtra(a, before, look, settled)...)
	case atRest:
		found = append(found, o.driftBack(a, row, look)...)
	}
	if trusted {
		a.RowHash = 0 // so that the next look's row is taken in, the same as this one or not
	} else {
		a.settleDrift()
	}
	a.settleMemory(look)
	return found
}

// identify asks whether the person whom a look shows is the one whom the bridge created
// (V-08): not if he has another id than he had, or was not there, unless a delete had no effect, he
// carries the mark of an unanswered create, or a call of ours may have come late, or met
// nobody, and there is nothing about him that is not ours.
func (a *account) identify(row *wisdom.User, now actual) {
	if !a.CreatedByBridge || a.Present && (a.WisdomID == "" || a.WisdomID == row.ID) {
		return
	}
	mark, marked := a.desired.Attributes["scim_id"]
	a.CreatedByBridge = !a.Present && row.ID == a.memory.GoneID ||
		marked && now.Database["scim_id"] == mark ||
		!a.Uncertain.IsZero() && len(now.Roles.minus(a.owned.Roles)) == 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(now.Database)), func(k string) bool { return !a.owned.hasKey(k) })
}

// keepUncertain keeps what was given by hand and is gone while a call of ours is unanswered:
// it was computed before, and took effect late (V-16).
func (a *account) keepUncertain(now actual) {
	attributes := a.foreign()
	maps.DeleteFunc(attributes, func(k, _ string) bool { _, there := now.Database[k]; return there })
	a.giveBackAlso(a.manual().filter(func(u grant) bool { return !now.Roles.covers(u) }), attributes)
}

// observeOverlapping keeps what the row says that our own call may have hidden: items
// that are neither owned nor in the basis are an administrator's, and given back (V-25).
func (a *account) observeOverlapping(now actual, row *wisdom.User, at time.Time) []finding {
	if a.Present && a.WisdomID == "" {
		a.WisdomID, a.Name, a.Created = row.ID, row.Name, row.Created
	}
	var basis actual
	if a.memory.Basis != nil {
		basis = *a.memory.Basis
	}
	known := a.owned.Roles.union(basis.Roles, a.memory.Swallowed)
	if gb := a.memory.GiveBack; gb != nil {
		known = known.union(gb.Roles)
	}
	if sa := a.memory.SetAside; sa != nil {
		known = known.union(sa.Roles)
	}
	roles := now.Roles.minus(known)
	attributes := map[string]string{}
	for k, v := range now.Database {
		if _, had := basis.Database[k]; !had && !a.owned.hasKey(k) {
			attributes[k] = v
		}
	}
	if a.desired.State == "" || a.memory.Purge || (len(roles) == 0 && len(attributes) == 0) {
		return nil
	}
	if a.desired.State == present {
		a.giveBackAlso(roles, attributes)
	} else {
		a.setAsideAlso(roles, nil, at)
		a.giveBackAlso(nil, attributes)
	}
	return []finding{{kind: "evidence", roles: roles, keys: slices.Sorted(maps.Keys(attributes)), detail: "seen while our own call was on its way; kept and given back"}}
}

// observeAbsence takes in that a complete look lacks the address. Somebody seen
// before is missing only when two of them, listing.max_age apart, lack him (V-27);
// whose delete had an OK is absent already.
func (o *Options) observeAbsence(a *account, look *store.Look) []finding {
	if !a.Present || a.overlaps(look) {
		return nil
	}
	if a.deleted() { // one look that began after it is enough (V-27)
		a.gone()
		a.settleMemory(look)
		return nil
	}
	// A listing may be a moment behind the call that created him; after a delete without an
	// answer it says what was to be expected.
	deleted := a.memory.Unanswered != nil && a.memory.Unanswered.Deleted
	if !o.settled(a, look) && !deleted {
		return nil
	}
	if a.MissingLook == 0 {
		a.MissingLook, a.MissingSince = look.Number, look.Begun
		a.RowHash = 0 // so that his row is taken in when he is back, the same as before or not
		return nil
	}
	if look.Begun.Sub(a.MissingSince) < o.Listing.MaxAge {
		return nil
	}
	found := []finding{{kind: "missing", detail: "two complete listings lack the person"}}
	if had, ok := a.hadRoles(); ok {
		found = o.driftGone(a, had, look)
	}
	a.gone()
	a.settleDrift()
	a.settleMemory(look)
	return found
}

// gone forgets what was there: the address has nobody.
func (a *account) gone() {
	if a.WisdomID != "" {
		a.memory.GoneID = a.WisdomID
	}
	a.Present, a.WisdomID, a.actual, a.RowHash = false, "", actual{}, 0
	a.MissingLook, a.MissingSince = 0, time.Time{}
	a.memory.Swallowed, a.memory.Purge, a.memory.Left, a.memory.Seen = nil, false, nil, nil
}

// settleMemory drops from memory what the actual state now shows.
func (a *account) settleMemory(look *store.Look) {
	if a.Uncertain.IsZero() { // until then a late call may take it once more
		a.givenBack()
	}
	a.memory.Swallowed = a.memory.Swallowed.minus(a.actual.Roles)
	if !a.memory.LookAfter.After(look.Begun) {
		a.memory.LookAfter = time.Time{}
		if u := a.memory.Unanswered; u != nil {
			// What the look shows is where the next call starts from; late effects
			// are found by the settled look that the account still waits for.
			u.Attributes, u.Present, u.Deleted = false, false, false
		}
	}
}

// givenBack forgets what was to be given back and is there. Scopes that are there only as
// part of a role everywhere come back when that goes (V-39).
func (a *account) givenBack() {
	if gb := a.memory.GiveBack; gb != nil {
		back := gb.Roles.filter(a.actual.Roles.covers)
		a.memory.Swallowed = a.memory.Swallowed.union(back.minus(a.actual.Roles))
		// An administrator's again, whoever asked for the same at this address before.
		a.owned.Roles = a.owned.Roles.filter(func(u grant) bool { return !back.has(u) || a.desired.Roles.has(u) })
		gb.Roles = gb.Roles.filter(func(u grant) bool { return !a.actual.Roles.covers(u) })
		for k, v := range gb.Attributes {
			if a.actual.Database[k] != v {
				continue
			}
			delete(gb.Attributes, k)
			if _, asked := a.desired.Attributes[k]; !asked {
				a.owned.Keys = slices.DeleteFunc(a.owned.Keys, func(owned string) bool { return owned == k })
			}
		}
		if len(gb.Roles) == 0 && len(gb.Attributes) == 0 {
			a.memory.GiveBack = nil
		}
	}
}

// settled reports whether the look settles the account: it began listing.settle after
// the deadline of the account's last call, and no call overlapped it.
func (o *Options) settled(a *account, look *store.Look) bool {
	return !a.overlaps(look) && (a.CallDeadline.IsZero() || !look.Begun.Before(a.CallDeadline.Add(o.Listing.Settle)))
}

// confirm concludes from a settled look, after observe. If nothing differs, the version
// is confirmed, certainty is back, and what is no longer desired and gone is no
// longer owned (V-11); otherwise it is ours to repair (V-16). It reports which.
func (o *Options) confirm(a *account, s sight) bool {
	if a.MissingLook != 0 {
		return false // a second look must say so first (V-27)
	}
	a.memory.Unanswered = nil
	if st := o.plan(a, s); st.kind != stepNone {
		a.due(s.now)
		return false
	}
	a.owned.Roles = a.owned.Roles.filter(func(u grant) bool { return a.desired.Roles.has(u) || a.actual.Roles.has(u) })
	a.owned.Keys = slices.DeleteFunc(a.owned.Keys, func(k string) bool {
		_, wanted := a.desired.Attributes[k]
		_, there := a.actual.Database[k]
		return !wanted && !there
	})
	a.Confirmed = a.Delivered
	a.Uncertain = time.Time{}
	a.givenBack()
	a.settleDrift()
	a.memory.Basis, a.memory.Seen, a.memory.Took = nil, nil, nil
	a.heeded(s.now)
	return true
}
