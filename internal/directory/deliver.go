package directory

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// outcome is what one round of work on an account came to.
type outcome struct {
	state outcomeState
	err   error // why, unless delivered
	// after is for parked: a look that began at or after it is needed.
	after time.Time
	// taking: what is still to be done takes access.
	taking bool
}

type outcomeState string

const (
	delivered  outcomeState = "delivered" // nothing differs any more
	parked     outcomeState = "parked"    // waits for a look
	backedOff  outcomeState = "backed off"
	refused    outcomeState = "refused"    // for good, by WisdomAI (V-04)
	busy       outcomeState = "busy"       // another holder has the lease
	gated      outcomeState = "gated"      // must not be sent now: see gate
	unrecorded outcomeState = "unrecorded" // the store failed
)

// leaseMargin is how much longer than a call's deadline its lease lasts (V-17): enough
// for the answer to be recorded on a machine that is swapping.
const leaseMargin = 15 * time.Second

// sent is a call that was made for an account, with what came of it.
type sent struct {
	step
	err *wisdom.Error
	// repeated: the call before was to be sent anew at once, and this one is that.
	repeated bool
	shared   int // how many people the call was about
}

// refusedShared reports whether a call for several was refused, which says nothing yet of any of them
// (V-20).
func (s *sent) refusedShared() bool {
	return s.shared > 1 && s.err != nil && !s.err.Unanswered && s.err.Kind != wisdom.Unauthorized && s.err.Code != ""
}

// lease takes the account for this process (fence 0), or makes sure that it still has it.
// What a holder whose lease ended left in the middle of a call may have happened (V-16).
func (d *Directory) lease(tx store.Tx, id, fence int64) (*account, error) {
	now := tx.Now()
	until := now.Add(d.o.Delivery.Deadline + leaseMargin)
	if fence == 0 {
		row, err := tx.LeaseAccount(id, d.holder, until)
		if err != nil {
			return nil, err
		}
		a, err := decodeAccount(row)
		if err == nil && a.CallOpen {
			err = d.takeFrom(tx, a, now)
		}
		return a, err
	}
	a, err := loadAccount(tx, id)
	if err != nil {
		return nil, err
	}
	if a.LeaseFence != fence { // taken over: whoever has it now treats our call as unanswered
		return nil, store.ErrLeased
	}
	a.LeaseUntil = until
	return a, nil
}

// takeFrom ends a call of which nobody recorded the end.
func (d *Directory) takeFrom(tx store.Tx, a *account, now time.Time) error {
	number, err := tx.LookNumber(a.Workspace)
	if err != nil {
		return err
	}
	a.abandoned(number, now)
	d.event(tx, Caller{}, "delivery.abandoned", a.UserID, a.Email, map[string]any{"call_deadline": a.CallDeadline})
	return nil
}

// next plans the account's next step. An outcome with a state says that there is no call
// to make now.
func (d *Directory) next(tx store.Tx, a *account) (step, outcome, error) {
	now := tx.Now()
	s, err := d.sight(tx, now)
	if err != nil {
		return step{}, outcome{}, err
	}
	st, err := d.allowed(tx, a, s)
	if err != nil {
		return step{}, outcome{}, err
	}
	a.Taking = st.taking
	a.memory.WaitsForLook = false
	if st.kind != stepNone {
		switch reason, err := d.halted(tx); {
		case err != nil:
			return step{}, outcome{}, err
		case reason != "": // before anything is recorded or waited for that belongs to a delivery
			a.Due, a.LastError, a.memory.CallsFail = now.Add(haltedFor), reason, time.Time{}
			return st, outcome{state: gated, err: errors.New(reason)}, nil
		}
	}
	if st.hold != "" && st.kind != stepNone || st.hold != "" && a.Delivered < a.Version {
		if err := d.ensureHold(tx, a, st.hold, now); err != nil {
			return step{}, outcome{}, err
		}
	}
	if a.refusedForGood() && !st.taking && st.kind != stepNone {
		a.Due = time.Time{}
		return st, outcome{state: refused, err: errors.New(a.LastError)}, nil
	}
	switch st.kind {
	case stepNone:
		if a.Delivered != a.Version {
			a.Delivered = a.Version // V-13: computed from the newest version
			d.event(tx, Caller{}, "delivery.delivered", a.UserID, a.Email, map[string]any{"state": a.desired.State, "version": a.Version})
		}
		a.ownFree()
		a.Due, a.Pending, a.Attempts, a.Taking, a.memory.CallsFail = time.Time{}, time.Time{}, 0, false, time.Time{}
		d.settleFailed(tx, a)
		if a.keptByIgnored() {
			d.looker.noteUnconfirmed(a.CallDeadline.Add(d.o.Listing.Settle))
		}
		return st, outcome{state: delivered}, nil
	case stepWait:
		a.Due, a.memory.WaitsForLook = now.Add(cmp.Or(st.within, parkedFor)), true
		a.LastError = "waits for a listing: " + st.reason
		return st, outcome{state: parked, err: errors.New(a.LastError), after: st.lookAfter}, nil
	}
	switch reason, err := d.gate(tx, a, st); {
	case err != nil:
		return step{}, outcome{}, err
	case reason != "":
		a.Due, a.LastError, a.memory.CallsFail = now.Add(parkedFor), reason, time.Time{}
		return st, outcome{state: gated, err: errors.New(reason)}, nil
	}
	return st, outcome{}, nil
}

