package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
)

func newToken() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Create, list and revoke the bearer tokens of identity providers", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var path, tenant, name, expires string

	create := &cobra.Command{
		Use:     "create",
		Short:   "Create a token and print it: it is shown once",
		Example: `  scimbridge token create --tenant default --name okta --expires 365d`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			var lifetime time.Duration
			if expires != "" {
				var ok bool
				if lifetime, ok = config.ParseDuration(expires); !ok || lifetime <= 0 {
					return usage("--expires %q: expected a duration such as 90d or 12h", expires)
				}
			}
			return withStore(c, path, tenant, func(ctx context.Context, _ *config.Config, s store.Store) error {
				secret, err := auth.Create(ctx, s, tenant, name, lifetime)
				if err != nil {
					return err
				}
				if jsonOutput(c) {
					return json.NewEncoder(c.OutOrStdout()).Encode(map[string]string{"tenant": tenant, "name": name, "token": secret})
				}
				fmt.Fprintln(c.OutOrStdout(), secret)
				return nil
			})
		},
	}
	create.Flags().StringVar(&expires, "expires", "", "lifetime such as 90d; for ever if empty")

	list := &cobra.Command{
		Use: "list", Short: "List the tokens, without their secrets", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c, path, "", func(ctx context.Context, _ *config.Config, s store.Store) error {
				tokens, err := auth.List(ctx, s, tenant)
				if err != nil {
					return err
				}
				return printTokens(c.OutOrStdout(), jsonOutput(c), tokens, time.Now())
			})
		},
	}

	revoke := &cobra.Command{
		Use: "revoke", Short: "End a token; a running server refuses it within a second", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c, path, tenant, func(ctx context.Context, _ *config.Config, s store.Store) error {
				if err := auth.Revoke(ctx, s, tenant, name); err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "revoked token %s of tenant %s\n", name, tenant)
				return nil
			})
		},
	}
	for _, sub := range []*cobra.Command{create, list, revoke} {
		configFlag(sub, &path)
		def, help := config.DefaultTenant, "tenant the token is for"
		if sub == list {
			def, help = "", "only this tenant's; all if empty"
		} else {
			sub.Flags().StringVar(&name, "name", "", "name of the token, such as okta")
			if err := sub.MarkFlagRequired("name"); err != nil {
				panic(err)
			}
		}
		sub.Flags().StringVar(&tenant, "tenant", def, help)
		c.AddCommand(sub)
	}
	return c
}

// withStore runs fn on the configured store, beside a server that may be running on it. A
// tenant that the configuration does not have is refused ("" is none).
func withStore(c *cobra.Command, path, tenant string, fn func(context.Context, *config.Config, store.Store) error) error {
	cfg, err := loadConfig(c, path)
	if err != nil {
		return err
	}
	if tenant != "" && cfg.Tenants[tenant] == nil {
		return noTenant(path, cfg, tenant)
	}
	s, err := openStore(c.Context(), cfg)
	if err != nil {
		return err
	}
	err = fn(c.Context(), cfg, s)
	var named *auth.NameError
	if errors.As(err, &named) {
		err = &exitError{exitFailed, named.Message}
	}
	return errors.Join(err, s.Close())
}

// noTenant says that a configuration has no such tenant.
func noTenant(path string, cfg *config.Config, tenant string) error {
	return usage("%s has no tenant %q; it has %v", path, tenant, slices.Sorted(maps.Keys(cfg.Tenants)))
}

// tokenState is what a token is good for now.
func tokenState(t *store.Token, now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "expired"
	default:
		return "active"
	}
}

func printTokens(w io.Writer, asJSON bool, tokens []*store.Token, now time.Time) error {
	if asJSON {
		type row struct {
			Tenant   string    `json:"tenant"`
			Name     string    `json:"name"`
			State    string    `json:"state"`
			Created  time.Time `json:"created"`
			Expires  time.Time `json:"expires,omitzero"`
			LastUsed time.Time `json:"last_used,omitzero"`
		}
		rows := []row{}
		for _, t := range tokens {
			rows = append(rows, row{t.Tenant, t.Name, tokenState(t, now), t.Created, t.Expires, t.LastUsed})
		}
		return json.NewEncoder(w).Encode(rows)
	}
	day := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.Format("2006-01-02 15:04Z")
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "TENANT\tNAME\tSTATE\tCREATED\tEXPIRES\tLAST USED")
	for _, t := range tokens {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Tenant, t.Name, tokenState(t, now), day(t.Created, ""), day(t.Expires, "never"), day(t.LastUsed, "never"))
	}
	return tw.Flush()
}
