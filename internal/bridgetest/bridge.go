// Package bridgetest starts the part of the bridge that stands behind the SCIM server, for
// tests that want the real thing: a tenant with a store (package enginetest), a directory that runs, a WisdomAI
// client and a simulator over HTTP on loopback. Tests alone import it; the SCIM server itself is
// theirs to make, so that package scim's own tests can use it too.
package bridgetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// Tenant is the name of the one tenant that a Bridge has.
const Tenant = "default"

// maxShown is how much of the log a failed test shows: tests with many requests share a bridge.
const maxShown = 64 << 10

// Options configures a Bridge; every zero value works.
type Options struct {
	Rules mapping.Spec
	// Place is where the store is; nil is a new one.
	Place *enginetest.Place
	// Change, if set, changes what the directory is made with.
	Change func(*directory.Options)
}

// Bridge is a tenant that runs. Safe for concurrent use.
type Bridge struct {
	Directory *directory.Directory
	Simulator *simulator.Server
	Store     store.Store
	Token     string // a valid bearer token
	CursorKey []byte // what scim.Options wants of it
	Log       *slog.Logger

	logged        *lockedBuffer
	authenticator *auth.Authenticator
}

// Start starts a bridge, and ends it, in the order in which a process would, when the test
// ends. What it logged is shown if the test failed.
func Start(t testing.TB, o Options) *Bridge {
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
	logged := &lockedBuffer{}
	t.Cleanup(func() {
		if t.Failed() {
			all := logged.String()
			t.Logf("log, its end:\n%s", all[max(0, len(all)-maxShown):])
		}
	})
	logger := slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))

	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	if o.Place == nil {
		o.Place = enginetest.NewPlace(t)
	}
	store, err := o.Place.Open(ctx, nil)
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
	rules, faults := mapping.Compile(o.Rules)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	options := directory.Options{
		Tenant: Tenant, Workspace: "loopback/" + sim.Workspace(), Store: store, WisdomAI: client, Rules: rules, Log: logger}
	if o.Change != nil {
		o.Change(&options)
	}
	dir, err := directory.New(ctx, options)
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

	tokens, err := auth.List(ctx, store, Tenant) // of an earlier bridge at the same place
	if err != nil {
		t.Fatal(err)
	}
	token, err := auth.Create(ctx, store, Tenant, fmt.Sprintf("idp-%d", len(tokens)+1), 0)
	if err != nil {
		t.Fatal(err)
	}
	cursorKey, err := auth.Secret(ctx, store, "cursor/"+Tenant)
	if err != nil {
		t.Fatal(err)
	}
	return &Bridge{
		Directory: dir, Simulator: sim, Store: store, Token: token, CursorKey: cursorKey, Log: logger, logged: logged,
		authenticator: auth.NewAuthenticator(auth.Options{Store: store, Tenant: Tenant, Log: logger}),
	}
}

// Authenticate knows Token, as scim.Options wants it.
func (b *Bridge) Authenticate(ctx context.Context, r *http.Request) (directory.Caller, error) {
	name, err := b.authenticator.Authenticate(ctx, r)
	return directory.Caller{Token: name}, err
}

// Logged is what was logged so far, at every level.
func (b *Bridge) Logged() string { return b.logged.String() }

// Settled waits until everything that was accepted has been delivered. It is for bridges
// where nothing fails, so the bound is only for one that never gets there.
func (b *Bridge) Settled(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		health, err := b.Directory.Health(ctx)
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
