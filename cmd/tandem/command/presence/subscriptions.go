package presence

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/presence"
	"tandem/cmd/tandem/command"
)

// Subscriptions makes the verbs of subscriptions.
func Subscriptions() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "subscriptions", Short: "Who has subscribed to what"})
	c.AddCommand(newList(), newShowOne(), newEnd())
	return c
}

func newList() *cobra.Command {
	var event, resource, watcher string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List subscriptions",
		Example: "  tandem subscriptions list --event dialog --resource bob",
		Args:    command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				query := url.Values{}
				for key, v := range map[string]string{"event": event, "resource": resource, "watcher": watcher} {
					if v != "" {
						query.Set(key, v)
					}
				}
				list, err := client.All[presence.Subscription](ctx, k, "/subscriptions", query)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) { printSubscriptions(w, list...) })
			})
		},
	}
	c.Flags().StringVar(&event, "event", "", "only those of this event package")
	c.Flags().StringVar(&resource, "resource", "", "only those to this user")
	c.Flags().StringVar(&watcher, "watcher", "", "only those of this user")
	return c
}

func printSubscriptions(w io.Writer, list ...presence.Subscription) {
	fmt.Fprintln(w, "ID\tEVENT\tRESOURCE\tWATCHER\tSTATE\tCONTACT\tEXPIRES")
	for _, s := range list {
		state := s.State
		switch {
		case s.Reason != "":
			state += " " + s.Reason
		case s.List:
			state += ", list"
		case s.InList:
			state += ", in a list"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Event, s.Resource, s.Watcher, state, s.Contact, command.When(s.Expires))
	}
}

func newShowOne() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one subscription",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return one(c, http.MethodGet, args[0], "")
		},
	}
}

func newEnd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "end ID",
		Short: "End a subscription",
		Long: `End a subscription. The subscriber is told the reason: after deactivated it
subscribes anew at once, after probation later, after noresource not at all.`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return one(c, http.MethodDelete, args[0], "?"+url.Values{"reason": {reason}}.Encode())
		},
	}
	c.Flags().StringVar(&reason, "reason", "deactivated", "deactivated, probation, rejected, timeout, giveup or noresource")
	command.Complete(c, "reason", "deactivated", "probation", "rejected", "timeout", "giveup", "noresource")
	return c
}

func one(c *cobra.Command, method, id, query string) error {
	return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
		var out presence.Subscription
		if err := k.Call(ctx, method, "/subscriptions/"+url.PathEscape(id)+query, nil, &out); err != nil {
			return err
		}
		return command.Print(c, out, func(w io.Writer) { printSubscriptions(w, out) })
	})
}
