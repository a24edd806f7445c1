package main

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
)

func newConfigCommand() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "config", Short: "Show and check the configuration"})
	c.AddCommand(
		&cobra.Command{
			Use:     "defaults",
			Short:   "Print the default configuration, commented",
			Example: "  tandem config defaults > tandem.yaml",
			Args:    command.ExactArgs(0),
			RunE: func(c *cobra.Command, _ []string) error {
				text, err := config.DefaultsYAML()
				if err == nil {
					_, err = fmt.Fprint(c.OutOrStdout(), text)
				}
				return err
			},
		},
		&cobra.Command{
			Use:     "check",
			Short:   "Check the configuration file; reports all mistakes, with line, column and remedy",
			Example: "  tandem config check -c /etc/tandem/tandem.yaml",
			Args:    command.ExactArgs(0),
			RunE: func(c *cobra.Command, _ []string) error {
				path := command.ConfigPath(c)
				if err := config.Examine(path); err != nil {
					return err
				}
				if path == "" {
					path = "no file, the defaults"
				}
				_, err := fmt.Fprintln(c.OutOrStdout(), "ok:", path)
				return err
			},
		},
		&cobra.Command{
			Use:   "dump",
			Short: "Print the configuration in force, defaults filled in",
			Args:  command.ExactArgs(0),
			RunE: func(c *cobra.Command, _ []string) error {
				cfg, err := config.Load(command.ConfigPath(c))
				if err != nil {
					return err
				}
				return yaml.NewEncoder(c.OutOrStdout()).Encode(cfg)
			},
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON Schema of the configuration, for editors",
			Args:  command.ExactArgs(0),
			RunE: func(c *cobra.Command, _ []string) error {
				b, err := config.Schema()
				if err == nil {
					_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", b)
				}
				return err
			},
		},
	)
	return c
}
