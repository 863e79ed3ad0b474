package directory

import (
	"cmp"
	"slices"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

type grant = mapping.Grant

// grants is a set of (role, scope) units, sorted and unique. Everything about roles is
// computed on units and turned into role assignments only when a call is put
// together: (role, scope) and (role, everywhere) are different units (V-39).
type grants []mapping.Grant

func compareGrant(a, b mapping.Grant) int {
	return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Scope, b.Scope))
}

// newGrants sorts and compacts a copy.
func newGrants(units ...mapping.Grant) grants {
	if len(units) == 0 {
		return nil
	}
	g := slices.Clone(units)
	slices.SortFunc(g, compareGrant)
	return slices.Compact(g)
}

func (g grants) has(u mapping.Grant) bool {
	_, ok := slices.BinarySearchFunc(g, u, compareGrant)
	return ok
}

// covers reports whether the set gives what u gives: u itself, or its role everywhere.
func (g grants) covers(u mapping.Grant) bool {
	return g.has(u) || g.has(mapping.Grant{Role: u.Role})
}

func (g grants) union(others ...grants) grants {
	all := slices.Clone(g)
	for _, o := range others {
		all = append(all, o...)
	}
	return newGrants(all...)
}

func (g grants) filter(keep func(mapping.Grant) bool) grants {
	var out grants
	for _, u := range g {
		if keep(u) {
			out = append(out, u)
		}
	}
	return out
}

func (g grants) minus(o grants) grants {
	return g.filter(func(u mapping.Grant) bool { return !o.has(u) })
}

// swallow drops the scopes of every role that is there everywhere (V-39), and
// returns what it dropped.
func (g grants) swallow() (kept, swallowed grants) {
	for _, u := range g {
		if u.Scope != "" && g.has(mapping.Grant{Role: u.Role}) {
			swallowed = append(swallowed, u)
		} else {
			kept = append(kept, u)
		}
	}
	return kept, swallowed
}

// assignments turns units into what createUsers takes: one assignment a role, never
// nil, so that an empty set is sent as [] (V-18).
func (g grants) assignments() []wisdom.RoleAssignment {
	kept, _ := g.swallow()
	out := []wisdom.RoleAssignment{}
	for _, u := range kept {
		id, ok := mapping.RoleID(u.Role)
		if !ok {
			id = u.Role
		}
		if n := len(out); n == 0 || out[n-1].RoleID != id {
			out = append(out, wisdom.RoleAssignment{RoleID: id, Scopes: []string{}})
		}
		if u.Scope != "" {
			last := &out[len(out)-1]
			last.Scopes = append(last.Scopes, u.Scope)
		}
	}
	return out
}

// grantsOf turns a listing's role assignments into units. A role that the table of
// built-in roles does not know keeps its id as its name.
func grantsOf(assignments []wisdom.RoleAssignment) grants {
	var out []mapping.Grant
	for _, a := range assignments {
		role := mapping.RoleName(a.RoleID)
		if id, ok := mapping.RoleID(a.RoleID); ok { // a server that answers names
			role = mapping.RoleName(id)
		}
		if len(a.Scopes) == 0 {
			out = append(out, mapping.Grant{Role: role})
		}
		for _, s := range a.Scopes {
			out = append(out, mapping.Grant{Role: role, Scope: s})
		}
	}
	return newGrants(out...)
}
