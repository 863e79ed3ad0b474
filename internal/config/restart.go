package config

import (
	"maps"
	"reflect"
	"slices"
)

// rulesOfTenant are the keys of a tenant that V-35 calls rules: they can change while the
// server runs.
var rulesOfTenant = []string{"email_domains", "plus_suffix", "wisdom.workspace_uri", "email", "attributes", "attribute_keys", "extension", "roles", "protected",
	"policy.on_deactivate", "policy.on_delete", "policy.on_delete_adopted", "policy.on_rename", "policy.on_rename_conflict", "policy.manual_roles",
	"policy.unowned_attributes", "policy.identity_attributes", "policy.suspend_remember", "policy.welcome_email", "policy.user_groups"}

// NeedsRestart are the keys in which next differs from c and that a running server does not
// take over: all that are no rules. A tenant that is new, or gone, is one.
func (c *Config) NeedsRestart(next *Config) []string {
	var differ []string
	compare(reflect.ValueOf(*c), reflect.ValueOf(*next), "", func(path string) {
		if path != "tenants" {
			differ = append(differ, path)
		}
	})
	names := slices.Concat(slices.Collect(maps.Keys(c.Tenants)), slices.Collect(maps.Keys(next.Tenants)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		old, now := c.Tenants[name], next.Tenants[name]
		if old == nil || now == nil {
			differ = append(differ, join("tenants", name))
			continue
		}
		compare(reflect.ValueOf(*old), reflect.ValueOf(*now), "", func(path string) {
			if !slices.Contains(rulesOfTenant, path) {
				differ = append(differ, join(join("tenants", name), path))
			}
		})
	}
	return differ
}

// compare tells of every key of a table, and of the tables in it, whose values differ.
func compare(a, b reflect.Value, path string, differs func(path string)) {
	names, byName := fields(a.Type())
	for _, name := range names {
		x, y, at := a.Field(byName[name]), b.Field(byName[name]), join(path, name)
		switch {
		case x.Kind() == reflect.Struct && !isLeaf(x.Type()) && !slices.Contains(rulesOfTenant, at):
			compare(x, y, at, differs)
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			differs(at)
		}
	}
}
