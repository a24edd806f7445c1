package pint

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/pint"
	"tandem/cmd/tandem/command"
)

func newNumbers() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "numbers", Short: "Numbers at which users may have themselves called, besides those of the directory"})
	var user string
	list := &cobra.Command{
		Use:   "list",
		Short: "List them",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[pint.PINTNumber](ctx, k, "/pint/numbers", url.Values{"user": {user}})
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "USER\tNUMBER\tSINCE\tHOW")
					for _, n := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.User, n.Number, command.When(n.Since), n.How)
					}
				})
			})
		},
	}
	list.Flags().StringVar(&user, "user", "", "only those of this user")
	c.AddCommand(list, &cobra.Command{
		Use:   "add USER NUMBER",
		Short: "Enter a number of a user, once you are sure that it is theirs",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var n pint.PINTNumber
				if err := k.Call(ctx, http.MethodPost, "/pint/numbers", pint.NewPINTNumber{User: args[0], Number: args[1]}, &n); err != nil {
					return err
				}
				return command.Print(c, n, func(w io.Writer) { fmt.Fprintf(w, "%s may use click-to-call with %s\n", n.User, n.Number) })
			})
		},
	}, &cobra.Command{
		Use:   "remove USER NUMBER",
		Short: "Remove a number of a user",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var n pint.PINTNumber
				if err := k.Call(ctx, http.MethodDelete, client.Path("pint", "numbers", args[0], args[1]), nil, &n); err != nil {
					return err
				}
				return command.Print(c, n, func(w io.Writer) { fmt.Fprintf(w, "%s is removed\n", n.Number) })
			})
		},
	})
	return c
}
