package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// A look that is not believed changes nothing (V-28): it is recorded with why, told to
// everybody who has to know, and compared with the next ones. What is believed in the end is
// the loss that it shows, by a person's word or because five in a row show the same.

const (
	// agreeing looks over agreeingFor are believed: a real mass removal must not leave the
	// tenants without looks for ever, and half an answer does not come out the same for that long.
	agreeing    = 5
	agreeingFor = 30 * time.Minute
)

// Disbelief is a look that is not believed, with those in a row before it that show the same.
type Disbelief struct {
	// First and Look are the numbers of the first of these looks and of the last.
	First int64  `json:"first"`
	Look  int64  `json:"look"`
	Why   string `json:"reason"`
	Users int    `json:"users"` // whom the last one shows
	// Lost is how many of the people seen before it lacks, Of how many that were.
	Lost  int       `json:"lost"`
	Of    int       `json:"of"`
	Since time.Time `json:"since"` // begin of the first
	Times int       `json:"times"`
}

// acceptance is a person's word that the loss which a disbelieved look shows is real.
type acceptance struct {
	Look int64     `json:"look"`
	At   time.Time `json:"at"`
	Lost []string  `json:"lost"` // folded addresses, sorted: what was accepted, and nothing beyond
}

// disbelievedError is why a look is not believed.
type disbelievedError struct{ Disbelief }

func (e *disbelievedError) Error() string {
	return fmt.Sprintf("listing %d is not believed: %s", e.Look, e.Why)
}

// verdict is what became of the doubts about a complete look.
type verdict struct {
	// removed are the addresses, sorted, whose loss is believed although it is too much for
	// a look by itself: they were removed by hand.
	removed []string
	because string // why then
	sight   string // who sees what, as the look is applied (V-36)
}

// judge decides whether a complete look is believed; a disbelievedError says that it is not.
func (d *Directory) judge(ctx context.Context, look *store.Look, accounts map[string]*known) (verdict, error) {
	lost, of, err := d.lost(ctx, look, accounts)
	if err != nil {
		return verdict{}, err
	}
	var why string
	err = d.store.View(ctx, func(tx store.Tx) error {
		why, err = d.whyNot(tx, look, accounts, len(lost), of)
		return err
	})
	if err != nil || why == "" {
		return verdict{}, err
	}
	now := Disbelief{First: look.Number, Look: look.Number, Why: why, Users: look.Users, Lost: len(lost), Of: of, Since: look.Begun, Times: 1}
	var v verdict
	var no error
	err = d.store.Update(ctx, func(tx store.Tx) error {
		v, no = verdict{}, nil
		v, no, err = d.doubt(tx, look, now, lost)
		return err
	})
	return v, errors.Join(err, no)
}

// doubt compares a look that cannot be believed by itself with those before it and with what
// a person accepted. It returns the verdict, or the disbelief that it keeps.
func (d *Directory) doubt(tx store.Tx, look *store.Look, now Disbelief, lost []string) (v verdict, no, err error) {
	accepted, err := readState[acceptance](tx, d.ofWorkspace("accept"))
	if err != nil {
		return v, nil, err
	}
	if accepted.Look != 0 {
		if within(lost, accepted.Lost) {
			return verdict{removed: lost, because: fmt.Sprintf("listing %d was accepted", accepted.Look)}, nil, nil
		}
		// It lacks others than those whom the person was shown.
		d.eventForAll(tx, "listing.acceptance_void", map[string]any{"accepted": accepted.Look, "look": now.Look, "lost": now.Lost})
		if err := writeState(tx, d.ofWorkspace("accept"), acceptance{}); err != nil {
			return v, nil, err
		}
	}
	was, err := readState[Disbelief](tx, d.ofWorkspace("disbelief"))
	if err != nil {
		return v, nil, err
	}
	wasLost, err := readState[[]string](tx, d.ofWorkspace("disbelief/lost"))
	if err != nil {
		return v, nil, err
	}
	if was.Look != 0 && slices.Equal(lost, wasLost) {
		now.First, now.Since, now.Times = was.First, was.Since, was.Times+1
	} else {
		if err := writeState(tx, d.ofWorkspace("disbelief/lost"), lost); err != nil {
			return v, nil, err
		}
		d.eventForAll(tx, "look.disbelieved", now)
	}
	// An instance always has an administrator: that there is nobody takes a person's word.
	if now.Times >= agreeing && look.Begun.Sub(now.Since) >= agreeingFor && now.Users > 0 {
		return verdict{removed: lost, because: fmt.Sprintf("%d listings in a row since %s agree", now.Times, now.Since.Format(time.RFC3339))}, nil, nil
	}
	return v, &disbelievedError{now}, writeState(tx, d.ofWorkspace("disbelief"), now)
}

