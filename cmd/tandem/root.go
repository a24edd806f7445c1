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

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/command/admin"
	"tandem/cmd/tandem/command/calls"
	"tandem/cmd/tandem/command/contacts"
	"tandem/cmd/tandem/command/dialling"
	"tandem/cmd/tandem/command/groups"
	"tandem/cmd/tandem/command/interop"
	"tandem/cmd/tandem/command/media"
	"tandem/cmd/tandem/command/messages"
	"tandem/cmd/tandem/command/phone"
	deskphones "tandem/cmd/tandem/command/phones"
	"tandem/cmd/tandem/command/pint"
	"tandem/cmd/tandem/command/policy"
	"tandem/cmd/tandem/command/presence"
	"tandem/cmd/tandem/command/records"
	"tandem/cmd/tandem/command/settings"
	"tandem/cmd/tandem/command/trunks"
	"tandem/cmd/tandem/command/users"

	"github.com/spf13/cobra"
)

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
	var usage command.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := command.Group(&cobra.Command{
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
			if format, _ := c.Flags().GetString("output"); !slices.Contains(command.Formats, format) {
				return command.Usage("-o %s is unknown; use %s", format, strings.Join(command.Formats, ", "))
			}
			return nil
		},
	})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return command.Usage("%w; see: %s --help", err, c.CommandPath())
	})
	root.PersistentFlags().StringP("config", "c", "", "configuration file (default ./tandem.yaml or /etc/tandem/tandem.yaml, when there)")
	root.PersistentFlags().StringP("output", "o", "table", "output format: table, json or yaml")
	command.Complete(root, "output", command.Formats...)
	root.CompletionOptions.DisableDefaultCmd = true // ours takes -o and words its errors as the others do
	root.AddCommand(
		newServeCommand(),
		newBackupCommand(),
		newRestoreCommand(),
		newDemoCommand(),
		newConfigCommand(),
		users.New(),
		pint.New(),
		users.Devices(),
		users.Registrations(),
		users.Routes(),
		trunks.New(),
		contacts.New(),
		messages.New(),
		policy.New(),
		dialling.Plan(),
		dialling.Limits(),
		presence.New(),
		presence.Subscriptions(),
		users.Bans(),
		calls.New(),
		groups.New(),
		settings.New(),
		callRecords(),
		newTraceCommand(),
		phone.New(),
		deskphones.New(),
		media.New(),
		interop.New(),
		newDoctorCommand(),
		admin.Tokens(),
		admin.Webhooks(),
		admin.Audit(),
		newReloadCommand(),
		newVersionCommand(),
		newCompletionCommand(),
	)
	return root
}

// callRecords is the verbs on call records.
func callRecords() *cobra.Command {
	c := calls.Records()
	c.AddCommand(records.Export(), records.Report())
	return c
}
