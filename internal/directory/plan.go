package directory

import (
	"maps"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// step is the next thing to do about an account: one call, or a reason for none.
type step struct {
	kind       stepKind
	taking     bool              // it removes access: goes before any giving (V-15)
	roles      grants            // create, roles: the whole set to send
	attributes map[string]string // create, attributes: the whole set to send
	// lookAfter is for stepWait: a look that began at or after it is needed.
	lookAfter time.Time
	reason    string        // why it waits
	within    time.Duration // look or not, it is planned again by then; 0: parkedFor
	// hold says that an irreversible delete was turned into a suspension, and why (V-08, V-33).
	hold string
}

type stepKind string

const (
	stepNone       stepKind = "none"              // nothing differs
	stepWait       stepKind = "wait"              // a fresher look is needed first
	stepCreate     stepKind = "create"            // createUsers for somebody who is not there
	stepRoles      stepKind = "roles"             // createUsers with roles alone
	stepAttributes stepKind = "setUserAttributes" // the full set
	stepDelete     stepKind = "deleteUsers"
)

// sight is what is known about looks when a step is planned.
type sight struct {
	now  time.Time
	look *store.Look // the last believed one; nil if there never was one
	// restored is since when all giving is held, because the database is a copy from before;
	// zero: it is not. Looks from before it say nothing (V-31).
	restored time.Time
	// mayDelete asks the brake (V-33).
	mayDelete func() bool
}

// newer is when a look must begin to show what the last one did not: after the account's
// last call, or, if the last one did so and showed nothing new, a while later.
func (o *Options) newer(a *account, s sight) time.Time {
	after := a.memory.LookAfter
	if s.look != nil && !s.look.Begun.Before(after) {
		after = s.look.Begun.Add(time.Microsecond)
		if s.look.Number > a.CallLook {
			after = s.look.Begun.Add(o.Listing.MissMaxAge)
		}
	}
	return after
}

// plan computes the next step for an account from its committed state (V-12). It is pure: equal
// states give equal steps. The order within an account is V-14's.
func (o *Options) plan(a *account, s sight) step {
	state, hold := a.desired.State, ""
	if state != present && a.spared() {
		return step{kind: stepNone}
	}
	if state == absent && a.Present && !a.memory.Held.released() {
		switch {
		case a.memory.Held != nil:
			state, hold = suspended, a.memory.Held.Reason // waits for a person, whatever the brake would say now
		case !a.CreatedByBridge && o.Policy.OnDeleteAdopted != "delete":
			state, hold = suspended, heldAdopted // V-08
		case !a.repeatsDelete() && !s.mayDelete():
			state, hold = suspended, heldByBrake // V-33
		}
	}
	var st step
	switch state {
	case present:
		st = o.planPresent(a, s)
	case suspended:
		st = o.planSuspended(a, s)
	case absent:
		st = o.planAbsent(a, s)
	default:
		st = step{kind: stepNone}
	}
	st.hold = hold
	return st
}

func (o *Options) planPresent(a *account, s sight) step {
	if !a.Present {
		if a.memory.LostPerson {
			return step{kind: stepNone} // V-30
		}
		// createUsers overwrites the roles of somebody who exists: a look must have missed him (V-24).
		if st, wait := o.needLook(a, s, o.Listing.MissMaxAge, "whether the person is there already"); wait {
			return st
		}
		roles, attributes := o.target(a)
		return step{kind: stepCreate, roles: roles, attributes: attributes}
	}

	roles, attributes := o.target(a)
	held := a.held()
	keep := a.actual.Roles.filter(roles.covers)
	take := len(held) > len(held.filter(roles.covers))
	give := len(roles.minus(a.surely())) > 0
	attrs := !maps.Equal(attributes, a.actual.Database) || (a.memory.Unanswered != nil && a.memory.Unanswered.Attributes)
	if !take && !give && !attrs {
		return step{kind: stepNone}
	}
	// What was given by hand is carried along, so it must have been looked at (V-21, V-24).
	if st, wait := o.needLook(a, s, o.Delivery.MaxBasisAge, "what was given by hand"); wait {
		st.taking = take
		return st
	}
	switch {
	case take && (!s.restored.IsZero() || a.unwritten()): // what he has and should have, and nothing given along (V-31, V-32)
		return step{kind: stepRoles, roles: keep.union(roles.filter(a.actual.Roles.covers)), taking: true}
	case !attrs:
		return step{kind: stepRoles, roles: roles, taking: take}
	case take:
		return step{kind: stepRoles, roles: keep, taking: true}
	default:
		return o.setAttributes(a, s, attributes, false)
	}
}

func (o *Options) planSuspended(a *account, s sight) step {
	if !a.Present {
		return planGone(a, s)
	}
	if st, wait := o.missing(a, s); wait {
		return st
	}
	if len(a.held()) > 0 {
		return step{kind: stepRoles, roles: nil, taking: true} // no fresh look: V-19
	}
	attributes := o.attributes(a)
	if maps.Equal(attributes, a.actual.Database) && (a.memory.Unanswered == nil || !a.memory.Unanswered.Attributes) {
		return step{kind: stepNone}
	}
	if st, wait := o.needLook(a, s, o.Delivery.MaxBasisAge, "other systems' attributes"); wait {
		st.taking = true
		return st
	}
	return o.setAttributes(a, s, attributes, true)
}

func (o *Options) planAbsent(a *account, s sight) step {
	if !a.Present {
		return planGone(a, s)
	}
	if st, wait := o.missing(a, s); wait {
		return st
	}
	if u := a.memory.Unanswered; u != nil && u.Deleted {
		// The same id once more: taking the roles of somebody deleted would invite him again.
		if a.WisdomID != "" {
			return step{kind: stepDelete, taking: true}
		}
		return step{kind: stepWait, taking: true, lookAfter: o.newer(a, s), reason: "whether an unanswered delete took effect"}
	}
	// The id is taken from a look that shows it for this address.
	st, wait := o.needLook(a, s, o.Delivery.MaxBasisAge, "which id the address has")
	if !wait && a.WisdomID != "" {
		return step{kind: stepDelete, taking: true}
	}
	if len(a.held()) > 0 && !a.deleted() {
		return step{kind: stepRoles, roles: nil, taking: true} // access ends now, the person when he was looked at
	}
	if !wait {
		st = step{kind: stepWait, lookAfter: o.newer(a, s), reason: "which id the address has"}
	}
	st.taking = true
	return st
}

// missing waits for a second look about somebody whom the last one lacked: a call, of
// whatever kind, might invite him again (V-19, V-27).
func (o *Options) missing(a *account, s sight) (step, bool) {
	if a.MissingLook == 0 {
		return step{}, false
	}
	st, wait := o.needLook(a, s, o.Delivery.MaxBasisAge, "")
	st.taking = true
	return st, wait
}

// deleted reports whether a delete of the id that he has was answered, with OK or with NOT_FOUND: a
// listing that shows him all the same may be behind, and a call for his address would invite him again.
func (a *account) deleted() bool {
	return a.WisdomID != "" && a.WisdomID == a.memory.GoneID
}

// held are the units that are there, or may be: an unanswered call asked for them.
func (a *account) held() grants {
	if u := a.memory.Unanswered; u != nil {
		return a.actual.Roles.union(u.Roles)
	}
	return a.actual.Roles
}

// surely are the units that are there, whatever an unanswered call did.
func (a *account) surely() grants {
	if u := a.memory.Unanswered; u != nil {
		return a.actual.Roles.minus(u.Taken)
	}
	return a.actual.Roles
}

// planGone is for somebody who should have no access and is, as far as is known, not
// there: there is no call (V-19), for it would invite him again. If a create was not
// answered he may be there, so a look that began after it must say so first.
func planGone(a *account, s sight) step {
	u := a.memory.Unanswered
	if u == nil || !u.Present {
		return step{kind: stepNone}
	}
	if s.look == nil || s.look.Begun.Before(a.memory.LookAfter) {
		return step{kind: stepWait, taking: true, lookAfter: a.memory.LookAfter, reason: "whether an unanswered create took effect"}
	}
	return step{kind: stepNone}
}

// setAttributes needs the WisdomAI id, which only a look shows.
func (o *Options) setAttributes(a *account, s sight, attributes map[string]string, taking bool) step {
	if a.WisdomID == "" {
		return step{kind: stepWait, taking: taking, lookAfter: o.newer(a, s), reason: "the person's WisdomAI id"}
	}
	return step{kind: stepAttributes, attributes: attributes, taking: taking}
}

// needLook reports whether a fresher look is needed (V-24): one that began after the
// need arose or at most maxAge ago, after the last unanswered call, and never longer
// ago than an idle tenant's looks are apart. Nothing but taking all roles is done for
// somebody whom the last look missed, until a second one says the same (V-27).
func (o *Options) needLook(a *account, s sight, maxAge time.Duration, what string) (step, bool) {
	after := s.now.Add(-maxAge)
	if !a.Pending.IsZero() && a.Pending.Before(after) {
		after = a.Pending
	}
	for _, t := range []time.Time{a.memory.LookAfter, s.now.Add(-o.Listing.IdleAge), s.restored.Add(time.Microsecond)} {
		if t.After(after) {
			after = t
		}
	}
	if a.MissingLook != 0 {
		if second := a.MissingSince.Add(o.Listing.MaxAge); second.After(after) {
			after = second
		}
		return step{kind: stepWait, lookAfter: after, reason: "a second listing that lacks the person"}, true
	}
	if s.look == nil || s.look.Begun.Before(after) {
		return step{kind: stepWait, lookAfter: after, reason: what}, true
	}
	return step{}, false
}

// target is what somebody who is to be present should have: desired, what was given
// by hand or by other systems as far as the policies keep it, and what is to be given back.
func (o *Options) target(a *account) (grants, map[string]string) {
	roles := a.desired.Roles.minus(a.memory.Lost).union(a.memory.Kept.filter(a.actual.Roles.has))
	if o.Policy.ManualRoles != "overwrite" || a.memory.Rebound {
		roles = roles.union(a.manual(), a.memory.Swallowed)
		if gb := a.memory.GiveBack; gb != nil {
			roles = roles.union(gb.Roles)
		}
	}
	roles, _ = roles.swallow()
	return roles, o.attributes(a)
}

// attributes is the full set to send (V-21).
func (o *Options) attributes(a *account) map[string]string {
	attributes := map[string]string{}
	if o.Policy.UnownedAttributes != "remove" || a.memory.Rebound {
		if gb := a.memory.GiveBack; gb != nil {
			maps.Copy(attributes, gb.Attributes)
		}
		maps.Copy(attributes, a.foreign())
	}
	maps.Copy(attributes, a.desired.Attributes)
	for _, k := range a.memory.Left { // V-30
		if v, there := a.actual.Database[k]; there {
			attributes[k] = v
		} else {
			delete(attributes, k)
		}
	}
	a.leaveContested(attributes)
	return attributes
}

// swallowedByHand are the hand-given scopes that a desired role everywhere
// swallows: they come back when it goes (V-39).
func (o *Options) swallowedByHand(a *account) grants {
	if o.Policy.ManualRoles == "overwrite" {
		return nil
	}
	everywhere := a.desired.Roles
	return a.manual().filter(func(u mapping.Grant) bool {
		return u.Scope != "" && everywhere.has(mapping.Grant{Role: u.Role})
	})
}
