package users

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
	"tandem/rtc/reach"
)

// Registrations makes the verbs of registrations.
func Registrations() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "registrations", Short: "Who is registered, from where and until when"})
	c.AddCommand(newRegistrationsList(), newRegistrationsShow(), newRegistrationsRemove())
	return c
}

func listRegistrations(c *cobra.Command, user string, show func(io.Writer, []api.Registration)) error {
	return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
		list, err := client.All[api.Registration](ctx, k, "/registrations", url.Values{"user": {user}})
		if err != nil {
			return err
		}
		return command.Print(c, list, func(w io.Writer) { show(w, list) })
	})
}

func newRegistrationsList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all registrations",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return listRegistrations(c, "", func(w io.Writer, list []api.Registration) {
				fmt.Fprintln(w, "ADDRESS\tCONTACT\tEXPIRES IN\tREACHED BY\tQ\tUSER AGENT")
				for _, r := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%g\t%s\n", r.Address, r.Contact, ends(r), reached(r), r.Q, r.UserAgent)
				}
			})
		},
	}
}

// ends is when a registration ends. What the disk knows of one of before a crash
// may be later than what the phone was promised.
func ends(r api.Registration) string {
	left := time.Until(r.Expires).Round(time.Second).String()
	if r.AtMost {
		return "at most " + left
	}
	return left
}

// reached is what the phone is reached by.
func reached(r api.Registration) string {
	switch reach.Means(r.Reached) {
	case reach.ByFlow:
		proto, _, _ := strings.Cut(r.Flow, " ")
		return cmp.Or(proto, "udp")
	case reach.ByContact:
		return "contact alone"
	case reach.Lost:
		return "nothing until it registers again"
	}
	return r.Reached
}

func newRegistrationsShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show USER",
		Short: "Show everything known of a user's registrations",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return listRegistrations(c, args[0], func(w io.Writer, list []api.Registration) {
				if len(list) == 0 {
					fmt.Fprintf(w, "%s is not registered\n", args[0])
				}
				for _, r := range list {
					fmt.Fprintf(w, "address\t%s\ncontact\t%s\nexpires\t%s\nreached by\t%s\nq\t%g\nflow\t%s\nuser agent\t%s\ndevice\t%s\ninstance\t%s\ncall id\t%s\n\n",
						r.Address, r.Contact, command.When(r.Expires), reached(r), r.Q, r.Flow, r.UserAgent, r.Device, r.Instance, r.CallID)
				}
			})
		},
	}
}

func newRegistrationsRemove() *cobra.Command {
	var contact string
	c := &cobra.Command{
		Use:   "remove USER",
		Short: "End a user's registrations; a phone that goes on refreshing comes back",
		Long: `End a user's registrations, or the one with --contact. A phone that goes on
refreshing comes back: to keep it out use users disable or devices revoke.`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Removed
				path := client.Path("registrations", args[0])
				if contact != "" {
					path += "?contact=" + url.QueryEscape(contact)
				}
				if err := k.Call(ctx, http.MethodDelete, path, nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%d registrations removed\n", out.Removed) })
			})
		},
	}
	c.Flags().StringVar(&contact, "contact", "", "only the registration with this contact URI")
	return c
}
