package phones

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/command"
)

func newWaiting() *cobra.Command {
	var in phones.MessagesWaiting
	c := &cobra.Command{
		Use:   "waiting USER",
		Short: "Say how many messages wait for a user, or show it",
		Long: `Say how many messages wait for a user, for the system that takes them; the user's
phones are told at once. Without a flag it shows what was said.`,
		Example: "  tandem phones waiting alice --new 2 --old 5",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show := func(w io.Writer, m *phones.MessagesWaiting) { fmt.Fprintf(w, "new %d, old %d\n", m.New, m.Old) }
			where := client.Path("users", args[0], "waiting")
			if f := c.Flags(); !f.Changed("new") && !f.Changed("old") && !f.Changed("urgent-new") && !f.Changed("urgent-old") {
				return call(c, http.MethodGet, where, nil, show)
			}
			return call(c, http.MethodPut, where, in, show)
		},
	}
	c.Flags().IntVar(&in.New, "new", 0, "messages not heard yet")
	c.Flags().IntVar(&in.Old, "old", 0, "messages heard and kept")
	c.Flags().IntVar(&in.UrgentNew, "urgent-new", 0, "urgent ones among the new")
	c.Flags().IntVar(&in.UrgentOld, "urgent-old", 0, "urgent ones among the old")
	return c
}

func newSecrets() *cobra.Command {
	return &cobra.Command{
		Use:   "secrets MAC",
		Short: "Show the passwords of a phone, to type them into one that asks for no files",
		Long: `Show the passwords of a phone. They are those that stand in its files; a phone
of a family without files (tandem phones families) gets them typed. It is recorded
who looked.`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodPost, path(args[0], "secrets"), nil, func(w io.Writer, s *phones.PhoneSecrets) {
				for _, l := range s.Lines {
					fmt.Fprintf(w, "%s\t%s\n", strings.TrimPrefix(l.User, "sip:"), l.Password)
				}
				fmt.Fprintf(w, "files\t%s\n", s.Files)
			})
		},
	}
}

func newSoftphone() *cobra.Command {
	return &cobra.Command{
		Use:   "softphone USER",
		Short: "Make a link, and its QR code, that sets a softphone up",
		Long: `Make a link that sets a softphone up, as Linphone does by "fetch remote
configuration" or by scanning the QR code. It is good for a day and for one use: who
opens it first gets a new device of the user (tandem devices).`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodPost, client.Path("users", args[0], "softphone"), nil, func(w io.Writer, l *phones.SoftphoneLink) {
				fmt.Fprintf(w, "%s\nvalid for one use until %s\n%s", l.Link, command.When(l.Until), l.QR)
			})
		},
	}
}

func newPIN() *cobra.Command {
	return &cobra.Command{
		Use:   "pin USER",
		Short: "Give a user a PIN to log in at desk phones",
		Long: `Give a user a PIN. With it he dials *11*USER*PIN# at any desk phone, USER being
his name or extension, and his line takes the place of the phone's own; #11# gives it
back. Five wrong PINs shut the user, or the phone, out for a quarter of an hour.

The PIN is shown once. The one of before does not count any more.`,
		Example: "  tandem phones pin alice",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodPost, client.Path("users", args[0], "phone-pin"), nil, func(w io.Writer, p *phones.PhonePIN) { fmt.Fprintln(w, p.PIN) })
		},
	}
}
