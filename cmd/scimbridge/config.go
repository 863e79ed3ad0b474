package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
)

const defaultConfig = "scimbridge.yaml"

// configFlag adds --config.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "config", defaultConfig, "configuration file")
}

// loadConfig reads and checks the configuration; what is wrong with it is printed whole.
func loadConfig(c *cobra.Command, path string) (*config.Config, error) {
	cfg, err := config.Load(path, os.Environ())
	var faults *config.Errors
	if errors.As(err, &faults) {
		fmt.Fprintln(c.ErrOrStderr(), faults.Error())
		return nil, &exitError{exitFailed, fmt.Sprintf("%s has %d fault(s); nothing was started", path, len(faults.Faults))}
	}
	return cfg, err
}

func newConfig() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Write a starter configuration", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	var idp, out string
	var force bool
	init := &cobra.Command{
		Use:   "init",
		Short: "Write a commented starter configuration",
		Example: `  scimbridge config init --idp okta > scimbridge.yaml
  scimbridge config init --idp entra --to scimbridge.yaml`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := config.Starter(idp)
			if err != nil {
				return usage("%v", err)
			}
			if out == "" {
				_, err := c.OutOrStdout().Write(text)
				return err
			}
			mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if force {
				mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			}
			f, err := os.OpenFile(out, mode, 0o600)
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s is there already; --force overwrites it", out)
			}
			if err != nil {
				return err
			}
			if _, err = f.Write(text); err == nil {
				err = f.Close()
			}
			if err == nil {
				fmt.Fprintf(c.ErrOrStderr(), "wrote %s; set wisdom.url, wisdom.workspace and the token it names, then run `scimbridge check --config %s`\n", out, out)
			}
			return err
		},
	}
	init.Flags().StringVar(&idp, "idp", "generic", "what to spell out: "+strings.Join(config.IdPs(), ", "))
	init.Flags().StringVar(&out, "to", "", "file to write; standard output if empty")
	init.Flags().BoolVar(&force, "force", false, "overwrite the file")
	c.AddCommand(init)
	return c
}