// open notes everything that must be known before the call leaves: what is set aside, the
// basis, that a call is open (V-11, V-22, V-25).
func (d *Directory) open(tx store.Tx, a *account, st step) error {
	now := tx.Now()
	if err := d.recordTaken(tx, a, st); err != nil {
		return err
	}
	a.ownFree()
	basis := a.actual
	a.memory.Basis = &basis
	a.CallOpen, a.CallDeadline = true, now.Add(d.o.Delivery.Deadline)
	a.Due = now // whoever finds the lease ended goes on at once (V-17)
	switch {
	case st.kind == stepCreate:
		a.CreatedByBridge = true // a believed look lacked him
	case st.kind == stepRoles && a.desired.State != present:
		a.setAsideAlso(a.manual(), nil, now) // V-22
	case st.kind == stepRoles:
		a.memory.Swallowed = a.memory.Swallowed.union(d.o.swallowedByHand(a))
	case st.kind == stepDelete:
		a.setAsideAlso(a.manual(), a.foreign(), now)
		if a.repeatsDelete() {
			break
		}
		return d.countDelete(tx, a, now)
	}
	return nil
}

// parkedFor is when an account that waits for a look is tried again if no look wakes it
// before: looks do, so it is rare enough that a thousand who wait out an outage cost nothing.
const parkedFor = 5 * time.Minute

// sight is what is known about looks now.
func (d *Directory) sight(tx store.Tx, now time.Time) (sight, error) {
	look, err := tx.LastLook(d.o.Workspace, store.LookApplied)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return sight{}, err
	}
	h, err := d.restoreHold(tx)
	if err != nil {
		return sight{}, err
	}
	return sight{now: now, look: look, restored: h.Since, mayDelete: func() bool { return d.mayDelete(tx, now) }}, nil
}

// privilegedGiven are the privileged roles that a call gives because the rules say so (V-40).
func (d *Directory) privilegedGiven(a *account, st step) []string {
	var roles []string
	for _, u := range st.roles.minus(a.actual.Roles) {
		if d.Rules().Privileged(u.Role) && a.desired.Roles.has(u) && !slices.Contains(roles, u.Role) {
			roles = append(roles, u.Role)
		}
	}
	return roles
}

// keyValues is never nil: an empty set is sent as [].
func keyValues(attributes map[string]string) []wisdom.KeyValue {
	out := make([]wisdom.KeyValue, 0, len(attributes))
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		out = append(out, wisdom.KeyValue{Key: k, Value: attributes[k]})
	}
	return out
}

// record takes in the answer to a call, or that there was none. A zero outcome says:
// go on with the next step.
func (d *Directory) record(tx store.Tx, a *account, s *sent) (outcome, error) {
	now := tx.Now()
	number, err := tx.LookNumber(a.Workspace)
	if err != nil {
		return outcome{}, err
	}
	a.CallOpen, a.CallLook, a.RowHash = false, number, 0
	if err := d.noteCall(tx, a, s.err); err != nil {
		return outcome{}, err
	}
	detail := map[string]any{"call": s.kind}
	if s.roles != nil || s.kind == stepRoles {
		detail["roles"] = s.roles
	}
	if s.shared > 1 {
		detail["people"] = s.shared
	}
	if len(s.attributes) > 0 {
		detail["attributes"] = slices.Sorted(maps.Keys(s.attributes))
	}
	if takesAdmin(a, s.step) {
		if err := d.adminTaken(tx, a, number); err != nil {
			return outcome{}, err
		}
	}
	if s.err == nil {
		d.event(tx, Caller{}, "delivery.call", a.UserID, a.Email, detail)
		for _, role := range d.privilegedGiven(a, s.step) {
			d.event(tx, Caller{}, "role.privileged", a.UserID, a.Email, map[string]any{"role": role})
		}
		a.took(s.step)
		a.answered(s.step)
		if s.kind == stepDelete {
			if err := d.settleDelete(tx, a); err != nil {
				return outcome{}, err
			}
		}
		a.Attempts, a.LastError = 0, ""
		return outcome{}, nil
	}
	detail["error"] = s.err.Error()
	d.event(tx, Caller{}, "delivery.error", a.UserID, a.Email, detail)
	a.LastError = s.err.Error()
	if s.err.Unanswered {
		a.unanswered(s.step, now)
	}
	if u := a.memory.Unanswered; s.kind == stepCreate && (u == nil || !u.Present) {
		a.CreatedByBridge = false // nothing was carried out
	}
	switch {
	case s.refusedShared(): // repeated in smaller company at once (V-20); a part of it may have been carried out
		if s.kind != stepCreate {
			a.unanswered(s.step, now)
		}
		return outcome{}, nil
	case s.err.Again && !s.repeated: // the token was renewed: computed anew and sent at once
		return outcome{}, nil
	case s.err.Kind == wisdom.Permanent && !s.taking:
		a.Failed, a.Due, a.memory.Partial = a.Version, time.Time{}, false
		return outcome{state: refused, err: s.err}, nil
	case s.err.Kind == wisdom.NotFound:
		a.memory.LookAfter = now // a reason to look, not a success (V-18)
		if s.kind == stepDelete {
			a.memory.GoneID = a.WisdomID
		}
		if u := a.memory.Unanswered; u != nil && u.Deleted { // nor is the id good for another try
			a.memory.GoneID, a.WisdomID = a.WisdomID, ""
		}
	}
	a.Due = now.Add(d.backoff(a.Attempts, s.taking, s.err.RetryAfter))
	a.Attempts++
	return outcome{state: backedOff, err: s.err}, nil
}

