package mapping

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// roleTable is roles.scim_roles: what a value of the SCIM attribute `roles` gives.
type roleTable struct {
	exact  map[string]*tableEntry
	folded map[string]*tableEntry // entries that are alone with their folded value
}

// tableEntry is one line of the table.
type tableEntry struct {
	value  string
	number int // in the order of the values
	rule   string
	grants []Grant
}

func newRoleTable(table map[string]string, roles *roleRules, fault faults) *roleTable {
	t := &roleTable{exact: map[string]*tableEntry{}, folded: map[string]*tableEntry{}}
	for i, value := range slices.Sorted(maps.Keys(table)) {
		e := &tableEntry{value: value, number: i, rule: "roles.scim_roles." + value}
		if value == "" {
			fault("roles.scim_roles", "an empty value of `roles` cannot be mapped")
		}
		role := roles.checkLiteral(e.rule, table[value], "scim_roles", fault)
		e.grants = []Grant{{Role: role}}
		t.exact[value] = e
		folded := strings.ToLower(value)
		if _, taken := t.folded[folded]; taken {
			t.folded[folded] = nil // which of them is meant cannot be said: exact spelling only
		} else {
			t.folded[folded] = e
		}
	}
	return t
}

// collect adds the hits of the user's `roles`.
func (t *roleTable) collect(hits []hit, user map[string]any) []hit {
	if len(t.exact) == 0 {
		return hits
	}
	values, _ := elements(lookup(user, "roles"))
	for _, v := range values {
		value := roleValue(v)
		e := t.exact[value]
		if e == nil {
			e = t.folded[strings.ToLower(value)]
		}
		if e != nil {
			hits = append(hits, hit{section: tableSection, number: e.number, rule: e.rule,
				from: "roles " + quote(value), grants: e.grants})
		}
	}
	return hits
}

// roleValue is the value of an element of `roles`: of an object its `value`, of text
// that is a JSON object (Entra's app roles, as PATCH sends them:
// "{\"id\":...,\"value\":\"25\",\"displayName\":...}") the `value` within, else the text.
func roleValue(v any) string {
	if c, ok := v.(map[string]any); ok {
		v = lookup(c, "value")
	}
	s, _ := text(v)
	if strings.HasPrefix(s, "{") {
		var c map[string]any
		decoder := json.NewDecoder(strings.NewReader(s))
		decoder.UseNumber()
		if decoder.Decode(&c) == nil {
			s, _ = text(lookup(c, "value"))
		}
	}
	return s
}
