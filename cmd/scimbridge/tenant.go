package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/telemetry"
)

// withDirectory runs fn on a tenant's directory over the configured store, beside a server that
// may be running on it: the directory itself does not run, so that it delivers nothing. What
// fn makes due the running server finds within a second.
func withDirectory(c *cobra.Command, path, tenant string, fn func(context.Context, *directory.Directory) error) error {
	return withStore(c, path, tenant, func(ctx context.Context, cfg *config.Config, s store.Store) error {
		log := telemetry.NewLogger(c.ErrOrStderr(), telemetry.LogOptions{Level: "warn", Format: cfg.Log.Format, Redact: cfg.Log.Redact})
		o := directoryOptions(cfg.Tenants[tenant], s, log)
		dir, err := directory.New(ctx, o)
		if err != nil {
			return err
		}
		err = fn(ctx, dir)
		var refused *directory.Error
		if errors.As(err, &refused) {
			err = &exitError{exitFailed, refused.Detail}
		}
		return err
	})
}

// tenantFlags are those of every command about one tenant.
func tenantFlags(c *cobra.Command, path, tenant *string) {
	configFlag(c, path)
	c.Flags().StringVar(tenant, "tenant", config.DefaultTenant, "tenant it is about")
}
