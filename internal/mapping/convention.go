package mapping

import "strings"

// convention reads WisdomAI's own names for groups that carry a role
// (docs.wisdom.ai, "Role Mapping & SSO Groups"):
//
//	wisdom.[workspace_uri.]role[.SCOPE_TYPE.scope]
type convention struct {
	workspaceURI string
}

const conventionPrefix = "wisdom."

// conventionWords are the convention's words for roles.
var conventionWords = []struct{ word, role string }{
	{"administrator", "ADMIN"}, {"data_administrator", "DATA_ADMIN"}, {"explorer", "EXPLORER"}, {"observer", "OBSERVER"},
}

// conventionRole translates the convention's word for a role, without case.
func conventionRole(word string) (role string, ok bool) {
	word = strings.ToLower(word)
	for _, w := range conventionWords {
		if w.word == word {
			return w.role, true
		}
	}
	return "", false
}

// collect adds the hit of a group whose name follows the convention. A name that does
// not, or that carries another workspace's uri, is not this tenant's and no hit.
func (c *convention) collect(hits []hit, g Group, roles *roleRules) []hit {
	word, scope, ok := c.parse(g.DisplayName)
	if !ok {
		return hits
	}
	h := hit{section: conventionSection, rule: "roles.naming_convention", from: groupName(g)}
	role, _ := conventionRole(word)
	h.role, h.refused = roles.admit(role, "naming_convention")
	if h.refused == "" {
		if id, found := scope.id(); found {
			h.grants = []Grant{{Role: h.role, Scope: id}}
		} else {
			h.refused = "the name ends in " + quote(string(scope)) + " where .SCOPE_TYPE.scope was expected"
		}
	}
	return append(hits, h)
}

// conventionScope is what follows the role's word: "", or ".SCOPE_TYPE.scope".
type conventionScope string

// id is the id of the scope; found is false if it is not spelled whole: dropping it
// would give the role everywhere (V-39).
func (s conventionScope) id() (id string, found bool) {
	if s == "" {
		return "", true
	}
	typ, id, found := strings.Cut(string(s[1:]), ".")
	return id, found && strings.TrimSpace(typ) != "" && strings.TrimSpace(id) != ""
}

// parse splits a name. A first word that is the tenant's workspace is read as such
// before it is read as a role.
func (c *convention) parse(name string) (role string, scope conventionScope, ok bool) {
	if len(name) < len(conventionPrefix) || !strings.EqualFold(name[:len(conventionPrefix)], conventionPrefix) {
		return "", "", false
	}
	rest := name[len(conventionPrefix):]
	if uri := c.workspaceURI + "."; uri != "." && len(rest) > len(uri) && strings.EqualFold(rest[:len(uri)], uri) {
		if role, scope, ok := roleAndScope(rest[len(uri):]); ok {
			return role, scope, true
		}
	}
	return roleAndScope(rest)
}

func roleAndScope(s string) (role string, scope conventionScope, ok bool) {
	role = s
	if dot := strings.IndexByte(s, '.'); dot >= 0 {
		role, scope = s[:dot], conventionScope(s[dot:])
	}
	_, ok = conventionRole(role)
	return role, scope, ok
}
