package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newReconcile() *cobra.Command {
	var f reconcileFlags
	c := &cobra.Command{
		Use:   "reconcile [ADDRESS...]",
		Short: "Make what everybody should have be delivered again; after a restore, let giving go",
		Long: `reconcile makes everybody's desired state, or that of the people named, be delivered again
now: access that somebody else took away (` + "`scimbridge drift`" + `) is given again, what WisdomAI refused
is tried again, and what is held since ` + "`tenant rebind`" + ` is let go. --dry-run shows it, person by
person and call by call, and changes nothing.

--after-restore is for a database that is a backup put back. Such a server gives nothing, because
the copy knows nobody who left since. The command shows what it would give to whom, by a listing from
after the restore, and lets it go when that was confirmed: with --yes, by the answer "yes" on a
terminal, or with --approve and the name of the plan that was shown. Let the identity provider
write everybody again first: who left is then no longer in the plan.`,
		Example: "  scimbridge reconcile --dry-run\n  scimbridge reconcile ann@example.com\n  scimbridge reconcile --after-restore",
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case f.afterRestore && len(args) > 0:
				return usage("--after-restore is about everybody: it takes no addresses")
			case !f.afterRestore && (f.yes || f.approve != ""):
				return usage("--yes and --approve belong to --after-restore")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return withDirectory(c, f.path, f.tenant, func(ctx context.Context, d *directory.Directory) error {
				if f.afterRestore {
					return f.restored(ctx, c, d)
				}
				return f.run(ctx, c, d, args)
			})
		},
	}
	tenantFlags(c, &f.path, &f.tenant)
	c.Flags().BoolVar(&f.dry, "dry-run", false, "only show it")
	c.Flags().BoolVar(&f.afterRestore, "after-restore", false, "show what a restored database would give, and let it go if confirmed")
	c.Flags().BoolVar(&f.yes, "yes", false, "confirm what is shown")
	c.Flags().StringVar(&f.approve, "approve", "", "confirm, if it is still the plan of this name")
	c.Flags().DurationVar(&f.wait, "wait", 2*time.Minute, "how long to wait for the running server's listing")
	c.MarkFlagsMutuallyExclusive("dry-run", "after-restore")
	c.MarkFlagsMutuallyExclusive("yes", "approve")
	return c
}

type reconcileFlags struct {
	path, tenant, approve  string
	dry, afterRestore, yes bool
	wait                   time.Duration
}

func (f *reconcileFlags) run(ctx context.Context, c *cobra.Command, d *directory.Directory, addresses []string) error {
	if f.dry {
		if err := f.look(ctx, c, d); err != nil {
			return err
		}
	}
	p := &reconcilePrinter{out: c.OutOrStdout(), json: jsonOutput(c)}
	r, err := d.Reconcile(ctx, directory.Caller{Token: c.CommandPath()}, addresses, f.dry, p.print)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s, %d of whom get back what somebody else took\n", people(r.People, "have something to do"), r.Again)
	if r.Hold.ID != "" {
		return &exitError{exitPerson, "the database was " + r.Hold.String()}
	}
	return nil
}

func (f *reconcileFlags) restored(ctx context.Context, c *cobra.Command, d *directory.Directory) error {
	if err := f.look(ctx, c, d); err != nil {
		return err
	}
	p := &reconcilePrinter{out: c.OutOrStdout(), json: jsonOutput(c)}
	plan, err := d.AfterRestore(ctx, p.print)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "The database was %s.\n%s, by listing %d of %s: plan %s\n", plan.Hold, people(plan.Giving, "would be given something"),
		plan.Look.Number, plan.Look.Begun.Format(time.RFC3339), plan.Hash)
	hash := plan.Hash
	if f.approve != "" {
		hash = f.approve
	} else if !confirmed(c, f.yes, "Whoever left since the copy was made, and was not written since, is among them.") {
		return &exitError{exitPerson, "nothing was let go: confirm with --yes, or with --approve " + plan.Hash}
	}
	switch err := d.ConfirmRestore(ctx, directory.Caller{Token: c.CommandPath()}, hash); {
	case errors.Is(err, directory.ErrPlanChanged):
		return &exitError{exitPerson, "nothing was let go: " + err.Error() + "; repeat the command"}
	case err != nil:
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), "confirmed: giving goes on")
	return nil
}

// look asks the running server for a listing, and says which one it will be.
func (f *reconcileFlags) look(ctx context.Context, c *cobra.Command, d *directory.Directory) error {
	look, fresh, heard, err := d.FreshLook(ctx, f.wait)
	if err != nil {
		return err
	}
	switch {
	case fresh:
		fmt.Fprintln(c.ErrOrStderr(), "by a listing that the server has just made")
	case look.Number == 0:
		fmt.Fprintln(c.ErrOrStderr(), "WisdomAI's users have never been listed")
	default:
		why := "no server runs"
		if heard {
			why = "the server made no newer one within " + f.wait.String()
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s: by the last listing, of %s\n", why, look.Begun.Format(time.RFC3339))
	}
	return nil
}

// people is "1 person has", "3 people have".
func people(n int, what string) string {
	if n == 1 {
		verb, rest, _ := strings.Cut(what, " ")
		verb = map[string]string{"have": "has", "lose": "loses", "would": "would"}[verb]
		return "1 person " + verb + " " + rest
	}
	return fmt.Sprintf("%d people %s", n, what)
}

// reconcilePrinter prints people as they are found: there may be a million. JSON is one object a line.
type reconcilePrinter struct {
	out  io.Writer
	json bool
}

func (p *reconcilePrinter) print(x directory.Planned) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(x)
	}
	for _, call := range x.Calls {
		var words []string
		for _, part := range []struct {
			word  string
			items []string
		}{{"give", call.Give}, {"take", call.Take}, {"set", call.Set}, {"remove", call.Remove}} {
			if len(part.items) > 0 {
				words = append(words, part.word+" "+strings.Join(part.items, ", "))
			}
		}
		if x.Held != "" {
			words = append(words, "("+x.Held+")")
		}
		if _, err := fmt.Fprintf(p.out, "%s  %s: %s\n", x.Address, call.Call, strings.Join(words, "; ")); err != nil {
			return err
		}
	}
	if x.Waits != "" {
		_, err := fmt.Fprintf(p.out, "%s  waits for a listing: %s\n", x.Address, x.Waits)
		return err
	}
	return nil
}
