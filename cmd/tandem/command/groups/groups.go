// Package groups is the verbs of ring groups.
package groups

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/groups"
	"tandem/cmd/tandem/command"
	"tandem/telephony/group"
)

// New makes the verbs.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "groups", Short: "Ring groups: one address or number at which several people are called"})
	c.AddCommand(newAdd(), newSet(), newList(), newShow(), newRemove())
	return c
}

func path(name string) string { return client.Path("groups", name) }

// flags are the options of add and set.
type flags struct {
	note, hunt, overflow, payer string
	numbers, members            []string
	ring                        time.Duration
}

func (f *flags) define(c *cobra.Command) {
	o := c.Flags()
	o.StringVar(&f.note, "note", "", "for people, and the name shown when the group sends a call on")
	o.StringVar(&f.hunt, "hunt", "", "parallel (all at once, the default) or sequence (one after the other)")
	o.StringVar(&f.overflow, "overflow", "", "where a call goes that nobody takes: a user, a group, an extension or a number")
	o.StringVar(&f.payer, "payer", "", "user by whose rights and at whose expense numbers outside are called")
	o.StringArrayVar(&f.numbers, "number", nil, "number or extension by which the group is called as well; may be repeated")
	o.StringArrayVar(&f.members, "member", nil, "user, extension or number; may be repeated, in their order")
	o.DurationVar(&f.ring, "ring", 0, "how long the members ring, or each of them, e.g. 15s (default 20s)")
	command.Complete(c, "hunt", string(group.Parallel), string(group.Sequence))
}

// change is what the options given want.
func (f *flags) change(given *pflag.FlagSet) (c groups.GroupChange) {
	seconds := int(f.ring / time.Second)
	given.Visit(func(o *pflag.Flag) {
		switch o.Name {
		case "note":
			c.Note = &f.note
		case "hunt":
			c.Hunt = &f.hunt
		case "overflow":
			c.Overflow = &f.overflow
		case "payer":
			c.Payer = &f.payer
		case "number":
			list := some(f.numbers)
			c.Numbers = &list
		case "member":
			list := some(f.members)
			c.Members = &list
		case "ring":
			c.RingSeconds = &seconds
		}
	})
	return c
}

// some is a list without what is empty: "" alone empties it.
func some(list []string) []string {
	out := []string{}
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func newAdd() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a ring group",
		Example: `  tandem groups add sales --number 300 --member alice --member bob --overflow carol
  tandem groups add night --hunt sequence --ring 15s --member alice --member 01711234567 --payer alice`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return send(c, http.MethodPost, "/groups", groups.NewGroup{Name: args[0], GroupChange: f.change(c.Flags())})
		},
	}
	f.define(c)
	return c
}

func newSet() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "set GROUP",
		Short: "Change a ring group; what is not given stays",
		Long:  `Change a ring group. It counts for the next call. --member and --number replace the whole list; given as "" they empty it.`,
		Example: `  tandem groups set sales --member alice --member bob --member dave
  tandem groups set sales --overflow ""`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change := f.change(c.Flags())
			if change == (groups.GroupChange{}) {
				return command.Usage("nothing to change; see: %s --help", c.CommandPath())
			}
			return send(c, http.MethodPatch, path(args[0]), change)
		},
	}
	f.define(c)
	return c
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show GROUP",
		Short: "Show a ring group",
		Args:  command.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return send(c, http.MethodGet, path(args[0]), nil) },
	}
}

// send does an operation on one group, and shows the group.
func send(c *cobra.Command, method, path string, in any) error {
	return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
		var out groups.Group
		if err := k.Call(ctx, method, path, in, &out); err != nil {
			return err
		}
		return command.Print(c, out, func(w io.Writer) { rows(w, out) })
	})
}

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List ring groups",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[groups.Group](ctx, k, "/groups", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "ADDRESS\tNUMBERS\tHUNT\tMEMBERS\tOVERFLOW")
					for _, g := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.Address, strings.Join(g.Numbers, " "), g.Hunt, strings.Join(g.Members, " "), g.Overflow)
					}
				})
			})
		},
	}
}

func newRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove GROUP",
		Short: "Remove a ring group; calls under way go on",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out groups.Group
				if err := k.Call(ctx, http.MethodDelete, path(args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s is removed\n", out.Address) })
			})
		},
	}
}

func rows(w io.Writer, g groups.Group) {
	fmt.Fprintf(w, "address\t%s\n", g.Address)
	for _, r := range []struct{ name, value string }{{"note", g.Note}, {"numbers", strings.Join(g.Numbers, " ")},
		{"members", strings.Join(g.Members, " ")}, {"hunt", g.Hunt}, {"rings for", fmt.Sprintf("%d s", g.RingSeconds)},
		{"overflow", g.Overflow}, {"payer", g.Payer}} {
		if r.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", r.name, r.value)
		}
	}
}
