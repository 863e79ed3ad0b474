package mapping

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// roleRules are the checked `roles` of a tenant.
type roleRules struct {
	allow      map[string]bool // canonical names; nil: all
	privileged map[string]bool // canonical names
	defaults   []string        // canonical names
	groups     groupRules
	convention *convention // nil: off
	table      *roleTable
}

func newRoleRules(spec RolesSpec, workspaceURI string, fault faults) *roleRules {
	r := &roleRules{privileged: map[string]bool{}}
	privileged := spec.Privileged
	if privileged == nil {
		privileged = []string{"ADMIN", "SITE_ADMIN", "DATA_ADMIN", "CONNECTION_ADMIN"}
	}
	for i, name := range privileged {
		if role, ok := canonicalRole(name); ok {
			r.privileged[role] = true
		} else {
			fault(index("roles.privileged", i), "%s", unknownRole(name))
		}
	}
	if len(spec.Allow) > 0 && !slices.Contains(spec.Allow, "*") {
		r.allow = map[string]bool{}
	}
	for i, name := range spec.Allow {
		if name == "*" {
			continue
		}
		role, ok := canonicalRole(name)
		switch {
		case !ok:
			fault(index("roles.allow", i), "%s", unknownRole(name))
		case r.allow != nil:
			r.allow[role] = true
		}
	}
	for i, name := range spec.Default {
		role := r.checkLiteral(index("roles.default", i), name, "roles.default", fault)
		r.defaults = append(r.defaults, role)
	}
	r.groups = newGroupRules(spec.Groups, r, fault)
	if spec.NamingConvention {
		r.convention = &convention{workspaceURI: workspaceURI}
	}
	r.table = newRoleTable(spec.SCIMRoles, r, fault)
	return r
}

// canonicalRole is a role's name as WisdomAI spells it.
func canonicalRole(name string) (string, bool) {
	name = strings.ToUpper(name)
	_, ok := RoleID(name)
	return name, ok
}

func unknownRole(name string) string {
	return "WisdomAI has no role " + quote(name) + ": expected one of " + strings.Join(allRoles(), ", ")
}

// allRoles are the names of WisdomAI's roles, sorted.
func allRoles() []string {
	names := make([]string, 0, len(roleIDs))
	for name := range roleIDs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkLiteral checks a role that the file spells out. A privileged one is a fault
// where by is not empty: only rules that spell role and group give those (V-40).
func (r *roleRules) checkLiteral(at, name, by string, fault faults) string {
	role, ok := canonicalRole(name)
	switch {
	case !ok:
		fault(at, "%s", unknownRole(name))
	case by != "" && r.privileged[role]:
		fault(at, "%s is privileged and cannot come from %s: expected a rule with `group` or `external_id`", role, by)
	case r.allow != nil && !r.allow[role]:
		fault(at, "%s is not in roles.allow", role)
	}
	return role
}

// admit judges a role that came out at run time, from a capture or a group's name:
// its canonical name, and why it is not given, or "".
func (r *roleRules) admit(name, by string) (role, refused string) {
	role, ok := canonicalRole(name)
	switch {
	case !ok:
		refused = "WisdomAI has no role " + quote(name)
	case r.privileged[role]:
		refused = role + " is privileged and cannot come from " + by
	case r.allow != nil && !r.allow[role]:
		refused = role + " is not in roles.allow"
	}
	return role, refused
}

// section is the part of `roles` that a hit belongs to, in the order of the file.
type section int

const (
	defaultSection section = iota
	groupsSection
	conventionSection
	tableSection
)

// hit is a rule that applied to somebody: what it gives, or why it gives nothing.
type hit struct {
	section section
	number  int // of the rule in its section
	rule    string
	from    string
	role    string  // for a refused hit: the role as far as it is known, or ""
	grants  []Grant // nil if refused
	refused string
}

// collect finds every rule that applies. The order of groups makes no difference.
func (r *roleRules) collect(in *input) []hit {
	hits := make([]hit, 0, len(r.defaults)+len(in.groups))
	for i, role := range r.defaults {
		hits = append(hits, hit{section: defaultSection, number: i, rule: index("roles.default", i),
			from: "everybody", grants: []Grant{{Role: role}}})
	}
	for _, g := range in.groups {
		hits = r.collectGroup(hits, g)
	}
	hits = r.table.collect(hits, in.user)
	slices.SortFunc(hits, compareHits)
	return slices.CompactFunc(hits, func(a, b hit) bool { return compareHits(a, b) == 0 })
}

// compareHits orders by the file, then by the group; two groups of one name that give
// the same are one.
func compareHits(a, b hit) int {
	return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.number, b.number),
		cmp.Compare(a.from, b.from), cmp.Compare(a.role, b.role), cmp.Compare(a.refused, b.refused),
		slices.CompareFunc(a.grants, b.grants, compareGrants))
}

// collectGroup adds the hits of one group.
func (r *roleRules) collectGroup(hits []hit, g Group) []hit {
	hits = r.groups.collect(hits, g, r)
	if r.convention != nil {
		hits = r.convention.collect(hits, g, r)
	}
	return hits
}

func compareGrants(a, b Grant) int {
	return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Scope, b.Scope))
}

// resolveRoles fills in the grants. Without a required attribute nobody has a role
// (V-42): a role without its row filter shows everything.
func (r *Rules) resolveRoles(in *input, missing []string, result *Result) {
	withheld := ""
	if len(missing) > 0 {
		withheld = "the required attribute " + strings.Join(missing, ", ") + " has no value"
	}
	for _, h := range r.roles.collect(in) {
		if h.refused != "" {
			result.Reasons = append(result.Reasons, Reason{What: what(Grant{Role: h.role}), Rule: h.rule, From: h.from, Refused: h.refused})
			continue
		}
		for _, grant := range h.grants {
			result.Reasons = append(result.Reasons, Reason{What: what(grant), Rule: h.rule, From: h.from, Refused: withheld})
			if withheld == "" {
				result.Grants = append(result.Grants, grant)
			}
		}
	}
	slices.SortFunc(result.Grants, compareGrants)
	result.Grants = slices.Compact(result.Grants)
}

// what names a grant: "role EXPLORER at ET_DOMAIN_foo".
func what(g Grant) string {
	switch {
	case g.Role == "":
		return "role"
	case g.Scope == "":
		return "role " + g.Role
	}
	return "role " + g.Role + " at " + g.Scope
}

// index is the path of an element of a list in the file: "roles.groups[2]".
func index(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
