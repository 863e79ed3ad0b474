package mapping

import (
	"maps"
	"slices"
	"strings"
)

// RoleNames are the canonical names of the roles that these rules can ever give
// somebody, sorted. Where a rule takes the role from a group's name, that is every role
// that it would not refuse: one that is allowed and not privileged (V-40).
func (r *Rules) RoleNames() []string {
	names := map[string]bool{}
	for _, role := range r.roles.defaults {
		names[role] = true
	}
	r.roles.groups.gives(r.roles, names)
	if r.roles.convention != nil {
		for _, word := range conventionWords {
			r.roles.couldGive(word.role, names)
		}
	}
	for _, e := range r.roles.table.exact {
		for _, grant := range e.grants {
			names[grant.Role] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// couldGive adds a role that would come out at run time, unless it were refused.
func (r *roleRules) couldGive(role string, names map[string]bool) {
	if role, refused := r.admit(role, ""); refused == "" {
		names[role] = true
	}
}

func (rules *groupRules) gives(roles *roleRules, names map[string]bool) {
	for _, found := range []map[string][]*groupRule{rules.byName, rules.byExternalID} {
		for _, all := range found {
			for _, r := range all {
				for _, grant := range r.literal {
					names[grant.Role] = true
				}
			}
		}
	}
	for _, r := range rules.matches {
		if !r.role.hasCaptures() {
			roles.couldGive(r.role.source, names)
			continue
		}
		for _, role := range allRoles() {
			roles.couldGive(role, names)
		}
	}
}

// GroupsGive reports whether a group could give the role, by a rule or by its name.
func (r *Rules) GroupsGive(role string) bool {
	names := map[string]bool{}
	r.roles.groups.gives(r.roles, names)
	if r.roles.convention != nil {
		for _, word := range conventionWords {
			r.roles.couldGive(word.role, names)
		}
	}
	return names[role]
}

// GrantsOf are what a group of this name and externalId gives its members.
func (r *Rules) GrantsOf(displayName, externalID string) []Grant {
	var grants []Grant
	for _, h := range r.roles.collectGroup(nil, Group{DisplayName: displayName, ExternalID: externalID}) {
		grants = append(grants, h.grants...)
	}
	return grants
}

// Writes reports whether an attribute rule sets the key.
func (r *Rules) Writes(key string) bool {
	_, ok := r.keys.ruled[strings.ToLower(key)]
	return ok
}
