package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/config"
)

// V-35: which keys are rules, that a running server takes over, and which wait for the next start.
func TestV35WhatNeedsARestart(t *testing.T) {
	const old = `
listen: 127.0.0.1:8080
tenants:
  default:
    wisdom: {url: 'https://acme.wisdom.ai/graphql', workspace: ws_1, token: 'env:WISDOM_TOKEN'}
  gone:
    wisdom: {url: 'https://acme.wisdom.ai/graphql', workspace: ws_2, token: 'env:WISDOM_TOKEN'}
`
	load := func(text string) *config.Config {
		t.Helper()
		cfg, err := config.Parse("scimbridge.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	rules := strings.Replace(old, "  gone:", `    email_domains: [example.com]
    plus_suffix: acme
    email: [userName]
    attributes: {title: title}
    attribute_keys: {deny: [x]}
    extension: [{name: region}]
    roles: {default: [VIEWER], naming_convention: true}
    policy: {on_deactivate: delete, on_delete: suspend, on_delete_adopted: delete, on_rename: refuse, on_rename_conflict: adopt, manual_roles: overwrite,
      unowned_attributes: remove, identity_attributes: false, suspend_remember: 1d, welcome_email: true, user_groups: [g]}
  gone:`, 1)
	rules = strings.Replace(rules, "workspace: ws_1,", "workspace: ws_1, workspace_uri: acme,", 1)
	if got := load(old).NeedsRestart(load(rules)); len(got) > 0 {
		t.Errorf("rules need a restart: %v", got)
	}
	rest := strings.Replace(old, "  gone:", `    scim: {strict: true}
    brake: {floor: 1}
    listing: {max_age: 1h}
    delivery: {concurrency: 1}
    limits: {page: 7}
  new:`, 1)
	rest = strings.NewReplacer("8080", "8090", "ws_1", "ws_3").Replace(rest)
	want := []string{"listen", "tenants.default.wisdom.workspace", "tenants.default.scim.strict", "tenants.default.brake.floor", "tenants.default.listing.max_age",
		"tenants.default.delivery.concurrency", "tenants.default.limits.page", "tenants.gone", "tenants.new"}
	if diff := cmp.Diff(want, load(old).NeedsRestart(load(rest))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
