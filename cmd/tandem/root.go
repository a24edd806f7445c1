package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
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
	if err != nil {
		fmt.Fprintln(os.Stderr, "tandem:", err)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "tandem",
		Short: "A real-time communications server and its telephone exchange",
		Long: `Tandem registers phones, connects calls and reaches the telephone network: one
program, SIP throughout.

First steps:
  tandem demo                      a complete call on this machine, with its audio measured
  tandem serve                     start the server
  tandem users add alice           make a user; the password is printed once
  tandem doctor                    what is wrong, and what to do about it

Exit codes: 0 done, 1 failed, 2 command line not understood.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			// Found before anything is done that could not be shown afterwards.
			if format, _ := c.Flags().GetString("output"); !slices.Contains(formats, format) {
				return usageError{fmt.Errorf("-o %s is unknown; use %s", format, strings.Join(formats, ", "))}
			}
			return nil
		},
	})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	root.PersistentFlags().StringP("config", "c", "", "configuration file (default ./tandem.yaml or /etc/tandem/tandem.yaml, when there)")
	root.PersistentFlags().StringP("output", "o", "table", "output format: table, json or yaml")
	complete(root, "output", formats...)
	root.CompletionOptions.DisableDefaultCmd = true // ours takes -o and words its errors as the others do
	root.AddCommand(
		newServeCommand(),
		newBackupCommand(),
		newRestoreCommand(),
		newDemoCommand(),
		newConfigCommand(),
		newUsersCommand(),
		newDevicesCommand(),
		newRegistrationsCommand(),
		newRoutesCommand(),
		newTrunksCommand(),
		newPolicyCommand(),
		newBansCommand(),
		newCallsCommand(),
		newCDRCommand(),
		newTraceCommand(),
		newPhoneCommand(),
		newMediaCommand(),
		newInteropCommand(),
		newDoctorCommand(),
		newTokensCommand(),
		newWebhooksCommand(),
		newAuditCommand(),
		newReloadCommand(),
		newVersionCommand(),
		newCompletionCommand(),
	)
	return root
}

// group makes a command that only holds others: alone it shows them, and a
// word it does not know is an error, which cobra would let pass.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.DisableFlagsInUseLine = true
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := "see: " + c.CommandPath() + " --help"
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean: " + c.CommandPath() + " " + near[0]
		}
		return usageError{fmt.Errorf("%s has no verb %q; %s", c.CommandPath(), args[0], hint)}
	}
	return c
}

// complete has the shell offer the values of a flag.
func complete(c *cobra.Command, flag string, values ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not defined: our mistake, seen by every test
	}
}

// exactArgs is cobra.ExactArgs with a message that shows the usage line.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > n:
			return usageError{fmt.Errorf("%q is one word too many; usage: %s", args[n], c.UseLine())}
		case len(args) < n:
			return usageError{fmt.Errorf("usage: %s", c.UseLine())}
		}
		return nil
	}
}
