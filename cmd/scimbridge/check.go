package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// checkFor bounds the probe of one tenant: a listing of a large workspace takes a while.
const checkFor = 2 * time.Minute

func newCheck() *cobra.Command {
	var path, address, tenant string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and probe WisdomAI, changing nothing unless told to",
		Long: `check reads the configuration whole, opens the store, and asks each tenant's WisdomAI whether it can
be worked with: address, token, permissions, schema, workspace. It says what to fix, also of the settings of
a PostgreSQL database, where a crash or a failover would cost what was accepted. It changes nothing.

With --write-probe ADDRESS it also tries the writes that delivery stands on, at one tenant's WisdomAI, on an
address that nobody has: it invites it (without a mail), gives roles, replaces attributes, takes all roles
by an empty list, deletes it, and looks each time whether WisdomAI did as it said. Whatever fails on the way,
it leaves nothing behind, or says what.

It exits with 0 if all is well, 1 if something does not work, 3 if something deserves a look.`,
		Example: `  scimbridge check
  scimbridge check --write-probe scimbridge-probe@example.com`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			if address != "" && cfg.Tenants[tenant] == nil {
				return noTenant(path, cfg, tenant)
			}
			findings := checkAll(c.Context(), cfg, writeProbe{tenant, address})
			if jsonOutput(c) {
				err = json.NewEncoder(c.OutOrStdout()).Encode(findings)
			} else {
				err = printFindings(c.OutOrStdout(), findings)
			}
			if err != nil {
				return err
			}
			switch worst(findings) {
			case wisdom.LevelError:
				return &exitError{code: exitFailed}
			case wisdom.LevelWarning:
				return &exitError{code: exitPerson}
			}
			return nil
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&address, "write-probe", "", "try writes on this address, which nobody has; it is deleted in the end")
	c.Flags().StringVar(&tenant, "tenant", config.DefaultTenant, "tenant whose WisdomAI --write-probe is about")
	return c
}

// writeProbe is what --write-probe asks for; without an address, nothing.
type writeProbe struct{ tenant, address string }

// finding is one line of `check`.
type finding struct {
	Tenant string       `json:"tenant,omitempty"`
	Level  wisdom.Level `json:"level"`
	What   string       `json:"what"`
	Detail string       `json:"detail"`
	Fix    string       `json:"fix,omitempty"`
}

func checkAll(ctx context.Context, cfg *config.Config, write writeProbe) []finding {
	findings := []finding{{Level: wisdom.LevelOK, What: "configuration", Detail: cfg.File + " is valid"}}
	add := func(tenant string, level wisdom.Level, what, detail, fix string) {
		findings = append(findings, finding{tenant, level, what, detail, fix})
	}
	s, err := openStore(ctx, cfg)
	if err != nil {
		add("", wisdom.LevelError, "store", err.Error(), "")
	} else {
		defer s.Close()
		add("", wisdom.LevelOK, "store", cfg.Store.String()+" can be opened", "")
		warnings, err := s.warnings(ctx)
		if err != nil {
			add("", wisdom.LevelError, "store", err.Error(), "")
		}
		for _, text := range warnings {
			add("", wisdom.LevelWarning, "store", text, "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Tenants)) {
		t := cfg.Tenants[name]
		if s != nil {
			tokens, err := auth.List(ctx, s, name)
			active := slices.DeleteFunc(tokens, func(t *store.Token) bool { return tokenState(t, time.Now()) != "active" })
			switch {
			case err != nil:
				add(name, wisdom.LevelError, "bearer tokens", err.Error(), "")
			case len(active) == 0:
				add(name, wisdom.LevelWarning, "bearer tokens", "there is no active token, so no identity provider can call", "scimbridge token create --tenant "+name+" --name okta")
			default:
				add(name, wisdom.LevelOK, "bearer tokens", fmt.Sprintf("%d active", len(active)), "")
			}
		}
		if end := t.Wisdom.TokenExpires; !end.IsZero() && time.Until(end) < tokenWarning {
			add(name, wisdom.LevelWarning, "token_expires", "the WisdomAI token ends on "+end.Format(time.DateOnly), "make a new API key in WisdomAI and put it where wisdom.token points")
		}
		o, err := wisdomOptions(ctx, t)
		if err != nil {
			add(name, wisdom.LevelError, "token", err.Error(), "")
			continue
		}
		o.Log = slog.New(slog.DiscardHandler)
		client, err := wisdom.New(o)
		if err != nil {
			add(name, wisdom.LevelError, "wisdom", err.Error(), "")
			continue
		}
		probe, cancel := context.WithTimeout(ctx, checkFor)
		report, err := client.Probe(probe)
		cancel()
		for _, f := range report.Findings {
			add(name, f.Level, f.What, f.Detail, f.Fix)
		}
		if err != nil {
			add(name, wisdom.LevelError, "probe", err.Error(), "")
		}
		if write.address == "" || write.tenant != name {
			continue
		}
		const what = "write probe"
		if s == nil || err != nil || report.Worst() == wisdom.LevelError {
			add(name, wisdom.LevelError, what, "was not tried, for what is said above", "")
			continue
		}
		refusal, err := refuseProbe(ctx, cfg, s, write)
		if err != nil || refusal != "" {
			add(name, wisdom.LevelError, what, cmp.Or(refusal, fmt.Sprint(err))+"; nothing was tried", "name an address that nobody has")
			continue
		}
		report, err = client.ProbeWrites(ctx, wisdom.WriteProbe{Address: write.address})
		for _, f := range report.Findings {
			add(name, f.Level, f.What, f.Detail, f.Fix)
		}
		if err != nil {
			add(name, wisdom.LevelError, what, err.Error(), "")
		}
	}
	return findings
}

// refuseProbe says why writes must not be tried on an address, "" if they may: every tenant of the
// workspace is asked.
func refuseProbe(ctx context.Context, cfg *config.Config, s store.Store, write writeProbe) (string, error) {
	for _, t := range cfg.Tenants {
		if workspaceKey(t) != workspaceKey(cfg.Tenants[write.tenant]) {
			continue
		}
		dir, err := directory.New(ctx, directoryOptions(t, s, slog.New(slog.DiscardHandler)))
		if err != nil {
			return "", err
		}
		if why, err := dir.InUse(ctx, write.address); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

func worst(findings []finding) wisdom.Level {
	r := wisdom.Report{}
	for _, f := range findings {
		r.Findings = append(r.Findings, wisdom.Finding{Level: f.Level})
	}
	return r.Worst()
}

func printFindings(w io.Writer, findings []finding) error {
	for _, f := range findings {
		where := f.What
		if f.Tenant != "" {
			where = f.Tenant + ": " + f.What
		}
		if _, err := fmt.Fprintf(w, "%-8s %s: %s\n", f.Level, where, f.Detail); err != nil {
			return err
		}
		if f.Fix != "" {
			fmt.Fprintf(w, "         to fix: %s\n", f.Fix)
		}
	}
	return nil
}
