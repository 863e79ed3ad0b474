package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
)

func newTenant() *cobra.Command {
	c := &cobra.Command{Use: "tenant", Short: "Move a tenant to another WisdomAI workspace", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newRebind())
	return c
}

func newRebind() *cobra.Command {
	var path, tenant string
	var dry, yes bool
	c := &cobra.Command{
		Use:   "rebind",
		Short: "Make a tenant belong to the workspace that the configuration says",
		Long: `A tenant's people, ids and accounts belong to one WisdomAI host and workspace, and a server
that is configured for another does not start. rebind moves them. Stop the server first, and with a
PostgreSQL store every replica.

Users, groups and their ids stay. The accounts of the old workspace are left as they are: nobody
there is changed any more. What everybody should have is computed again for the new workspace: active
people are created there, or get their roles and attributes beside what they have, as soon as a
listing has shown who is there. Nobody there is deleted and nothing is taken from
anybody, suspended people included, before the identity provider has written about the
person, or ` + "`scimbridge reconcile`" + ` was said.`,
		Example: "  scimbridge tenant rebind --tenant default --dry-run",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c, path, tenant, func(ctx context.Context, cfg *config.Config, s store.Store) error {
				release, err := engineOf(cfg.Store).exclusive(ctx)
				if err != nil {
					return err
				}
				defer release()
				err = rebind(ctx, c, directoryOptions(cfg.Tenants[tenant], s, nil), dry, yes)
				var refused *directory.Error
				if errors.As(err, &refused) {
					err = &exitError{exitFailed, refused.Detail}
				}
				return err
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().BoolVar(&dry, "dry-run", false, "only show it")
	c.Flags().BoolVar(&yes, "yes", false, "confirm what is shown")
	return c
}

func rebind(ctx context.Context, c *cobra.Command, o directory.Options, dry, yes bool) error {
	by := directory.Caller{Token: c.CommandPath()}
	r, err := directory.Rebind(ctx, o, by, true)
	if err != nil {
		return err
	}
	if jsonOutput(c) {
		if err := json.NewEncoder(c.OutOrStdout()).Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.OutOrStdout(), "from %s to %s\n", r.From, r.To)
		fmt.Fprintf(c.OutOrStdout(), "active, created there or given what they should have: %d\n", r.Active)
		fmt.Fprintf(c.OutOrStdout(), "suspended, left as they are there until they are written: %d\n", r.Suspended)
		fmt.Fprintf(c.OutOrStdout(), "of the old workspace alone, no longer shown: %d\n", r.Hidden)
	}
	if dry {
		return nil
	}
	if !confirmed(c, yes, "The accounts at "+r.From+" are left as they are.") {
		return &exitError{exitPerson, "nothing was done: confirm with --yes"}
	}
	_, err = directory.Rebind(ctx, o, by, false)
	return err
}
