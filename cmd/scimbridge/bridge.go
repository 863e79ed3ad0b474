package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/telemetry"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// bridge is a whole server, wired and not yet running: what `serve` and `demo` run.
type bridge struct {
	cfg     *config.Config
	store   database
	warned  storeWarnings
	log     *slog.Logger
	tenants []*tenant // by name
	scim    http.Handler
	admin   http.Handler

	public, private net.Listener // of listen and admin_listen
}

type tenant struct {
	*config.Tenant
	dir  *directory.Directory
	scim *scimServer
}

// wiring is what differs between `serve` and `demo`.
type wiring struct {
	log *slog.Logger
	// wisdom says how a tenant reaches WisdomAI, and workspace names what it reaches:
	// the tenant's rows in the store belong to it (V-32).
	wisdom    func(context.Context, *config.Tenant) (wisdom.Options, error)
	workspace func(*config.Tenant) string
	// opened, if set, is called with the store before anything else uses it.
	opened func(context.Context, database) error
	// onCall, if set, is told too, beside the metrics.
	onCall func(wisdom.Call)
}

// newBridge opens the store, binds the listeners and wires the tenants. close undoes it.
func newBridge(ctx context.Context, cfg *config.Config, w wiring) (b *bridge, err error) {
	b = &bridge{cfg: cfg, log: w.log}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.store, err = engineOf(cfg.Store).open(ctx, w.log); err != nil {
		return b, err
	}
	if w.opened != nil {
		if err := w.opened(ctx, b.store); err != nil {
			return b, err
		}
	}
	if b.public, err = listen(cfg.Listen, false, ""); err != nil {
		return b, err
	}
	if b.private, err = listen(cfg.AdminListen, false, ""); err != nil {
		return b, err
	}
	metrics := telemetry.NewMetrics(programVersion())
	mounts := map[string]http.Handler{}
	shared := map[string]*directory.Workspace{} // by workspace
	for _, name := range slices.Sorted(maps.Keys(cfg.Tenants)) {
		t := cfg.Tenants[name]
		key := w.workspace(t)
		if shared[key] == nil {
			shared[key] = &directory.Workspace{}
		}
		dir, server, err := b.newTenant(ctx, t, w, shared[key], metrics)
		if err != nil {
			return b, fmt.Errorf("tenant %s: %w", name, err)
		}
		b.tenants = append(b.tenants, &tenant{Tenant: t, dir: dir, scim: server})
		mounts[t.BasePath()] = server
	}
	b.scim = scim.Mounts(mounts)
	metrics.WatchBacklog(b.backlog)
	metrics.WatchStates(b.states)
	metrics.WatchDialect(b.dialect)
	b.admin = telemetry.AdminHandler(telemetry.AdminOptions{
		Checks:  []telemetry.Check{{Name: "store", Run: b.store.Ping}},
		Health:  b.health,
		Metrics: metrics.Handler(),
		Log:     w.log,
	})
	return b, nil
}

