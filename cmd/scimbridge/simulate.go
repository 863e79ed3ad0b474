package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// simulatorFlags are those that `simulate` and `demo` share.
type simulatorFlags struct {
	users int
	set   []string
}

func (f *simulatorFlags) settings() (*simulator.Settings, error) {
	var s simulator.Settings
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, usage("%q is no setting; expected KEY=VALUE such as empty_roles=ignored", kv)
		}
		if err := s.Set(key, value); err != nil {
			return nil, usage("--set %s: %v", kv, err)
		}
	}
	return &s, nil
}

func newSimulate() *cobra.Command {
	var f simulatorFlags
	var address, seed, token, readyFile string
	var insecure bool
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run a WisdomAI to test against: its user API over GraphQL, with faults on demand",
		Long: `simulate serves WisdomAI's user API as its documentation describes it, traps included,
from memory, and a control API beside it (/control/users, /control/calls, /control/log,
/control/settings, /control/tokens, /control/faults). It is for tests: it keeps nothing.`,
		Example: `  scimbridge simulate --users 1000
  scimbridge simulate --listen 127.0.0.1:0 --ready-file sim.json --set empty_roles=ignored`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			settings, err := f.settings()
			if err != nil {
				return err
			}
			o := simulator.Options{Token: token, Seed: f.users, Settings: settings}
			if seed != "" {
				file, err := os.Open(seed)
				if err != nil {
					return fmt.Errorf("seed: %w", err)
				}
				o.Users, err = simulator.ReadUsers(file)
				file.Close()
				if err != nil {
					return fmt.Errorf("seed %s: %w", seed, err)
				}
			}
			sim, err := simulator.New(o)
			if err != nil {
				return err
			}
			defer sim.Close()
			l, err := listen(address, !insecure, "--insecure-listen")
			if err != nil {
				return err
			}
			base := "http://" + l.Addr().String()
			remove, err := ready{GraphQL: base + "/graphql", GraphQLToken: sim.Token(), Control: base + "/control"}.write(readyFile)
			if err != nil {
				return fmt.Errorf("ready file: %w", err)
			}
			defer remove()
			fmt.Fprintf(c.OutOrStdout(), "GraphQL    %s/graphql\ncontrol    %s/control\nworkspace  %s\ntoken      %s\nusers      %d\n",
				base, base, sim.Workspace(), sim.Token(), len(sim.Users()))
			go func() { // who hangs lets go before the server waits for its requests
				<-ctx.Done()
				sim.Close()
			}()
			return serveHTTP(ctx, l, sim.Handler(), slog.New(slog.DiscardHandler))
		},
	}
	flags := c.Flags()
	flags.StringVar(&address, "listen", "127.0.0.1:8090", "address to listen on; port 0 takes a free one")
	flags.IntVar(&f.users, "users", 0, "number of invented users beside the owner")
	flags.StringVar(&seed, "seed", "", "file of users, in the shape of GET /control/users")
	flags.StringVar(&token, "token", "", "the owner's API key; a random one if empty")
	flags.StringArrayVar(&f.set, "set", nil, "a setting as KEY=VALUE, repeatable: empty_roles, delete, roles, existing_attributes, listing_lag, allow, block")
	flags.StringVar(&readyFile, "ready-file", "", "file to write, as JSON, when it listens")
	flags.BoolVar(&insecure, "insecure-listen", false, "allow an address that is not loopback")
	c.MarkFlagsMutuallyExclusive("users", "seed")
	return c
}
