// Package messages has the verbs for instant messages.
package messages

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/messages"
	"tandem/cmd/tandem/command"
)

// New makes the verbs of messages.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "messages", Short: "Instant messages: send, and see what waits"})
	c.AddCommand(newSend(), newQueue(), newShow(), newDelete(), newStrangers(), newDecide())
	return c
}

func newSend() *cobra.Command {
	var in messages.NewMessage
	c := &cobra.Command{
		Use:   "send FROM TO TEXT",
		Short: "Send a message from one user to another",
		Long: `Send a message as if FROM had written it. The answer says whether a device of TO
has it (delivered) or whether it waits on disk until there is one (kept).`,
		Example: `  tandem messages send reception alice "Your visitor is here"`,
		Args:    command.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			in.From, in.To, in.Text = args[0], args[1], args[2]
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out messages.SentMessage
				if err := k.Call(ctx, http.MethodPost, "/messages", in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintln(w, out.Status) })
			})
		},
	}
	c.Flags().StringVar(&in.Type, "type", "", "media type of the text (default text/plain;charset=UTF-8)")
	return c
}

func newQueue() *cobra.Command {
	return &cobra.Command{
		Use:   "queue USER",
		Short: "List the messages that wait for a user",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[messages.WaitingMessage](ctx, k, client.Path("users", args[0], "messages"), nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "ID\tFROM\tARRIVED\tEXPIRES\tOCTETS\tWAITS FOR")
					for _, m := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", m.ID, m.From, command.When(m.Arrived), command.When(m.Expires), m.Octets, waitsFor(m))
					}
				})
			})
		},
	}
}

func waitsFor(m messages.WaitingMessage) string {
	if m.Held {
		return "consent"
	}
	return strings.ReplaceAll(strings.Join(m.Devices, " "), "*", "first device")
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show USER ID",
		Short: "Show a message that waits, with its text",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var m messages.ShownMessage
				if err := k.Get(ctx, client.Path("users", args[0], "messages", args[1]), &m); err != nil {
					return err
				}
				return command.Print(c, m, func(w io.Writer) {
					if len(m.Data) > 0 {
						m.Text = fmt.Sprintf("(%d octets that are no UTF-8: -o json shows them in Base64)", len(m.Data))
					}
					fmt.Fprintf(w, "from\t%s\narrived\t%s\nexpires\t%s\nwaits for\t%s\ntype\t%s\n\n%s\n", m.From, command.When(m.Arrived), command.When(m.Expires), waitsFor(m.WaitingMessage), m.Type, m.Text)
				})
			})
		},
	}
}

func newDelete() *cobra.Command {
	return &cobra.Command{
		Use:   "delete USER ID",
		Short: "Forget a message that waits",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var m messages.WaitingMessage
				if err := k.Call(ctx, http.MethodDelete, client.Path("users", args[0], "messages", args[1]), nil, &m); err != nil {
					return err
				}
				return command.Print(c, m, func(w io.Writer) { fmt.Fprintf(w, "message %s from %s is forgotten\n", m.ID, m.From) })
			})
		},
	}
}

func newStrangers() *cobra.Command {
	return &cobra.Command{
		Use:   "strangers USER",
		Short: "List the senders whose messages are held for a user's consent",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[messages.Stranger](ctx, k, client.Path("users", args[0], "strangers"), nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "ADDRESS\tMESSAGES\tSINCE")
					for _, s := range list {
						fmt.Fprintf(w, "%s\t%d\t%s\n", s.Address, s.Messages, command.When(s.Since))
					}
				})
			})
		},
	}
}

func newDecide() *cobra.Command {
	return &cobra.Command{
		Use:   "decide USER SENDER accept|refuse|block",
		Short: "Decide about a sender whose messages are held",
		Long: `accept delivers what is held and what comes later; refuse forgets what is held;
block forgets it and refuses what comes later, calls as well.`,
		Example: "  tandem messages decide alice sip:bob@example.com accept",
		Args:    command.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out messages.DecidedStranger
				in := messages.StrangerDecision{Decision: args[2]}
				if err := k.Call(ctx, http.MethodPut, client.Path("users", args[0], "strangers", args[1]), in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s: %s, %d messages\n", out.Address, out.Decision, out.Messages) })
			})
		},
	}
}
