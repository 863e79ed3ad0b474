package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/mapping"
)

// least is a configuration of nothing but what is needed.
const least = `
tenants:
  default:
    wisdom: {url: 'https://acme.wisdom.ai/graphql', workspace: ws_123, token: 'env:WISDOM_TOKEN'}
`

func parse(t *testing.T, source string, env ...string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("/etc/scimbridge/scimbridge.yaml", []byte(source), env)
	if err != nil {
		t.Fatalf("faults:\n%v", err)
	}
	return cfg
}

// TestDefaults spells every default, as the design has it.
func TestDefaults(t *testing.T) {
	want := &config.Config{
		File:           "/etc/scimbridge/scimbridge.yaml",
		Listen:         "127.0.0.1:8080",
		AdminListen:    "127.0.0.1:8081",
		Store:          config.Store{Engine: "sqlite", Path: "/etc/scimbridge/scimbridge.db"},
		TrustedProxies: []string{},
		Reload:         "signal",
		Retention:      config.Retention{Events: 400 * 24 * time.Hour, Tombstones: 90 * 24 * time.Hour},
		Log:            config.Log{Level: "info", Format: "text", Redact: true},
		Tenants: map[string]*config.Tenant{"default": {
			Name:         "default",
			Mode:         "enforce",
			EmailDomains: []string{"*"},
			Wisdom:       config.Wisdom{URL: "https://acme.wisdom.ai/graphql", Workspace: "ws_123", Exchange: "auto"},
			Auth:         config.Auth{Bearer: true, Discovery: true},
			SCIM:         config.SCIM{UniqueGroupNames: true, UnknownMembers: "refuse"},
			Email:        []config.Source{{Path: "userName"}, {Path: "emails[primary eq true].value"}, {Path: "emails.value"}},
			Attributes:   map[string]config.Attribute{},
			AttributeKeys: config.AttributeKeys{
				Allow: []string{"*"}, Deny: []string{}, TakeOver: []string{},
			},
			Extension: []config.Extension{},
			Roles: config.Roles{
				Allow:      []string{"*"},
				Privileged: []string{"ADMIN", "SITE_ADMIN", "DATA_ADMIN", "CONNECTION_ADMIN"},
				Default:    []string{},
				Groups:     []config.GroupRule{},
				SCIMRoles:  map[string]string{},
			},
			Policy: config.Policy{
				OnDeactivate: "suspend", OnDelete: "delete", OnDeleteAdopted: "suspend",
				OnRename: "suspend_old", OnRenameConflict: "refuse",
				ManualRoles: "keep", UnownedAttributes: "keep", IdentityAttributes: true,
				SuspendRemember: 30 * 24 * time.Hour, AcceptFor: time.Hour,
				UserGroups: []string{},
			},
			Drift:     config.Drift{Lost: "report", Changed: "repair"},
			Brake:     config.Brake{MaxDeletes: 50, MaxPercent: 5, Floor: 10, Window: time.Hour},
			Protected: []string{},
			Listing: config.Listing{
				MaxAge: time.Minute, IdleAge: 15 * time.Minute, MissMaxAge: 5 * time.Second, MaxDuty: 0.1,
				Settle: 2 * time.Minute, LostPercent: 10, LostFloor: 10,
			},
			Delivery: config.Delivery{
				RequestBudget: 5 * time.Second, Deadline: 30 * time.Second, MaxBasisAge: time.Minute,
				Batch: 50, Share: 200, Concurrency: 4, Rate: 50,
			},
			Limits: config.Limits{Body: 8 << 20, Depth: 32, Filter: 64 << 10, Operations: 1000, Page: 1000},
		}},
	}
	got := parse(t, least)
	ignore := cmp.Options{
		cmpopts.IgnoreTypes(config.Secret{}, (*mapping.Rules)(nil)), cmpopts.IgnoreFields(config.Config{}, "Sum"),
	}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	tenant := got.Tenants["default"]
	if got := tenant.Wisdom.Token.String(); got != "env:WISDOM_TOKEN" {
		t.Errorf("token = %q, want the reference", got)
	}
	if tenant.Rules == nil {
		t.Fatal("the mapping is not compiled")
	}
	if got := tenant.Rules.Resolve(map[string]any{"userName": "alice@example.com"}, nil).Email; got != "alice@example.com" {
		t.Errorf("the compiled mapping gives %q", got)
	}
}

