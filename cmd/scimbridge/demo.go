package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/telemetry"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

//go:embed demo.yaml
var demoConfig []byte

type demoFlags struct {
	simulatorFlags
	listen, simulatorListen string
	data, config, readyFile string
	quiet, insecure         bool
}

func newDemo() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the bridge and a simulated WisdomAI on this machine, with commands to try",
		Long: `demo starts the bridge and a simulated WisdomAI on loopback, with a handful of people whom somebody
invited to WisdomAI by hand, and prints curl commands that provision, look up, group and
deprovision a person. Every call to WisdomAI is shown as it happens. It needs nothing and,
without --data, leaves nothing behind.`,
		Example: `  scimbridge demo
  scimbridge demo --users 100000 --simulator-set listing_lag=5s`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintln(c.OutOrStdout(), "scimbridge demo: starting the bridge and a simulated WisdomAI on this machine ...")
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.listen, "listen", "", "address for SCIM, admin on the next port; 127.0.0.1:8080, or a free port if it is taken")
	flags.StringVar(&f.simulatorListen, "simulator-listen", "127.0.0.1:0", "address for the simulated WisdomAI")
	flags.StringVar(&f.data, "data", "", "directory that keeps the bridge's database; a temporary one if empty")
	flags.StringVar(&f.config, "config", "", "configuration to run; its `wisdom` is replaced by the simulator, and no secret of it is read")
	flags.IntVar(&f.users, "users", -1, "number of invented people at WisdomAI beside its owner; a handful with names if not given")
	flags.StringArrayVar(&f.set, "simulator-set", nil, "a setting of the simulator as KEY=VALUE, repeatable")
	flags.StringVar(&f.readyFile, "ready-file", "", "file to write, as JSON, after the first look at WisdomAI")
	flags.BoolVar(&f.quiet, "quiet", false, "do not show the calls to WisdomAI")
	flags.BoolVar(&f.insecure, "insecure-listen", false, "allow addresses that are not loopback")
	return c
}

