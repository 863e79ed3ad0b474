package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
}

type outcomeState string

const (
	delivered outcomeState = "delivered" // nothing differs any more
	parked    outcomeState = "parked"    // waits for a look
	backedOff outcomeState = "backed off"
	refused   outcomeState = "refused" // for good, by WisdomAI (V-04)
	busy      outcomeState = "busy"    // another holder has the lease
	gated     outcomeState = "gated"   // must not be sent now: see gate
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
}

// deliver works on one account until nothing differs, a look is needed, or a call
// failed. Each step is computed from committed state at the moment it is sent (V-12);
// the answer to one and the next are one transaction.
func (d *Directory) deliver(ctx context.Context, id int64) (outcome, error) {
	var last *sent
	var fence int64
	for {
		var st step
		var a *account
		var out outcome
		err := d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
			var err error
			if a, err = d.lease(tx, id, fence); err != nil {
				return err
			}
			if last != nil {
				if out, err = d.record(tx, a, last); err != nil {
					return err
				}
			}
			if out.state == "" {
				if ctx.Err() != nil { // stopping: what is pending stays due
					out = outcome{state: backedOff, err: ctx.Err()}
				} else if st, out, err = d.next(tx, a); err != nil {
					return err
				}
			}
			if out.state != "" {
				a.LeaseHolder, a.LeaseUntil = "", time.Time{}
			}
			return a.put(tx)
		})
		switch {
		case errors.Is(err, store.ErrNotFound):
			return outcome{state: delivered}, nil // rolled back meanwhile (V-04)
		case errors.Is(err, store.ErrLeased):
			return outcome{state: busy}, nil
		case err != nil:
			return outcome{}, fmt.Errorf("account %d: %w", id, err)
		case out.state != "":
			return out, nil
		}
		fence = a.LeaseFence
		repeated := last != nil && last.err != nil
		last = &sent{step: st, err: d.send(ctx, a, st), repeated: repeated}
	}
}

// lease takes the account for this process, or makes sure that it still has it.
func (d *Directory) lease(tx store.Tx, id, fence int64) (*account, error) {
	until := tx.Now().Add(d.o.Delivery.Deadline + leaseMargin)
	if fence == 0 {
		row, err := tx.LeaseAccount(id, d.holder, until)
		if err != nil {
			return nil, err
		}
		return decodeAccount(row)
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

// next plans the account's next step and commits everything that must be known before
// the call leaves: what is set aside, the basis, that a call is open (V-11, V-22, V-25).
func (d *Directory) next(tx store.Tx, a *account) (step, outcome, error) {
	now := tx.Now()
	s, err := d.sight(tx, now)
	if err != nil {
		return step{}, outcome{}, err
	}
	st := d.o.plan(a, s)
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
		a.Due, a.memory.WaitsForLook = now.Add(parkedFor), true
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

	a.ownFree()
	basis := a.actual
	a.memory.Basis = &basis
	a.CallOpen, a.CallDeadline = true, now.Add(d.o.Delivery.Deadline)
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
		if err := tx.RecordDelete(a.Workspace, a.EmailKey, now); err != nil {
			return step{}, outcome{}, err
		}
	}
	return st, outcome{}, nil
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
	return sight{now: now, look: look, mayDelete: func() bool { return d.mayDelete(tx, now) }}, nil
}

// send makes the call. It returns nil for an OK.
func (d *Directory) send(ctx context.Context, a *account, st step) *wisdom.Error {
	ctx, cancel := context.WithTimeout(ctx, d.o.Delivery.Deadline)
	defer cancel()
	var err error
	switch st.kind {
	case stepCreate:
		err = d.wisdom.CreateUsers(ctx, wisdom.NewUsers{
			Emails: []string{a.Email}, Roles: st.roles.assignments(), Attributes: keyValues(st.attributes),
			UserGroupIDs: d.o.Policy.UserGroups, WelcomeEmail: d.o.Policy.WelcomeEmail && a.Delivered == 0,
		})
	case stepRoles:
		err = d.wisdom.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{a.Email}, Roles: st.roles.assignments()})
	case stepAttributes:
		err = d.wisdom.SetUserAttributes(ctx, a.WisdomID, keyValues(st.attributes))
	case stepDelete:
		err = d.wisdom.DeleteUsers(ctx, []string{a.WisdomID})
	}
	if d.o.OnDelivery != nil {
		d.o.OnDelivery(string(st.kind), err)
	}
	if err == nil {
		if d.o.OnPrivilegedGrant != nil {
			for _, role := range d.privilegedGiven(a, st) {
				d.o.OnPrivilegedGrant(role)
			}
		}
		return nil
	}
	var we *wisdom.Error
	if !errors.As(err, &we) {
		we = &wisdom.Error{Op: string(st.kind), Kind: wisdom.Transient, Unanswered: true, Message: err.Error(), Err: err}
	}
	return we
}

