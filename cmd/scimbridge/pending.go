package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newPending() *cobra.Command {
	var path, tenant string
	var limit int
	c := &cobra.Command{
		Use:   "pending",
		Short: "List whom something is still to be done about, removals of access first",
		Long: `pending lists the accounts whose last change is not at WisdomAI yet, or failed: who, since when, what would be sent,
and what stands in the way. In ` + "`mode: observe`" + ` and while paused it is what waits.

It exits with 3 if anything failed, or if access that should be gone is there for more than a minute.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return usage("--limit %d: expected at least 1", limit)
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				found, err := d.PendingAccounts(ctx, limit)
				if err != nil {
					return err
				}
				now := time.Now()
				if jsonOutput(c) {
					err = json.NewEncoder(c.OutOrStdout()).Encode(append([]directory.PendingAccount{}, found...))
				} else {
					err = printPending(c.OutOrStdout(), found, now)
				}
				if err != nil {
					return err
				}
				for _, p := range found {
					if p.NeedsPerson(now) {
						return &exitError{code: exitPerson}
					}
				}
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().IntVar(&limit, "limit", 1000, "how many at most")
	return c
}

func printPending(w io.Writer, found []directory.PendingAccount, now time.Time) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ADDRESS\tSTATE\tWAITS\tNEXT\tTRIES\tNEXT TRY\tLAST ERROR")
	for _, p := range found {
		state := string(p.State)
		if p.Taking {
			state += ", access should be gone"
		}
		next := ""
		switch wait := p.NextTry.Sub(now).Round(time.Second); {
		case p.NextTry.IsZero():
		case wait <= 0:
			next = "now"
		default:
			next = "in " + wait.String()
		}
		waits := ""
		if !p.Since.IsZero() {
			waits = now.Sub(p.Since).Round(time.Second).String()
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", p.Address, state, waits, p.Next, p.Attempts, cmp.Or(next, "-"), p.LastError)
	}
	return tw.Flush()
}
