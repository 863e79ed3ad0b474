package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newPause() *cobra.Command {
	var path, tenant, reason string
	c := &cobra.Command{
		Use:   "pause",
		Short: "Stop all deliveries of a tenant, removals of access too",
		Long: `pause stops everything that would change anybody at WisdomAI, within a second and until ` + "`resume`" + `, whatever
restarts in between. It is an emergency stop: removals of access stop too, so people who leave keep theirs. Requests
go on to be recorded and answered, and WisdomAI's users to be listed. /healthz, the log and ` + "`status`" + ` say so, and how
many people wait for their access to be taken.

A call that is on its way when the pause begins is not taken back.`,
		Example: `  scimbridge pause --reason "the mapping is wrong, asking ops"`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				p, err := d.Pause(ctx, commandCaller(c), reason)
				if err != nil {
					return err
				}
				if jsonOutput(c) {
					return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"tenant": tenant, "paused": p})
				}
				fmt.Fprintf(c.ErrOrStderr(), "tenant %s is paused since %s: nothing is delivered until `scimbridge resume`\n", tenant, when(p.Since))
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().StringVar(&reason, "reason", "", "why, for those who find it paused")
	return c
}

func newResume() *cobra.Command {
	var path, tenant string
	c := &cobra.Command{
		Use:   "resume",
		Short: "End a pause: what waits is delivered, removals of access first",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				waiting, paused, err := d.Resume(ctx, commandCaller(c))
				if err != nil {
					return err
				}
				if jsonOutput(c) {
					return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"tenant": tenant, "was_paused": paused, "accounts": waiting})
				}
				if !paused {
					fmt.Fprintf(c.ErrOrStderr(), "tenant %s was not paused\n", tenant)
					return nil
				}
				fmt.Fprintf(c.ErrOrStderr(), "tenant %s goes on: %d account(s) are due\n", tenant, waiting)
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	return c
}

// commandCaller is who a command is in the event log.
func commandCaller(c *cobra.Command) directory.Caller {
	return directory.Caller{Token: c.CommandPath()}
}
