package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func newListing() *cobra.Command {
	c := &cobra.Command{
		Use:   "listing",
		Short: "Say what is true when WisdomAI's listing is not believed",
		Args:  noArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newListingAccept())
	return c
}

func newListingAccept() *cobra.Command {
	var path, tenant string
	c := &cobra.Command{
		Use:   "accept [NUMBER]",
		Short: "Believe a listing that lost many people: they were really removed at WisdomAI",
		Long: `accept says that the people whom a listing lacks were really removed at WisdomAI. The next
listing that lacks the same people or fewer is then believed, and a running server makes it
within a second. They count as removed by hand: they are reported, and not created again
until the identity provider writes about them. A listing that lacks anybody else is not.

NUMBER is that of the listing you were told of, as /healthz and the log name it: accept then
refuses if another one stands there by now. Without it, it is whichever is not believed now.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one number at most; `%s --help` says which", c.CommandPath(), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var number int64
			if len(args) == 1 {
				var err error
				if number, err = strconv.ParseInt(args[0], 10, 64); err != nil || number < 1 {
					return usage("%q is no number of a listing", args[0])
				}
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, d *directory.Directory) error {
				accepted, lost, err := d.AcceptListing(ctx, directory.Caller{Token: "listing accept"}, number)
				if err != nil {
					return err
				}
				return printAccepted(c, accepted, lost)
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	return c
}

func printAccepted(c *cobra.Command, accepted directory.Disbelief, lost []string) error {
	if jsonOutput(c) {
		return json.NewEncoder(c.OutOrStdout()).Encode(struct {
			directory.Disbelief
			People []string `json:"people"`
		}{accepted, append([]string{}, lost...)})
	}
	const shown = 20 // so many names say whether it is the right listing
	w := c.OutOrStdout()
	fmt.Fprintf(w, "accepted listing %d: %s\n", accepted.Look, accepted.Why)
	if len(lost) > 0 {
		fmt.Fprintf(w, "%d of %d people count as removed by hand:\n", accepted.Lost, accepted.Of)
	}
	for _, address := range lost[:min(len(lost), shown)] {
		fmt.Fprintf(w, "  %s\n", address)
	}
	if more := len(lost) - shown; more > 0 {
		fmt.Fprintf(w, "  and %d more (--output json shows all)\n", more)
	}
	return nil
}
