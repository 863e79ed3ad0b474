package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newDrift() *cobra.Command {
	var path, tenant string
	c := &cobra.Command{
		Use:   "drift",
		Short: "List what somebody else changed at WisdomAI, by direction",
		Long: `drift lists every open difference that somebody else made at WisdomAI, and what will
happen to it:

  lost     access that the bridge had given and seen there was taken away
  deleted  so was the person
  extra    access is there and should not be; it is always taken
  changed  an attribute of ours has another value, or none

What is left as it is ends with the next SCIM write about that person. A contested
repair was undone three times in a day and is not repeated.

It ends with 3 if there is anything.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				rows := []directory.Drift{}
				if err := d.Drift(ctx, func(df directory.Drift) error { rows = append(rows, df); return nil }); err != nil {
					return err
				}
				if err := printDrift(c, rows); err != nil {
					return err
				}
				if len(rows) > 0 {
					return &exitError{code: exitPerson}
				}
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	return c
}

func printDrift(c *cobra.Command, rows []directory.Drift) error {
	if jsonOutput(c) {
		return json.NewEncoder(c.OutOrStdout()).Encode(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "nothing at WisdomAI was changed by somebody else")
		return nil
	}
	tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "DIRECTION\tADDRESS\tWHAT\tSINCE\tWHAT WILL HAPPEN")
	for _, direction := range []directory.DriftKind{directory.DriftDeleted, directory.DriftLost, directory.DriftExtra, directory.DriftChanged} {
		for _, r := range rows {
			if r.Direction != direction {
				continue
			}
			becomes := r.Becomes
			if r.Contested && r.Direction == directory.DriftExtra {
				becomes += " each time it comes back (contested)"
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.Direction, r.Address, r.Item, minute(r.Since), becomes)
		}
	}
	return tw.Flush()
}
