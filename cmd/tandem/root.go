package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// usageError is a command line that makes no sense: exit code 2.
type usageError struct{ error }

// run executes a command line and returns the exit code: 0 done, 1 failed,
// 2 not understood.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "tandem:", err)
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return 2
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tandem",
		Short: "A real-time communications server and its telephone exchange",
		Long: `Tandem registers phones, connects calls and reaches the telephone network: one
program, SIP throughout.

First steps:
  tandem demo                      a complete call on this machine, with its audio measured
  tandem serve                     start the server
  tandem users add alice           make a user; the password is printed once
  tandem doctor                    what is wrong, and what to do about it`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	root.PersistentFlags().StringP("config", "c", "", "configuration file (default ./tandem.yaml or /etc/tandem/tandem.yaml, when there)")
	root.PersistentFlags().StringP("output", "o", "table", "output format: table, json or yaml")
	root.AddCommand(
		newServeCommand(),
		newDemoCommand(),
		newConfigCommand(),
		newUsersCommand(),
		newDevicesCommand(),
		newRegistrationsCommand(),
		newRoutesCommand(),
		newBansCommand(),
		newTraceCommand(),
		newPhoneCommand(),
		newDoctorCommand(),
		newReloadCommand(),
		newVersionCommand(),
	)
	return root
}

// exactArgs is cobra.ExactArgs with a message that shows the usage line.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("usage: %s", c.UseLine())}
		}
		return nil
	}
}
