package scenario_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scenario"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

const enterprise = schema.EnterpriseURN + ":"

// rules are the tenant of these tests: what testdata/idp/README.md asks for, and a
// mapping that makes a difference of most of what the scenarios write. Their groups
// are named "<scenario> <what it is for>".
func rules() mapping.Spec {
	return mapping.Spec{
		EmailDomains: []string{"example.com"},
		Extension: []mapping.ExtensionAttribute{
			{Name: "region", Type: "string"},
			{Name: "customerIds", Type: "string", MultiValued: true, Key: "customer_ids"},
			{Name: "betaAccess", Type: "boolean", Key: "beta_access"},
		},
		Attributes: []mapping.AttributeRule{
			{Key: "display_name", Paths: []string{"displayName"}},
			{Key: "title", Paths: []string{"title"}},
			{Key: "work_phone", Paths: []string{`phoneNumbers[type eq "work"].value`}},
			{Key: "city", Paths: []string{`addresses[type eq "work"].locality`}},
			{Key: "department", Paths: []string{enterprise + "department"}},
			{Key: "cost_center", Paths: []string{enterprise + "costCenter"}},
			{Key: "manager", CEL: `has(user.manager) && has(user.manager.value) ? user.manager.value : ""`},
		},
		Roles: mapping.RolesSpec{
			Groups: []mapping.GroupRule{
				{Match: `\w+ wisdom\.explorer`, Role: "EXPLORER"},
				{Match: `\w+ wisdom\.explorer\.DOMAIN\.(?P<domain>.+)`, Role: "EXPLORER", Scopes: []string{"${domain}"}},
				{Match: `\w+ wisdom\.builder`, Role: "CREATOR"},
				{Match: `\w+ wisdom\.builder\.DOMAIN\.(?P<domain>.+)`, Role: "CREATOR", Scopes: []string{"${domain}"}},
				{Match: `\w+ (Analysts|Auditors|Batch|Crew|Editors|Group|Mixed|Sellers|Shared|Team)`, Role: "VIEWER"},
				{Group: `Jc02 R&D "core" / ops`, Role: "DATA_ADMIN"},
			},
			SCIMRoles: map[string]string{"EXPLORER": "EXPLORER", "BUILDER": "CREATOR"},
		},
	}
}

// bridge is a tenant with a store, a server and a simulator of its own, all
// over real HTTP on loopback.
type bridge struct {
	*bridgetest.Bridge
	target scenario.Target
}

// start starts a bridge, which ends with the test.
func start(t *testing.T) *bridge {
	t.Helper()
	b := bridgetest.Start(t, bridgetest.Options{Rules: rules()})
	handler, err := scim.New(scim.Options{
		Directory:          scim.Over(b.Directory),
		Authenticate:       b.Authenticate,
		DiscoveryNeedsAuth: true,
		Extension: []schema.Declared{
			{Name: "region", Type: schema.String},
			{Name: "customerIds", Type: schema.String, MultiValued: true},
			{Name: "betaAccess", Type: schema.Boolean},
		},
		Roles:            []scim.Role{{ID: "EXPLORER", DisplayName: "Explorer"}, {ID: "CREATOR", DisplayName: "Creator"}},
		UniqueGroupNames: true,
		CursorKey:        b.CursorKey,
		Log:              b.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(scim.Mounts(map[string]http.Handler{"/scim/v2": handler}))
	t.Cleanup(server.Close)
	return &bridge{b, scenario.Target{Base: server.URL + "/scim/v2", Token: b.Token, Client: server.Client()}}
}
