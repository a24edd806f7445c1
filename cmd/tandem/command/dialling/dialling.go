// Package dialling is the verbs of the dial plan, and of the limits of calls outside.
package dialling

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/dialling"
	"tandem/cmd/tandem/command"
)

// Plan makes the verbs of the dial plan.
func Plan() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "dialplan", Short: "Rules for what is dialled: extensions, short codes, ways out"})
	c.AddCommand(newList(), newAdd(), newRemove(), newExplain())
	return c
}

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the rules, in the order they are tried",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[dialling.DialRule](ctx, k, "/dialplan/rules", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "RULE\tSITE\tPRIORITY\tMATCH\tSTRIP\tPREPEND\tROUTE\tNOTE")
					for _, r := range list {
						fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\n", r.Name, r.Site, r.Priority, r.Match, r.Strip, r.Prepend, r.Route, r.Note)
					}
				})
			})
		},
	}
}

func newAdd() *cobra.Command {
	var r dialling.DialRule
	c := &cobra.Command{
		Use:   "add NAME MATCH",
		Short: "Make a rule; it counts for the next call",
		Long: `Make a rule for what is dialled. MATCH is digits, * and #, with + in front; x stands
for any digit, and a dot at the end for one or more of anything. The first rule that
fits counts: by priority, then those of the site, then the one that says most
exactly. A user with that very name comes before all rules.

ROUTE is "number" (what is made of it is called by the trunks for it, or is a ring
group's), "user NAME" (a user or a ring group), "trunk NAME", "group NAME" (of trunks),
or "refuse TEXT".`,
		Example: `  tandem dialplan add mail "*97" --route "user mail"
  tandem dialplan add branch "8xxx" --strip 1 --prepend +4940555 --route "trunk hamburg"
  tandem dialplan add no-0137 "0137." --route "refuse costs too much"
  tandem dialplan add out "9." --site london --strip 1`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.Name, r.Match = args[0], args[1]
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out dialling.DialRule
				if err := k.Call(ctx, http.MethodPost, "/dialplan/rules", r, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s: %s goes to %s\n", out.Name, out.Match, out.Route) })
			})
		},
	}
	f := c.Flags()
	f.StringVar(&r.Route, "route", "number", "where it goes: number, user NAME, trunk NAME, group NAME, or refuse TEXT")
	f.IntVar(&r.Strip, "strip", 0, "characters that leave the front")
	f.StringVar(&r.Prepend, "prepend", "", "digits put in front then")
	f.StringVar(&r.Site, "site", "", "where it counts (default: everywhere)")
	f.IntVar(&r.Priority, "priority", 0, "the lowest first")
	f.StringVar(&r.Note, "note", "", "note for people")
	return c
}

func newRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a rule",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out dialling.DialRule
				if err := k.Call(ctx, http.MethodDelete, client.Path("dialplan", "rules", args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s removed\n", args[0]) })
			})
		},
	}
}

func newExplain() *cobra.Command {
	var user string
	c := &cobra.Command{
		Use:   "explain NUMBER --user USER",
		Short: "Say what becomes of a number that a user dials",
		Long: `Say what becomes of a number that a user dials, and everything that was looked at:
each rule of the dial plan, the number as it is read, the rules of policy, the trunks;
for a user the phones that ring, do-not-disturb, and where the call is forwarded to,
at once or when nobody takes it.
The code that routes calls says it. Nothing is called.`,
		Example: `  tandem dialplan explain 0301234567 --user alice`,
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if user == "" {
				return command.Usage("who dials? add --user NAME")
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out dialling.DialAnswer
				q := url.Values{"user": {user}, "number": {args[0]}}
				if err := k.Get(ctx, "/dialplan/explain?"+q.Encode(), &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					for _, s := range out.Steps {
						fmt.Fprintf(w, "%s\t%s\t%s\n", s.What, s.Name, s.Verdict)
					}
				})
			})
		},
	}
	c.Flags().StringVar(&user, "user", "", "who dials")
	return c
}
