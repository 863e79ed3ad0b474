package scenario_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scenario"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
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

// bridge is a tenant with a store file, a server and a simulator of its own, all
// over real HTTP on loopback.
type bridge struct {
	target    scenario.Target
	directory *directory.Directory
	simulator *simulator.Server
}

// start starts a bridge, and ends it, in the order in which a process would, when
// the test ends. What it logged is shown if the test failed.
func start(t *testing.T) *bridge {
	t.Helper()
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	graphql := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		sim.Close()
		graphql.Close()
	})
	log := &lockedBuffer{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", log.String())
		}
	})
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	store, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "store.db"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := wisdom.New(wisdom.Options{URL: graphql.URL + "/graphql", Workspace: sim.Workspace(), Token: sim.Token(), Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	compiled, faults := mapping.Compile(rules())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	dir, err := directory.New(ctx, directory.Options{
		Tenant: "default", Workspace: "loopback/" + sim.Workspace(), Store: store, WisdomAI: client, Rules: compiled, Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- dir.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	token, err := auth.Create(ctx, store, "default", "idp", 0)
	if err != nil {
		t.Fatal(err)
	}
	authenticator := auth.NewAuthenticator(auth.Options{Store: store, Tenant: "default", Log: logger})
	cursorKey, err := auth.Secret(ctx, store, "cursor/default")
	if err != nil {
		t.Fatal(err)
	}
	handler, err := scim.New(scim.Options{
		Directory: scim.Over(dir),
		Authenticate: func(ctx context.Context, r *http.Request) (directory.Caller, error) {
			name, err := authenticator.Authenticate(ctx, r)
			return directory.Caller{Token: name}, err
		},
		DiscoveryNeedsAuth: true,
		Extension: []schema.Declared{
			{Name: "region", Type: schema.String},
			{Name: "customerIds", Type: schema.String, MultiValued: true},
			{Name: "betaAccess", Type: schema.Boolean},
		},
		Roles:            []scim.Role{{ID: "EXPLORER", DisplayName: "Explorer"}, {ID: "CREATOR", DisplayName: "Creator"}},
		UniqueGroupNames: true,
		CursorKey:        cursorKey,
		Log:              logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(scim.Mounts(map[string]http.Handler{"/scim/v2": handler}))
	t.Cleanup(server.Close)
	return &bridge{
		target:    scenario.Target{Base: server.URL + "/scim/v2", Token: token, Client: server.Client()},
		directory: dir, simulator: sim,
	}
}

// settled waits until everything that was accepted has been delivered. Nothing fails
// here, so the bound is only for a bridge that never gets there.
func (b *bridge) settled(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		health, err := b.directory.Health(ctx)
		if err != nil {
			t.Fatalf("still not delivered: %+v, %v", health, err)
		}
		if health.Pending == 0 && health.Uncertain == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("still not delivered after a minute: %+v", health)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lockedBuffer is a log that many goroutines write.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