func (b *bridge) newTenant(ctx context.Context, t *config.Tenant, w wiring, shared *directory.Workspace, m *telemetry.Metrics) (*directory.Directory, *scimServer, error) {
	log := w.log.With("tenant", t.Name)
	wo, err := w.wisdom(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	wo.Log = log
	wo.Deadline = t.Delivery.Deadline
	wo.OnCall = func(c wisdom.Call) {
		m.WisdomCall(t.Name, c.Op, outcome(c.Err), c.Duration)
		if w.onCall != nil {
			w.onCall(c)
		}
	}
	client, err := wisdom.New(wo)
	if err != nil {
		return nil, nil, err
	}
	o := directoryOptions(t, b.store, log)
	o.Retention = directory.Retention{Events: b.cfg.Retention.Events, Tombstones: b.cfg.Retention.Tombstones}
	o.Workspace, o.WisdomAI, o.Shared = w.workspace(t), client, shared
	o.OnLook = func(l store.Look) { m.Look(t.Name, string(l.State), l.Ended.Sub(l.Begun)) }
	o.OnDelivery = func(_ string, err error) { m.Delivery(t.Name, outcome(err)) }
	o.OnDrift = func(kind string) { m.Drift(t.Name, kind) }
	o.OnPrivilegedGrant = func(role string) { m.PrivilegedGrant(t.Name, role) }
	server := &scimServer{}
	o.OnRules = func(rules *mapping.Rules) {
		if err := server.follow(rules); err != nil {
			log.Error("the SCIM server could not follow the rules in force: its schemas are those of the rules before", "error", err)
		}
	}
	dir, err := directory.New(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	authenticator := auth.NewAuthenticator(auth.Options{Store: b.store, Tenant: t.Name, Log: log})
	cursorKey, err := auth.Secret(ctx, b.store, "cursor/"+t.Name)
	if err != nil {
		return nil, nil, err
	}
	server.options = scimOptions(b.cfg, t, log)
	so := &server.options
	so.Directory = scim.Over(dir)
	so.CursorKey = cursorKey
	so.Authenticate = func(ctx context.Context, r *http.Request) (directory.Caller, error) {
		name, err := authenticator.Authenticate(ctx, r)
		var refused *auth.Error
		if errors.As(err, &refused) {
			m.AuthFailure(t.Name, refused.Reason)
		}
		return directory.Caller{Token: name}, err
	}
	so.OnRequest = func(i scim.RequestInfo) { m.Request(t.Name, i.Method, i.Route, i.Status, i.Duration) }
	so.OnRefusedDeactivation = func(ctx context.Context, by directory.Caller, id, detail string) {
		m.RefusedDeactivation(t.Name)
		if err := dir.RefusedDeactivation(ctx, by, id, detail); err != nil {
			log.Error("a refused deactivation could not be recorded", "user", id, "error", err)
		}
	}
	return dir, server, server.follow(dir.Rules())
}

// scimOptions are what the configuration says of a tenant's SCIM server; what its rules say, which
// need not be those of the configuration (V-35), is scimServer's.
func scimOptions(cfg *config.Config, t *config.Tenant, log *slog.Logger) scim.Options {
	base := ""
	if cfg.PublicURL != "" {
		base = cfg.PublicURL + t.BasePath()
	}
	return scim.Options{
		DiscoveryNeedsAuth: t.Auth.Discovery,
		Mount:              t.BasePath(),
		BaseURL:            base,
		Strict:             t.SCIM.Strict,
		UniqueGroupNames:   t.SCIM.UniqueGroupNames,
		Limits: scim.Limits{Body: int64(t.Limits.Body), Depth: t.Limits.Depth, FilterLength: t.Limits.Filter,
			MaxPage: t.Limits.Page, Operations: t.Limits.Operations},
		Log: log,
	}
}

// workspaceKey names what a tenant of the configuration delivers to.
func workspaceKey(t *config.Tenant) string { return t.Wisdom.Host() + "/" + t.Wisdom.Workspace }

// directoryOptions are what the configuration says of a tenant's directory; who it delivers
// to, and who is told, is the caller's.
func directoryOptions(t *config.Tenant, s store.Store, log *slog.Logger) directory.Options {
	return directory.Options{
		Tenant: t.Name, Workspace: workspaceKey(t), Store: s, Rules: t.Rules, Observe: t.Mode == "observe", Log: log,
		Policy: policyOf(t),
		Groups: directory.GroupOptions{NotUnique: !t.SCIM.UniqueGroupNames, DropUnknownMembers: t.SCIM.UnknownMembers == "drop"},
		Users:  directory.UserOptions{UniqueExternalID: t.SCIM.UniqueExternalID},
		Listing: directory.Listing{MaxAge: t.Listing.MaxAge, IdleAge: t.Listing.IdleAge, MissMaxAge: t.Listing.MissMaxAge, MaxDuty: t.Listing.MaxDuty, Settle: t.Listing.Settle,
			Lost: &directory.Lost{Percent: t.Listing.LostPercent, Floor: t.Listing.LostFloor}},
		Delivery: directory.DeliveryOptions{RequestBudget: t.Delivery.RequestBudget, Deadline: t.Delivery.Deadline, MaxBasisAge: t.Delivery.MaxBasisAge,
			Concurrency: t.Delivery.Concurrency, Batch: t.Delivery.Batch, Share: t.Delivery.Share, Rate: t.Delivery.Rate},
		Brake: &directory.Brake{MaxDeletes: t.Brake.MaxDeletes, MaxPercent: t.Brake.MaxPercent, Floor: t.Brake.Floor, Window: t.Brake.Window},

		Drift: directory.DriftOptions{Lost: t.Drift.Lost, Changed: t.Drift.Changed},

		Protected: t.Protected,
	}
}

// outcome is an error's kind as metrics count it.
func outcome(err error) string {
	var e *wisdom.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return string(e.Kind)
	default:
		return string(wisdom.Transient)
	}
}

func policyOf(t *config.Tenant) directory.Policy {
	p := t.Policy
	if len(p.UserGroups) == 0 {
		p.UserGroups = nil // left out of the call
	}
	return directory.Policy{
		OnDeactivate: p.OnDeactivate, OnDelete: p.OnDelete, OnDeleteAdopted: p.OnDeleteAdopted, OnRename: p.OnRename,
		OnRenameConflict: p.OnRenameConflict, ManualRoles: p.ManualRoles, UnownedAttributes: p.UnownedAttributes,
		NoIdentityAttributes: !p.IdentityAttributes, SuspendRemember: p.SuspendRemember, AcceptFor: p.AcceptFor, WelcomeEmail: p.WelcomeEmail, UserGroups: p.UserGroups,
	}
}

func declared(extension []mapping.ExtensionAttribute) []schema.Declared {
	out := make([]schema.Declared, len(extension))
	for i, e := range extension {
		out[i] = schema.Declared{Name: e.Name, Type: schema.Type(cmp.Or(e.Type, "string")), MultiValued: e.MultiValued}
	}
	return out
}

// assignable are the roles that the rules can give, as Okta's governance lists them.
func assignable(rules *mapping.Rules) []scim.Role {
	var out []scim.Role
	for _, name := range rules.RoleNames() {
		words := strings.Split(strings.ToLower(name), "_")
		for i, word := range words {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
		out = append(out, scim.Role{ID: name, DisplayName: strings.Join(words, " "), Description: "The WisdomAI role " + name + "."})
	}
	return out
}

// scimURL is where the default tenant, else the first, is reached.
func (b *bridge) scimURL() string {
	base := b.cfg.PublicURL
	if base == "" {
		base = "http://" + b.public.Addr().String()
	}
	for _, t := range b.tenants {
		if t.Name == config.DefaultTenant {
			return base + t.BasePath()
		}
	}
	return base + b.tenants[0].BasePath()
}

func (b *bridge) adminURL() string { return "http://" + b.private.Addr().String() }

// run serves until ctx is done. Requests end before the directories do, so that what a
// request started is waited for.
func (b *bridge) run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var workers sync.WaitGroup
	failed := make(chan error, len(b.tenants)+2)
	for _, t := range b.tenants {
		workers.Go(func() {
			if err := t.dir.Run(work); err != nil {
				failed <- fmt.Errorf("tenant %s: %w", t.Name, err)
			}
		})
	}
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	var servers sync.WaitGroup
	for _, s := range []struct {
		l net.Listener
		h http.Handler
	}{{b.public, b.scim}, {b.private, b.admin}} {
		servers.Go(func() {
			if err := serveHTTP(serving, s.l, s.h, b.log); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stopServing()
	servers.Wait()
	stopWork()
	workers.Wait()
	return err
}

// close releases what newBridge took. Listeners that served are closed already.
func (b *bridge) close() error {
	for _, l := range []net.Listener{b.public, b.private} {
		if l != nil {
			l.Close()
		}
	}
	if b.store == nil {
		return nil
	}
	return b.store.Close()
}

// backlog is what metrics show of what was accepted and not settled.
func (b *bridge) backlog() ([]telemetry.Backlog, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var out []telemetry.Backlog
	for _, t := range b.tenants {
		h, err := t.dir.Health(ctx)
		if err != nil {
			return nil, err
		}
		row := telemetry.Backlog{Tenant: t.Name, Pending: h.Pending, Taking: h.Taking, Failed: h.Failed, Uncertain: h.Uncertain,
			GivingHeld: h.Restored.ID != "", RebuiltUnwritten: h.Rebuilt,
			HeldDeletes: h.Holds - h.Protected, HeldProtected: h.Protected, MassRevocations: len(h.MassRevocations),
			Drift: telemetry.Drift{Lost: h.Drift.Lost, Extra: h.Drift.Extra, Changed: h.Drift.Changed, Contested: h.Drift.Contested},
			Users: h.Users, Listed: h.LastListing, Disbelieved: h.Disbelieved != nil, RulesHeld: h.Rules.Held != ""}
		if !h.OldestPending.IsZero() {
			row.OldestAge = time.Since(h.OldestPending)
		}
		out = append(out, row)
	}
	return out, nil
}

// dialect is what metrics show of the IdPs' habits: how often each was put right, by tenant.
func (b *bridge) dialect() map[string]map[string]int64 {
	counts := make(map[string]map[string]int64, len(b.tenants))
	for _, t := range b.tenants {
		counts[t.Name] = t.scim.DialectCounts()
	}
	return counts
}
