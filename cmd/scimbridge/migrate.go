package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
)

func newMigrate() *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the store's schema up to date, or show whether it is",
		Long: `A server brings the schema of its store up to date when it starts, and so does every other command that
opens the store. migrate does it beforehand: to know that an upgrade goes well, or as a
PostgreSQL role that may change the schema when the servers' may not.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMigrateUp(), newMigrateStatus())
	return c
}

func newMigrateUp() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "up",
		Short: "Bring the schema up to date",
		Long: `up applies the migrations that the store lacks, and makes a store if there is none. There is no way down:
back it up first. An SQLite store must not be in use by a server.`,
		Example: "  scimbridge migrate up",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			from, to, err := migrateUp(c.Context(), cfg)
			if err != nil {
				return err
			}
			switch w := c.OutOrStdout(); {
			case jsonOutput(c):
				return json.NewEncoder(w).Encode(map[string]int64{"from": from, "to": to})
			case from == to:
				fmt.Fprintf(w, "schema version %d: nothing was missing\n", to)
			default:
				fmt.Fprintf(w, "schema version %d to %d\n", from, to)
			}
			return nil
		},
	}
	configFlag(c, &path)
	return c
}

func migrateUp(ctx context.Context, cfg *config.Config) (from, to int64, err error) {
	if from, to, err = engineOf(cfg.Store).versions(ctx); err != nil {
		return 0, 0, err
	}
	s, err := openStore(ctx, cfg)
	if err != nil {
		return 0, 0, err
	}
	return from, to, errors.Join(s.Ping(ctx), s.Close())
}

// schemaStatus is what `migrate status` shows.
type schemaStatus struct {
	Engine  string `json:"engine"`
	Store   string `json:"store"`
	Schema  int64  `json:"schema"`  // the version that the store has, 0 without one
	Program int64  `json:"program"` // the one that this program knows
}

func newMigrateStatus() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the schema's version and this program's, changing nothing",
		Long: `status shows which version the store's schema has, 0 if there is none yet, and which this program works with.

It exits with 0 if they are the same, and with 3 if not.`,
		Example: "  scimbridge migrate status --output json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			s := schemaStatus{Engine: cfg.Store.Engine, Store: cfg.Store.String()}
			if s.Schema, s.Program, err = engineOf(cfg.Store).versions(c.Context()); err != nil {
				return err
			}
			if jsonOutput(c) {
				err = json.NewEncoder(c.OutOrStdout()).Encode(s)
			} else {
				_, err = fmt.Fprintf(c.OutOrStdout(), "engine   %s\nstore    %s\nschema   version %d\nprogram  version %d\n", s.Engine, s.Store, s.Schema, s.Program)
			}
			switch {
			case err != nil:
				return err
			case s.Schema < s.Program:
				return &exitError{exitPerson, "migrations are missing: `scimbridge migrate up` applies them, and so does the next start of a server"}
			case s.Schema > s.Program:
				return &exitError{exitPerson, "a newer scimbridge wrote this store; this one refuses it"}
			}
			return nil
		},
	}
	configFlag(c, &path)
	return c
}
