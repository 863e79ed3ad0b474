package main

import (
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
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// checkFor bounds the probe of one tenant: a listing of a large workspace takes a while.
const checkFor = 2 * time.Minute

func newCheck() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and probe WisdomAI, changing nothing",
		Long: `check reads the configuration whole, opens the store, and asks each tenant's WisdomAI whether it can
be worked with: address, token, permissions, schema, workspace. It says what to fix.

It exits with 0 if all is well, 1 if something does not work, 3 if something deserves a look.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			findings := checkAll(c.Context(), cfg)
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
	return c
}

// finding is one line of `check`.
type finding struct {
	Tenant string       `json:"tenant,omitempty"`
	Level  wisdom.Level `json:"level"`
	What   string       `json:"what"`
	Detail string       `json:"detail"`
	Fix    string       `json:"fix,omitempty"`
}

func checkAll(ctx context.Context, cfg *config.Config) []finding {
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
	}
	return findings
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
