// Package trunks is the verbs of trunks: gateways and providers.
package trunks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/problem"
	"tandem/cmd/tandem/api/trunks"
	"tandem/cmd/tandem/command"
)

func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "trunks", Short: "Gateways and providers that lead to the telephone network"})
	c.AddCommand(newAdd(), newSet(), newList(), newShow(), newRemove(), newImportRoutes(),
		newService("disable"), newService("drain"), newService("enable"), newTest())
	return c
}

func trunkPath(name string) string { return client.Path("trunks", name) }

func newAdd() *cobra.Command {
	var flags trunkFlags
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a trunk; the next call can take it",
		Long: `Make a trunk: a gateway or a provider through which numbers are called (--prefix)
and calls come in. Its addresses are then closed to everybody but calls that were
led there. Works with and without a running server.`,
		Example: `  tandem trunks add berlin --address 192.0.2.10:5060 --prefix "*" --codec PCMA --codec PCMU
  tandem trunks add provider --address "sip:sip.example.net;transport=tls" --prefix + --number "+493012345*" --user 4930123450 --secret-file secret.txt --encryption require`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change, err := flags.change(c)
			if err != nil {
				return err
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out trunks.Trunk
				if err := k.Call(ctx, http.MethodPost, "/trunks", trunks.NewTrunk{Name: args[0], TrunkChange: change}, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printTrunk(w, out) })
			})
		},
	}
	flags.define(c.Flags())
	return c
}

func newSet() *cobra.Command {
	var flags trunkFlags
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a trunk; what is not given stays",
		Long: `Change a trunk. It counts for the next call; calls under way go on. A flag that
may be repeated replaces the whole list; given as "" it empties it.`,
		Example: `  tandem trunks set berlin --channels 30
  tandem trunks set berlin --disabled
  tandem trunks set berlin --disabled=false --number ""`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change, err := flags.change(c)
			if err != nil {
				return err
			}
			if change == (trunks.TrunkChange{}) {
				return command.Usage("nothing to change; see: %s --help", c.CommandPath())
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out trunks.Trunk
				if err := k.Call(ctx, http.MethodPatch, trunkPath(args[0]), change, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printTrunk(w, out) })
			})
		},
	}
	flags.define(c.Flags())
	return c
}

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List trunks, and how they do while a server runs",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[trunks.Trunk](ctx, k, "/trunks", nil)
				if err != nil {
					return err
				}
				states, err := trunkStates(ctx, k)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "TRUNK\tSTATE\tREGISTERED\tCALLS\tPREFIXES\tNUMBERS\tADDRESSES")
					for _, t := range list {
						s := states[t.Name]
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, s.State, registered(s), calls(s), few(t.Prefixes), few(t.Numbers), strings.Join(t.Addresses, " "))
					}
				})
			})
		},
	}
}

// trunkStates are the states by name, none when no server runs.
func trunkStates(ctx context.Context, k *client.Client) (map[string]trunks.TrunkState, error) {
	list, err := client.All[trunks.TrunkState](ctx, k, "/trunk-states", nil)
	if p := new(problem.Problem); errors.As(err, &p) && p.Code == "not_running" {
		return nil, nil
	}
	states := make(map[string]trunks.TrunkState, len(list))
	for _, s := range list {
		states[s.Name] = s
	}
	return states, err
}

func calls(s trunks.TrunkState) string {
	switch {
	case s.State == "":
		return ""
	case s.Channels > 0:
		return fmt.Sprintf("%d of %d", s.Calls, s.Channels)
	}
	return fmt.Sprint(s.Calls)
}

// registered is the phase of the registration, "" where there is none.
func registered(s trunks.TrunkState) string {
	if s.Registration == nil {
		return ""
	}
	return s.Registration.Phase
}

// few shows the beginning of a list.
func few(list []string) string {
	if len(list) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:3], " "), len(list)-3)
	}
	return strings.Join(list, " ")
}

func newRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a trunk; no new call takes it",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out trunks.Trunk
				if err := k.Call(ctx, http.MethodDelete, trunkPath(args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s removed\n", out.Name) })
			})
		},
	}
}

// services are the verbs that take a trunk out of service and back.
var services = map[string]struct {
	short, done, long  string
	disabled, draining bool
	alias              []string
}{
	"disable": {"Take a trunk out of service", "is disabled", "It takes no calls in either direction, is not registered with and not asked how it is. The gateway is a stranger then. Calls under way go on.", true, false, nil},
	"drain":   {"Give a trunk no new calls", "takes no new calls", "This is busy-out: new calls are refused in both directions. The gateway gets 503 with Retry-After for its calls and its OPTIONS, so that it goes another way; ours go to other trunks. Calls under way go on. It stays registered, and is still asked how it is.", false, true, []string{"busy-out"}},
	"enable":  {"Put a trunk into service again", "takes calls", "It counts for the next call.", false, false, nil},
}

func newService(verb string) *cobra.Command {
	v := services[verb]
	return &cobra.Command{
		Use:     verb + " NAME",
		Aliases: v.alias,
		Short:   v.short,
		Long:    v.short + ". " + v.long,
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out trunks.Trunk
				change := trunks.TrunkChange{Disabled: &v.disabled, Draining: &v.draining}
				if err := k.Call(ctx, http.MethodPatch, trunkPath(args[0]), change, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s %s\n", out.Name, v.done) })
			})
		},
	}
}
