package users

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// Devices makes the verbs of devices.
func Devices() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "devices", Short: "Passwords of their own for phones and programs of a user"})
	c.AddCommand(newDevicesAdd(), newDevicesList(), newDevicesRevoke())
	return c
}

func newDevicesAdd() *cobra.Command {
	return &cobra.Command{
		Use:   "add USER NAME",
		Short: "Make a device password; prints what to type into the device",
		Long: `Make a password for one phone or program of a user. It can be revoked without
touching the others, and shows in lists which device is which.`,
		Example: "  tandem devices add alice desk-phone",
		Args:    command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Device
				if err := k.Call(ctx, http.MethodPost, userPath(args[0], "devices"), api.NewDevice{Name: args[1]}, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					_, domain, _ := strings.Cut(out.User, "@")
					fmt.Fprintf(w, "user\t%s\ndevice\t%s\n", out.User, out.Name)
					howToRegister(c, w, domain, out.Username, out.Password)
				})
			})
		},
	}
}

func newDevicesList() *cobra.Command {
	return &cobra.Command{
		Use:   "list USER",
		Short: "List a user's devices",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[api.Device](ctx, k, userPath(args[0], "devices"), nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "DEVICE\tUSER NAME\tCREATED\tLAST USED")
					for _, d := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Name, d.Username, command.When(d.Created), command.When(d.LastUsed))
					}
				})
			})
		},
	}
}

func newDevicesRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke USER NAME",
		Short: "Make a device password worthless; the device's registrations end",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Device
				if err := k.Call(ctx, http.MethodDelete, userPath(args[0], "devices", args[1]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s of %s revoked\n", out.Name, out.User) })
			})
		},
	}
}
