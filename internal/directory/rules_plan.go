package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store"
)

// RulesPlan is what the rules of the configuration would do to everybody, against those in force.
type RulesPlan struct {
	Tenant string `json:"tenant"`
	// InForce and Hash name the approved rules and those of the configuration; InForce is "" before the first start.
	InForce string `json:"in_force"`
	Hash    string `json:"hash"`
	// Managed people were looked at; for Affected of them something changes, and for Counted
	// of those what counts towards Share, the brake's share.
	Managed  int `json:"managed"`
	Affected int `json:"affected"`
	Counted  int `json:"counted"`
	Share    int `json:"share"`
	// Effects counts people by class of effect, every class.
	Effects map[Effect]int `json:"effects"`
	// Privileged counts the people who gain a privileged role, by role.
	Privileged map[string]int `json:"privileged"`
	// Unprotected are addresses that are no longer protected, and Unprivileged roles that are no longer privileged.
	Unprotected  []string `json:"unprotected"`
	Unprivileged []string `json:"unprivileged"`
	// Shown and Hidden are people whom only WisdomAI has and who come into the tenant's sight, or leave it.
	Shown  int `json:"shown"`
	Hidden int `json:"hidden"`
	// Calls counts the calls to WisdomAI that people cost, before batching; nil where people were not asked for.
	Calls map[string]int `json:"calls,omitempty"`
	// Held is why these rules need a person's approval; empty if they are put in force by themselves.
	Held []string `json:"held"`
}

// planPage is how many people are compared in one transaction, and planPart how many of
// those who differ are played through in one: what is played holds the store's writer.
const (
	planPage = 200
	planPart = 20
)

// errSuperseded: other rules were offered, or approved, while these were being planned.
var errSuperseded = errors.New("superseded")

// PlanRules says what the rules of the configuration would do to everybody, doing nothing.
// yield, if not nil, is given every person whom they change something for, with the calls
// that it costs. People are played through some at a time, each on what is recorded now.
func (d *Directory) PlanRules(ctx context.Context, yield func(PersonPlan) error) (RulesPlan, error) {
	return d.planRules(ctx, d.rules.file.Load(), yield, nil)
}

