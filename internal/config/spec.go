package config

import (
	"maps"
	"slices"

	"github.com/scimbridge/scimbridge/internal/mapping"
)

// spec is the tenant's mapping in the words of package mapping. Attributes are in
// the order of their keys, whatever their order in the file.
func (t *Tenant) spec() mapping.Spec {
	s := mapping.Spec{
		EmailDomains: t.EmailDomains,
		PlusSuffix:   t.PlusSuffix,
		WorkspaceURI: t.Wisdom.WorkspaceURI,
		AttributeKeys: mapping.KeyBounds{
			Allow: t.AttributeKeys.Allow, Deny: t.AttributeKeys.Deny, TakeOver: t.AttributeKeys.TakeOver,
		},
		Roles: mapping.RolesSpec{
			Allow:            t.Roles.Allow,
			Privileged:       t.Roles.Privileged,
			Default:          t.Roles.Default,
			NamingConvention: t.Roles.NamingConvention,
			SCIMRoles:        t.Roles.SCIMRoles,
		},
	}
	for _, source := range t.Email {
		s.Email = append(s.Email, mapping.Source(source))
	}
	for _, key := range slices.Sorted(maps.Keys(t.Attributes)) {
		a := t.Attributes[key]
		paths := a.Paths
		if a.Path != "" {
			paths = append([]string{a.Path}, paths...)
		}
		s.Attributes = append(s.Attributes, mapping.AttributeRule{
			Key: key, Paths: paths, CEL: a.CEL, Value: a.Value,
			Required: a.Required, Join: a.Join, Split: a.Split, Sub: a.Sub,
		})
	}
	for _, e := range t.Extension {
		s.Extension = append(s.Extension, mapping.ExtensionAttribute(e))
	}
	for _, g := range t.Roles.Groups {
		s.Roles.Groups = append(s.Roles.Groups, mapping.GroupRule(g))
	}
	return s
}
