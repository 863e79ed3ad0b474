package directory

import (
	"context"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Drift is an open difference that somebody else made at WisdomAI (V-30).
type Drift struct {
	Address   string    `json:"address"`
	UserID    string    `json:"id,omitempty"` // SCIM id
	Direction DriftKind `json:"direction"`
	Item      string    `json:"item"` // "role EXPLORER at x", "attribute region", "the person"
	Since     time.Time `json:"since"`
	// Becomes is what will happen to it.
	Becomes   string `json:"becomes"`
	Contested bool   `json:"contested"`
}

// Drift yields every open difference of the tenant, person by person, in transactions of bounded size.
func (d *Directory) Drift(ctx context.Context, yield func(Drift) error) error {
	const page = 200
	for after := int64(0); ; {
		var accounts []*account
		err := d.store.View(ctx, func(tx store.Tx) error {
			accounts = nil
			rows, err := tx.DriftedAccounts(d.o.Tenant, after, page)
			for _, row := range rows {
				a, err := decodeAccount(row)
				if err != nil {
					return err
				}
				accounts = append(accounts, a)
			}
			return err
		})
		if err != nil || len(accounts) == 0 {
			return err
		}
		for _, a := range accounts {
			after = a.ID
			for _, df := range a.openDrift() {
				df.Address = d.o.Rules.ShowAddress(df.Address)
				if err := yield(df); err != nil {
					return err
				}
			}
		}
	}
}

// openDrift are the open differences of an account.
func (a *account) openDrift() []Drift {
	var out []Drift
	for _, df := range a.memory.Drift {
		if df.Settled {
			continue
		}
		left := false
		switch df.Kind {
		case DriftLost:
			left = a.memory.Lost.has(*df.Unit)
		case DriftDeleted:
			left = a.memory.LostPerson
		case DriftChanged:
			left = slices.Contains(a.memory.Left, df.Key)
		}
		out = append(out, Drift{Address: a.Email, UserID: a.UserID, Direction: df.Kind, Item: df.item(), Since: df.Since,
			Becomes: whatBecomes(df.Kind, left, df.Contested), Contested: df.Contested})
	}
	return out
}

// DriftCounts counts accounts by what somebody else changed about them: those with access lost (the person
// deleted included), with access too much, with a changed attribute, and with a contested repair.
type DriftCounts struct {
	Lost      int `json:"lost"`
	Extra     int `json:"extra"`
	Changed   int `json:"changed"`
	Contested int `json:"contested"`
}

func (d *Directory) driftCounts(tx store.Tx) (c DriftCounts, err error) {
	counts, err := tx.CountDrift(d.o.Tenant)
	for bits, n := range counts {
		for _, of := range []struct {
			bits int
			into *int
		}{{driftBits[DriftLost] | driftBits[DriftDeleted], &c.Lost}, {driftBits[DriftExtra], &c.Extra}, {driftBits[DriftChanged], &c.Changed}, {contestedBit, &c.Contested}} {
			if bits&of.bits != 0 {
				*of.into += n
			}
		}
	}
	return c, err
}
