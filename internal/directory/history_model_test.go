package directory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// model says, in the plainest terms, what WisdomAI should hold once everything has come
// to rest. It knows nothing of calls, looks and faults.
type model struct {
	users  []*modelUser
	groups []*modelGroup
	places map[string]*place
}

type modelUser struct {
	id       string
	userName string // an address
	active   bool
	region   string
	place    *place // he points at; nil for somebody who never had an address
	deleted  bool
}

type modelGroup struct {
	id, name string
	members  map[*modelUser]bool
}

// place is an address.
type place struct {
	email  string
	user   *modelUser // who points at it
	former *modelUser // who left it
	there  bool       // somebody is at WisdomAI; ours: whom the bridge created
	ours   bool
	// open: whether somebody is there depends on whether a create had left before he was suspended.
	open    bool
	hand    grants            // given by hand and to be there while he is active
	foreign map[string]string // attributes of other systems
	aside   grants            // what a suspension took

	// Since the last rest: what any call may give here; whether at any time roles, all that a
	// person has, or the person were to go; whether the IdP wrote at all.
	allowed grants
	taken   bool
	emptied bool
	deleted bool
	written bool
}

func newModel(addresses ...string) *model {
	m := &model{places: map[string]*place{}}
	for _, e := range addresses {
		m.places[e] = &place{email: e, foreign: map[string]string{}}
	}
	return m
}

// roles are what the rules of rules() give.
func (m *model) roles(u *modelUser) grants {
	var out grants
	for _, g := range m.groups {
		if !g.members[u] {
			continue
		}
		switch {
		case g.name == "Explorers":
			out = out.union(units("EXPLORER"))
		case g.name == "Viewers":
			out = out.union(units("VIEWER"))
		case strings.HasPrefix(g.name, "explorer-"):
			out = out.union(units("EXPLORER at " + strings.TrimPrefix(g.name, "explorer-")))
		}
	}
	return out
}

// note keeps what a call that leaves from now on may give.
func (m *model) note() {
	for _, p := range m.places {
		p.allowed = p.allowed.union(p.hand, p.aside)
		if p.user != nil && p.user.active {
			p.allowed = p.allowed.union(m.roles(p.user))
		} else {
			p.taken = p.taken || p.user != nil || p.former != nil
		}
	}
}

// rest begins a new stretch of time: all that was on its way has arrived.
func (m *model) rest() {
	for _, p := range m.places {
		p.allowed = nil
		p.taken, p.emptied, p.deleted, p.written, p.open = false, false, false, false, false
	}
	m.note()
}

func (m *model) suspend(p *place) {
	p.aside, p.hand = p.aside.union(p.hand), nil
	p.open = true
}

func (m *model) giveBack(p *place) {
	p.hand, p.aside = p.hand.union(p.aside), nil
}

// takeOver is a new person at a former user's address.
func (m *model) takeOver(p *place) {
	p.hand, p.aside = nil, nil
	p.foreign = map[string]string{}
	p.emptied, p.taken = true, true
}

func (m *model) settle(p *place, u *modelUser) {
	p.former, p.user, u.place = nil, u, p
	if !p.there {
		p.ours, p.hand = true, p.hand.union(p.aside)
		p.aside = nil
	}
	p.there, p.written, p.open = true, true, false
}

// create expects a POST; it says whether it is refused.
func (m *model) create(u *modelUser) (conflict bool) {
	p := m.places[u.userName]
	if p.user != nil || m.named(u.userName, nil) {
		return true
	}
	if p.former != nil {
		m.takeOver(p)
	}
	m.settle(p, u)
	m.users = append(m.users, u)
	m.note()
	return false
}

func (m *model) named(name string, but *modelUser) bool {
	return slices.ContainsFunc(m.users, func(u *modelUser) bool { return u != but && !u.deleted && u.userName == name })
}

func (m *model) activate(u *modelUser, active bool) (conflict bool) {
	if u.active == active {
		return false
	}
	if !active {
		u.active = false
		m.suspend(u.place)
		m.note()
		return false
	}
	if u.place.email != u.userName {
		u.active = true
		if m.move(u, u.userName) {
			u.active = false
			return true
		}
		return false
	}
	u.active = true
	m.giveBack(u.place)
	m.settle(u.place, u)
	m.note()
	return false
}

// rename changes the userName, which is the address.
func (m *model) rename(u *modelUser, to string) (conflict bool) {
	if u.userName == to {
		return false
	}
	if m.named(to, u) || m.handsOff(to) {
		return true
	}
	if u.active && u.place.email != to {
		if m.move(u, to) {
			return true
		}
	}
	u.userName = to
	return false
}

