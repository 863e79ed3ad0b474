package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
)

func newUsers() *cobra.Command {
	c := &cobra.Command{Use: "users", Short: "Show everything about a person, and give back what was taken", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newUsersShow(), newUsersRestore())
	return c
}

func newUsersShow() *cobra.Command {
	var path, tenant string
	c := &cobra.Command{
		Use:     "show ADDRESS|USERNAME|ID",
		Short:   "Show everything about a person: what the IdP wrote, what follows and why, what is at WisdomAI",
		Example: `  scimbridge users show alice@example.com`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s takes one address, userName or SCIM id", c.CommandPath())
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				p, err := d.Person(ctx, args[0])
				if err != nil {
					return err
				}
				if jsonOutput(c) {
					return json.NewEncoder(c.OutOrStdout()).Encode(p)
				}
				return printPerson(c.OutOrStdout(), p)
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	return c
}

func newUsersRestore() *cobra.Command {
	var path, tenant, since, token string
	var dry bool
	c := &cobra.Command{
		Use:   "restore ADDRESS|USERNAME|ID | --since TIME --token NAME",
		Short: "Give back what a suspension or deletion took",
		Long: `restore gives back what suspensions and deletions took from a person since he was last
active, or what one token took from anybody since a time. It overrides the identity
provider's word: who was suspended is active again, who was deleted is there again under
his SCIM id and in the groups that are still there; the provider's next write about him
counts as always. Roles that rules gave follow from the rules; roles given by hand and
attributes of other systems come back as recorded; privileged roles come back only if a
rule gives them. What was deleted at WisdomAI is created anew.

It can be interrupted and repeated. It ends with 3 if somebody could not be restored, or
had a privileged role that was withheld.`,
		Example: `  scimbridge users restore alice@example.com --dry-run
  scimbridge users restore --since 2026-11-25T09:00:00Z --token okta`,
		RunE: func(c *cobra.Command, args []string) error {
			var from time.Time
			switch {
			case len(args) == 1 && since == "" && token == "":
			case len(args) == 0 && since != "" && token != "":
				var ok bool
				if from, ok = parseSince(since, time.Now()); !ok {
					return usage("--since %q: expected a time such as 2026-11-25T09:00:00Z, or how long ago, such as 2h or 3d", since)
				}
			default:
				return usage("%s takes one address, userName or SCIM id, or --since and --token together", c.CommandPath())
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				rows := []directory.Restored{}
				if len(args) == 1 {
					r, err := d.RestoreUser(ctx, args[0], dry)
					if err != nil {
						return err
					}
					rows = append(rows, r)
				} else if err := d.RestoreUsers(ctx, from, token, dry, func(r directory.Restored) error { rows = append(rows, r); return nil }); err != nil {
					_ = printRestored(c, rows, dry) // those are done
					return err
				}
				if err := printRestored(c, rows, dry); err != nil {
					return err
				}
				for _, r := range rows {
					if r.Problem != "" || len(r.Withheld) > 0 {
						return &exitError{code: exitPerson}
					}
				}
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().StringVar(&since, "since", "", "everything taken since then: a time, or how long ago (2h, 3d)")
	c.Flags().StringVar(&token, "token", "", "name of the token that took it")
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would come back")
	return c
}

// parseSince reads a time, or how long ago it was.
func parseSince(s string, now time.Time) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	ago, ok := config.ParseDuration(s)
	return now.Add(-ago), ok && ago > 0
}

func printRestored(c *cobra.Command, rows []directory.Restored, dry bool) error {
	if jsonOutput(c) {
		return json.NewEncoder(c.OutOrStdout()).Encode(rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "nothing that could be given back is recorded")
		return nil
	}
	done := "restored"
	if dry {
		done = "would be restored"
	}
	tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ADDRESS\tWAS\tSINCE\tBY TOKEN\tOUTCOME")
	for _, r := range rows {
		outcome := done
		switch {
		case r.Problem != "":
			outcome = "not restored: " + r.Problem
		case !r.Active:
			outcome += ", suspended as before"
		default:
			for _, part := range []struct {
				what  string
				items []string
			}{{"roles", r.Roles}, {"by hand", r.ByHand}, {"attributes", r.Attributes}, {"withheld, give it by hand if it is right", r.Withheld}} {
				if len(part.items) > 0 {
					outcome += "; " + part.what + ": " + strings.Join(part.items, ", ")
				}
			}
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.Address, r.Kind, minute(r.At), r.Token, outcome)
	}
	return tw.Flush()
}

// minute is a time as tables show it.
func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func printPerson(w io.Writer, p directory.Person) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(tw, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	list := func(name string, items []string) {
		for i, item := range items {
			if i > 0 {
				name = ""
			}
			line(name, "%s", item)
		}
	}
	switch {
	case p.Deleted:
		line("user", "%s, deleted", p.ID)
	case p.ID == "":
		line("user", "none: somebody at WisdomAI whom this tenant does not show")
	default:
		state := "active"
		if !p.Active {
			state = "not active"
		}
		if !p.Managed {
			state += ", shown from WisdomAI alone"
		}
		line("user", "%s (%s), %s", p.UserName, p.ID, state)
		line("externalId", "%s", p.ExternalID)
		line("version", "%d, created %s, modified %s", p.Version, minute(p.Created), minute(p.Modified))
		line("delivery", "%s", p.Delivery)
		line("groups", "%s", strings.Join(p.Groups, ", "))
	}
	list("problem", p.Problems)
	list("refused", p.Refused)
	for _, a := range p.Accounts {
		fmt.Fprintln(tw)
		what := "former account"
		if a.Current {
			what = "account"
		}
		there := "not there"
		if a.Present {
			there = "there, WisdomAI id " + a.WisdomID
		}
		line(what, "%s: wanted %s, is %s", a.Address, a.Desired, there)
		line("  version", "%d, delivered %d, confirmed %d", a.Version, a.Delivered, a.Confirmed)
		if a.Waiting != "" {
			line("  waits for", "%s", a.Waiting)
			if !a.Since.IsZero() {
				line("  since", "%s, next try %s, %d failed", minute(a.Since), minute(a.NextTry), a.Attempts)
			}
		}
		if a.LastError != "" {
			line("  last error", "%s", a.LastError)
		}
		if !a.Uncertain.IsZero() {
			line("  uncertain", "since %s: a call was not answered", minute(a.Uncertain))
		}
		for _, item := range a.Roles {
			line("  role "+item.Item, "%s: %s", presence(item), item.Why)
		}
		for _, item := range a.Attributes {
			value := item.Have
			if item.Want != "" && item.Want != item.Have {
				value = fmt.Sprintf("%s (wanted: %s)", item.Have, item.Want)
			}
			line("  "+item.Item, "%s: %s", value, item.Why)
		}
		for _, d := range a.Drift {
			line("  drift", "%s, %s since %s: %s", d.Item, d.Direction, minute(d.Since), d.Becomes)
		}
		for _, h := range a.Holds {
			line("  held", "%s since %s: %s", h.Kind, minute(h.Since), h.Reason)
		}
		if len(a.SetAside) > 0 {
			line("  set aside", "%s", strings.Join(a.SetAside, ", "))
		}
		if len(a.GiveBack) > 0 {
			line("  comes back", "%s", strings.Join(a.GiveBack, ", "))
		}
		for _, r := range a.Removals {
			line("  taken", "%s at %s by %s (request %s): %s", r.Kind, minute(r.At), r.Token, r.Request, strings.Join(append(append(r.Roles, r.ByHand...), r.Attributes...), ", "))
		}
	}
	if len(p.Events) > 0 {
		fmt.Fprintln(tw)
		for i, e := range p.Events {
			name := ""
			if i == 0 {
				name = "last events"
			}
			line(name, "%s %s by %s", minute(e.Time), e.Kind, e.Actor)
		}
	}
	return tw.Flush()
}

// presence says of an item whether it is wanted and whether it is there.
func presence(item directory.PersonItem) string {
	switch {
	case item.Want != "" && item.Have != "":
		return "wanted and there"
	case item.Want != "":
		return "wanted, not there"
	default:
		return "there, not wanted"
	}
}
