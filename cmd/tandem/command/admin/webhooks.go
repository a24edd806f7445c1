package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// Webhooks makes the verbs of webhooks.
func Webhooks() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "webhooks", Short: "Send events to programs elsewhere"})
	c.AddCommand(newWebhooksAdd(), newWebhooksList(), newWebhooksRemove(), newWebhooksTest())
	return c
}

func newWebhooksAdd() *cobra.Command {
	in := admin.NewWebhook{}
	c := &cobra.Command{
		Use:   "add NAME URL",
		Short: "Send events to a URL; prints the secret they are signed with",
		Long: `Send events to a URL, each until it was taken (an answer 2xx), in order for each
resource. Requests are signed as Standard Webhooks have it, with a secret that is
generated, unless one is given, and shown this once.

The URL must be https, and not lead to this machine or its link; api.webhooks_to
names networks for which neither holds.`,
		Example: "  tandem webhooks add crm https://crm.example.com/tandem --event 'user.*' --event call.ended",
		Args:    command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			in.Name, in.URL = args[0], args[1]
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out admin.Webhook
				if err := k.Call(ctx, http.MethodPost, "/webhooks", in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "webhook\t%s\nurl\t%s\nevents\t%s\nsecret\t%s\n", out.Name, out.URL, types(out), out.Secret)
					fmt.Fprintln(w, "\nThe secret is shown this once. Try it: tandem webhooks test "+out.Name)
				})
			})
		},
	}
	c.Flags().StringArrayVar(&in.Types, "event", nil, "type of events it gets, such as user.changed or user.*; may be repeated (default: all)")
	c.Flags().StringVar(&in.Secret, "secret", "", "secret instead of a generated one, as whsec_ and base64 (it will stand in the shell's history)")
	return c
}

func types(h admin.Webhook) string { return cmp.Or(strings.Join(h.Types, " "), "all") }

func newWebhooksList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List webhooks, what waits for them and why",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[admin.Webhook](ctx, k, "/webhooks", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "NAME\tURL\tEVENTS\tWAITING\tOLDEST\tDELIVERED\tFAILED\tMISSED\tTROUBLE")
					for _, h := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\t%d\t%d\t%s\n", h.Name, h.URL, types(h), h.Pending, command.When(h.Oldest),
							h.Delivered, h.Failed, h.Missed, trouble(h))
					}
				})
			})
		},
	}
}

// trouble is why a webhook takes nothing, and when it is asked again.
func trouble(h admin.Webhook) string {
	if h.Fault == "" {
		return "-"
	}
	if h.Paused.IsZero() {
		return h.Fault
	}
	return fmt.Sprintf("%s; asked again in %s", h.Fault, time.Until(h.Paused).Round(time.Second))
}

func newWebhooksRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Send no more events to a webhook; what waits for it is dropped",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out admin.Webhook
				if err := k.Call(ctx, http.MethodDelete, client.Path("webhooks", args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s removed, %d events dropped\n", out.Name, out.Pending) })
			})
		},
	}
}

func newWebhooksTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test NAME",
		Short: "Have the running server send one event to a webhook now",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out admin.Tested
				if err := k.Call(ctx, http.MethodPost, client.Path("webhooks", args[0], "test"), nil, &out); err != nil {
					return err
				}
				err := command.Print(c, out, func(w io.Writer) {
					if out.Delivered {
						fmt.Fprintf(w, "%s accepted it after %s\n", args[0], out.Took)
					}
				})
				if err == nil && !out.Delivered {
					err = errors.New(args[0] + " did not accept it: " + out.Fault)
				}
				return err
			})
		},
	}
}
