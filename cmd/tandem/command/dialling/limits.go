package dialling

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/dialling"
	"tandem/cmd/tandem/command"
)

// Limits makes the verbs of limits.
func Limits() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "limits", Short: "Limits of calls outside, against fraud: a minute, at a time, minutes a day, hours"})
	c.AddCommand(newLimitsList(), newLimitsSet(), newLimitsUnset())
	return c
}

func newLimitsList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the limits, and how far they are used",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[dialling.CallLimit](ctx, k, "/call-limits", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "FOR\tKIND\tA MINUTE\tAT A TIME\tMINUTES A DAY\tCLOSED\tNOW\tTODAY")
					for _, l := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%.1f\n", scope(l.LimitKey), l.Kind, bound(l.PerMinute), bound(l.Calls),
							bound(l.MinutesDay), strings.Join(l.Closed, ", "), l.Now, l.Today)
					}
				})
			})
		},
	}
}

func scope(k dialling.LimitKey) string { return strings.TrimSpace(k.Level + " " + k.Name) }

func bound(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// limitKey reads LEVEL and NAME.
func limitKey(args []string, kind string) (dialling.LimitKey, error) {
	k := dialling.LimitKey{Level: args[0], Kind: kind}
	switch {
	case args[0] == "default" && len(args) > 1:
		return k, command.Usage("default has no name: it counts for each user alone")
	case args[0] != "default" && len(args) == 1:
		return k, command.Usage("which %s? give its name", args[0])
	case len(args) > 1:
		k.Name = args[1]
	}
	return k, nil
}

const levelHelp = `LEVEL is user, group, site, trunk or default. A group, site or trunk shares its limit;
the default counts for each user alone. All limits that are about a call count.`

func newLimitsSet() *cobra.Command {
	var l dialling.CallLimit
	var kind string
	c := &cobra.Command{
		Use:   "set LEVEL [NAME]",
		Short: "Bound calls; what is not given is not bounded",
		Long: "Bound calls. Makes or replaces the limit of that level, name and kind.\n\n" + levelHelp + `
A limit without a kind is about calls outside; one of the kind internal is about calls
to users, groups and conferences. A call that is forwarded or transferred counts for the
user who caused it. Emergency calls are not counted and never refused.`,
		Example: `  tandem limits set default --per-minute 20 --calls 5
  tandem limits set default --kind international --minutes-day 60 --closed 20:00-07:00 --closed "sat-sun 00:00-24:00"
  tandem limits set group sales --kind international --calls 10`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if l.LimitKey, err = limitKey(args, kind); err != nil {
				return err
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out dialling.CallLimit
				if err := k.Call(ctx, http.MethodPut, "/call-limits", l, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "limit of %s set\n", scope(out.LimitKey)) })
			})
		},
	}
	f := c.Flags()
	f.StringVar(&kind, "kind", "", "of number: national, mobile, international, internal ... (default: all outside)")
	f.IntVar(&l.PerMinute, "per-minute", 0, "calls that may begin in a minute")
	f.IntVar(&l.Calls, "calls", 0, "calls at a time")
	f.IntVar(&l.MinutesDay, "minutes-day", 0, "minutes a day, from midnight")
	f.StringArrayVar(&l.Closed, "closed", nil, "when nothing may be called, 22:00-06:00 or \"sat-sun 00:00-24:00\"; may be repeated")
	return c
}

func newLimitsUnset() *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:   "unset LEVEL [NAME]",
		Short: "Remove a limit",
		Long:  "Remove a limit.\n\n" + levelHelp,
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := limitKey(args, kind)
			if err != nil {
				return err
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				q := url.Values{"level": {key.Level}, "name": {key.Name}, "kind": {key.Kind}}
				var out dialling.CallLimit
				if err := k.Call(ctx, http.MethodDelete, "/call-limits?"+q.Encode(), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "limit of %s removed\n", scope(key)) })
			})
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "of number the limit is about (default: all)")
	return c
}
