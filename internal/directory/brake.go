package directory

import (
	"fmt"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// window is the brake's: a state of the tenant, shared by its replicas. What counts within it is
// measured by the people there were when it began, so that a clean-up run does not
// shrink its own base (V-33). One begins with the first delete or lost role after
// the last one's end.
type window struct {
	Start   time.Time `json:"start"`
	Managed int       `json:"managed"` // people at the start
	// Lost counts people who lost a role, Groups those through each group.
	Lost   int            `json:"lost,omitempty"`
	Groups map[string]int `json:"groups,omitempty"`
	// Reported are the mass revocations that were, each cause once.
	Reported []MassRevocation `json:"reported,omitempty"`
}

// MassRevocation says that more people lost roles within the brake's window than its share
// (V-33): it was carried out, and somebody should know.
type MassRevocation struct {
	Group     string    `json:"group,omitempty"`      // through which they lost them; "": through anything
	GroupName string    `json:"group_name,omitempty"` // its displayName then
	People    int       `json:"people"`               // when it was noticed
	Share     int       `json:"share"`                // what would not have been
	Since     time.Time `json:"since"`
	Token     string    `json:"token"` // of the write that exceeded it
	Request   string    `json:"request"`
}

// brakeWindow is the window in force; began says that it begins now and is not stored.
func (d *Directory) brakeWindow(tx store.Tx, now time.Time) (w window, began bool, err error) {
	w, err = readState[window](tx, d.ofTenant("brake"))
	if err != nil || !w.Start.IsZero() && now.Before(w.Start.Add(d.o.Brake.Window)) {
		return w, false, err
	}
	w = window{Start: now}
	w.Managed, err = tx.CountManaged(d.o.Tenant)
	return w, true, err
}

// openWindow stores the window if it begins now. It is called before anything that could change the base.
func (d *Directory) openWindow(tx store.Tx) error {
	w, began, err := d.brakeWindow(tx, tx.Now())
	if err != nil || !began {
		return err
	}
	return writeState(tx, d.ofTenant("brake"), w)
}

// share is how many people something may concern without being too many.
func (b *Brake) share(w window) int {
	return max(int(float64(w.Managed)*b.MaxPercent/100), b.Floor)
}

// allowance is how many people may be deleted within the window's length.
func (b *Brake) allowance(w window) int {
	return max(min(b.MaxDeletes, int(float64(w.Managed)*b.MaxPercent/100)), b.Floor)
}

// mayDelete asks the brake whether one more irreversible delete is allowed now (V-33). The count slides, so
// that no hour, wherever it begins, has more than one allowance.
func (d *Directory) mayDelete(tx store.Tx, now time.Time) bool {
	done, err := tx.CountDeletes(d.o.Workspace, now.Add(-d.o.Brake.Window))
	if err != nil {
		return false
	}
	w, _, err := d.brakeWindow(tx, now)
	return err == nil && done < d.o.Brake.allowance(w)
}

// countDelete records a deleteUsersFromWorkspace before it leaves.
func (d *Directory) countDelete(tx store.Tx, a *account, now time.Time) error {
	if err := d.openWindow(tx); err != nil {
		return err
	}
	return tx.RecordDelete(a.Workspace, a.EmailKey, now)
}

// mayBeDeleted is a gate: no delete leaves that the brake, or V-08, would have held, whatever computed it.
func (d *Directory) mayBeDeleted(tx store.Tx, a *account, st step) (reason string, err error) {
	if st.kind != stepDelete || a.memory.Held.released() {
		return "", nil
	}
	repeat := a.memory.Unanswered != nil && a.memory.Unanswered.Deleted // counted already
	switch {
	case a.memory.Held != nil:
		return a.memory.Held.Reason, nil
	case !a.CreatedByBridge && d.o.Policy.OnDeleteAdopted != "delete":
		return heldAdopted, nil
	case !repeat && !d.mayDelete(tx, tx.Now()):
		return heldByBrake, nil
	}
	return "", nil
}

// mostGroups bounds the groups that a window counts by name; what is lost through others counts
// in the window's own sum.
const mostGroups = 100

// rolesLost counts people who lost a role by a write, through a group or (nil) not, and
// reports it when they become too many: once a window for a group, and once for
// all that was not reported of a group.
func (d *Directory) rolesLost(tx store.Tx, by Caller, people int, g *store.Group) error {
	if people == 0 {
		return nil
	}
	w, _, err := d.brakeWindow(tx, tx.Now())
	if err != nil {
		return err
	}
	w.Lost += people
	if g != nil && (w.Groups[g.ID] > 0 || len(w.Groups) < mostGroups) {
		if w.Groups == nil {
			w.Groups = map[string]int{}
		}
		w.Groups[g.ID] += people
		d.reportRevocation(tx, by, &w, w.Groups[g.ID], g)
	}
	rest := w.Lost
	for _, r := range w.Reported {
		rest -= w.Groups[r.Group]
	}
	d.reportRevocation(tx, by, &w, rest, nil)
	return writeState(tx, d.ofTenant("brake"), w)
}

func (d *Directory) reportRevocation(tx store.Tx, by Caller, w *window, people int, g *store.Group) {
	r := MassRevocation{People: people, Share: d.o.Brake.share(*w), Since: w.Start, Token: by.Token, Request: by.Request}
	if g != nil {
		r.Group, r.GroupName = g.ID, g.DisplayName
	}
	if people <= r.Share {
		return
	}
	for _, known := range w.Reported {
		if known.Group == r.Group {
			return
		}
	}
	w.Reported = append(w.Reported, r)
	d.event(tx, by, "mass_revocation", r.Group, "", r)
	whenCommitted(tx, func() {
		d.o.Log.Warn("more people lost roles than the brake's share: carried out, and reported", "people", r.People, "share", r.Share,
			"group", r.GroupName, "token", by.Token, "request", by.Request)
	})
}

// String says it in a sentence.
func (r MassRevocation) String() string {
	through := ""
	if r.Group != "" {
		through = fmt.Sprintf(" through group %q", r.GroupName)
	}
	return fmt.Sprintf("%d people lost roles%s since %s, more than the brake's share of %d (token %s, request %s)",
		r.People, through, r.Since.Format(time.RFC3339), r.Share, r.Token, r.Request)
}

// access is what somebody has, or is to have.
type access struct {
	rules grants // because the rules say so
	all   grants // and by hand
}

// accessOf is an active user's access before a write, nothing for anybody else.
func (d *Directory) accessOf(tx store.Tx, u *store.User) (access, error) {
	if u.Account == 0 || !u.Active {
		return access{}, nil
	}
	a, err := loadAccount(tx, u.Account)
	if err != nil {
		return access{}, err
	}
	return a.access(), nil
}

func (a *account) access() access {
	if a.desired.State != present {
		return access{}
	}
	return access{a.desired.Roles, a.desired.Roles.union(a.actual.Roles)}
}

// loses is 1 for somebody whom the rules give less now than they did, 0 for anybody else.
func (had access) loses(now grants) int {
	return min(len(had.rules.filter(func(u grant) bool { return !now.covers(u) })), 1)
}

// ends is 1 for somebody who had any role and is to have none, 0 for anybody else.
func (had access) ends() int { return min(len(had.all), 1) }

// wanted are the roles that the rules give somebody who is to be present.
func (a *account) wanted() grants {
	if a.desired.State != present {
		return nil
	}
	return a.desired.Roles
}
