package calls

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/callcontrol"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// control makes the verbs that change a call that goes on.
func control() []*cobra.Command {
	return []*cobra.Command{newShow(), newTransfer(), newPark(), newRecord(), newConference(), newMute(), newKick()}
}

// do does an operation on a call, and prints its result.
func do[T any](c *cobra.Command, method string, path string, in any, say func(T) string) error {
	return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
		var out T
		if err := k.Call(ctx, method, path, in, &out); err != nil {
			return err
		}
		return command.Print(c, out, func(w io.Writer) { fmt.Fprintln(w, say(out)) })
	})
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a call that goes on",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Call
				if err := k.Call(ctx, http.MethodGet, client.Path("calls", args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { callDetails(w, &out) })
			})
		},
	}
}

func newTransfer() *cobra.Command {
	var by string
	c := &cobra.Command{
		Use:   "transfer ID TARGET",
		Short: "Transfer a call to a user, a group, a number, a conference or a parking slot",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return do(c, http.MethodPost, client.Path("calls", args[0], "transfer"), callcontrol.Transfer{By: by, To: args[1]},
				func(callcontrol.Done) string { return "the other party is sent on to " + args[1] })
		},
	}
	byFlag(c, &by, "", "the party that is replaced, and whose rights count; by default who has left a call that is parked or in a conference, else the callee")
	return c
}

func byFlag(c *cobra.Command, by *string, usual, usage string) {
	c.Flags().StringVar(by, "by", usual, usage+" (caller, callee)")
	command.Complete(c, "by", "caller", "callee")
}

func newPark() *cobra.Command {
	var by string
	var slot int
	c := &cobra.Command{
		Use:   "park ID",
		Short: "Park a call: one party leaves, the other waits until somebody dials *5 and the slot",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return do(c, http.MethodPost, client.Path("calls", args[0], "park"), callcontrol.Park{By: by, Slot: slot},
				func(p callcontrol.Parked) string {
					return fmt.Sprintf("parked in slot %d; dial *5%d to retrieve it", p.Slot, p.Slot)
				})
		},
	}
	byFlag(c, &by, "callee", "the party that leaves")
	c.Flags().IntVar(&slot, "slot", 0, "1 to 999; 0: any that is free")
	return c
}

func newRecord() *cobra.Command {
	var stop bool
	c := &cobra.Command{
		Use:   "record ID",
		Short: "Record a call, or end the recording (--stop)",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			method, said := http.MethodPost, "is being recorded into "
			if stop {
				method, said = http.MethodDelete, "was recorded into "
			}
			return do(c, method, client.Path("calls", args[0], "recording"), nil,
				func(r callcontrol.Recording) string { return "the call " + said + r.File })
		},
	}
	c.Flags().BoolVar(&stop, "stop", false, "end the recording")
	return c
}

func newMute() *cobra.Command {
	var off bool
	var party string
	c := &cobra.Command{
		Use:   "mute ID",
		Short: "Mute a party in a conference, or have it heard again (--off)",
		Long:  "Mute a party in a conference. Who dialled into it is the caller of its call.",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return do(c, http.MethodPost, client.Path("calls", args[0], "mute"), callcontrol.Muting{Party: party, Muted: !off},
				func(m callcontrol.Muting) string {
					if m.Muted {
						return "the others do not hear the " + party
					}
					return "the others hear the " + party
				})
		},
	}
	c.Flags().BoolVar(&off, "off", false, "have it heard again")
	partyFlag(c, &party)
	return c
}

func partyFlag(c *cobra.Command, party *string) {
	c.Flags().StringVar(party, "party", "caller", "whom: caller or callee")
	command.Complete(c, "party", "caller", "callee")
}

func newConference() *cobra.Command {
	return &cobra.Command{
		Use:   "conference ID NUMBER",
		Short: "Make a conference of a call, that others join by dialling *6 and the number",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return do(c, http.MethodPost, client.Path("calls", args[0], "conference"), callcontrol.Conference{Room: args[1]},
				func(r callcontrol.Conference) string {
					return "both are in conference " + r.Room + "; dial *6" + r.Room + " to join it"
				})
		},
	}
}

func newKick() *cobra.Command {
	var party string
	c := &cobra.Command{
		Use:   "kick ID",
		Short: "Have a party leave a conference",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return do(c, http.MethodDelete, client.Path("calls", args[0], "parties", party), nil,
				func(callcontrol.Done) string { return "the " + party + " has left" })
		},
	}
	partyFlag(c, &party)
	return c
}
