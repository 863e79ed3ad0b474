// Command scimbridge stands between identity providers that speak SCIM 2.0 and
// WisdomAI's user API. This package is flags, configuration and wiring: one file a
// command, and no logic of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker in images and releases.
var version = ""

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // used wrongly
	exitPerson = 3 // done, but something needs a person
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: results go to stdout, all else to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.message != "" {
			fmt.Fprintln(stderr, "scimbridge:", exit.message)
		}
		return exit.code
	}
	if strings.HasPrefix(err.Error(), "required flag") { // cobra has no error of its own for it
		fmt.Fprintln(stderr, "scimbridge:", err)
		return exitUsage
	}
	fmt.Fprintln(stderr, "scimbridge:", err)
	return exitFailed
}

// exitError ends the program with a code of its own.
type exitError struct {
	code    int
	message string // "": everything was said already
}

func (e *exitError) Error() string { return e.message }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Sprintf(format, args...)}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "scimbridge",
		Short: "SCIM 2.0 provisioning for WisdomAI",
		Long: `scimbridge receives users and groups from identity providers over SCIM 2.0 and makes
them users, roles and attributes in a WisdomAI workspace.

Try it:        scimbridge demo
Set it up:     scimbridge config init --idp okta > scimbridge.yaml
               scimbridge check
               scimbridge token create --name okta
Run it:        scimbridge serve`,
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		Version:                    programVersion(),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf(", did you mean %s?", near[0])
			}
			return usage("there is no command %q%s; `scimbridge --help` lists them", args[0], hint)
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%v; `%s --help` shows the flags", err, c.CommandPath())
	})
	root.PersistentFlags().String("output", "text", "how results are printed: text or json")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if o, _ := c.Flags().GetString("output"); o != "text" && o != "json" {
			return usage("--output %q: it must be text or json", o)
		}
		return nil
	}
	root.AddCommand(
		newDemo(), newServe(), newSimulate(),
		newConfig(), newCheck(), newToken(),
		newPlan(), newApply(),
		newListing(), newBrake(),
		newDrift(), newUsers(),
		newBackup(), newCopy(), newMigrate(), newReconcile(), newRebuild(), newTenant(),
		newStatus(), newPending(), newRetry(), newEvents(), newPause(), newResume(),
	)
	return root
}

// noArguments is cobra.NoArgs with this program's exit code.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument %q; `%s --help` shows the flags", c.CommandPath(), args[0], c.CommandPath())
	}
	return nil
}

func jsonOutput(c *cobra.Command) bool {
	o, _ := c.Flags().GetString("output")
	return o == "json"
}

// programVersion is the linker's word, else what the build recorded.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel " + s.Value[:12]
		}
	}
	return "devel"
}
