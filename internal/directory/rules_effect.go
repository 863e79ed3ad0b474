package directory

import (
	"errors"
	"maps"
	"slices"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// Effect is a class of what other rules do to a person. A plan counts the people of every
// class, so that no class of effect goes unseen.
type Effect string

const (
	RoleLost         Effect = "lose a role"
	RoleGained       Effect = "gain a role"
	PrivilegedGained Effect = "gain a privileged role"
	HandRoleLost     Effect = "lose a role given by hand"
	AttributeLost    Effect = "lose an attribute"
	AttributeChanged Effect = "have an attribute changed"
	AttributeGained  Effect = "gain an attribute"
	ForeignLost      Effect = "lose another system's attribute"
	AddressChanged   Effect = "change address"
	AccountAdded     Effect = "gain an account"
	AccountDeleted   Effect = "are deleted at WisdomAI"
	AccountKept      Effect = "are suspended instead of deleted"
	ProblemFound     Effect = "cannot be delivered whole any more"
)

// Effects are the classes there are, those first that take.
func Effects() []Effect {
	return []Effect{RoleLost, HandRoleLost, AttributeLost, AttributeChanged, ForeignLost, AddressChanged, AccountAdded, AccountDeleted,
		PrivilegedGained, RoleGained, AttributeGained, AccountKept, ProblemFound}
}

// counts reports whether people of this class count towards the brake's share: what takes
// something from them, changes their address or adds an account (V-35). An attribute that
// changes counts as taken: a row filter's old value goes.
func (e Effect) counts() bool {
	switch e {
	case RoleGained, PrivilegedGained, AttributeGained, AccountKept, ProblemFound:
		return false
	}
	return true
}

// ruling is what rules make of somebody.
type ruling struct {
	want desired
	// emailKey is the address that the rules give; "": none, or one he cannot be moved to.
	emailKey string
	// stays: an expression failed, so what was delivered stays (V-42).
	stays bool
}

// stand resolves a managed user under d's rules.
func (d *Directory) stand(u *store.User, doc Document, groups []mapping.Group) ruling {
	if !u.Active {
		return ruling{want: d.desire(u, mapping.Result{})}
	}
	res := d.o.Rules.Resolve(doc, groups)
	s := ruling{want: d.desire(u, res), stays: failedExpression(res)}
	if deliverable(res) && !s.stays {
		s.emailKey = res.EmailKey
	}
	return s
}

func failedExpression(res mapping.Result) bool {
	return slices.ContainsFunc(res.Problems, func(p mapping.Problem) bool { return p.Kind == mapping.Expression })
}

// change is what other rules do to one person.
type change struct {
	effects    []Effect
	privileged []string // the privileged roles that he gains
}

func (c *change) add(e Effect, is bool) {
	if is {
		c.effects = append(c.effects, e)
	}
}

// compare says what the rules of other do to a managed user who stands under d's.
func (d *Directory) compare(tx store.Tx, other *Directory, u *store.User) (change, error) {
	doc, err := readDocument(u)
	if err != nil {
		return change{}, err
	}
	in, err := tx.GroupsOf(d.o.Tenant, u.ID)
	if err != nil {
		return change{}, err
	}
	groups := groupsOf(in)
	before, after := d.stand(u, doc, groups), other.stand(u, doc, groups)
	if after.stays {
		after.want.Roles, after.want.Attributes = before.want.Roles, before.want.Attributes
	}
	var c change
	lost := before.want.Roles.filter(func(g grant) bool { return !after.want.Roles.covers(g) })
	gained := after.want.Roles.filter(func(g grant) bool { return !before.want.Roles.covers(g) })
	c.add(RoleLost, len(lost) > 0)
	c.add(RoleGained, len(gained) > 0)
	for _, g := range gained {
		// Privileged by either list: a file that takes a role off the list and gives it is no way around it.
		if (d.o.Rules.Privileged(g.Role) || other.o.Rules.Privileged(g.Role)) && !slices.Contains(c.privileged, g.Role) {
			c.privileged = append(c.privileged, g.Role)
		}
	}
	c.add(PrivilegedGained, len(c.privileged) > 0)
	if before.want.State != absent && after.want.State != absent { // else they go with the account
		c.compareAttributes(before.want.Attributes, after.want.Attributes)
	}
	c.add(AccountDeleted, before.want.State == suspended && after.want.State == absent && u.Account != 0)
	c.add(AccountKept, before.want.State == absent && after.want.State == suspended && u.Account != 0)
	c.add(ProblemFound, after.want.State == present && before.want.Problem == "" && before.emailKey != "" && (after.want.Problem != "" || after.emailKey == ""))
	if u.Account == 0 {
		c.add(AccountAdded, after.emailKey != "")
		return c, nil
	}
	moves := after.emailKey != "" && before.emailKey != after.emailKey
	overwrites := other.o.Policy.ManualRoles == "overwrite" && d.o.Policy.ManualRoles != "overwrite"
	removes := other.o.Policy.UnownedAttributes == "remove" && d.o.Policy.UnownedAttributes != "remove"
	if !moves && !overwrites && !removes {
		return c, nil
	}
	a, err := loadAccount(tx, u.Account)
	if errors.Is(err, store.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return change{}, err
	}
	c.add(AddressChanged, moves && a.EmailKey != after.emailKey)
	c.add(HandRoleLost, overwrites && a.desired.State == present && len(a.manual()) > 0)
	c.add(ForeignLost, removes && len(a.foreign()) > 0)
	return c, nil
}

func (c *change) compareAttributes(before, after map[string]string) {
	var lost, changed, gained bool
	for k, v := range before {
		now, there := after[k]
		lost = lost || !there
		changed = changed || there && now != v
	}
	for k := range maps.Keys(after) {
		_, there := before[k]
		gained = gained || !there
	}
	c.add(AttributeLost, lost)
	c.add(AttributeChanged, changed)
	c.add(AttributeGained, gained)
}

// conform makes a managed user what the rules in force say, without a write about him: what
// somebody else took away by hand stays away (V-30). An active one whose address cannot
// become what the rules say keeps the one he has, and shows as failed. It returns the
// accounts that have something to do.
func (d *Directory) conform(tx store.Tx, u *store.User) ([]int64, error) {
	if u.Account == 0 && !u.Active {
		return nil, nil // nothing is created for him, and the next write about him links him (V-02)
	}
	res, err := d.resolveStored(tx, u)
	if err != nil {
		return nil, err
	}
	want := d.desire(u, res)
	if !u.Active {
		return d.rewant(tx, u, want)
	}
	stays := failedExpression(res)
	if !deliverable(res) || stays {
		if u.Account == 0 {
			return nil, nil
		}
		a, err := loadAccount(tx, u.Account)
		if err != nil {
			return nil, err
		}
		if stays {
			want.Roles, want.Attributes = a.desired.Roles, a.desired.Attributes
		}
		if want.Problem == "" && len(res.Problems) > 0 {
			want.Problem = problemText(res.Problems[0])
		}
		return d.rewant(tx, u, want)
	}
	if u.Account != 0 {
		a, err := loadAccount(tx, u.Account)
		if err != nil {
			return nil, err
		}
		if a.EmailKey == res.EmailKey {
			return d.rewant(tx, u, want)
		}
	}
	return d.moveByRules(tx, u, res, want)
}

// rewant is want without a write about the person.
func (d *Directory) rewant(tx store.Tx, u *store.User, w desired) ([]int64, error) {
	a, err := loadAccount(tx, u.Account)
	if err != nil {
		return nil, err
	}
	was := a.memory
	a.endDrift() // for the comparison: no rule gives back what somebody else took away
	changed := a.want(w, tx.Now())
	a.memory.Lost, a.memory.Left, a.memory.LostPerson, a.memory.Drift = was.Lost, was.Left, was.LostPerson, was.Drift
	if !changed {
		return nil, nil
	}
	if err := d.replan(tx, a); err != nil {
		return nil, err
	}
	return []int64{a.ID}, a.put(tx)
}

// moveByRules gives somebody the address that the rules say: a first one, or a rename (V-09).
func (d *Directory) moveByRules(tx store.Tx, u *store.User, res mapping.Result, want desired) ([]int64, error) {
	var lost grants
	if u.Account != 0 {
		a, err := loadAccount(tx, u.Account)
		if err != nil {
			return nil, err
		}
		lost = a.memory.Lost
	}
	var touched []int64
	was := u.Account
	err := tx.Part(func() error {
		var err error
		if touched, err = d.point(tx, Caller{}, u, res, false); err != nil {
			return err
		}
		return tx.PutUser(u)
	})
	var refused *Error
	if errors.As(translate(err), &refused) {
		u.Account = was
		if u.Account == 0 {
			return nil, nil
		}
		want.Problem = refused.Error()
		return d.rewant(tx, u, want)
	}
	if err != nil {
		return nil, err
	}
	for _, id := range touched {
		a, err := loadAccount(tx, id)
		if err != nil {
			return nil, err
		}
		if id == u.Account {
			a.memory.Lost = lost
		}
		if err := d.replan(tx, a); err != nil {
			return nil, err
		}
		if err := a.put(tx); err != nil {
			return nil, err
		}
	}
	return touched, nil
}
