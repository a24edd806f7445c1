// Package presence has the verbs for presence, for who may see it, and for
// subscriptions.
package presence

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/presence"
	"tandem/cmd/tandem/command"
)

// New makes the verbs of presence.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "presence", Short: "What is known of users, and who may see it"})
	c.AddCommand(newShow(), newSet(), newRules(), newAllow())
	return c
}

func path(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/presence/" + strings.Join(parts, "/")
}

func newShow() *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "show USER",
		Short: "Show what is known of a user, what is made of it, and who sees what",
		Example: `  tandem presence show bob
  tandem presence show bob --as alice     what alice would see now`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				where := path(args[0])
				if as != "" {
					where += "?" + url.Values{"watcher": {as}}.Encode()
				}
				var out presence.Presence
				if err := k.Call(ctx, http.MethodGet, where, nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printPresence(w, &out) })
			})
		},
	}
	c.Flags().StringVar(&as, "as", "", "only what this user would see")
	return c
}

func printPresence(w io.Writer, p *presence.Presence) {
	fmt.Fprintf(w, "%s is %s\n", p.User, p.Says)
	if !p.LastSeen.IsZero() {
		fmt.Fprintf(w, "last seen %s\n", command.When(p.LastSeen))
	}
	if len(p.Sources) > 0 {
		fmt.Fprintln(w, "\nSOURCE\tSAYS\tCOUNTS\tFROM\tUNTIL")
		for _, s := range p.Sources {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Kind, s.Says, yes(s.Counts), strings.TrimSpace(s.From+" "+s.ID), command.When(s.Until))
		}
	}
	if len(p.Watchers) > 0 {
		fmt.Fprintln(w, "\nWATCHER\tEVENT\tSTATE\tGETS\tBY\tSEES")
		for _, x := range p.Watchers {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Watcher, x.Event, x.State, x.Gets, x.Rule, x.Sees)
		}
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func newSet() *cobra.Command {
	var in presence.UserStatus
	var during time.Duration
	c := &cobra.Command{
		Use:   "set USER ACTIVITY",
		Short: "Set the status of a user by hand",
		Long: `Set what a user does: available, away, busy, meeting, vacation or another activity
of RFC 4480; offline has him appear so; none ends the status, and what his devices
say counts again.`,
		Example: `  tandem presence set bob meeting --note "back at three" --for 2h
  tandem presence set bob none`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if in.Activity = args[1]; in.Activity == "none" {
				in.Activity = ""
			}
			if during > 0 {
				in.Until = time.Now().Add(during)
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out presence.Presence
				if err := k.Call(ctx, http.MethodPut, path(args[0], "status"), in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printPresence(w, &out) })
			})
		},
	}
	c.Flags().StringVar(&in.Note, "note", "", "shown beside it")
	c.Flags().StringVar(&in.Source, "source", "manual", "who says so: manual or calendar")
	c.Flags().DurationVar(&during, "for", 0, "how long it holds; without it until it is changed")
	command.Complete(c, "source", "manual", "calendar")
	return c
}

func newRules() *cobra.Command {
	return &cobra.Command{
		Use:   "rules USER",
		Short: "List whom a user lets know what",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[presence.ConsentRule](ctx, k, path(args[0], "rules"), nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "FOR\tGETS")
					for _, r := range list {
						fmt.Fprintf(w, "%s\t%s\n", strings.TrimSpace(r.Kind+" "+r.Name), r.Action)
					}
				})
			})
		},
	}
}

func newAllow() *cobra.Command {
	var r presence.ConsentRule
	var user, group, domain string
	c := &cobra.Command{
		Use:   "rule USER allow|confirm|polite-block|block|none",
		Short: "Let somebody see the presence of a user, or not; it counts at once",
		Long: `Set what somebody gets to see of a user: --watcher one user, --group those of a
group, --domain those of a domain; without any of them, everyone. The most exact
rule counts. polite-block shows somebody who is always offline; confirm has the
watcher wait until it is decided; none ends the rule.`,
		Example: `  tandem presence rule bob polite-block --watcher alice
  tandem presence rule bob allow --group managers
  tandem presence rule bob confirm`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.Kind, r.Action = "everyone", args[1]
			for kind, name := range map[string]string{"user": user, "group": group, "domain": domain} {
				if name != "" {
					r.Kind, r.Name = kind, name
				}
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out presence.ConsentRule
				var err error
				if r.Action == "none" {
					query := url.Values{"kind": {r.Kind}}
					if r.Name != "" {
						query.Set("name", r.Name)
					}
					err = k.Call(ctx, http.MethodDelete, path(args[0], "rules")+"?"+query.Encode(), nil, &out)
				} else {
					err = k.Call(ctx, http.MethodPut, path(args[0], "rules"), r, &out)
				}
				if err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s\n", strings.TrimSpace(out.Kind+" "+out.Name), args[1])
				})
			})
		},
	}
	c.Flags().StringVar(&user, "watcher", "", "for this user")
	c.Flags().StringVar(&group, "group", "", "for the users of this group")
	c.Flags().StringVar(&domain, "domain", "", "for the users of this domain and those below it")
	c.MarkFlagsMutuallyExclusive("watcher", "group", "domain")
	return c
}
