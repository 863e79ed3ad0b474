package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed starter.yaml.tmpl
var starterTemplate string

// idp is what the starter spells out for one identity provider. There is no IdP
// switch at run time: it is the same configuration with other comments and choices.
type idp struct {
	Word, Title string
	// Connect says where the base URL and the token go at the IdP.
	Connect []string
	// Leavers says what the IdP sends for somebody who leaves.
	Leavers string
	// Groups says how the IdP names groups; StableID is true if it sends an
	// externalId for them that survives a rename.
	Groups   []string
	StableID bool
	// OneString is true if custom attributes come as one delimited string only.
	OneString bool
	// Roles says what the SCIM attribute `roles` carries, nil if it is not sent.
	Roles []string
	// AliasName is true if userName need not be an e-mail address.
	AliasName bool
}

// idps are those of `config init --idp`, the order of its help.
func idps() []idp {
	return []idp{
		{
			Word: "okta", Title: "Okta",
			Connect: []string{
				"Applications > your app > Provisioning > Integration: base URL PUBLIC_URL/scim/v2,",
				"unique identifier userName, HTTP header authentication with the token.",
			},
			Leavers: "Okta never deletes: unassigning and deactivating both send active: false.",
			Groups: []string{
				"Push the groups that the rules below name (Push Groups). Okta sends their name and no",
				"externalId, so a group renamed at Okta needs its rule changed.",
			},
			Roles: []string{"What Okta Identity Governance assigns as roles."},
		},
		{
			Word: "entra", Title: "Microsoft Entra ID",
			Connect: []string{
				"Enterprise applications > your app > Provisioning: tenant URL PUBLIC_URL/scim/v2 (with",
				"?aadOptscim062020 or without, both are understood), secret token the token.",
			},
			Leavers: "Entra ID sends active: false first and DELETE 30 days later, or when somebody purges.",
			Groups: []string{
				"Entra ID sends the group's object id as externalId with the default mapping: a rule by",
				"external_id survives a rename.",
			},
			StableID: true, OneString: true, AliasName: true,
			Roles: []string{
				"The value of each app role. With AppRoleAssignmentsComplex Entra ID never takes a role",
				"away; AssertiveAppRoleAssignmentsComplex does.",
			},
		},
		{
			Word: "onelogin", Title: "OneLogin",
			Connect: []string{
				"Applications > your SCIM app > Configuration: SCIM base URL PUBLIC_URL/scim/v2, SCIM bearer",
				"token the token. The JSON template there decides which attributes are sent.",
			},
			Leavers: "OneLogin sends active: false, or DELETE if the app is set so.",
			Groups:  []string{"Groups come from the app's rules (Rules > Set Groups), by name."},
		},
		{
			Word: "ping", Title: "PingOne or PingFederate",
			Connect: []string{
				"PingOne: Integrations > Provisioning > new SCIM outbound connection: SCIM base URL",
				"PUBLIC_URL/scim/v2, OAuth 2 bearer token the token. Filter: userName Eq \"%s\".",
			},
			Leavers: "Ping sends active: false, or DELETE if the connection is set so.",
			Groups:  []string{"Groups come by name; with group membership handling Merge only changes are sent."},
		},
		{
			Word: "jumpcloud", Title: "JumpCloud",
			Connect: []string{
				"SSO Applications > your app > Identity Management: SCIM 2.0, base URL PUBLIC_URL/scim/v2,",
				"token key the token. Its test creates, deactivates and looks up a person of its own.",
			},
			Leavers: "JumpCloud sends active: false.",
			Groups:  []string{"Bind user groups to the app with group management switched on; they come by name."},
		},
		{
			Word: "google", Title: "Google Workspace",
			Connect: []string{
				"Apps > Web and mobile apps > your app > Autoprovisioning: endpoint PUBLIC_URL/scim/v2, access",
				"token the token.",
			},
			Leavers: "Google sends active: false at once or after 1, 7 or 30 days, and DELETE after that if chosen.",
			Groups: []string{
				"Few of Google's connectors send groups: what everybody needs belongs into roles.default.",
			},
		},
		{
			Word: "generic", Title: "any SCIM 2.0 client",
			Connect:  []string{"Base URL PUBLIC_URL/scim/v2, bearer token the token."},
			Leavers:  "A client sends active: false for somebody who is suspended, DELETE for somebody who is gone.",
			Groups:   []string{"By displayName, by externalId, or by a pattern."},
			StableID: true, OneString: true, AliasName: true,
			Roles: []string{"Values of the SCIM attribute `roles`."},
		},
	}
}

// IdPs are the words that [Starter] takes.
func IdPs() []string {
	var words []string
	for _, i := range idps() {
		words = append(words, i.Word)
	}
	return words
}

// Starter is a commented scimbridge.yaml with what suits that IdP spelled out. It
// loads as it stands; url and workspace are to be changed, and the token's
// environment variable to be set.
func Starter(word string) ([]byte, error) {
	for _, i := range idps() {
		if i.Word != word {
			continue
		}
		t, err := template.New("starter").Parse(starterTemplate)
		if err != nil {
			return nil, fmt.Errorf("starter: %w", err)
		}
		var out bytes.Buffer
		if err := t.Execute(&out, i); err != nil {
			return nil, fmt.Errorf("starter for %s: %w", word, err)
		}
		return out.Bytes(), nil
	}
	hint := ""
	if near := nearest(word, IdPs()); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return nil, fmt.Errorf("no starter for the identity provider %q; expected one of %s%s", word, strings.Join(IdPs(), ", "), hint)
}
