package phones

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/command"
)

func newAdopt() *cobra.Command {
	var f fields
	c := &cobra.Command{
		Use:   "adopt MAC",
		Short: "Add a device of the inbox",
		Long: `Add a device that asked for files (tandem phones list --inbox). Its family is that
of what it asked for. It gets its files when it asks again: most do so within
minutes, all do when they are switched off and on.`,
		Example: "  tandem phones adopt 00:15:65:12:34:56 --line alice",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, err := f.change(c.Flags())
			if err != nil {
				return err
			}
			return call(c, http.MethodPost, path(args[0], "adopt"), in, printPhone)
		},
	}
	f.add(c.Flags())
	return c
}

func newAssign() *cobra.Command {
	var f fields
	c := &cobra.Command{
		Use:   "assign MAC",
		Short: "Change the lines, keys and settings of a phone",
		Long: `Change what a phone has; what is not named stays. --line and --key name all of
them, so --line "" takes all lines. A line that the phone loses is worthless at
once; the phone learns of the rest when it fetches its files (tandem phones resync).
--renew gives it new secrets.`,
		Example: `  tandem phones assign 00:15:65:12:34:56 --line alice --line sales:Sales --shared
  tandem phones assign 00:15:65:12:34:56 --key lamp:bob:Bob --key park:701
  tandem phones assign 00:15:65:12:34:56 --renew`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, err := f.change(c.Flags())
			if err != nil {
				return err
			}
			return call(c, http.MethodPatch, path(args[0]), in, printPhone)
		},
	}
	f.add(c.Flags())
	c.Flags().BoolVar(&f.renew, "renew", false, "new secrets: those in use are worthless at once, and the window opens")
	return c
}

func newLogin() *cobra.Command {
	return &cobra.Command{
		Use:   "login MAC USER",
		Short: "Log a user in at a phone (hotdesking)",
		Long: `Put the line of a user in the place of a phone's own lines, and take it from the
phone where the user was logged in before. Both fetch their files at once. Calls in
progress go on.`,
		Example: "  tandem phones login 00:15:65:12:34:56 alice",
		Args:    command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodPost, path(args[0], "login"), phones.PhoneLogin{User: args[1]}, printPhone)
		},
	}
}

func newLogout() *cobra.Command {
	return &cobra.Command{
		Use:   "logout MAC",
		Short: "Give a phone its own lines back",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodPost, path(args[0], "logout"), nil, printPhone)
		},
	}
}

func newTell(verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " MAC",
		Short: short,
		Long: short + `: the server sends the NOTIFY of the phone's family to one
of its registrations. Its window opens for ten minutes, so that a phone without a
password of its own gets its files, too.`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodPost, path(args[0], verb), nil, func(w io.Writer, t *phones.PhoneTold) {
				if t.Told == 0 {
					fmt.Fprintf(w, "%s is not registered; it fetches its files when it boots\n", t.MAC)
					return
				}
				fmt.Fprintf(w, "%s was told\n", t.MAC)
			})
		},
	}
}
