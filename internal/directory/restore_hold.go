package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/scimbridge/scimbridge/internal/store"
)

// RestoreHold is that the database is a copy from before: who left since is in it as somebody
// who works here, so that nothing is given until a person has seen what would be (V-31). The zero value
// is that nothing is held. Taking goes on.
type RestoreHold struct {
	ID string `json:"id,omitempty"` // of this restore: a tenant's confirmation is of one
	// Since is when the copy was made, or found to be one. Listings from before say nothing
	// about WisdomAI as it is now.
	Since time.Time `json:"since,omitzero"`
	Why   string    `json:"why,omitempty"`
}

// restoreHoldKey names the hold in the store as a whole: the mark that a backup carries.
const restoreHoldKey = "restored"

// MarkRestored makes a store one that was restored, for every tenant in it. It is what
// `scimbridge backup` writes into the copy, and what a start writes that finds an older database than it left.
func MarkRestored(tx store.Tx, why string) error {
	return writeState(tx, restoreHoldKey, RestoreHold{ID: uuid.NewString(), Since: tx.Now(), Why: why})
}

// restoreHold is what holds the tenant's giving, the zero value if nothing does.
func (d *Directory) restoreHold(tx store.Tx) (RestoreHold, error) {
	h, err := readState[RestoreHold](tx, restoreHoldKey)
	if err != nil || h.ID == "" {
		return RestoreHold{}, err
	}
	confirmed, err := readState[string](tx, d.ofTenant("restore-confirmed"))
	if err != nil || confirmed == h.ID {
		return RestoreHold{}, err
	}
	return h, nil
}

// notRestored is for a tenant that the store has not had before: there is nothing old about it.
func (d *Directory) notRestored(tx store.Tx) error {
	h, err := readState[RestoreHold](tx, restoreHoldKey)
	if err != nil || h.ID == "" {
		return err
	}
	return writeState(tx, d.ofTenant("restore-confirmed"), h.ID)
}

// givesAfterRestore holds what would give anything while the restore is not confirmed. What takes
// goes: while it is held, plan gives nothing along with it.
func (d *Directory) givesAfterRestore(tx store.Tx, _ *account, st step) (string, error) {
	if st.taking {
		return "", nil
	}
	h, err := d.restoreHold(tx)
	if err != nil || h.ID == "" {
		return "", err
	}
	return "held since the database was restored: `scimbridge reconcile --after-restore` shows what would be given, and lets it go", nil
}

// changedMeanwhile puts back what somebody seems to have changed at WisdomAI, if the database
// was restored: it was we ourselves, after the copy was made. What differs then waits to be
// given, and is shown by name, instead of being another's doing to be left alone (V-30).
func (a *account) changedMeanwhile(before memory, found []finding) []finding {
	a.memory.Lost, a.memory.LostPerson, a.memory.Left, a.memory.Drift = before.Lost, before.LostPerson, before.Left, before.Drift
	for i := range found {
		if strings.HasPrefix(found[i].kind, "drift.") {
			found[i].kind, found[i].detail = "restore.differs", "other than in the restored database"
		}
	}
	return found
}

// RestorePlan is what a restored store would give if it were confirmed.
type RestorePlan struct {
	Hold RestoreHold
	Look store.Look // the listing that it was made from
	// Giving is how many people would be given something; Hash stands for who and what.
	Giving int
	Hash   string
}

// errNotRestored: there is nothing to confirm.
var errNotRestored = &Error{Kind: Conflict, Detail: "the database was not restored, or that was confirmed already: nothing is held"}

// AfterRestore tells everybody for whom there is something to do, with the calls that would
// be made if the restore were confirmed. It needs a listing from after the restore: from an older one
// it would say that nobody gets anything, and everybody who left would be let in.
func (d *Directory) AfterRestore(ctx context.Context, told func(Planned) error) (RestorePlan, error) {
	var p RestorePlan
	err := d.store.View(ctx, func(tx store.Tx) error {
		var err error
		if p.Hold, err = d.restoreHold(tx); err != nil {
			return err
		}
		if p.Hold.ID == "" {
			return errNotRestored
		}
		look, err := tx.LastLook(d.o.Workspace, store.LookApplied)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil || !look.Begun.After(p.Hold.Since) {
			return &Error{Kind: Unavailable, Detail: "WisdomAI's users were not listed since the database was restored, so nobody can say what it would give: " +
				"start the server, which gives nothing until this is confirmed, and repeat the command"}
		}
		p.Look = *look
		return nil
	})
	if err != nil {
		return p, err
	}
	sum := sha256.New()
	enc := json.NewEncoder(sum)
	err = d.rehearseAll(ctx, nil, false, func(x Planned, _ int64, _ bool) error {
		if x.gives() {
			p.Giving++
			if err := enc.Encode(x); err != nil {
				return err
			}
		}
		return told(x)
	})
	p.Hash = hex.EncodeToString(sum.Sum(nil))[:16]
	return p, err
}

// ErrPlanChanged: what would be given is no longer what was shown.
var ErrPlanChanged = errors.New("what would be given has changed since it was shown")

// ConfirmRestore lets go what a restore holds, if it is still what the hash stands for.
func (d *Directory) ConfirmRestore(ctx context.Context, by Caller, hash string) error {
	p, err := d.AfterRestore(ctx, func(Planned) error { return nil })
	if err != nil {
		return err
	}
	if p.Hash != hash {
		return ErrPlanChanged
	}
	err = d.store.Update(ctx, func(tx store.Tx) error {
		h, err := d.restoreHold(tx)
		if err != nil {
			return err
		}
		if h.ID != p.Hold.ID {
			return ErrPlanChanged
		}
		d.event(tx, by, "restore.confirmed", "", "", map[string]any{"restored": h.Since, "why": h.Why, "giving": p.Giving, "plan": hash, "look": p.Look.Number})
		return writeState(tx, d.ofTenant("restore-confirmed"), h.ID)
	})
	if err != nil {
		return err
	}
	for _, taking := range []bool{true, false} {
		if err := d.rouse(ctx, taking); err != nil {
			return err
		}
	}
	return nil
}

func (h RestoreHold) String() string {
	return fmt.Sprintf("restored (%s): it holds all giving since %s, until `scimbridge reconcile --after-restore` is confirmed", h.Why, h.Since.Format(time.RFC3339))
}
