package scim

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
	wisdomai "github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// real is a server over the real directory, store and client, and a simulator: orders
// and places in them are the store's, and a fake would only repeat them.
type real struct {
	*suite
	directory *directory.Directory
	store     store.Store
	key       []byte // of cursors
}

func serveReal(t *testing.T, change ...func(*Options)) *real {
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
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := wisdomai.New(wisdomai.Options{URL: graphql.URL + "/graphql", Workspace: sim.Workspace(), Token: sim.Token(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	rules, faults := mapping.Compile(mapping.Spec{EmailDomains: []string{"suite.example"}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	looked := make(chan struct{}, 1)
	dir, err := directory.New(ctx, directory.Options{
		Tenant: "default", Workspace: "loopback", Store: st, WisdomAI: client, Rules: rules, Log: log,
		Delivery: directory.DeliveryOptions{RequestBudget: time.Nanosecond}, // what is delivered when is not the question here
		OnLook: func(store.Look) {
			select {
			case looked <- struct{}{}:
			default:
			}
		},
	})
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
	key, err := auth.Secret(ctx, st, "cursor/default")
	if err != nil {
		t.Fatal(err)
	}
	r := &real{directory: dir, store: st, key: key}
	r.suite = r.over(t, change...)
	select {
	case <-looked: // lists wait for the first look (V-29), for a nanosecond
	case <-time.After(time.Minute):
		t.Fatal("no look after a minute")
	}
	return r
}

// over is a further server over the same directory, as another process would be.
func (r *real) over(t *testing.T, change ...func(*Options)) *suite {
	t.Helper()
	o := Options{
		Directory: Over(r.directory), Authenticate: authenticate, UniqueGroupNames: true, CursorKey: r.key,
		Extension: []schema.Declared{{Name: "region", Type: schema.String}, {Name: "customerIds", Type: schema.String, MultiValued: true},
			{Name: "level", Type: schema.Integer}, {Name: "share", Type: schema.Decimal}},
		Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &suite{t: t, url: server.URL + "/scim/v2"}
}

// on is the server in a subtest.
func (r *real) on(t *testing.T) *suite { return &suite{t: t, url: r.url} }
