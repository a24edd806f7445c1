package trunks

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/trunks"
	"tandem/cmd/tandem/command"
)

func newShow() *cobra.Command {
	var state bool
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show all there is to a trunk",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out trunks.Trunk
				if err := k.Get(ctx, trunkPath(args[0]), &out); err != nil {
					return err
				}
				states, err := trunkStates(ctx, k)
				if err != nil {
					return err
				}
				if state {
					s := states[out.Name]
					return command.Print(c, s, func(w io.Writer) { printState(w, s) })
				}
				return command.Print(c, out, func(w io.Writer) {
					printTrunk(w, out)
					printState(w, states[out.Name])
				})
			})
		},
	}
	c.Flags().BoolVar(&state, "state", false, "only how it does now: state, calls, registration")
	return c
}

// printState shows how a trunk does, nothing when no server runs.
func printState(w io.Writer, s trunks.TrunkState) {
	if s.State == "" {
		return
	}
	fmt.Fprintf(w, "state\t%s\ncalls\t%s\n", s.State, calls(s))
	if r := s.Registration; r != nil {
		printRegistration(w, r)
	}
	if s.Why != "" {
		fmt.Fprintf(w, "since\t%s: %s\n", command.When(s.Since), s.Why)
	}
}

func printRegistration(w io.Writer, r *trunks.TrunkRegistration) {
	fmt.Fprintf(w, "registration\t%s as %s since %s\n", r.Phase, r.Address, command.When(r.Since))
	if r.Why != "" {
		fmt.Fprintf(w, "\t%s\n\t%s\n\ttried again at %s\n", r.Why, r.Remedy, command.When(r.Next))
	}
}

func printTrunk(w io.Writer, t trunks.Trunk) {
	row := func(name, value string) {
		if value != "" && value != "0" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("trunk", t.Name)
	row("note", t.Note)
	if t.Disabled {
		row("disabled", "takes no calls")
	}
	if t.Draining {
		row("draining", "takes no new calls")
	}
	row("addresses", strings.Join(t.Addresses, " "))
	row("sources", cmp.Or(strings.Join(t.Sources, " "), "its addresses"))
	row("TLS names", strings.Join(t.TLSNames, " "))
	row("called through it", cmp.Or(strings.Join(t.Prefixes, " "), "nothing"))
	row("numbers of ours", cmp.Or(strings.Join(t.Numbers, " "), "those of any user"))
	row("country", t.Country)
	row("priority", fmt.Sprint(t.Priority))
	row("weight", fmt.Sprint(t.Weight))
	row("channels", fmt.Sprint(t.Channels))
	row("user", t.User)
	row("realm", t.Realm)
	if t.HasSecret {
		row("password", "set")
	}
	row("channels in", fmt.Sprint(t.ChannelsIn))
	row("channels out", fmt.Sprint(t.ChannelsOut))
	row("calls out a second", fmt.Sprint(t.Rate))
	row("calls in a second", fmt.Sprint(t.RateIn))
	row("cost", fmt.Sprint(t.Cost))
	row("hours", strings.Join(t.Hours, ", "))
	row("group", t.Group)
	row("trunk group", t.TrunkGroup)
	row("domain", t.Domain)
	row("account", t.Account)
	row("proves itself as", strings.Join(t.Users, " "))
	if t.Register != "off" {
		row("register", t.Register+" for "+t.For)
	}
	row("dialect", t.Dialect)
	row("format", t.Format)
	row("caller's number", t.CallerID)
	row("user=phone", t.UserPhone)
	row("reliable responses", t.Reliable)
	row("early media", t.Early)
	row("keys", t.Keys)
	row("diversion", t.Diversion)
	row("changed on the way out", shownTrunkRules(t.Out))
	row("changed on the way in", shownTrunkRules(t.In))
	row("codecs", cmp.Or(strings.Join(t.Codecs, " "), "all"))
	row("encryption", t.Encryption)
	row("probe", t.Probe)
	row("redirects", t.Redirects)
	row("ported numbers", t.Ported)
}

func shownTrunkRules(list []trunks.TrunkRule) string {
	var out []string
	for _, r := range list {
		if r.Strip == len(r.Match) {
			out = append(out, r.Match+"="+r.Add)
		} else {
			out = append(out, fmt.Sprintf("%s…: without %d characters, then %q in front", r.Match, r.Strip, r.Add))
		}
	}
	return strings.Join(out, " ")
}