// TestShapes is how values may be written.
func TestShapes(t *testing.T) {
	cfg := parse(t, `
public_url: https://scim.example.com/
store: sqlite:/var/lib/scimbridge/state.db
tenants:
  default: &shared
    wisdom: {url: 'https://acme.wisdom.ai/graphql', workspace: 007, token: 'env:WISDOM_TOKEN', token_expires: 2027-01-31}
    email: [{cel: 'user.userName + "@x.com"'}, emails.value]
    attributes: &attributes
      plain: displayName
      first: [title, userType]
      table: {path: phoneNumbers, sub: value, split: ';', required: true}
      expression: {cel: 'user.userName'}
      number: {value: 7}
      flag: {value: true}
    policy: {suspend_remember: 1d12h}
    limits:
  us-east:
    wisdom: {url: 'http://127.0.0.1:4000/graphql', workspace: ws_2, token: 'file:token'}
    attributes: *attributes
`)
	tenant := cfg.Tenants["default"]
	text := func(s string) *string { return &s }
	want := map[string]config.Attribute{
		"plain":      {Path: "displayName", Paths: []string{}},
		"first":      {Paths: []string{"title", "userType"}},
		"table":      {Path: "phoneNumbers", Paths: []string{}, Sub: "value", Split: ";", Required: true},
		"expression": {CEL: "user.userName", Paths: []string{}},
		"number":     {Value: text("7"), Paths: []string{}},
		"flag":       {Value: text("true"), Paths: []string{}},
	}
	if diff := cmp.Diff(want, tenant.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, cfg.Tenants["us-east"].Attributes); diff != "" {
		t.Errorf("attributes by alias (-want +got):\n%s", diff)
	}
	wantEmail := []config.Source{{CEL: `user.userName + "@x.com"`}, {Path: "emails.value"}}
	if diff := cmp.Diff(wantEmail, tenant.Email); diff != "" {
		t.Errorf("email (-want +got):\n%s", diff)
	}
	got := map[string]any{
		"public_url":       cfg.PublicURL,
		"store":            cfg.Store.String(),
		"workspace":        tenant.Wisdom.Workspace,
		"token_expires":    tenant.Wisdom.TokenExpires.Format(time.RFC3339),
		"suspend_remember": tenant.Policy.SuspendRemember,
		"limits.depth":     tenant.Limits.Depth,
		"base":             tenant.BasePath(),
		"base of another":  cfg.Tenants["us-east"].BasePath(),
		"host":             tenant.Wisdom.Host(),
		"host of another":  cfg.Tenants["us-east"].Wisdom.Host(),
	}
	wantValues := map[string]any{
		"public_url":       "https://scim.example.com",
		"store":            "sqlite:/var/lib/scimbridge/state.db",
		"workspace":        "007",
		"token_expires":    "2027-01-31T00:00:00Z",
		"suspend_remember": 36 * time.Hour,
		"limits.depth":     32,
		"base":             "/scim/v2",
		"base of another":  "/t/us-east/scim/v2",
		"host":             "acme.wisdom.ai",
		"host of another":  "127.0.0.1:4000",
	}
	if diff := cmp.Diff(wantValues, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestOverrides(t *testing.T) {
	const source = `
tenants:
  default:
    wisdom: {url: 'https://acme.wisdom.ai/graphql', workspace: ws_123, token: 'env:WISDOM_TOKEN'}
    attributes: &shared
      tier: {value: standard}
      region: displayName
    roles:
      scim_roles: {Senior Analyst: VIEWER}
  us-east:
    wisdom: {workspace: ws_2}
    attributes: *shared
`
	cfg := parse(t, source,
		"SCIMBRIDGE_LISTEN=0.0.0.0:9000",
		"SCIMBRIDGE_PUBLIC_URL=https://scim.example.com",
		"SCIMBRIDGE_LOG__REDACT=false",
		"SCIMBRIDGE_TENANTS__DEFAULT__WISDOM__URL=https://other.wisdom.ai/graphql",
		"SCIMBRIDGE_TENANTS__DEFAULT__LISTING__MAX_AGE=2d",
		"SCIMBRIDGE_TENANTS__DEFAULT__ATTRIBUTES__TIER__VALUE=gold",
		"SCIMBRIDGE_TENANTS__DEFAULT__ATTRIBUTES__REGION__JOIN=;",
		"SCIMBRIDGE_TENANTS__DEFAULT__ROLES__SCIM_ROLES__SENIOR_ANALYST=EXPLORER",
		"SCIMBRIDGE_TENANTS__US_EAST__WISDOM__URL=https://acme.wisdom.ai/graphql",
		"SCIMBRIDGE_TENANTS__US_EAST__WISDOM__TOKEN=credential:wisdom",
		"SCIMBRIDGE_TEST_STORE=postgres",
		"SCIMBRIDGE_CONFIG=elsewhere.yaml",
	)
	def, east := cfg.Tenants["default"], cfg.Tenants["us-east"]
	got := map[string]any{
		"listen": cfg.Listen, "public_url": cfg.PublicURL, "redact": cfg.Log.Redact,
		"url": def.Wisdom.URL, "max_age": def.Listing.MaxAge, "tier": *def.Attributes["tier"].Value,
		"region": def.Attributes["region"].Path + def.Attributes["region"].Join, "role": def.Roles.SCIMRoles["Senior Analyst"],
		"east url": east.Wisdom.URL, "east token": east.Wisdom.Token.String(),
		"east tier, whose alias is its own": *east.Attributes["tier"].Value,
	}
	want := map[string]any{
		"listen": "0.0.0.0:9000", "public_url": "https://scim.example.com", "redact": false,
		"url": "https://other.wisdom.ai/graphql", "max_age": 48 * time.Hour, "tier": "gold",
		"region": "displayName;", "role": "EXPLORER",
		"east url": "https://acme.wisdom.ai/graphql", "east token": "credential:wisdom",
		"east tier, whose alias is its own": "standard",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("overridden (-want +got):\n%s", diff)
	}
}

func TestListeners(t *testing.T) {
	tests := []struct {
		name, listen, admin, public string
		fault                       string // path of the one fault; "" for none
	}{
		{name: "loopback needs no public_url", listen: "127.0.0.1:8080", admin: "127.0.0.1:8081"},
		{name: "localhost is loopback", listen: "localhost:8080", admin: "[::1]:8081"},
		{name: "IPv6 loopback", listen: "[::1]:8080", admin: "127.0.0.1:8081"},
		{name: "free ports never collide", listen: "127.0.0.1:0", admin: "127.0.0.1:0"},
		{name: "everything needs public_url", listen: ":8080", admin: "127.0.0.1:8081", fault: "public_url"},
		{name: "an address needs public_url", listen: "10.0.0.1:8080", admin: "127.0.0.1:8081", fault: "public_url"},
		{name: "with public_url", listen: ":8080", admin: "127.0.0.1:8081", public: "https://scim.example.com"},
		{name: "the same address", listen: "127.0.0.1:8080", admin: "127.0.0.1:8080", fault: "admin_listen"},
		{name: "the same address by name", listen: "127.0.0.1:8080", admin: "localhost:8080", fault: "admin_listen"},
		{name: "the same port of everything", listen: "127.0.0.1:8080", admin: "0.0.0.0:8080", fault: "admin_listen"},
		{name: "the same port of another address", listen: "127.0.0.1:8080", admin: "127.0.0.2:8080"},
		{name: "no port", listen: "127.0.0.1", admin: "127.0.0.1:8081", fault: "listen"},
		{name: "port out of range", listen: "127.0.0.1:65536", admin: "127.0.0.1:8081", fault: "listen"},
		{name: "port by name", listen: "127.0.0.1:http", admin: "127.0.0.1:8081", fault: "listen"},
		{name: "an URL", listen: "http://127.0.0.1:80", admin: "127.0.0.1:8081", fault: "listen"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := []string{"SCIMBRIDGE_LISTEN=" + test.listen, "SCIMBRIDGE_ADMIN_LISTEN=" + test.admin, "SCIMBRIDGE_PUBLIC_URL=" + test.public}
			_, err := config.Parse("scimbridge.yaml", []byte(least), env)
			var got []string
			if faults, ok := errors.AsType[*config.Errors](err); ok {
				for _, f := range faults.Faults {
					got = append(got, f.Path)
				}
			}
			if strings.Join(got, " ") != test.fault {
				t.Errorf("faults at %q, want %q: %v", got, test.fault, err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "scimbridge.yaml")
	if _, err := config.Load(path, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "config init") {
		t.Errorf("a missing file gives %v, want fs.ErrNotExist and what to do", err)
	}
	if err := os.WriteFile(path, []byte(least), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "scimbridge.db"); cfg.Store.Path != want {
		t.Errorf("store = %s, want it relative to the file: %s", cfg.Store.Path, want)
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"60s", time.Minute, true}, {"400d", 400 * day, true}, {"1d12h", 36 * time.Hour, true}, {"0s", 0, true}, {"0d", 0, true},
		{"1h30m", 90 * time.Minute, true}, {"250ms", 250 * time.Millisecond, true},
		{"", 0, false}, {"0", 0, false}, {"60", 0, false}, {"d", 0, false}, {"-1d", 0, false}, {"1d-1h", 0, false}, {"1d0", 0, false},
		{"-5s", 0, false}, {"+5s", 0, false}, {"1 d", 0, false}, {"1w", 0, false}, {"1d1d", 0, false}, {"99999d2540400h", 0, false}, {"999999d", 0, false},
	}
	for _, test := range tests {
		if got, ok := config.ParseDuration(test.text); got != test.want || ok != test.ok {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v, %v", test.text, got, ok, test.want, test.ok)
		}
	}
}

// FuzzParse: whatever the file holds, it is loaded or refused with faults that have a place.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		cfg, err := config.Parse("scimbridge.yaml", source, nil)
		if err == nil {
			if len(cfg.Tenants) == 0 {
				t.Error("loaded without a tenant")
			}
			return
		}
		faults, ok := errors.AsType[*config.Errors](err)
		if !ok || len(faults.Faults) == 0 {
			t.Fatalf("got %T without faults: %v", err, err)
		}
		for _, fault := range faults.Faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Message == "" {
				t.Errorf("a fault without a place or words: %+v", fault)
			}
		}
	})
}