func (f *demoFlags) run(ctx context.Context, out, errOut io.Writer) error {
	settings, err := f.settings()
	if err != nil {
		return err
	}
	o := simulator.Options{Settings: settings, Seed: max(f.users, 0)}
	if f.users < 0 {
		o.Users = invitedByHand()
	}
	sim, err := simulator.New(o)
	if err != nil {
		return err
	}
	defer sim.Close()
	simListener, err := listen(f.simulatorListen, !f.insecure, "--insecure-listen")
	if err != nil {
		return err
	}
	graphql := "http://" + simListener.Addr().String() + "/graphql"

	data := f.data
	if data == "" {
		if data, err = os.MkdirTemp("", "scimbridge-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(data)
	} else if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	cfg, err := f.configure(data)
	if err != nil {
		return err
	}

	show := &callPrinter{out: errOut, quiet: f.quiet}
	log := telemetry.NewLogger(errOut, telemetry.LogOptions{Level: "warn"})
	b, err := newBridge(ctx, cfg, wiring{
		log: log,
		wisdom: func(_ context.Context, t *config.Tenant) (wisdom.Options, error) {
			return wisdom.Options{URL: graphql, Workspace: sim.Workspace(), Token: sim.Token()}, nil
		},
		// Not its address, so that --data serves a later demo on another port.
		workspace: func(*config.Tenant) string { return "simulator/" + sim.Workspace() },
		onCall:    show.call,
	})
	if err != nil {
		return err
	}
	defer b.close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	ended := make(chan error, 2)
	running.Go(func() { ended <- b.run(ctx) })
	running.Go(func() {
		go func() { <-ctx.Done(); sim.Close() }() // who hangs lets go before the server waits for its requests
		ended <- serveHTTP(ctx, simListener, sim.Handler(), slog.New(slog.DiscardHandler))
	})
	defer running.Wait()
	defer cancel()

	tenantName := b.tenants[0].Name
	token, err := f.token(ctx, b, tenantName)
	if err != nil {
		return err
	}
	looked := make(chan error, 1)
	go func() { looked <- firstLook(ctx, b.tenants[0].dir) }()
	select {
	case err := <-looked:
		if err != nil {
			log.Warn("the first listing is still to come", "error", err)
		}
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
	control := strings.TrimSuffix(graphql, "/graphql") + "/control"
	remove, err := ready{SCIM: b.scimURL(), Token: token, Admin: b.adminURL(), GraphQL: graphql, GraphQLToken: sim.Token(), Control: control}.write(f.readyFile)
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	defer remove()
	fmt.Fprint(out, demoText(b.scimURL(), token, b.adminURL(), control, f.users < 0 && f.config == ""))
	show.start()
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	return err
}

// firstLook lists the simulator's users. A new simulator has forgotten whom an earlier demo on the
// same --data made, so however many it lacks, it is believed.
func firstLook(ctx context.Context, dir *directory.Directory) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := dir.Look(ctx)
	if _, _, aerr := dir.AcceptListing(ctx, directory.Caller{Token: "demo"}, 0); aerr == nil {
		return dir.Look(ctx)
	}
	return err
}

// configure is the demo's configuration, or the file's, with this run's addresses and data.
func (f *demoFlags) configure(data string) (*config.Config, error) {
	source, path := demoConfig, filepath.Join(data, "demo.yaml")
	if f.config != "" {
		var err error
		if source, err = os.ReadFile(f.config); err != nil {
			return nil, err
		}
		path = f.config
	}
	cfg, err := config.Parse(path, source, nil)
	if err != nil {
		return nil, err
	}
	if len(cfg.Tenants) != 1 {
		return nil, usage("%s has %d tenants; demo runs one", f.config, len(cfg.Tenants))
	}
	cfg.Store = config.Store{Engine: config.SQLite, Path: filepath.Join(data, "scimbridge.db")}
	cfg.PublicURL = ""
	for _, t := range cfg.Tenants {
		t.Wisdom.TokenExpires = time.Time{}
	}
	if f.listen == "" {
		if f.config != "" {
			f.listen = "127.0.0.1:0"
		} else {
			f.listen = firstFree("127.0.0.1:8080")
		}
	}
	cfg.Listen = f.listen
	probe, err := listen(f.listen, !f.insecure, "--insecure-listen")
	if err != nil {
		return nil, err
	}
	probe.Close()
	cfg.AdminListen = "127.0.0.1:0"
	return cfg, nil
}

// firstFree is the address if it can be bound, else a free port beside it.
func firstFree(address string) string {
	l, err := listen(address, true, "")
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return address
}

// token is a fresh bearer token; kept data may hold one of an earlier run.
func (f *demoFlags) token(ctx context.Context, b *bridge, tenant string) (string, error) {
	name := "demo"
	if f.data != "" {
		name = "demo-" + time.Now().UTC().Format("20060102T150405")
	}
	return auth.Create(ctx, b.store, tenant, name, 0)
}

// invitedByHand are people who were at WisdomAI before anybody connected an identity provider.
func invitedByHand() []simulator.User {
	person := func(email, name, role string, attributes ...string) simulator.User {
		id, _ := mapping.RoleID(role)
		u := simulator.User{Email: email, Name: name, RoleAssignments: []simulator.RoleAssignment{{RoleID: id, Scopes: []string{}}}, UserAttributes: []simulator.UserAttribute{}}
		for i := 0; i < len(attributes); i += 2 {
			u.UserAttributes = append(u.UserAttributes, simulator.UserAttribute{Key: attributes[i], Value: attributes[i+1], Source: "DATABASE"})
		}
		return u
	}
	return []simulator.User{
		person("priya.nair@example.com", "Priya Nair", "CREATOR", "crm_owner", "1042"),
		person("tomas.lind@example.com", "Tomas Lind", "ADMIN"),
		person("wen.zhao@example.com", "Wen Zhao", "EXPLORER", "region", "apac"),
		person("lea.moreau@example.com", "Lea Moreau", "VIEWER"),
		person("sam.okoro@example.com", "Sam Okoro", "STORY_WRITER"),
	}
}

// callPrinter shows every call to WisdomAI as it happens, once the introduction was printed.
type callPrinter struct {
	out   io.Writer
	quiet bool

	mu      sync.Mutex
	started bool
	early   []string // what happened before the introduction
}

func (p *callPrinter) call(c wisdom.Call) {
	if p.quiet {
		return
	}
	line := fmt.Sprintf("  WisdomAI <- %s  (%s)\n", c.Summary, c.Duration.Round(100*time.Microsecond))
	if c.Err != nil {
		line = fmt.Sprintf("  WisdomAI <- %s  FAILED: %v\n", c.Summary, c.Err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started {
		p.early = append(p.early, line)
		return
	}
	io.WriteString(p.out, line)
}

func (p *callPrinter) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = true
	for _, line := range p.early {
		io.WriteString(p.out, line)
	}
	p.early = nil
}

// demoText is the introduction. Every line that begins with four blanks is a command of
// /bin/sh that works as printed, in this order.
func demoText(scim, token, admin, control string, handful bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("")
	p("SCIM          %s", scim)
	p("bearer token  %s", token)
	p("health        %s/healthz", admin)
	p("simulator     %s/users", control)
	p("")
	p("Paste these into another terminal; the calls to WisdomAI that each causes appear here.")
	p("")
	p("0. Say where and who:")
	p("    SCIM=%s", scim)
	p("    AUTH='Authorization: Bearer %s'", token)
	p("    TYPE='Content-Type: application/scim+json'")
	p("")
	p("1. Look up, as an IdP does before it creates (finds nobody):")
	p(`    curl -sS -H "$AUTH" "$SCIM/Users?filter=userName%%20eq%%20%%22grace.hopper@example.com%%22"; echo`)
	p("")
	p("2. Provision her, with the attributes that decide which rows she sees:")
	p(`    GRACE=$(curl -sS -H "$AUTH" -H "$TYPE" "$SCIM/Users" -d '{"userName":"grace.hopper@example.com","name":{"givenName":"Grace","familyName":"Hopper"},"displayName":"Grace Hopper","emails":[{"value":"grace.hopper@example.com","type":"work","primary":true}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Research"},"urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User":{"region":"emea","customerIds":["c-1","c-2"],"betaAccess":true}}' | tee -a /dev/stderr | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4); echo`)
	p("")
	p("3. Group her: the group Analysts gives the role EXPLORER:")
	p(`    ANALYSTS=$(curl -sS -H "$AUTH" -H "$TYPE" "$SCIM/Groups" -d "{\"displayName\":\"Analysts\",\"members\":[{\"value\":\"$GRACE\"}]}" | tee -a /dev/stderr | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4); echo`)
	p("")
	p("4. She moves: other rows, one attribute set whole:")
	p(`    curl -sS -H "$AUTH" -H "$TYPE" -X PATCH "$SCIM/Users/$GRACE" -d '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User:region","value":"amer"}]}'; echo`)
	p("")
	if handful {
		p("5. Priya was invited by hand and is a CREATOR. Adding her to the group keeps that:")
		p(`    PRIYA=$(curl -sS -H "$AUTH" "$SCIM/Users?filter=userName%%20eq%%20%%22priya.nair@example.com%%22" | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4); echo`)
		p(`    curl -sS -H "$AUTH" -H "$TYPE" -X PATCH "$SCIM/Groups/$ANALYSTS" -d "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[{\"op\":\"add\",\"path\":\"members\",\"value\":[{\"value\":\"$PRIYA\"}]}]}"`)
		p("")
	}
	p("6. Grace leaves: her access ends, her record stays:")
	p(`    curl -sS -H "$AUTH" -H "$TYPE" -X PATCH "$SCIM/Users/$GRACE" -d '{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}'; echo`)
	p("")
	p("7. What WisdomAI has now:")
	p(`    curl -sS %s/users; echo`, control)
	p("")
	p("Ctrl-C stops the demo and leaves nothing behind (--data DIR keeps the database).")
	p("")
	return b.String()
}
