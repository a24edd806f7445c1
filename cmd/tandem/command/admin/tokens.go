// Package admin has the verbs for access to the API and what is told of it:
// tokens, webhooks, the audit log.
package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// Tokens makes the verbs of tokens.
func Tokens() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "tokens", Short: "Let programs call the API over HTTPS"})
	c.AddCommand(newTokensAdd(), newTokensList(), newTokensRevoke())
	return c
}

func newTokensAdd() *cobra.Command {
	in := admin.NewToken{}
	var life string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a token with scopes; prints it this once",
		Long: `Make a token by which a program calls the API over HTTPS (api.addr). What it may
do is told by scopes: users:read lets it see users, users:write change them too,
admin do everything; an unknown scope is answered with the list of all. The token
is shown this once.

With --user it is limited to one user, as a client of that user needs it: for the
user's own contacts, messages, presence and events, by the API and by XCAP.`,
		Example: `  tandem tokens add provisioning --scope users:write --scope registrations:read --expires 90d
  tandem tokens add alices-browser --user alice --scope messages:write --scope contacts:write --scope events:read`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in.Name = args[0]
			if life != "" {
				d, err := parseDays(life)
				if err != nil {
					return command.Usage("%w", err)
				}
				in.Expires = time.Now().Add(d)
			}
			if len(in.Scopes) == 0 {
				return command.Usage("name what the token may do, such as --scope users:read")
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out admin.Token
				if err := k.Call(ctx, http.MethodPost, "/tokens", in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "token\t%s\nscopes\t%s\nexpires\t%s\n", out.Token, strings.Join(out.Scopes, " "), command.When(out.Expires))
					fmt.Fprintln(w, "\nIt is shown this once; only a hash of it is kept. Send it as the header")
					fmt.Fprintln(w, "Authorization: Bearer TOKEN")
				})
			})
		},
	}
	c.Flags().StringArrayVar(&in.Scopes, "scope", nil, "what it may do, such as users:read; may be repeated")
	c.Flags().StringVar(&in.User, "user", "", "limit it to one user")
	c.Flags().StringVar(&life, "expires", "", "how long it may be used, such as 90d or 12h (default: until it is revoked)")
	return c
}

// parseDays reads a duration that may be in days.
func parseDays(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration such as 7d, 90d or 12h", s)
	}
	return d, nil
}

func newTokensList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List tokens, what they may do and when they were last used",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[admin.Token](ctx, k, "/tokens", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "NAME\tUSER\tSCOPES\tMADE BY\tCREATED\tEXPIRES\tLAST USED")
					for _, t := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.User, strings.Join(t.Scopes, " "), t.By, command.When(t.Created), command.When(t.Expires), command.When(t.LastUsed))
					}
				})
			})
		},
	}
}

func newTokensRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "Make a token worthless, at once",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out admin.Token
				if err := k.Call(ctx, http.MethodDelete, client.Path("tokens", args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s revoked\n", out.Name) })
			})
		},
	}
}