func (d *Directory) planRules(ctx context.Context, file *ruleset, yield func(PersonPlan) error, superseded func(store.Tx) (bool, error)) (RulesPlan, error) {
	var other *Directory
	p := RulesPlan{Tenant: d.o.Tenant, Hash: file.hash, Effects: map[Effect]int{}, Privileged: map[string]int{}, Unprotected: []string{}, Unprivileged: []string{}, Held: []string{}}
	for _, e := range Effects() {
		p.Effects[e] = 0
	}
	if yield != nil {
		p.Calls = map[string]int{}
	}
	err := d.store.View(ctx, func(tx store.Tx) error {
		other = d.under(file, d.store)
		kept, err := tx.RulesInForce(d.o.Tenant)
		if err == nil {
			p.InForce = kept.Hash
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	for after := (*store.Position)(nil); ; {
		var differ []string
		var page []*store.User
		err := d.store.View(ctx, func(tx store.Tx) error {
			if superseded != nil {
				switch over, err := superseded(tx); {
				case err != nil:
					return err
				case over:
					return errSuperseded
				}
			}
			var err error
			if page, err = usersAfter(tx, d.o.Tenant, after, planPage); err != nil {
				return err
			}
			for _, u := range page {
				if !u.Managed {
					continue
				}
				p.Managed++
				c, err := d.compare(tx, other, u)
				if err != nil {
					return err
				}
				p.count(c)
				if len(c.effects) > 0 {
					differ = append(differ, u.ID)
				}
			}
			return nil
		})
		if err != nil {
			return p, err
		}
		if len(page) == 0 {
			break
		}
		after = &store.Position{Seq: page[len(page)-1].Seq}
		if yield == nil {
			continue
		}
		for part := range slices.Chunk(differ, planPart) {
			people, err := d.playRules(ctx, file, part)
			if err != nil {
				return p, err
			}
			for _, person := range people {
				for _, a := range person.Accounts {
					for _, call := range a.Calls {
						p.Calls[call.Operation]++
					}
				}
				if err := yield(person); err != nil {
					return p, err
				}
			}
		}
	}
	if err := d.planSight(ctx, other, &p); err != nil {
		return p, err
	}
	d.weigh(file, &p)
	return p, nil
}

// usersAfter is a page of a tenant's users, read whole.
func usersAfter(tx store.Tx, tenant string, after *store.Position, limit int) ([]*store.User, error) {
	var page []*store.User
	for u, err := range tx.Users(tenant, store.Query{After: after, Limit: limit}) {
		if err != nil {
			return nil, err
		}
		page = append(page, u)
	}
	return page, nil
}

func (p *RulesPlan) count(c change) {
	if len(c.effects) > 0 {
		p.Affected++
	}
	if slices.ContainsFunc(c.effects, Effect.counts) {
		p.Counted++
	}
	for _, e := range c.effects {
		p.Effects[e]++
	}
	for _, role := range c.privileged {
		p.Privileged[role]++
	}
}

// planSight counts whom the tenant begins or ceases to see (V-36).
func (d *Directory) planSight(ctx context.Context, other *Directory, p *RulesPlan) error {
	was, is := d.Rules().Spec(), other.o.Rules.Spec()
	if slices.Equal(was.EmailDomains, is.EmailDomains) && was.PlusSuffix == is.PlusSuffix {
		return nil
	}
	for after := int64(0); ; {
		n := 0
		err := d.store.View(ctx, func(tx store.Tx) error {
			rows, err := tx.Accounts(d.o.Workspace, after, planPage)
			for _, row := range rows {
				after = row.ID
				if row.UserID != "" || !row.Present {
					continue
				}
				switch before, now := d.o.Rules.Visible(row.Email), other.o.Rules.Visible(row.Email); {
				case now && !before:
					p.Shown++
				case before && !now:
					p.Hidden++
				}
			}
			n = len(rows)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// share is the brake's share of the managed people (V-33).
func (d *Directory) share(managed int) int {
	return max(int(float64(managed)*d.o.Brake.MaxPercent/100), d.o.Brake.Floor)
}

// weigh says what of the plan needs a person's approval (V-35).
func (d *Directory) weigh(file *ruleset, p *RulesPlan) {
	force := d.rules.inForce.Load()
	p.Share = d.share(p.Managed)
	if p.Counted > p.Share {
		var classes []string
		for _, e := range Effects() {
			if n := p.Effects[e]; n > 0 && e.counts() {
				classes = append(classes, fmt.Sprintf("%d %s", n, e))
			}
		}
		p.Held = append(p.Held, fmt.Sprintf("%d of %d people lose something, change address or gain an account, more than the brake's share of %d: %s",
			p.Counted, p.Managed, p.Share, strings.Join(classes, ", ")))
	}
	for _, role := range slices.Sorted(maps.Keys(p.Privileged)) {
		p.Held = append(p.Held, fmt.Sprintf("%d people gain the privileged role %s", p.Privileged[role], role))
	}
	for _, address := range force.Protected {
		if !slices.Contains(file.Protected, address) {
			p.Unprotected = append(p.Unprotected, address)
		}
	}
	if n := len(p.Unprotected); n > 0 {
		p.Held = append(p.Held, fmt.Sprintf("`protected` is shortened by %d", n))
	}
	for _, role := range force.rules.PrivilegedRoles() {
		if !file.rules.Privileged(role) {
			p.Unprivileged = append(p.Unprivileged, role)
		}
	}
	if len(p.Unprivileged) > 0 {
		p.Held = append(p.Held, "`roles.privileged` is shortened by "+strings.Join(p.Unprivileged, ", "))
	}
}

// playRules plays the rules of a file through for some people.
func (d *Directory) playRules(ctx context.Context, file *ruleset, ids []string) (people []PersonPlan, err error) {
	err = d.rehearse(ctx, file, func(r *rehearsal) error {
		people = nil
		for _, id := range ids {
			u, err := r.tx.User(d.o.Tenant, id)
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted since
			}
			if err != nil {
				return err
			}
			r.accounts = nil
			if _, err := r.dir.conform(r.tx, u); err != nil {
				return err
			}
			person, err := r.person(u)
			if err != nil {
				return err
			}
			people = append(people, person)
		}
		return nil
	})
	return people, err
}
