package directory

import (
	"context"
	"errors"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Health is how a tenant stands towards WisdomAI: what /healthz shows. It is about the
// target; whether this process can record writes is readiness, and another matter.
type Health struct {
	Workspace string `json:"workspace"`
	// Mode is enforce or observe.
	Mode string `json:"mode"`
	// Paused is that somebody stopped all deliveries, takings too; zero: nobody did.
	Paused Pause `json:"paused,omitzero"`
	// Acceptance is whether writes are answered with success (V-37).
	Acceptance Acceptance `json:"acceptance,omitzero"`
	// Reachable is false while the last listing failed.
	Reachable bool `json:"reachable"`
	// Problem is why, in WisdomAI's or the transport's words.
	Problem string `json:"problem,omitempty"`
	// LastListing is when the last believed listing began; zero: never.
	LastListing time.Time `json:"last_listing,omitzero"`
	Users       int       `json:"users"` // in it
	// Disbelieved is the newest listing while it is not believed (V-28).
	Disbelieved *Disbelief `json:"disbelieved,omitempty"`
	Pending     int        `json:"pending"`
	Taking      int        `json:"pending_removals"` // of Pending: access that should be gone
	Failed      int        `json:"failed"`
	Uncertain   int        `json:"uncertain"`
	// Ignored are those who keep access although WisdomAI answered OK to taking it, by the alert's
	// name (V-18). They are among Taking.
	Ignored map[string]int `json:"ignored,omitempty"`
	// RefusedLeavers are those who keep access because the request that deactivated them was wrong (V-02).
	RefusedLeavers int `json:"refused_leavers,omitempty"`
	Holds          int `json:"holds"`     // wait for a person
	Protected      int `json:"protected"` // of Holds: what V-34 does not let happen
	// MassRevocations are what the brake's window reported (V-33).
	MassRevocations []MassRevocation `json:"mass_revocations,omitempty"`
	// Drift counts the accounts that somebody else changed (V-30).
	Drift DriftCounts `json:"drift"`
	// Restored is that a restored database holds all giving (V-31); Rebuilt counts the people taken
	// in from WisdomAI whom the IdP has still to write (V-32), since RebuiltAt; zero: neither is so.
	Restored  RestoreHold `json:"restored,omitzero"`
	RebuiltAt time.Time   `json:"rebuilt_at,omitzero"`
	Rebuilt   int         `json:"rebuilt_unwritten,omitempty"`
	// OldestPending is since when the longest-waiting account waits; zero: none does.
	OldestPending time.Time   `json:"oldest_pending,omitzero"`
	OldestTaking  time.Time   `json:"oldest_removal,omitzero"` // the same of Taking
	Rules         RulesHealth `json:"rules"`
}

// RulesHealth says which rules are in force, and whether the configuration's wait for a person (V-35).
type RulesHealth struct {
	InForce string   `json:"in_force"`
	Held    string   `json:"held,omitempty"`    // hash of the configuration's rules
	Reasons []string `json:"reasons,omitempty"` // why they are held
}

// Health reads it from the store and the looker, without asking WisdomAI.
func (d *Directory) Health(ctx context.Context) (Health, error) {
	h := Health{Workspace: d.o.Workspace, Mode: "enforce", Reachable: true}
	if d.o.Observe {
		h.Mode = "observe"
	}
	var disbelieved *disbelievedError
	if err := d.looker.failing(); err != nil && !errors.As(err, &disbelieved) {
		h.Reachable, h.Problem = false, err.Error()
	}
	h.Rules.InForce = d.rules.inForce.Load().hash
	if held := d.HeldRules(); held != nil {
		h.Rules.Held, h.Rules.Reasons = held.Hash, held.Held
	}
	err := d.store.View(ctx, func(tx store.Tx) error {
		if err := d.lastFailure(tx, &h); err != nil {
			return err
		}
		look, err := tx.LastLook(d.o.Workspace, store.LookApplied)
		switch {
		case err == nil:
			h.LastListing, h.Users = look.Begun, look.Users
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if h.Disbelieved, _, err = d.disbelieved(tx); err != nil {
			return err
		}
		b, err := tx.Backlog(d.o.Workspace, d.o.Tenant)
		if err != nil {
			return err
		}
		h.Pending, h.Taking, h.Failed, h.Uncertain = b.Pending, b.Taking, b.Failed, b.Uncertain
		h.OldestPending, h.OldestTaking = b.Oldest, b.OldestTaking
		if h.Paused, err = readState[Pause](tx, d.ofTenant("pause")); err != nil {
			return err
		}
		if h.Restored, err = d.restoreHold(tx); err != nil {
			return err
		}
		rebuilt, err := d.rebuildState(tx)
		if err != nil {
			return err
		}
		h.RebuiltAt, h.Rebuilt = rebuilt.Since, rebuilt.Held
		if h.Drift, err = d.driftCounts(tx); err != nil {
			return err
		}
		if h.Taking > 0 {
			if h.Ignored, err = d.countIgnored(tx); err != nil {
				return err
			}
		}
		leavers, err := d.refusedLeavers(tx)
		if err != nil {
			return err
		}
		h.RefusedLeavers = len(leavers)
		if h.Acceptance, err = d.acceptance(tx); err != nil {
			return err
		}
		holds, err := tx.Holds(d.o.Tenant)
		if err != nil {
			return err
		}
		h.Holds, h.Protected = len(holds), 0
		for _, held := range holds {
			if held.Kind == holdProtected {
				h.Protected++
			}
		}
		w, _, err := d.brakeWindow(tx, tx.Now())
		h.MassRevocations = w.Reported
		return err
	})
	return h, err
}

// lastFailure is for a directory that does not run, and for one that has not looked yet: what
// became of the last listing is in the store.
func (d *Directory) lastFailure(tx store.Tx, h *Health) error {
	number, err := tx.LookNumber(d.o.Workspace)
	if err != nil || !h.Reachable {
		return err
	}
	failed, err := tx.LastLook(d.o.Workspace, store.LookFailed)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && (failed.Number == number || failed.Number == number-1 && d.running(tx, number)) {
		h.Reachable, h.Problem = false, failed.Detail
	}
	return err
}

// running reports whether the newest look is under way.
func (d *Directory) running(tx store.Tx, number int64) bool {
	look, err := tx.LastLook(d.o.Workspace, store.LookRunning)
	return err == nil && look.Number == number
}
