package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/doctor"
)

func newDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find what is wrong with this installation, and what to do about it",
		Long: `Check ports, the addresses peers are told, DNS records, certificate, clock and
limits. Exit code 1 when a check fails.`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(command.ConfigPath(c))
			if err != nil {
				return err
			}
			_, dialErr := client.Dial(cfg.Socket())
			findings := doctor.Examine(c.Context(), cfg, dialErr == nil)
			if err := command.Print(c, findings, func(w io.Writer) {
				for _, f := range findings {
					fmt.Fprintf(w, "%s\t%s\t%s\n", f.Level, f.Check, f.Found)
					if f.Remedy != "" {
						fmt.Fprintf(w, "\t\t→ %s\n", f.Remedy)
					}
				}
			}); err != nil {
				return err
			}
			for _, f := range findings {
				if f.Level == doctor.Fail {
					return errors.New("some checks failed; see the lines marked fail")
				}
			}
			return nil
		},
	}
}
