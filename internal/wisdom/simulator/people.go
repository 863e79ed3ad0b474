package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Names in the log for what was done by hand; all others are GraphQL's.
const (
	opPutUsers    = "PUT /control/users"
	opPostUsers   = "POST /control/users"
	opDeleteUsers = "DELETE /control/users"
)

// Effect is one entry of GET /control/log: what one call did to one user, even if
// that left him as he was. A call for three people has three effects.
type Effect struct {
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Target    string    `json:"target"` // e-mail or id
	Before    *User     `json:"before"`
	After     *User     `json:"after"`
	// What createUsers asked for and no user shows: a mail to somebody new, and groups.
	WelcomeEmail bool     `json:"welcomeEmail,omitempty"`
	UserGroupIDs []string `json:"userGroupIds,omitempty"`
}

// people is the workspace: who is there, and all that was ever done to them.
//
// A *User that is in is never changed, only replaced, so that a listing needs the
// lock for as long as it takes to copy the pointers, and a log of a million effects
// shares what it shows.
type people struct {
	now      func() time.Time
	onEffect func(Effect)

	// writing is held by one writer from before its change until onEffect was told of
	// it, so that effects are told in order; mu guards the fields below, for the
	// change itself only, so that onEffect may read.
	writing sync.Mutex
	mu      sync.RWMutex
	users   []*User           // no promised order: a removal moves the last one up
	index   map[string]int    // id -> place in users
	byEmail map[string]string // folded e-mail -> id
	log     []Effect
	lastID  int
	ownerID string
}

func newPeople(now func() time.Time, onEffect func(Effect)) *people {
	return &people{now: now, onEffect: onEffect, index: map[string]int{}, byEmail: map[string]string{}}
}

// seed puts the owner and the users in, before the log begins.
func (p *people) seed(users []User) error {
	return p.change(func(tx *change) error {
		tx.silent = true
		owner := tx.add(User{Email: ownerEmail, Name: "Workspace Owner", CreationTimestamp: founded.Format(time.RFC3339),
			RoleAssignments: []RoleAssignment{{RoleID: roleID("ADMIN")}}}, Effect{})
		p.ownerID = owner.ID
		return tx.replace("", users)
	})
}

// change is exclusive access to the people. What it does is visible at once when it ends.
type change struct {
	*people
	at     time.Time
	silent bool // nothing is logged: the state the log begins with
	told   int  // effects in the log before
}

// change runs do with exclusive access and then tells of its effects. do must check
// before it changes: there is no way back.
func (p *people) change(do func(*change) error) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	effects, err := func() ([]Effect, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		tx := &change{people: p, at: p.now(), told: len(p.log)}
		err := do(tx)
		return p.log[tx.told:], err
	}()
	if p.onEffect != nil {
		for _, e := range effects {
			p.onEffect(e)
		}
	}
	return err
}

func (tx *change) record(e Effect) {
	if tx.silent {
		return
	}
	e.Seq, e.Time = int64(len(tx.log)+1), tx.at
	tx.log = append(tx.log, e)
}

func (p *people) find(email string) *User {
	id, ok := p.byEmail[fold(email)]
	if !ok {
		return nil
	}
	return p.byID(id)
}

func (p *people) byID(id string) *User {
	i, ok := p.index[id]
	if !ok {
		return nil
	}
	return p.users[i]
}

// get returns who has an id, or nil.
func (p *people) get(id string) *User {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byID(id)
}

// owner returns the owner's id.
func (p *people) owner() string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.ownerID
}

// withEmail returns who has an address, or nil.
func (p *people) withEmail(email string) *User {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.find(email)
}

// add puts somebody new in and gives him what he lacks: an id and a time of creation.
func (tx *change) add(u User, e Effect) *User {
	u = u.normal()
	for u.ID == "" || tx.byID(u.ID) != nil {
		tx.lastID++
		u.ID = fmt.Sprintf("user_%06d", tx.lastID)
	}
	if u.CreationTimestamp == "" {
		u.CreationTimestamp = tx.at.UTC().Format(time.RFC3339)
	}
	tx.index[u.ID] = len(tx.users)
	tx.byEmail[fold(u.Email)] = u.ID
	tx.users = append(tx.users, &u)
	e.After = &u
	tx.record(e)
	return &u
}

// set replaces somebody who is there.
func (tx *change) set(before *User, after User, e Effect) {
	tx.users[tx.index[before.ID]] = &after
	e.Before, e.After = before, &after
	tx.record(e)
}

func (tx *change) remove(u *User, e Effect) {
	i, last := tx.index[u.ID], len(tx.users)-1
	tx.users[i] = tx.users[last]
	tx.index[tx.users[i].ID] = i
	tx.users[last] = nil
	tx.users = tx.users[:last]
	delete(tx.index, u.ID)
	delete(tx.byEmail, fold(u.Email))
	e.Before = u
	tx.record(e)
}

// snapshot returns everybody as of now.
func (p *people) snapshot() []*User {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Clone(p.users)
}

// snapshotAt returns everybody as of a moment ago, by undoing what was done since.
// What was seeded was always there.
func (p *people) snapshotAt(t time.Time) []*User {
	p.mu.RLock()
	defer p.mu.RUnlock()
	then := map[string]*User{} // by id; nil: was not there
	for i := len(p.log) - 1; i >= 0 && p.log[i].Time.After(t); i-- {
		e := p.log[i]
		id := cmp.Or(e.Before, e.After).ID
		then[id] = e.Before
	}
	users := make([]*User, 0, len(p.users))
	for _, u := range p.users {
		if was, changed := then[u.ID]; changed {
			delete(then, u.ID)
			u = was
		}
		if u != nil {
			users = append(users, u)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(then)) {
		if gone := then[id]; gone != nil {
			users = append(users, gone)
		}
	}
	return users
}

// sorted returns everybody by e-mail.
func (p *people) sorted() []*User {
	users := p.snapshot()
	slices.SortFunc(users, func(a, b *User) int { return cmp.Compare(fold(a.Email), fold(b.Email)) })
	return users
}

// effects returns a copy of the log after seq.
func (p *people) effects(after int64) []Effect {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Clone(p.log[min(max(after, 0), int64(len(p.log))):])
}
