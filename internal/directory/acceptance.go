package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

const (
	// tokenFor is how long WisdomAI may refuse the token before writes are no longer
	// answered with success (V-37): nothing mends that by itself.
	tokenFor = 5 * time.Minute
	// acceptAgain is what the 503 says in Retry-After. An IdP that repeats sooner learns nothing new.
	acceptAgain = time.Minute
)

// trouble is since when the tenant's calls fail, of each kind: zero while they do not. It is
// kept in the store, so that neither a restart nor another replica begins to count anew.
type trouble struct {
	Calls time.Time `json:"calls,omitzero"` // nothing that changes somebody was answered OK
	Looks time.Time `json:"looks,omitzero"` // no listing was
	Token time.Time `json:"token,omitzero"` // the token is refused, and nothing was answered OK
	// Reason is the last failure, in WisdomAI's or the transport's words.
	Reason string `json:"reason,omitempty"`
}

// Acceptance is whether writes are answered with success (V-37). What is written is recorded and
// delivered later either way. The zero value is that all is well.
type Acceptance struct {
	// Since is when that began which ends acceptance, if nothing is answered OK before Until.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Refusing: writes are answered 503 now.
	Refusing bool   `json:"refusing,omitempty"`
	Reason   string `json:"reason,omitempty"`

	of func(trouble) time.Time // what of a trouble it is about
}

// Warned reports whether half the time to Until is over: the moment to say so.
func (a Acceptance) Warned(now time.Time) bool {
	return !a.Since.IsZero() && now.Sub(a.Since) >= a.Until.Sub(a.Since)/2
}

// acceptances is what the process last saw; requests go by it, so that a healthy tenant's
// writes ask nothing.
type acceptances struct {
	mu  sync.Mutex
	now Acceptance
}

func (a *acceptances) set(now Acceptance) (was Acceptance) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was, a.now = a.now, now
	return was
}

