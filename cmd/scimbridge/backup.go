package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
)

func newBackup() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite database to a new file, while the server runs",
		Long: `backup writes a copy of the database, as it is at one moment, to a new file that only its
owner can read. It holds personal data and the hashes of tokens: keep it as you keep the original.

A copy that is put back knows nobody who left since. So it carries a mark: a server that starts
on it takes access away, and gives none, until ` + "`scimbridge reconcile --after-restore`" + ` has shown
what it would give and was confirmed.

A PostgreSQL database is copied by pg_dump, or by the snapshots of whoever runs it.`,
		Example: "  scimbridge backup /backup/scimbridge-$(date +%F).db",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s needs the name of one file", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			err = engineOf(cfg.Store).backup(c.Context(), args[0], func(tx store.Tx) error {
				return directory.MarkRestored(tx, "it is a backup of "+tx.Now().Format(time.RFC3339))
			})
			if err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			if jsonOutput(c) {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"file": args[0], "bytes": info.Size()})
			}
			fmt.Fprintln(c.OutOrStdout(), args[0])
			return nil
		},
	}
	configFlag(c, &path)
	return c
}
