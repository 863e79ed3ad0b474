package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newRetry() *cobra.Command {
	var path, tenant string
	var failed, all bool
	c := &cobra.Command{
		Use:   "retry [ADDRESS... | --failed | --all]",
		Short: "Try again now what failed or waits for its next try",
		Long: `retry makes accounts due now: those of the addresses, those that failed, or all that wait. What WisdomAI refused for
good is sent once more. Nothing is sent twice by it: a call is computed from what is there.`,
		Example: `  scimbridge retry alice@example.com
  scimbridge retry --failed`,
		RunE: func(c *cobra.Command, addresses []string) error {
			chosen := 0
			for _, is := range []bool{len(addresses) > 0, failed, all} {
				if is {
					chosen++
				}
			}
			if chosen != 1 {
				return usage("retry takes addresses, or --failed, or --all; `%s --help` shows how", c.CommandPath())
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				n, err := d.Retry(ctx, commandCaller(c), addresses, all)
				if err != nil {
					return err
				}
				if jsonOutput(c) {
					return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"tenant": tenant, "accounts": n})
				}
				fmt.Fprintf(c.ErrOrStderr(), "%d account(s) are due\n", n)
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().BoolVar(&failed, "failed", false, "all that failed")
	c.Flags().BoolVar(&all, "all", false, "all that failed or wait")
	return c
}