// whyNot is why a complete look is not believed by itself; "" if it is.
func (d *Directory) whyNot(tx store.Tx, look *store.Look, accounts map[string]*known, lost, of int) (string, error) {
	if look.Users == 0 {
		return "it shows nobody at all, and an instance always has an administrator", nil
	}
	switch _, err := tx.LastLook(d.o.Workspace, store.LookApplied); {
	case errors.Is(err, store.ErrNotFound):
		return "", nil // the first: there is nothing to compare it with
	case err != nil:
		return "", err
	}
	owner, err := d.owner(tx)
	if err != nil {
		return "", err
	}
	if owner.Listed && !accounts[owner.key()].isSeen() {
		return "it lacks the owner of the bridge's own key", nil
	}
	if l := d.o.Listing.Lost; lost > l.Floor && float64(lost)*100 > l.Percent*float64(of) {
		return fmt.Sprintf("it lacks %d of the %d people seen before", lost, of), nil
	}
	return "", nil
}

// lost are the addresses at which somebody was seen whom the look lacks and whom we did not
// delete, sorted, and how many there were to be seen.
func (d *Directory) lost(ctx context.Context, look *store.Look, accounts map[string]*known) (lost []string, of int, err error) {
	var lacking []string
	for key, k := range accounts {
		switch {
		case !k.present:
		case k.seen:
			of++
		default:
			lacking = append(lacking, key)
		}
	}
	slices.Sort(lacking)
	for batch := range slices.Chunk(lacking, applyBatch) {
		err := d.store.View(ctx, func(tx store.Tx) error {
			for _, key := range batch {
				row, err := tx.AccountByEmail(d.o.Workspace, key)
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				a, err := decodeAccount(row)
				if err != nil {
					return err
				}
				u := a.memory.Unanswered
				deleting := u != nil && u.Deleted || a.CallOpen && a.desired.State == absent
				if a.Present && a.WisdomID != "" && !deleting { // without an id he was never seen
					lost = append(lost, key)
				}
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return lost, of + len(lost), nil
}

// within reports whether all of a are in b; both are sorted.
func within(a, b []string) bool {
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); !found {
			return false
		}
	}
	return true
}

// believe keeps what a look that was applied says about the next ones: who has to be in
// them, whose sight it was applied for, and that there is no doubt left.
func (d *Directory) believe(tx store.Tx, look *store.Look, accounts map[string]*known, v verdict) error {
	owners, err := readState[map[string]keyOwner](tx, d.ofWorkspace("owner"))
	if err != nil {
		return err
	}
	changed := false
	for tenant, o := range owners {
		if listed := accounts[o.key()].isSeen(); listed != o.Listed {
			o.Listed, changed = listed, true
			owners[tenant] = o
		}
	}
	if changed {
		if err := writeState(tx, d.ofWorkspace("owner"), owners); err != nil {
			return err
		}
	}
	if sight, err := readState[string](tx, d.ofWorkspace("sight")); err != nil {
		return err
	} else if sight != v.sight {
		if err := writeState(tx, d.ofWorkspace("sight"), v.sight); err != nil {
			return err
		}
	}
	was, err := readState[Disbelief](tx, d.ofWorkspace("disbelief"))
	if err != nil {
		return err
	}
	accepted, err := readState[acceptance](tx, d.ofWorkspace("accept"))
	if err != nil {
		return err
	}
	if was.Look != 0 || v.because != "" {
		d.eventForAll(tx, "look.believed", map[string]any{"look": look.Number, "users": look.Users, "removed_by_hand": len(v.removed), "because": v.because, "disbelieved": was})
	}
	if was.Look != 0 {
		if err := writeState(tx, d.ofWorkspace("disbelief"), Disbelief{}); err != nil {
			return err
		}
		if err := writeState(tx, d.ofWorkspace("disbelief/lost"), []string{}); err != nil {
			return err
		}
	}
	if accepted.Look != 0 {
		return writeState(tx, d.ofWorkspace("accept"), acceptance{})
	}
	return nil
}

// observeRemoval takes in a loss that is believed although it is too much for one look: they
// were removed by hand, whatever else was to be said about them, and are not created again
// until the next write about each (V-28, V-30).
func (o *Options) observeRemoval(a *account, look *store.Look) []finding {
	if !a.Present || a.overlaps(look) {
		return nil
	}
	f := finding{kind: "missing", detail: "removed by hand, with many others"}
	if a.desired.State == present && a.Delivered == a.Version {
		a.memory.LostPerson = true
		f.kind, f.detail = "drift.deleted", "deleted by somebody else, with many others; not created again until the next write about this person"
	}
	a.gone()
	a.settleMemory(look)
	return []finding{f}
}

// eventForAll writes an event that concerns every tenant on the workspace.
func (d *Directory) eventForAll(tx store.Tx, kind string, detail any) {
	for _, n := range d.neighbours() {
		n.event(tx, Caller{}, kind, "", "", detail)
	}
}

// Disbelieved is the listing that is not believed now, with those whom it lacks; nil if there is none.
func (d *Directory) Disbelieved(ctx context.Context) (now *Disbelief, lost []string, err error) {
	err = d.store.View(ctx, func(tx store.Tx) error {
		now, lost, err = d.disbelieved(tx)
		return err
	})
	return now, lost, err
}

func (d *Directory) disbelieved(tx store.Tx) (*Disbelief, []string, error) {
	now, err := readState[Disbelief](tx, d.ofWorkspace("disbelief"))
	if err != nil || now.Look == 0 {
		return nil, nil, err
	}
	lost, err := readState[[]string](tx, d.ofWorkspace("disbelief/lost"))
	return &now, lost, err
}

// AcceptListing says that the loss which a disbelieved listing shows is real: the next
// listing that lacks the same people or fewer is believed, and they count as removed by hand.
// The running server makes that listing within a second, whatever the duty cycle says. number
// is that of the listing which the person was told of; 0 is whichever is not believed now. Errors: NotFound.
func (d *Directory) AcceptListing(ctx context.Context, by Caller, number int64) (accepted Disbelief, lost []string, err error) {
	err = d.store.Update(ctx, func(tx store.Tx) error {
		now, people, err := d.disbelieved(tx)
		switch {
		case err != nil:
			return err
		case now == nil:
			return &Error{Kind: NotFound, Detail: "there is no listing that is not believed"}
		case number != 0 && (number < now.First || number > now.Look):
			return &Error{Kind: NotFound, Detail: fmt.Sprintf("the listing that is not believed now is number %d, not %d: %s", now.Look, number, now.Why)}
		}
		accepted, lost = *now, people
		d.event(tx, by, "listing.accept", "", "", accepted)
		return writeState(tx, d.ofWorkspace("accept"), acceptance{Look: now.Look, At: tx.Now(), Lost: people})
	})
	return accepted, lost, err
}
