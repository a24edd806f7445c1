// Package command is what the verbs of the command line have in common: how
// arguments are checked, how the server is reached, how results are shown. The
// verbs of one room stand in a package below it. They speak to the server by its
// API alone.
package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// UsageError is a command line that makes no sense: exit code 2.
type UsageError struct{ error }

// Usage makes a UsageError.
func Usage(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Group makes a command that only holds others: alone it shows them, and a
// word it does not know is an error, which cobra would let pass.
func Group(c *cobra.Command) *cobra.Command {
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
		return Usage("%s has no verb %q; %s", c.CommandPath(), args[0], hint)
	}
	return c
}

// Complete has the shell offer the values of a flag.
func Complete(c *cobra.Command, flag string, values ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not defined: our mistake, seen by every test
	}
}

// ExactArgs is cobra.ExactArgs with a message that shows the usage line.
func ExactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) > n:
			return Usage("%q is one word too many; usage: %s", args[n], c.UseLine())
		case len(args) < n:
			return Usage("usage: %s", c.UseLine())
		}
		return nil
	}
}