// answered overlays the effect of a call that was answered OK.
func (a *account) answered(st step) {
	u := a.memory.Unanswered
	if u == nil {
		u = &unanswered{}
	}
	switch st.kind {
	case stepCreate:
		a.Present, a.WisdomID = true, ""
		a.actual.Roles, a.actual.Database = st.roles, maps.Clone(st.attributes)
		a.MissingLook, a.MissingSince = 0, time.Time{}
		a.memory.Seen = nil
		*u = unanswered{}
	case stepRoles:
		a.actual.Roles = st.roles
		if a.memory.Seen != nil { // what we took nobody else did (V-30)
			a.memory.Seen.Roles = a.memory.Seen.Roles.filter(st.roles.covers)
		}
		u.Roles, u.Taken = nil, nil
	case stepAttributes:
		a.actual.Database = maps.Clone(st.attributes)
		u.Attributes = false
	case stepDelete:
		a.gone()
		*u = unanswered{}
	}
	if a.memory.Unanswered != nil && len(u.Roles)+len(u.Taken) == 0 && !u.Attributes && !u.Present && !u.Deleted {
		a.memory.Unanswered = nil
	}
}

// unanswered remembers what a call without an answer may have done: the account is
// uncertain until a settled look (V-16).
func (a *account) unanswered(st step, now time.Time) {
	if a.Uncertain.IsZero() {
		a.Uncertain = now
	}
	a.memory.Seen = nil
	u := a.memory.Unanswered
	if u == nil {
		u = &unanswered{}
		a.memory.Unanswered = u
	}
	switch st.kind {
	case stepCreate:
		u.Present, u.Attributes = true, true
		u.Roles = u.Roles.union(st.roles)
		a.memory.LookAfter = now
	case stepRoles:
		u.Roles = u.Roles.union(st.roles)
		u.Taken = u.Taken.union(a.actual.Roles.minus(st.roles))
	case stepAttributes:
		u.Attributes = true
	case stepDelete:
		u.Deleted = true
		a.memory.LookAfter = now
	}
}

// backoff is how long an account rests after its nth failure in a row: doubling from
// a second to five minutes for a taking (V-15) and fifteen for a giving, with a fifth of jitter, and
// not before WisdomAI's Retry-After.
func (d *Directory) backoff(attempts int, taking bool, retryAfter time.Duration) time.Duration {
	limit := 15 * time.Minute
	if taking {
		limit = 4 * time.Minute // with jitter, under five minutes
	}
	wait := limit
	if attempts < 10 {
		wait = min(time.Second<<attempts, limit)
	}
	wait += time.Duration(d.o.Rand() * float64(wait) / 5)
	return max(wait, min(retryAfter, time.Hour))
}

// event appends to the event log; a Caller without a token is the bridge itself. It
// panics only if detail cannot be JSON, which is a fault of the code.
func (d *Directory) event(tx store.Tx, by Caller, kind, resource, email string, detail any) {
	data, err := json.Marshal(detail)
	if err != nil {
		panic(err)
	}
	actor := by.Token
	if actor == "" {
		actor = "bridge"
	}
	if err := tx.AppendEvent(&store.Event{Time: tx.Now(), Tenant: d.o.Tenant, Actor: actor, Request: by.Request,
		Kind: kind, Resource: resource, Email: email, Detail: data}); err != nil && !errors.Is(err, store.ErrUnavailable) { // the transaction is run again, or fails
		d.o.Log.Error("the event log could not be written", "event", kind, "error", err)
	}
}
