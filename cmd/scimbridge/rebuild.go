package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newRebuild() *cobra.Command {
	var path, tenant string
	var resume, dry, yes bool
	c := &cobra.Command{
		Use:   "rebuild [--resume]",
		Short: "Get back who is who from WisdomAI, after the database was lost",
		Long: `rebuild takes in whom the last listing shows with a SCIM id of the tenant and the database does
not know: under the id that the identity provider has for them, so that no link breaks. An
empty database does this by itself with its first listing.

What the identity provider wants of them, and what groups there were, is lost. So they are held:
access is taken as it asks, and none is given to anybody before it has written about that person
again; group ids that are not known are answered 503, and not 404, on which it would give them up. Roles that
it may have given by a group stay until that group is written again.

Let the identity provider write everybody and every group again: Entra ID by "Restart
provisioning", Okta by pushing the groups again. Then --resume ends what is held: it shows who
would lose roles that no group gives any more, and asks for confirmation if anybody does.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if !resume && (dry || yes) {
				return usage("--dry-run and --yes belong to --resume")
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				if resume {
					return resumeRebuild(ctx, c, d, dry, yes)
				}
				return rebuild(ctx, c, d)
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().BoolVar(&resume, "resume", false, "end what a rebuild holds: the identity provider has written what it will")
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what --resume would take")
	c.Flags().BoolVar(&yes, "yes", false, "confirm what is shown")
	return c
}

func rebuild(ctx context.Context, c *cobra.Command, d *directory.Directory) error {
	r, err := d.Rebuild(ctx, directory.Caller{Token: c.CommandPath()})
	if err != nil {
		return err
	}
	if jsonOutput(c) {
		if err := json.NewEncoder(c.OutOrStdout()).Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.OutOrStdout(), "by listing %d of %s: %d people taken in, %d accounts of people who left, %d old ids for people written meanwhile, %d known already\n",
			r.Look.Number, r.Look.Begun.Format(time.RFC3339), r.People, r.Former, r.Aliased, r.Known)
		for _, t := range r.Twice {
			fmt.Fprintf(c.OutOrStdout(), "carried by several people, used for none: %s: %s\n", t.ID, strings.Join(t.Addresses, ", "))
		}
		for _, x := range r.Conflicts {
			fmt.Fprintf(c.OutOrStdout(), "not taken in: %s (%s): %s\n", x.Address, x.ID, x.Reason)
		}
	}
	h, err := d.Health(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(r.Twice)+len(r.Conflicts) > 0:
		return &exitError{exitPerson, "some people could not be taken in"}
	case !h.RebuiltAt.IsZero():
		return &exitError{exitPerson, people(h.Rebuilt, "have to be written again") + " by the identity provider, or `scimbridge rebuild --resume`"}
	}
	return nil
}

func resumeRebuild(ctx context.Context, c *cobra.Command, d *directory.Directory, dry, yes bool) error {
	by := directory.Caller{Token: c.CommandPath()}
	r, err := d.ResumeRebuild(ctx, by, true)
	if err != nil {
		return err
	}
	if r.Since.IsZero() {
		fmt.Fprintln(c.ErrOrStderr(), "nothing is held: the database was not rebuilt, or that was resumed already")
		return nil
	}
	if jsonOutput(c) {
		if r.Losing == nil {
			r.Losing = []directory.Losing{}
		}
		if err := json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"since": r.Since, "unwritten": r.Unwritten, "losing": r.Losing}); err != nil {
			return err
		}
	} else {
		for _, l := range r.Losing {
			fmt.Fprintf(c.OutOrStdout(), "%s loses %s, which no group gives\n", l.Address, strings.Join(l.Roles, ", "))
		}
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s since the rebuild of %s; they keep what they have until they are\n", people(r.Unwritten, "have not been written"), r.Since.Format(time.RFC3339))
	if dry {
		return nil
	}
	if len(r.Losing) > 0 && !confirmed(c, yes, people(len(r.Losing), "lose roles")+".") {
		return &exitError{exitPerson, people(len(r.Losing), "would lose roles") + ", and nothing was done: confirm with --yes"}
	}
	if _, err := d.ResumeRebuild(ctx, by, false); err != nil {
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), "nothing is held any more")
	return nil
}
