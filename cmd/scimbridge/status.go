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
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
)

func newStatus() *cobra.Command {
	var path, tenant string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show on one screen how every tenant stands, and what needs a person",
		Long: `status reads the store and asks nobody: it works beside a running server and without one. What it calls a problem is what
/healthz calls one. It exits with 3 if there is any.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			var all []tenantStatus
			err := withStore(c, path, tenant, func(ctx context.Context, cfg *config.Config, s store.Store) error {
				for _, name := range slices.Sorted(maps.Keys(cfg.Tenants)) {
					if tenant != "" && tenant != name {
						continue
					}
					one, err := statusOf(ctx, cfg.Tenants[name], s, time.Now())
					if err != nil {
						return fmt.Errorf("tenant %s: %w", name, err)
					}
					all = append(all, one)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if jsonOutput(c) {
				err = json.NewEncoder(c.OutOrStdout()).Encode(all)
			} else {
				err = printStatus(c.OutOrStdout(), all)
			}
			if err != nil {
				return err
			}
			for _, t := range all {
				if len(t.Problems) > 0 {
					return &exitError{code: exitPerson}
				}
			}
			return nil
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&tenant, "tenant", "", "only this one; all if empty")
	return c
}

// tenantStatus is what `status` shows of a tenant.
type tenantStatus struct {
	Tenant string `json:"tenant"`
	directory.Health
	// ActiveTokens are the bearer tokens that are good now; the earliest end is TokensEnd.
	ActiveTokens int       `json:"active_tokens"`
	TokensEnd    time.Time `json:"tokens_end,omitzero"`
	// Drift is how often within a day somebody else changed what the bridge had set.
	Drift    int      `json:"drift"`
	Problems []string `json:"problems"`
}

// driftCounted bounds how many events of a day are looked at.
const driftCounted = 10_000

func statusOf(ctx context.Context, t *config.Tenant, s store.Store, now time.Time) (tenantStatus, error) {
	dir, err := directory.New(ctx, directoryOptions(t, s, slog.New(slog.DiscardHandler)))
	if err != nil {
		return tenantStatus{}, err
	}
	out := tenantStatus{Tenant: t.Name, Problems: []string{}}
	if out.Health, err = dir.Health(ctx); err != nil {
		return out, err
	}
	tokens, err := auth.List(ctx, s, t.Name)
	if err != nil {
		return out, err
	}
	for _, token := range tokens {
		if tokenState(token, now) != "active" {
			continue
		}
		out.ActiveTokens++
		if end := token.Expires; !end.IsZero() && (out.TokensEnd.IsZero() || end.Before(out.TokensEnd)) {
			out.TokensEnd = end
		}
	}
	err = s.View(ctx, func(tx store.Tx) error {
		drift, err := tx.FindEvents(store.EventQuery{Tenant: t.Name, Kind: "drift.", Since: now.Add(-24 * time.Hour), Limit: driftCounted})
		out.Drift = len(drift)
		return err
	})
	out.Problems = append(out.Problems, problemsOf(standing{t, out.Health, now})...)
	return out, err
}

func printStatus(w io.Writer, all []tenantStatus) error {
	for i, t := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		listed := "never"
		if !t.LastListing.IsZero() {
			listed = fmt.Sprintf("%s, %d users", when(t.LastListing), t.Users)
		}
		tokens := fmt.Sprintf("%d active", t.ActiveTokens)
		if !t.TokensEnd.IsZero() {
			tokens += ", the first ends " + when(t.TokensEnd)
		}
		mode := t.Mode
		if !t.Paused.Since.IsZero() {
			mode += ", PAUSED"
		}
		fmt.Fprintf(w, "tenant     %s (%s)\nmode       %s\nlisting    %s\npending    %d, of them %d whose access should be gone\n",
			t.Tenant, t.Workspace, mode, listed, t.Pending, t.Taking)
		if _, err := fmt.Fprintf(w, "failed     %d\nuncertain  %d\nholds      %d\ndrift      %d within a day\ntokens     %s\n",
			t.Failed, t.Uncertain, t.Holds, t.Drift, tokens); err != nil {
			return err
		}
		for _, p := range t.Problems {
			fmt.Fprintf(w, "PROBLEM    %s\n", p)
		}
	}
	return nil
}
