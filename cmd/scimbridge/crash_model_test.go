package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// The groups of a crash test and what its configuration makes of them; the last grants nothing.
var crashGroups = [...]string{"Explorers", "Viewers", "explorer-x", "explorer-y", "Book club"}

// belief is one way in which a person's history may have gone. A write that was answered
// happened; one that was not may have: then there are two beliefs where there was one.
type belief struct {
	live       bool // he is there at the SCIM server
	active     bool
	name       int // which of his addresses his userName is
	place      int // which of them he points at: V-02 lets a rename wait for reactivation
	department string
	in         [len(crashGroups)]bool
	at         [2]expected // of each of his addresses
}

// expected is what an address has come to.
type expected int

const (
	nobodys expected = iota // nobody ever pointed at it
	current                 // the person points at it
	former                  // he was renamed away from it
	removed                 // he was deleted while he pointed at it
)

func (b belief) String() string {
	if !b.live {
		return fmt.Sprintf("not there, addresses %v", b.at)
	}
	return fmt.Sprintf("name %d at %d active=%v department=%q groups %v, addresses %v", b.name, b.place, b.active, b.department, b.groups(), b.at)
}

func (s expected) String() string { return [...]string{"nobody's", "current", "former", "removed"}[s] }

func (b belief) groups() []string {
	var out []string
	for i, in := range b.in {
		if in {
			out = append(out, crashGroups[i])
		}
	}
	return out
}

// move makes him point at the address of his name.
func (b belief) move() belief {
	if b.active && b.place != b.name {
		b.at[b.place] = former
		b.place = b.name
		b.at[b.place] = current
	}
	return b
}

// The writes that a client makes, as what they do to a belief in which he is there.

func created(name int, department string) func(belief) belief {
	return func(b belief) belief {
		b.live, b.active, b.name, b.place, b.department = true, true, name, name, department
		b.in = [len(crashGroups)]bool{}
		b.at[name] = current
		return b
	}
}

func activated(active bool) func(belief) belief {
	return func(b belief) belief { b.active = active; return b.move() }
}

func renamed(name int) func(belief) belief {
	return func(b belief) belief { b.name = name; return b.move() }
}

func moved(department string) func(belief) belief {
	return func(b belief) belief { b.department = department; return b }
}

func joined(group int, in bool) func(belief) belief {
	return func(b belief) belief { b.in[group] = in; return b }
}

func deleted(b belief) belief {
	b.live = false
	b.at[b.place] = removed
	b.in = [len(crashGroups)]bool{}
	return b
}

// shown is what SCIM shows of a person: nil groups are those of nobody.
type shown struct {
	there      bool
	userName   string
	active     bool
	department string
	groups     []string // sorted as crashGroups
}

// agrees says why what SCIM shows is not what the belief expects, or "".
func (p *crashPerson) agrees(b belief, s shown) string {
	switch {
	case b.live != s.there:
		return fmt.Sprintf("is there over SCIM: %v", s.there)
	case !b.live:
		return ""
	case s.userName != p.emails[b.name] || s.active != b.active || s.department != b.department || !slices.Equal(s.groups, b.groups()):
		return fmt.Sprintf("is shown over SCIM as %+v", s)
	}
	return ""
}

// delivered says why what WisdomAI has at an address is not what the belief expects, or "".
func (p *crashPerson) delivered(b belief, place int, at *simulator.User) string {
	var roles []string
	attributes := map[string]string{}
	if at != nil {
		for _, r := range at.RoleAssignments {
			roles = append(roles, strings.TrimSpace(mapping.RoleName(r.RoleID)+" "+strings.Join(r.Scopes, " ")))
		}
		slices.Sort(roles)
		for _, a := range at.UserAttributes {
			attributes[a.Key] = a.Value
		}
	}
	owns := b.live && b.place == place
	want := p.byHand(place, b.active && owns)
	switch {
	case owns && b.active:
		want.roles = append(want.roles, b.roles()...)
		slices.Sort(want.roles)
		if b.department != "" {
			want.attributes["department"] = b.department
		}
		maps.Copy(want.attributes, map[string]string{"scim_id": "default/" + p.id, "scim_external_id": p.external, "scim_state": "active"})
		switch {
		case at == nil:
			return "nobody is there"
		case !slices.Equal(roles, want.roles):
			return fmt.Sprintf("has roles %q, want %q", roles, want.roles)
		case !maps.Equal(attributes, want.attributes):
			return fmt.Sprintf("has attributes %v, want %v", attributes, want.attributes)
		}
	case at == nil: // who left before he was ever delivered is not invited
		if p.hand && place == 0 {
			return "somebody whom an administrator invited is gone"
		}
	case b.at[place] == removed:
		return "a deleted person is back"
	case b.at[place] == nobodys && p.hand && place == 0: // an administrator's own business
	case b.at[place] == nobodys:
		return "somebody is there, and nobody asked for that"
	case len(roles) > 0:
		return fmt.Sprintf("has roles %q, and should have no access", roles)
	case attributes["department"] != "":
		return "has a department left"
	}
	return ""
}

type given struct {
	roles      []string
	attributes map[string]string
}

// byHand is what an administrator gave at an address and is to be there.
func (p *crashPerson) byHand(place int, active bool) given {
	g := given{attributes: map[string]string{}}
	if p.hand && place == 0 {
		g.attributes["crm_id"] = "77"
		if active {
			g.roles = []string{"CREATOR"}
		}
	}
	return g
}

// roles are what the configuration's rules give; a role everywhere swallows its scopes (V-39).
func (b belief) roles() []string {
	var out, scopes []string
	for _, g := range b.groups() {
		switch scope, scoped := strings.CutPrefix(g, "explorer-"); {
		case scoped:
			scopes = append(scopes, scope)
		case g == "Explorers":
			out = append(out, "EXPLORER")
		case g == "Viewers":
			out = append(out, "VIEWER")
		}
	}
	if len(scopes) > 0 && !slices.Contains(out, "EXPLORER") {
		out = append(out, "EXPLORER "+strings.Join(scopes, " "))
	}
	return out
}
