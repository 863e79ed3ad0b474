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
	// Reachable is false while the last listing failed.
	Reachable bool `json:"reachable"`
	// Problem is why, in WisdomAI's or the transport's words.
	Problem string `json:"problem,omitempty"`
	// LastListing is when the last believed listing began; zero: never.
	LastListing time.Time `json:"last_listing,omitzero"`
	Users       int       `json:"users"` // in it
	Pending     int       `json:"pending"`
	Taking      int       `json:"pending_removals"` // of Pending: access that should be gone
	Failed      int       `json:"failed"`
	Uncertain   int       `json:"uncertain"`
	Holds       int       `json:"holds"` // wait for a person
	// OldestPending is since when the longest-waiting account waits; zero: none does.
	OldestPending time.Time   `json:"oldest_pending,omitzero"`
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
	h := Health{Workspace: d.o.Workspace, Reachable: true}
	if err := d.looker.failing(); err != nil {
		h.Reachable, h.Problem = false, err.Error()
	}
	h.Rules.InForce = d.rules.inForce.Load().hash
	if held := d.HeldRules(); held != nil {
		h.Rules.Held, h.Rules.Reasons = held.Hash, held.Held
	}
	err := d.store.View(ctx, func(tx store.Tx) error {
		look, err := tx.LastLook(d.o.Workspace, store.LookApplied)
		switch {
		case err == nil:
			h.LastListing, h.Users = look.Begun, look.Users
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		b, err := tx.Backlog(d.o.Workspace)
		if err != nil {
			return err
		}
		h.Pending, h.Taking, h.Failed, h.Uncertain, h.OldestPending = b.Pending, b.Taking, b.Failed, b.Uncertain, b.Oldest
		holds, err := tx.Holds(d.o.Tenant)
		h.Holds = len(holds)
		return err
	})
	return h, err
}
