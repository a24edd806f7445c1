// Package policy has the verbs for what users may do.
package policy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// New makes the verbs of policy.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "policy", Short: "Who may do what: rules for users, groups, sites and everybody"})
	c.AddCommand(newPolicyList(), newPolicySet(), newPolicyUnset(), newPolicyExplain())
	return c
}

// scopeFlags say whom a rule is for.
type scopeFlags struct{ user, group, site string }

func (f *scopeFlags) define(c *cobra.Command) {
	c.Flags().StringVar(&f.user, "user", "", "for this user")
	c.Flags().StringVar(&f.group, "group", "", "for the users of this group")
	c.Flags().StringVar(&f.site, "site", "", "for the users of this site")
	c.MarkFlagsMutuallyExclusive("user", "group", "site")
}

// level and name of the scope; without a flag it is the default.
func (f *scopeFlags) level() (level, name string) {
	switch {
	case f.user != "":
		return "user", f.user
	case f.group != "":
		return "group", f.group
	case f.site != "":
		return "site", f.site
	}
	return "default", ""
}

func newPolicyList() *cobra.Command {
	var scope scopeFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rules, and what holds where there is none",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				query := url.Values{}
				if level, name := scope.level(); name != "" {
					query.Set("level", level)
					query.Set("name", name)
				}
				list, err := client.All[api.PolicyRule](ctx, k, "/policy/rules", query)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "FOR\tACTION\tTARGET\tRULE\tUNTIL\tREASON")
					for _, r := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", ruleScope(r), r.Action, r.Target, ruleEffect(r), command.When(r.Expires), r.Reason)
					}
				})
			})
		},
	}
	scope.define(c)
	return c
}

func ruleScope(r api.PolicyRule) string { return strings.TrimSpace(r.Level + " " + r.Name) }

func ruleEffect(r api.PolicyRule) string {
	effect := "refused"
	if r.Allow {
		effect = "allowed"
	}
	if r.Final {
		effect += ", final"
	}
	return effect
}

func newPolicySet() *cobra.Command {
	var scope scopeFlags
	var until string
	var in api.PolicyRule
	c := &cobra.Command{
		Use:   "set ACTION TARGET allow|deny",
		Short: "Set a rule; it counts for the next question",
		Long: `Set a rule for a user, a group, a site, or, without any of these, for everybody.
TARGET is a kind ("tandem policy list" shows them), a number, the beginning of
numbers (+4420*), or any. A rule of a user counts before one of the group, that
before one of the site, that before the default; a final rule has no exceptions
below it. Emergency calls are always allowed.`,
		Example: `  tandem policy set call international allow --group sales
  tandem policy set call +4420* allow --user alice --until 2027-01-31
  tandem policy set call +375* deny --final --reason "blocked after fraud"`,
		Args: command.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			in.Level, in.Name = scope.level()
			in.Action, in.Target, in.Allow = args[0], args[1], args[2] == "allow"
			if args[2] != "allow" && args[2] != "deny" {
				return command.Usage("%q is neither allow nor deny; usage: %s", args[2], c.UseLine())
			}
			if until != "" {
				end, err := parseUntil(until, time.Now())
				if err != nil {
					return command.Usage("%w", err)
				}
				in.Expires = end
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.PolicyRule
				if err := k.Call(ctx, http.MethodPut, "/policy/rules", in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s %s is %s\n", ruleScope(out), out.Action, out.Target, ruleEffect(out))
					if out.Note != "" {
						fmt.Fprintln(w, out.Note)
					}
				})
			})
		},
	}
	scope.define(c)
	c.Flags().StringVar(&until, "until", "", "when the rule ends: a day (2027-01-31, its end), a time (2027-01-31T18:00) or a duration (8h)")
	c.Flags().BoolVar(&in.Final, "final", false, "rules of groups, sites and users below make no exception")
	c.Flags().StringVar(&in.Reason, "reason", "", "told to those who are refused")
	return c
}

// parseUntil reads an end as people write it, in local time.
func parseUntil(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--until %q is not a time; write 2027-01-31, 2027-01-31T18:00 or 8h", s)
}

func newPolicyUnset() *cobra.Command {
	var scope scopeFlags
	c := &cobra.Command{
		Use:     "unset ACTION TARGET",
		Short:   "Unset a rule; what it was about is inherited again",
		Example: "  tandem policy unset call international --group sales",
		Args:    command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			level, name := scope.level()
			query := url.Values{"level": {level}, "action": {args[0]}, "target": {args[1]}}
			if name != "" {
				query.Set("name", name)
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.PolicyRule
				if err := k.Call(ctx, http.MethodDelete, "/policy/rules?"+query.Encode(), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "%s: the rule about %s %s is unset\n", ruleScope(out), out.Action, out.Target)
				})
			})
		},
	}
	scope.define(c)
	return c
}

func newPolicyExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain USER ACTION OBJECT",
		Short: "Tell whether a user may do something, and every rule that was looked at",
		Long: `Tell whether a user may do something, and why: by the code that decides, and with
every rule that was looked at, in the order in which they count. To call, OBJECT
is a number as it is dialled.`,
		Example: "  tandem policy explain alice call 00442079460000",
		Args:    command.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{"user": {args[0]}, "action": {args[1]}, "object": {args[2]}}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.PolicyAnswer
				if err := k.Get(ctx, "/policy/explanation?"+query.Encode(), &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printAnswer(w, out) })
			})
		},
	}
}

func printAnswer(w io.Writer, a api.PolicyAnswer) {
	verdict := "refused"
	if a.Allowed {
		verdict = "allowed"
	}
	fmt.Fprintf(w, "%s\t%s %s (%s)\n", verdict, a.Action, a.Object, a.Kind)
	fmt.Fprintf(w, "because\t%s\n\n", a.Reason)
	fmt.Fprintln(w, "VERDICT\tFOR\tTARGET\tRULE\tUNTIL")
	for _, s := range a.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Verdict, ruleScope(s.Rule), s.Rule.Target, ruleEffect(s.Rule), command.When(s.Rule.Expires))
	}
}