// privilegedGiven are the privileged roles that a call gives because the rules say so (V-40).
func (d *Directory) privilegedGiven(a *account, st step) []string {
	var roles []string
	for _, u := range st.roles.minus(a.actual.Roles) {
		if d.o.Rules.Privileged(u.Role) && a.desired.Roles.has(u) && !slices.Contains(roles, u.Role) {
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
	if len(s.attributes) > 0 {
		detail["attributes"] = slices.Sorted(maps.Keys(s.attributes))
	}
	if s.err == nil {
		d.event(tx, Caller{}, "delivery.call", a.UserID, a.Email, detail)
		for _, role := range d.privilegedGiven(a, s.step) {
			d.event(tx, Caller{}, "role.privileged", a.UserID, a.Email, map[string]any{"role": role})
		}
		a.took(s.step)
		a.answered(s.step)
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
	case s.err.Again && !s.repeated: // the token was renewed: computed anew and sent at once
		return outcome{}, nil
	case s.err.Kind == wisdom.Permanent && !s.taking:
		a.Failed, a.Due, a.memory.Partial = a.Version, time.Time{}, false
		return outcome{state: refused, err: s.err}, nil
	case s.err.Kind == wisdom.NotFound:
		a.memory.LookAfter = now                             // a reason to look, not a success (V-18)
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
		*u = unanswered{}
	case stepRoles:
		a.actual.Roles = st.roles
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

// mayDelete asks the brake whether one more irreversible delete is allowed now (V-33).
func (d *Directory) mayDelete(tx store.Tx, now time.Time) bool {
	done, err := tx.CountDeletes(d.o.Workspace, now.Add(-d.o.Brake.Window))
	if err != nil {
		return false
	}
	managed, err := tx.CountManaged(d.o.Tenant)
	if err != nil {
		return false
	}
	allowance := max(min(d.o.Brake.MaxDeletes, int(float64(managed+done)*d.o.Brake.MaxPercent/100)), d.o.Brake.Floor)
	return done < allowance
}

// ensureHold makes visible that a delete was carried out as a suspension and waits for a person (V-08, V-33).
func (d *Directory) ensureHold(tx store.Tx, a *account, reason string, now time.Time) error {
	open, err := tx.HoldsOf(a.ID)
	if err != nil || len(open) > 0 {
		return err
	}
	d.event(tx, Caller{}, "hold.delete", a.UserID, a.Email, map[string]any{"reason": reason})
	return tx.PutHold(&store.Hold{Tenant: a.Tenant, Workspace: a.Workspace, Kind: "delete", Account: a.ID, EmailKey: a.EmailKey,
		WisdomID: a.WisdomID, Reason: reason, Created: now})
}

// withdrawHolds settles the holds of an account that is taken up again (V-10).
func (d *Directory) withdrawHolds(tx store.Tx, a *account, now time.Time) error {
	open, err := tx.HoldsOf(a.ID)
	if err != nil {
		return err
	}
	for _, h := range open {
		h.Settled, h.Outcome = now, "withdrawn"
		if err := tx.PutHold(h); err != nil {
			return err
		}
	}
	return nil
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
		Kind: kind, Resource: resource, Email: email, Detail: data}); err != nil {
		d.o.Log.Error("the event log could not be written", "event", kind, "error", err)
	}
}
