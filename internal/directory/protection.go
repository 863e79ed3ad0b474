package directory

import (
	"errors"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// admin is the role that WisdomAI must not be left without. Only the one that is not limited to
// scopes counts, as what is left and as what is lost: who administers some domains
// can neither invite nor delete, so he does not stand in for an administrator, and to
// become one of them is to stop being the other.
var admin = mapping.Grant{Role: "ADMIN"}

// takesAdmin reports whether a step takes ADMIN from somebody who has it, or may have it.
func takesAdmin(a *account, st step) bool {
	if !a.held().has(admin) {
		return false
	}
	return st.kind == stepDelete || st.kind == stepRoles && !st.roles.has(admin)
}

// protects says why somebody must not be deleted, suspended or lose ADMIN, "" if he may
// (V-34). leaving leaves out of the count of administrators those who are to stop being one:
// so a write is judged, of which more may be on their way. What is about to be sent is judged
// by who is one now, for of two who are to go the first may.
func (d *Directory) protects(tx store.Tx, a *account, leaving bool) (why string, err error) {
	if why, err = d.protectedByName(tx, a); why != "" || err != nil {
		return why, err
	}
	return d.lastAdmin(tx, a, leaving)
}

// protectedByName says why somebody is protected whatever roles he has.
func (d *Directory) protectedByName(tx store.Tx, a *account) (why string, err error) {
	shown := mapping.FoldAddress(d.o.Rules.ShowAddress(a.EmailKey))
	for _, address := range d.o.Protected {
		if key := mapping.FoldAddress(address); key == a.EmailKey || key == shown {
			return "the address is in `protected` of the configuration", nil
		}
	}
	owners, err := d.owners(tx)
	if slices.ContainsFunc(owners, func(o keyOwner) bool { return o.is(a) }) {
		return "the API key that scimbridge works with is this person's", err
	}
	return "", err
}

// lastAdmin says whether the workspace would have no ADMIN left but scimbridge's own.
func (d *Directory) lastAdmin(tx store.Tx, a *account, leaving bool) (why string, err error) {
	if !a.Present || !a.held().has(admin) {
		return "", nil
	}
	owners, err := d.owners(tx)
	if err != nil {
		return "", err
	}
	others, err := d.otherAdmins(tx, a, owners, leaving)
	if err != nil {
		return "", err
	}
	needed := 1
	if len(owners) == 0 {
		needed = 2 // one of them may be the key's owner, who does not count
	}
	if others < needed {
		return "there is no other ADMIN in the workspace, scimbridge's own apart", nil
	}
	return "", nil
}

// otherAdmins counts who else is ADMIN of the workspace for certain, whoever's people they are (V-36).
func (d *Directory) otherAdmins(tx store.Tx, a *account, owners []keyOwner, leaving bool) (int, error) {
	rows, err := tx.AdminAccounts(d.o.Workspace)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, row := range rows {
		b, err := decodeAccount(row)
		if err != nil {
			return 0, err
		}
		switch {
		case b.ID == a.ID, slices.ContainsFunc(owners, func(o keyOwner) bool { return o.is(b) }):
		case !b.Present || b.MissingLook != 0 || !b.surely().has(admin):
		case leaving && !d.staysAdmin(b):
		default:
			n++
		}
	}
	return n, nil
}

// staysAdmin reports whether an administrator is to remain one.
func (d *Directory) staysAdmin(b *account) bool {
	switch b.desired.State {
	case "":
		return true // nobody's but WisdomAI's
	case present:
		roles, _ := d.o.target(b)
		return roles.has(admin)
	default:
		return b.spared()
	}
}

// harm says why a step must not be sent: it would take somebody away who is protected, or the role
// that he is protected for. "" if it does no harm.
func (d *Directory) harm(tx store.Tx, a *account, st step) (why string, err error) {
	switch st.kind {
	case stepNone, stepWait, stepCreate:
		return "", nil
	}
	lessAdmin := takesAdmin(a, st)
	if lessAdmin || a.desired.State != present && st.taking || d.empties(a) {
		if why, err = d.protectedByName(tx, a); why != "" || err != nil {
			return why, err
		}
	}
	if lessAdmin {
		return d.lastAdmin(tx, a, false)
	}
	return "", nil
}

// empties reports whether somebody present is to end without any of the roles that he has: to
// the person it is a suspension, whatever caused it.
func (d *Directory) empties(a *account) bool {
	if a.desired.State != present || len(a.held()) == 0 {
		return false
	}
	roles, _ := d.o.target(a)
	return len(roles) == 0
}

// listingSoon is how long the taking of ADMIN waits for a listing before it is asked whether they fail:
// longer than most listings take, shorter than anybody watches a leaver.
const listingSoon = 15 * time.Second

// allowed is the next step for an account: what is planned, as far as holds and V-34 allow it.
func (d *Directory) allowed(tx store.Tx, a *account, s sight) (step, error) {
	if err := d.reviewDelete(tx, a); err != nil {
		return step{}, err
	}
	return d.spare(tx, a, s, d.o.plan(a, s))
}

// spare turns a planned step into one that V-34 allows. Somebody present who would lose the role
// that protects him keeps it, and gets everything else that is wanted; a suspension or
// a deletion is left for the gate to hold. ADMIN is taken from one person after the other,
// each time on a look that shows who is left.
func (d *Directory) spare(tx store.Tx, a *account, s sight, st step) (step, error) {
	why, err := d.harm(tx, a, st)
	if err != nil {
		return step{}, err
	}
	if why != "" {
		if a.desired.State == present {
			a.memory.Kept = grants{admin}
			if !takesAdmin(a, st) {
				a.memory.Kept = a.actual.Roles
			}
			st = d.o.plan(a, s)
		}
		return st, d.holdProtected(tx, a, why, s.now)
	}
	if !takesAdmin(a, st) {
		return st, nil
	}
	turn, err := d.adminTurn(tx)
	if err != nil {
		return step{}, err
	}
	if turn.Account != a.ID && !turn.Ended.IsZero() && (s.look == nil || s.look.Number <= turn.Look) {
		after := turn.Ended
		if s.look != nil && !s.look.Begun.Before(after) {
			after = s.look.Begun.Add(time.Microsecond)
		}
		return step{kind: stepWait, taking: true, lookAfter: after, reason: "who is an ADMIN after another one has gone"}, nil
	}
	// While listings fail the last one has to do: a leaver does not wait for them (V-19).
	if wait, needed := d.o.needLook(a, s, d.o.Delivery.MaxBasisAge, "who else is an ADMIN"); needed && d.looker.failing() == nil {
		wait.taking, wait.within = true, listingSoon
		return wait, nil
	}
	return st, nil
}

// adminTurn is whose turn it is, or was last, to lose ADMIN, over all processes: a state of the workspace.
type adminTurn struct {
	Account int64 `json:"account"`
	// Ended is when his call had ended, zero while it is on its way; Look is the highest look number drawn then.
	Ended time.Time `json:"ended,omitzero"`
	Look  int64     `json:"look,omitempty"`
	// Waiting are the accounts to make due then.
	Waiting []int64 `json:"waiting,omitempty"`
}

// adminTurn reads the turn. One whose process died ends when its account was taken up since.
func (d *Directory) adminTurn(tx store.Tx) (adminTurn, error) {
	turn, err := readState[adminTurn](tx, d.ofWorkspace("admin"))
	if err != nil || turn.Account == 0 || !turn.Ended.IsZero() {
		return turn, err
	}
	switch holder, err := tx.Account(turn.Account); {
	case err == nil && holder.CallOpen:
		return turn, nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return turn, err
	}
	turn.Ended = tx.Now()
	if turn.Look, err = tx.LookNumber(d.o.Workspace); err != nil {
		return turn, err
	}
	return turn, writeState(tx, d.ofWorkspace("admin"), turn)
}

// inTurn is a gate: ADMIN is taken from one person at a time. Whom it lets go has the turn.
func (d *Directory) inTurn(tx store.Tx, a *account, st step) (reason string, err error) {
	if !takesAdmin(a, st) {
		return "", nil
	}
	turn, err := d.adminTurn(tx)
	if err != nil {
		return "", err
	}
	if turn.Account == 0 || turn.Account == a.ID || !turn.Ended.IsZero() {
		return "", writeState(tx, d.ofWorkspace("admin"), adminTurn{Account: a.ID, Waiting: turn.Waiting})
	}
	if !slices.Contains(turn.Waiting, a.ID) {
		turn.Waiting = append(turn.Waiting, a.ID)
	}
	return "another ADMIN is being taken away, and this happens one by one", writeState(tx, d.ofWorkspace("admin"), turn)
}

// adminTaken ends a turn: a call that took ADMIN was answered, or was not.
func (d *Directory) adminTaken(tx store.Tx, a *account, look int64) error {
	name := d.ofWorkspace("admin")
	turn, err := readState[adminTurn](tx, name)
	if err != nil || turn.Account != a.ID {
		return err
	}
	now := tx.Now()
	for _, id := range turn.Waiting {
		row, err := tx.Account(id)
		if errors.Is(err, store.ErrNotFound) || err == nil && row.Due.IsZero() {
			continue
		}
		if err != nil {
			return err
		}
		row.Due = now
		if err := tx.PutAccount(row); err != nil {
			return err
		}
		d.wakeScheduler()
	}
	return writeState(tx, name, adminTurn{Account: a.ID, Ended: now, Look: look})
}
