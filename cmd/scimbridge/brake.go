package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newBrake() *cobra.Command {
	c := &cobra.Command{Use: "brake", Short: "See and settle what is held: deletes, and what concerns protected people", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var path, tenant string

	list := &cobra.Command{
		Use: "list", Short: "List what is held, why, and what can be done about it; exits with 3 if anything is", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				holds, err := d.Holds(ctx)
				if err != nil {
					return err
				}
				if err := printHolds(c.OutOrStdout(), jsonOutput(c), holds); err != nil {
					return err
				}
				if len(holds) > 0 {
					return &exitError{exitPerson, ""}
				}
				return nil
			})
		},
	}
	release := newSettle(&path, &tenant, "release", "Let held deletes go out, for ever, as soon as a listing shows that they are still about the same people",
		(*directory.Directory).Release)
	discard := newSettle(&path, &tenant, "discard", "Withdraw what is held: who was to be deleted stays suspended, who was protected stays as he is",
		(*directory.Directory).Discard)
	for _, sub := range []*cobra.Command{list, release, discard} {
		tenantFlags(sub, &path, &tenant)
		c.AddCommand(sub)
	}
	return c
}

// newSettle is `release` or `discard`.
func newSettle(path, tenant *string, name, short string,
	settle func(*directory.Directory, context.Context, directory.Caller, ...string) ([]directory.Settled, error)) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: name + " [ADDRESS... | --all]", Short: short,
		Example: fmt.Sprintf("  scimbridge brake %s ann@example.com\n  scimbridge brake %[1]s --all", name),
		Args: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usage("%s needs either addresses or --all", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return withDirectory(c, *path, *tenant, func(ctx context.Context, d *directory.Directory) error {
				settled, err := settle(d, ctx, directory.Caller{Token: c.CommandPath()}, args...)
				if err != nil {
					return err
				}
				if err := printSettled(c.OutOrStdout(), jsonOutput(c), settled); err != nil {
					return err
				}
				for _, s := range settled {
					if s.Outcome == directory.Waits {
						return &exitError{exitPerson, ""}
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "everything that is held")
	return c
}

func printHolds(w io.Writer, asJSON bool, holds []directory.Hold) error {
	if asJSON {
		return json.NewEncoder(w).Encode(holds)
	}
	if len(holds) == 0 {
		_, err := fmt.Fprintln(w, "nothing is held")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "KIND\tADDRESS\tSINCE\tREASON\tIDP ASKED FOR\tRELEASE\tDISCARD")
	for _, h := range holds {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Kind, h.Address, h.Since.Format(time.RFC3339), h.Reason, h.Wish, h.Release, h.Discard)
	}
	return tw.Flush()
}

func printSettled(w io.Writer, asJSON bool, settled []directory.Settled) error {
	if asJSON {
		return json.NewEncoder(w).Encode(settled)
	}
	for _, s := range settled {
		if _, err := fmt.Fprintf(w, "%s: %s: %s\n", s.Address, s.Outcome, s.Detail); err != nil {
			return err
		}
	}
	return nil
}
