package directory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// PersonPlan is what something would do to one person.
type PersonPlan struct {
	User     string `json:"user"` // SCIM id; "" for somebody whom only WisdomAI has
	UserName string `json:"userName"`
	Deleted  bool   `json:"deleted,omitempty"` // there is no such user any more
	Active   bool   `json:"active"`
	// Reasons say which rule gives, or would give, what; Problems what cannot be given.
	Reasons  []mapping.Reason  `json:"reasons,omitempty"`
	Problems []mapping.Problem `json:"problems,omitempty"`
	Accounts []AccountPlan     `json:"accounts"`
}

// AccountPlan is what would become of one address at WisdomAI.
type AccountPlan struct {
	Address string   `json:"address"`
	Before  Presence `json:"before"` // as the last listing and what was answered since show it
	After   Presence `json:"after"`
	Calls   []Call   `json:"calls"`
	// Held is why a call would not be sent now, or something else than asked for be done; "" if all is done.
	Held  string   `json:"held,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// Presence is what somebody has at WisdomAI.
type Presence struct {
	There      bool              `json:"there"`
	Roles      []string          `json:"roles"` // "EXPLORER", or "EXPLORER at SCOPE"
	Attributes map[string]string `json:"attributes"`
}

// Call is one call to WisdomAI, before batching.
type Call struct {
	Operation  string            `json:"operation"` // createUsers, setUserAttributes or deleteUsersFromWorkspace
	Roles      []string          `json:"roles,omitzero"`
	Attributes map[string]string `json:"attributes,omitzero"`
}

// rehearsal is something that is done to see what it does, and undone.
type rehearsal struct {
	dir *Directory // works in tx, whose store is within
	tx  store.Tx
	// accounts are those that were written, in order of their first write.
	accounts []int64
	users    []string
}

var errRehearsed = errors.New("rehearsed")

// rehearse runs fn in a transaction that is rolled back, under the given rules, right after
// a listing that showed nothing new: what is seen there is what would be done, because it is
// done, by the same code. fn may run more than once.
func (d *Directory) rehearse(ctx context.Context, rules *ruleset, fn func(*rehearsal) error) error {
	err := d.store.Update(ctx, func(tx store.Tx) error {
		r := &rehearsal{}
		r.tx = &notingTx{Tx: tx, r: r}
		r.dir = d.under(rules, &withinStore{tx: r.tx})
		// Nobody waits in a transaction: delivery is played by foresee.
		r.dir.o.Delivery.RequestBudget = time.Nanosecond
		look, err := tx.BeginLook(d.o.Workspace)
		if err != nil {
			return err
		}
		look.Ended, look.State = look.Begun, store.LookApplied
		if err := tx.PutLook(look); err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return err
}

// under is this directory under other rules, and perhaps over another store. It does not run.
func (d *Directory) under(rules *ruleset, s store.Store) *Directory {
	o := d.o
	o.OnLook, o.OnDelivery, o.OnPrivilegedGrant, o.OnDrift, o.OnRules = nil, nil, nil, nil, nil
	other := newDirectory(o)
	other.store = s
	rules.into(&other.o)
	other.rules.file.Store(rules)
	other.rules.inForce.Store(rules)
	d.looker.mu.Lock()
	other.looker.begun = d.looker.begun
	d.looker.mu.Unlock()
	return other
}

// withinStore is a store whose transactions are parts of one.
type withinStore struct {
	store.Store // nil: nothing else is asked of it
	tx          store.Tx
	mu          sync.Mutex // guards tx: what a request leaves behind ends on a goroutine of its own
}

func (s *withinStore) View(_ context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(s.tx)
}

func (s *withinStore) Update(_ context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx.Part(func() error { return fn(s.tx) })
}

// notingTx notes what was written.
type notingTx struct {
	store.Tx
	r *rehearsal
}

func (t *notingTx) PutAccount(a *store.Account) error {
	if err := t.Tx.PutAccount(a); err != nil {
		return err
	}
	if !slices.Contains(t.r.accounts, a.ID) {
		t.r.accounts = append(t.r.accounts, a.ID)
	}
	return nil
}

func (t *notingTx) PutUser(u *store.User) error {
	t.note(u.ID)
	return t.Tx.PutUser(u)
}

func (t *notingTx) DeleteUser(tenant, id string, at time.Time) error {
	t.note(id)
	return t.Tx.DeleteUser(tenant, id, at)
}

func (t *notingTx) note(id string) {
	if !slices.Contains(t.r.users, id) {
		t.r.users = append(t.r.users, id)
	}
}

// Rehearse runs fn on a directory that answers as this one does, and undoes it. It returns
// what that would do to everybody concerned. fn may run more than once; its directory is of
// no use after it.
func (d *Directory) Rehearse(ctx context.Context, fn func(*Directory) error) (people []PersonPlan, err error) {
	err = d.rehearse(ctx, d.rules.inForce.Load(), func(r *rehearsal) error {
		if err := fn(r.dir); err != nil {
			return err
		}
		r.dir.background.Wait()
		people, err = r.people()
		return err
	})
	return people, err
}

// people are those whose users or accounts were written.
func (r *rehearsal) people() ([]PersonPlan, error) {
	var people []PersonPlan
	byUser := map[string]int{}
	accounts := r.accounts
	for _, id := range r.users {
		p, err := r.about(id)
		if err != nil {
			return nil, err
		}
		byUser[id] = len(people)
		people = append(people, p)
	}
	for _, id := range accounts {
		row, err := r.tx.Account(id)
		if errors.Is(err, store.ErrNotFound) {
			continue // rolled back, or undone as a part
		}
		if err != nil {
			return nil, err
		}
		i, known := byUser[row.UserID]
		if !known {
			p, err := r.about(row.UserID)
			if err != nil {
				return nil, err
			}
			i = len(people)
			byUser[row.UserID] = i
			people = append(people, p)
		}
		a, err := r.dir.foresee(r.tx, id)
		if err != nil {
			return nil, err
		}
		people[i].Accounts = append(people[i].Accounts, a)
	}
	return people, nil
}

// person is the plan of a user whose accounts are those just written.
func (r *rehearsal) person(u *store.User) (PersonPlan, error) {
	p, err := r.about(u.ID)
	if err != nil {
		return p, err
	}
	for _, id := range r.accounts {
		a, err := r.dir.foresee(r.tx, id)
		if err != nil {
			return p, err
		}
		p.Accounts = append(p.Accounts, a)
	}
	return p, nil
}

// about is a person's plan without the accounts.
func (r *rehearsal) about(id string) (PersonPlan, error) {
	p := PersonPlan{User: id, Accounts: []AccountPlan{}}
	u, err := r.tx.User(r.dir.o.Tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		p.Deleted = id != ""
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.UserName, p.Active = u.UserName, u.Active
	res, err := r.dir.resolveStored(r.tx, u)
	p.Reasons, p.Problems = res.Reasons, res.Problems
	return p, err
}

// unseenID stands for the WisdomAI id that the next listing shows.
const unseenID = "shown by the next listing"

// foresee plays the delivery of an account through: each step is planned, recorded and
// answered OK as a worker would. It belongs into a transaction that is rolled back.
func (d *Directory) foresee(tx store.Tx, id int64) (AccountPlan, error) {
	a, err := loadAccount(tx, id)
	if err != nil {
		return AccountPlan{}, err
	}
	p := AccountPlan{Address: a.Email, Before: a.presence(), Calls: []Call{}}
	p.Notes = a.both()
	const most = 8 // three steps are the most that plan has; what goes on longer is shown so far
	for range most {
		st, out, err := d.next(tx, a)
		if err != nil {
			return p, err
		}
		if st.hold != "" {
			p.Held = st.hold
		}
		switch {
		case out.state == parked && a.Present && a.WisdomID == "":
			a.WisdomID = unseenID
			continue
		case out.state == gated:
			p.Calls = append(p.Calls, callOf(st))
		}
		if out.state != "" {
			if out.state != delivered && out.err != nil {
				p.Held = out.err.Error()
			}
			break
		}
		p.Calls = append(p.Calls, callOf(st))
		if err := d.open(tx, a, st); err != nil {
			return p, err
		}
		if out, err = d.record(tx, a, &sent{step: st}); err != nil {
			return p, err
		}
	}
	p.After = a.presence()
	return p, a.put(tx)
}

// both says of which roles that the account has, or is to have, a rule and a hand are the cause (V-11).
func (a *account) both() []string {
	var notes []string
	for _, u := range a.memory.Both.filter(a.actual.Roles.has) {
		if a.desired.Roles.has(u) {
			notes = append(notes, unit(u)+" was given by hand too; it goes when no rule gives it any more")
		} else {
			notes = append(notes, unit(u)+" was given by hand too, and goes with the rule that gave it")
		}
	}
	return notes
}

func (a *account) presence() Presence {
	p := Presence{There: a.Present, Roles: unitNames(a.actual.Roles), Attributes: map[string]string{}}
	maps.Copy(p.Attributes, a.actual.JWT)
	maps.Copy(p.Attributes, a.actual.Database)
	return p
}

func callOf(st step) Call {
	c := Call{Operation: st.operation()}
	if st.kind == stepCreate || st.kind == stepRoles {
		kept, _ := st.roles.swallow()
		c.Roles = unitNames(kept)
	}
	if st.kind == stepCreate || st.kind == stepAttributes {
		c.Attributes = map[string]string{}
		maps.Copy(c.Attributes, st.attributes)
	}
	return c
}

// operation is WisdomAI's name of the call.
func (st step) operation() string {
	switch st.kind {
	case stepCreate, stepRoles:
		return "createUsers"
	case stepDelete:
		return "deleteUsersFromWorkspace"
	}
	return string(st.kind)
}

// unit names a grant: "EXPLORER", "EXPLORER at x".
func unit(g grant) string {
	if g.Scope == "" {
		return g.Role
	}
	return g.Role + " at " + g.Scope
}

func unitNames(g grants) []string {
	names := []string{}
	for _, u := range g {
		names = append(names, unit(u))
	}
	return names
}

// Held reports whether something of the plan would wait, or be done otherwise than asked for.
func (p PersonPlan) Held() bool {
	return slices.ContainsFunc(p.Accounts, func(a AccountPlan) bool { return a.Held != "" })
}
