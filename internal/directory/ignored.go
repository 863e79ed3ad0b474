package directory

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// ignored is that WisdomAI answered OK to a call that took access, and that listings which
// began after it show the access still there (V-18).
type ignored struct {
	What  string    `json:"what"`  // the alert's name
	Tries int       `json:"tries"` // calls that were answered OK and did nothing
	Since time.Time `json:"since"`
	// Call is the deadline of the last of them: each counts once, however many listings show it.
	Call    time.Time `json:"call"`
	Alerted bool      `json:"alerted,omitempty"`
}

// The alerts by name, each with the way out.
const (
	emptyListIgnored = "empty role list ignored"
	removalIgnored   = "removal of roles ignored"
	deleteIgnored    = "delete ignored"
)

// WayOut is what a person can do about an alert of Health.Ignored.
func WayOut(alert string) string {
	switch alert {
	case emptyListIgnored:
		return "WisdomAI answers OK to taking all roles and leaves them; with policy on_deactivate: delete people who leave are deleted instead"
	case removalIgnored:
		return "WisdomAI answers OK to taking roles and leaves them; take them there by hand"
	default:
		return "WisdomAI answers OK to deleting the person and keeps him; delete him there by hand"
	}
}

const (
	// alertAfter is how many calls without effect are one too many, if a settled listing says so:
	// the first may have been shown by a listing that was a moment behind.
	alertAfter = 2
	// alertUnsettled is the same where no listing ever settles: listing.settle is longer than longestTry.
	alertUnsettled = 4
	// longestTry is how far two tries are apart, at most: a taking is retried for ever (V-15).
	longestTry = 5 * time.Minute
)

// took remembers what a call that was answered OK took.
func (a *account) took(st step) {
	switch st.kind {
	case stepRoles:
		a.memory.Took = a.memory.Took.union(a.actual.Roles).minus(st.roles)
	case stepCreate, stepDelete:
		a.memory.Took = nil
	}
}

// noteEffect asks a listing's row, nil for nobody, whether what was taken is gone. It is asked
// after observe; goneID is the id of whom an OK said to be deleted, "" if nobody is.
func (d *Directory) noteEffect(tx store.Tx, a *account, look *store.Look, row *wisdom.User, goneID string) {
	if a.overlaps(look) {
		return
	}
	what := ""
	switch still := a.memory.Took.filter(a.actual.Roles.has); {
	case row != nil && row.ID == goneID && a.desired.State == absent:
		what = deleteIgnored
	case a.Present && len(still) > 0 && a.desired.State == present:
		what = removalIgnored
	case a.Present && len(still) > 0:
		what = emptyListIgnored
	}
	g := a.memory.Ignored
	switch {
	case what == "":
		a.heeded(tx.Now())
		return
	case g == nil || g.What != what:
		g = &ignored{What: what, Since: tx.Now()}
		a.memory.Ignored = g
	case g.Call.Equal(a.CallDeadline):
		return
	}
	g.Tries++
	g.Call = a.CallDeadline
	a.due(tx.Now())
	a.Taking = true
	a.LastError = what
	if g.Tries >= alertAfter {
		a.Due = d.o.nextTry(a)
	}
	if g.Tries >= alertUnsettled || g.Tries >= alertAfter && d.o.settled(a, look) {
		d.alertIgnored(tx, a)
	}
}

// heeded forgets what was ignored. The account was kept pending for it.
func (a *account) heeded(now time.Time) {
	if a.memory.Ignored == nil {
		return
	}
	a.memory.Ignored = nil
	a.due(now)
}

// keptByIgnored is for an account about which there is no more to say: it stays pending while what
// was said is ignored, for one more OK says nothing. It reports whether that is so.
func (a *account) keptByIgnored() bool {
	g := a.memory.Ignored
	if g != nil {
		a.Pending, a.Taking, a.LastError = g.Since, true, g.What
	}
	return g != nil
}

// repeatsDelete reports whether a delete is the same once more, because it was not answered or
// had no effect: the brake has counted it (V-33).
func (a *account) repeatsDelete() bool {
	u, g := a.memory.Unanswered, a.memory.Ignored
	return u != nil && u.Deleted || g != nil && g.What == deleteIgnored
}

// nextTry is when a call that is answered OK and does nothing is repeated: not before a
// listing can have settled it, so that there is something to conclude from.
func (o *Options) nextTry(a *account) time.Time {
	wait := max(o.Delivery.Deadline+o.Listing.Settle+o.Listing.MaxAge, time.Second<<min(a.memory.Ignored.Tries, 10))
	return a.CallDeadline.Add(-o.Delivery.Deadline).Add(min(wait, longestTry))
}

// unsettled is for an account that a settled listing does not confirm because WisdomAI ignores
// what it is told: it is alerted, once, and not tried again before nextTry.
func (d *Directory) unsettled(tx store.Tx, a *account) {
	g := a.memory.Ignored
	if g == nil || g.Tries < alertAfter {
		return
	}
	a.Due = later(tx.Now(), d.o.nextTry(a))
	d.alertIgnored(tx, a)
}

func (d *Directory) alertIgnored(tx store.Tx, a *account) {
	g := a.memory.Ignored
	if g.Alerted {
		return
	}
	g.Alerted = true
	d.event(tx, Caller{}, "taking.ignored", a.UserID, a.Email, map[string]any{"alert": g.What, "tries": g.Tries, "since": g.Since, "way_out": WayOut(g.What)})
	whenCommitted(tx, func() {
		d.o.Log.Error(g.What+": access that should be gone is still there", "user", a.UserID, "tries", g.Tries, "way out", WayOut(g.What))
	})
}

// mostCounted bounds what Health looks through: beyond it a number says enough.
const mostCounted = 1000

// countIgnored counts those who keep access because WisdomAI ignores what it is told, by alert.
func (d *Directory) countIgnored(tx store.Tx) (map[string]int, error) {
	rows, err := tx.PendingAccounts(d.o.Workspace, d.o.Tenant, true, time.Time{}, 0, mostCounted)
	if err != nil {
		return nil, err
	}
	var found map[string]int
	for _, row := range rows {
		a, err := decodeAccount(row)
		if err != nil {
			return nil, err
		}
		if g := a.memory.Ignored; g != nil && g.Alerted && row.Tenant == d.o.Tenant {
			if found == nil {
				found = map[string]int{}
			}
			found[g.What]++
		}
	}
	return found, nil
}