// handsOff: somebody is there whom the bridge does not manage.
func (m *model) handsOff(email string) bool {
	p := m.places[email]
	return p.there && p.user == nil && p.former == nil
}

func (m *model) move(u *modelUser, to string) (conflict bool) {
	p, old := m.places[to], u.place
	if p.user != nil && p.user != u || m.handsOff(to) {
		return true
	}
	carried, attributes := old.hand.union(old.aside), maps.Clone(old.foreign)
	switch {
	case p.former == u:
		m.giveBack(p)
	case p.former != nil:
		m.takeOver(p)
	}
	p.hand = p.hand.union(carried)
	maps.Copy(p.foreign, attributes)
	p.allowed = p.allowed.union(carried)
	m.suspend(old)
	old.user, old.former = nil, u
	m.settle(p, u)
	m.note()
	return false
}

func (m *model) remove(u *modelUser) {
	u.deleted = true
	for _, g := range m.groups {
		delete(g.members, u)
	}
	p := u.place
	p.user, p.former = nil, u
	if p.ours {
		p.there, p.hand, p.aside, p.foreign = false, nil, nil, map[string]string{}
		p.deleted, p.emptied, p.open = true, true, false
	} else {
		m.suspend(p)
		p.open = false
	}
	m.note()
}

// unitsOf are somebody's roles at WisdomAI.
func unitsOf(u *simulator.User) grants {
	var out []mapping.Grant
	for _, r := range u.RoleAssignments {
		name := mapping.RoleName(r.RoleID)
		if len(r.Scopes) == 0 {
			out = append(out, grant{Role: name})
		}
		for _, s := range r.Scopes {
			out = append(out, grant{Role: name, Scope: s})
		}
	}
	return newGrants(out...)
}

func attributesOf(u *simulator.User) map[string]string {
	out := map[string]string{}
	for _, a := range u.UserAttributes {
		if a.Source == "DATABASE" && !strings.HasPrefix(a.Key, "scim_") {
			out[a.Key] = a.Value
		}
	}
	return out
}

// check compares an address at rest with the model, takes over what the model leaves
// open, and says what is wrong.
func (m *model) check(p *place, at *simulator.User) string {
	if at == nil {
		if p.there && !p.open {
			return "nobody is there"
		}
		p.there, p.ours = false, p.ours || p.there
		return ""
	}
	if !p.there {
		return "somebody is there: " + describe(*at)
	}
	has, attributes := unitsOf(at), attributesOf(at)
	var want grants
	wantAttributes := maps.Clone(p.foreign)
	switch {
	case p.user != nil && p.user.active:
		want, _ = m.roles(p.user).union(p.hand).swallow()
		if p.user.region != "" {
			wantAttributes["region"] = p.user.region
		}
	case p.user != nil || p.former != nil:
	default:
		want, _ = p.hand.swallow()
	}
	if !slices.Equal(has, want) {
		return fmt.Sprintf("has roles %v, want %v", has, want)
	}
	if !maps.Equal(attributes, wantAttributes) {
		return fmt.Sprintf("has attributes %v, want %v", attributes, wantAttributes)
	}
	return ""
}

// called looks at one effect of a call of ours and says what is wrong with it.
func (m *model) called(e simulator.Effect) string {
	if strings.HasPrefix(e.Operation, "P") || strings.HasPrefix(e.Operation, "DELETE") {
		return "" // by hand
	}
	who := e.After
	if who == nil {
		who = e.Before
	}
	p := m.places[who.Email]
	if p.user == nil && p.former == nil && !p.written && !p.taken {
		return "nobody asked for anything here"
	}
	if e.After == nil {
		if !p.deleted {
			return "deleted, and nobody asked for that"
		}
		return ""
	}
	after := unitsOf(e.After)
	if wide := after.minus(p.allowed); len(wide) > 0 {
		return fmt.Sprintf("gives %v, which no rule and no hand gave", wide)
	}
	if e.Before == nil {
		return ""
	}
	if !p.taken {
		for _, u := range p.hand {
			if unitsOf(e.Before).covers(u) && !after.covers(u) {
				return fmt.Sprintf("takes %v, which was given by hand", u)
			}
		}
	}
	if !p.emptied {
		left := attributesOf(e.After)
		for k, v := range attributesOf(e.Before) {
			if p.foreign[k] == v && left[k] != v {
				return fmt.Sprintf("takes attribute %s, which is not ours", k)
			}
		}
	}
	return ""
}
