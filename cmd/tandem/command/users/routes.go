package users

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
	"tandem/rtc/proxy"
)

// Routes shows the static routes.
func Routes() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "routes", Short: "Static routes of the running server"})
	c.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List static routes, best match first",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[proxy.Route](ctx, k, "/routes", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "NAME\tPREFIX\tDOMAIN\tMETHOD\tNEXT HOP")
					for _, r := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Match.Prefix, r.Match.Domain, r.Match.Method, fmt.Sprint(r.NextHop))
					}
				})
			})
		},
	})
	return c
}

// Bans makes the verbs of bans: addresses shut out after wrong passwords.
func Bans() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "bans", Short: "Addresses shut out for wrong credentials"})
	var user string
	lift := &cobra.Command{
		Use:   "lift ADDRESS",
		Short: "Listen to an address again",
		Example: `  tandem bans lift 192.0.2.7
  tandem bans lift 192.0.2.7 --user alice@example.com`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Lifted
				if err := k.Call(ctx, http.MethodDelete, client.Path("bans", args[0])+"?user="+url.QueryEscape(user), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%d bans lifted\n", out.Lifted) })
			})
		},
	}
	lift.Flags().StringVar(&user, "user", "", "only the ban of this user at the address")
	c.AddCommand(lift, &cobra.Command{
		Use:   "list",
		Short: "List bans",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[api.Ban](ctx, k, "/bans", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "ADDRESS\tUSER\tUNTIL\tTIMES")
					for _, b := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", b.Addr, b.User, command.When(b.Until), b.Times)
					}
				})
			})
		},
	})
	return c
}