func (a *acceptances) get() Acceptance {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// noteCall takes in what came of a call that was to change somebody: nil is an OK. What
// WisdomAI says of the person says nothing of the tenant.
func (d *Directory) noteCall(tx store.Tx, a *account, err *wisdom.Error) error {
	switch {
	case err == nil:
		a.memory.CallsFail = time.Time{}
	case err.Kind == wisdom.Permanent || err.Kind == wisdom.NotFound:
		a.memory.CallsFail = time.Time{}
		return nil
	case errors.Is(err, context.Canceled) || err.Again: // this process ends; the token was renewed
		return nil
	case a.memory.CallsFail.IsZero():
		a.memory.CallsFail = tx.Now()
	}
	return d.noteTrouble(tx, err, func(t *trouble) *time.Time { return &t.Calls })
}

// noteLook takes in what came of a listing. One that is not believed (V-28) was answered all the same.
func (d *Directory) noteLook(tx store.Tx, state store.LookState, err error) error {
	var failed *wisdom.Error
	if state == store.LookFailed && (!errors.As(err, &failed) || errors.Is(err, context.Canceled)) {
		return nil // the store's failure, or this process's end
	}
	return d.noteTrouble(tx, failed, func(t *trouble) *time.Time { return &t.Looks })
}

func (d *Directory) noteTrouble(tx store.Tx, err *wisdom.Error, of func(*trouble) *time.Time) error {
	t, rerr := readState[trouble](tx, d.ofTenant("trouble"))
	if rerr != nil {
		return rerr
	}
	was := t
	if err == nil {
		*of(&t), t.Token = time.Time{}, time.Time{}
		if t.Calls.IsZero() && t.Looks.IsZero() {
			t.Reason = ""
		}
	} else {
		begin := func(since *time.Time) {
			if since.IsZero() {
				*since, t.Reason = tx.Now(), err.Error() // a reason that changes with each try is not worth a write
			}
		}
		begin(of(&t))
		if refusesToken(err) {
			begin(&t.Token)
		}
	}
	if t == was {
		return nil
	}
	return writeState(tx, d.ofTenant("trouble"), t)
}

// refusesToken tells a token that is no good from one that lacks a permission for a change: that
// one still lists users.
func refusesToken(err *wisdom.Error) bool {
	return err.Kind == wisdom.Unauthorized && (err.HTTPStatus == 401 || err.Op == "listUsers" || err.Op == "exchangeAccessToken")
}

// acceptance concludes from the trouble that there is and from who waits because of it.
func (d *Directory) acceptance(tx store.Tx) (Acceptance, error) {
	t, err := readState[trouble](tx, d.ofTenant("trouble"))
	if err != nil || t == (trouble{}) {
		return Acceptance{}, err
	}
	if halted, err := d.halted(tx); err != nil || halted != "" {
		return Acceptance{}, err // what is observed or paused waits for that
	}
	now := tx.Now()
	var worst Acceptance
	consider := func(since time.Time, limit time.Duration, of func(trouble) time.Time) {
		if a := (Acceptance{Since: since, Until: since.Add(limit), of: of}); worst.Since.IsZero() || a.Until.Before(worst.Until) {
			worst = a
		}
	}
	if !t.Token.IsZero() {
		consider(t.Token, min(tokenFor, d.o.Policy.AcceptFor), func(t trouble) time.Time { return t.Token })
	}
	for _, taking := range []bool{true, false} {
		since, of, err := d.heldUpSince(tx, t, taking)
		if err != nil {
			return Acceptance{}, err
		}
		if !since.IsZero() {
			consider(since, d.o.Policy.AcceptFor, of)
		}
	}
	if !worst.Since.IsZero() {
		worst.Reason, worst.Refusing = t.Reason, !now.Before(worst.Until)
	}
	return worst, nil
}

// heldUpSince is since when the first account waits, without having been answered OK, because calls
// fail; zero if none does. Those refused for good, held or gated do not count, nor do
// those that wait for a listing while listings come.
func (d *Directory) heldUpSince(tx store.Tx, t trouble, taking bool) (first time.Time, of func(trouble) time.Time, err error) {
	// Who has waited longest comes first, so that a few pages are enough unless the whole
	// tenant was refused for good.
	const page, most = 200, 5
	var since time.Time
	var last int64
	for range most {
		rows, err := tx.PendingAccounts(d.o.Workspace, d.o.Tenant, taking, since, last, page)
		if err != nil {
			return time.Time{}, nil, err
		}
		for _, row := range rows {
			since, last = row.Pending, row.ID
			if !first.IsZero() && !row.Pending.Before(first) {
				return first, of, nil // nobody after him waits longer
			}
			if row.Tenant != d.o.Tenant {
				continue
			}
			a, err := decodeAccount(row)
			if err != nil {
				return time.Time{}, nil, err
			}
			waits, why := a.heldUp(t)
			if !waits.IsZero() && (first.IsZero() || waits.Before(first)) {
				first, of = waits, why
			}
		}
		if len(rows) < page {
			break
		}
	}
	return first, of, nil
}

// heldUp is since when the account waits because calls fail, and calls of which kind.
func (a *account) heldUp(t trouble) (since time.Time, of func(trouble) time.Time) {
	switch {
	case a.refusedForGood() && !a.Taking:
	case !t.Calls.IsZero() && !a.memory.CallsFail.IsZero():
		return later(a.memory.CallsFail, t.Calls), func(t trouble) time.Time { return t.Calls }
	case !t.Looks.IsZero() && a.memory.WaitsForLook:
		return later(a.Pending, t.Looks), func(t trouble) time.Time { return t.Looks }
	}
	return time.Time{}, nil
}

// accepted is how a write is answered that was committed, and whose delivery was tried: nil
// is success, else the 503 of V-37. One OK is enough for the next answer to be success.
func (d *Directory) accepted(ctx context.Context) error {
	a := d.accepting.get()
	if !a.Refusing {
		return nil
	}
	var t trouble
	err := d.store.View(context.WithoutCancel(ctx), func(tx store.Tx) error {
		var err error
		t, err = readState[trouble](tx, d.ofTenant("trouble"))
		return err
	})
	if err != nil || a.of(t).IsZero() {
		return nil
	}
	return &Error{Kind: Unavailable, Recorded: true, RetryAfter: acceptAgain, Detail: fmt.Sprintf(
		"this was recorded and will be delivered, but WisdomAI cannot be worked with since %s: %s", a.Since.Format(time.RFC3339), t.Reason)}
}

// seeAcceptance looks at how acceptance stands: what requests go by from now on.
func (d *Directory) seeAcceptance(ctx context.Context) (now, was Acceptance, err error) {
	err = d.store.View(ctx, func(tx store.Tx) error {
		now, err = d.acceptance(tx)
		return err
	})
	if err == nil {
		was = d.accepting.set(now)
	}
	return now, was, err
}

// tellAcceptance says in the log and the event log that acceptance has ended, or is back.
func (d *Directory) tellAcceptance(ctx context.Context, now, was Acceptance) error {
	kind, about := "acceptance.ended", now
	if now.Refusing {
		d.o.Log.Error("WRITES ARE ANSWERED 503: they are recorded and will be delivered, but nothing can be (V-37)", "since", now.Since, "reason", now.Reason)
	} else {
		kind, about = "acceptance.restored", was
		d.o.Log.Warn("writes are answered with success again", "answered 503 since", was.Until)
	}
	return d.store.Update(ctx, func(tx store.Tx) error {
		d.event(tx, Caller{}, kind, "", "", map[string]any{"since": about.Since, "until": about.Until, "reason": about.Reason})
		return nil
	})
}
