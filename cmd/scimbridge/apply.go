package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
)

func newApply() *cobra.Command {
	var path, tenant, hash string
	c := &cobra.Command{
		Use:   "apply",
		Short: "Approve the rules of the configuration, whatever they change",
		Long: `apply puts the mapping and the policies of the configuration in force that a start or a reload holds
because of what they would do. HASH is what ` + "`scimbridge plan`" + ` prints: what is approved is what was looked at. A
running server goes by them within a second and carries them out; else the next start does.`,
		Example: `  scimbridge plan
  scimbridge apply --approve 0123456789abcdef0123456789abcdef`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withStore(c, path, tenant, func(ctx context.Context, cfg *config.Config, s store.Store) error {
				o := directoryOptions(cfg.Tenants[tenant], s, slog.New(slog.DiscardHandler))
				changed, err := directory.ApproveRules(ctx, o, directory.Caller{Token: "scimbridge apply"}, hash)
				var refused *directory.Error
				if errors.As(err, &refused) {
					return &exitError{exitFailed, refused.Detail}
				}
				if err != nil {
					return err
				}
				if jsonOutput(c) {
					return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"tenant": tenant, "hash": hash, "changed": changed})
				}
				if !changed {
					fmt.Fprintf(c.ErrOrStderr(), "these rules are in force for tenant %s already\n", tenant)
					return nil
				}
				fmt.Fprintf(c.ErrOrStderr(), "approved %s for tenant %s; a running server goes by it within a second, else the next start does\n", hash, tenant)
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().StringVar(&hash, "approve", "", "hash of the rules, as scimbridge plan prints it")
	if err := c.MarkFlagRequired("approve"); err != nil {
		panic(err)
	}
	return c
}
