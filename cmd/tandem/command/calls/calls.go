// Package calls has the verbs for calls that go on and for records of calls.
package calls

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/command/records"
	"tandem/telephony/cdr"
)

// New makes the verbs of calls.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "calls", Short: "The calls that go on through this server"})
	c.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "List the calls that go on",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[api.Call](ctx, k, "/calls", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) { callRows(w, list) })
			})
		},
	}, &cobra.Command{
		Use:   "hangup ID",
		Short: "Hang up a call on both sides",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Call
				if err := k.Call(ctx, http.MethodDelete, client.Path("calls", args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "the call from %s to %s is hung up\n", out.From, out.To) })
			})
		},
	})
	c.AddCommand(control()...)
	return c
}

// Records makes the verbs of call records.
func Records() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "cdr", Short: "Call records: who called whom, when, by which trunk, how it sounded"})
	c.AddCommand(newCDRList(), &cobra.Command{
		Use:   "show ID",
		Short: "Show everything known of one call",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var r api.Call
				if err := k.Call(ctx, http.MethodGet, client.Path("call-records", args[0]), nil, &r); err != nil {
					return err
				}
				return command.Print(c, r, func(w io.Writer) { callDetails(w, &r) })
			})
		},
	})
	return c
}

func newCDRList() *cobra.Command {
	var which records.Selection
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List the records of calls, the latest first",
		Example: `  tandem cdr list --user alice --since 24h
  tandem cdr list --from 2026-05-04 --to 2026-05-05 --trunk berlin
  tandem cdr list --state interrupted`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := which.Query()
			if err != nil {
				return err
			}
			q.Set("limit", strconv.Itoa(limit))
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var page struct {
					Items []api.Call `json:"items"`
				}
				if err := k.Call(ctx, http.MethodGet, "/call-records?"+q.Encode(), nil, &page); err != nil {
					return err
				}
				return command.Print(c, page.Items, func(w io.Writer) { callRows(w, page.Items) })
			})
		},
	}
	which.Define(c)
	c.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return c
}

func callRows(w io.Writer, list []api.Call) {
	fmt.Fprintln(w, "STARTED\tFROM\tTO\tTRUNK\tSTATE\tTALKED\tCODE\tID")
	for _, c := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", command.When(c.Started), c.From, cmp.Or(c.Number, c.Called, c.To), c.Trunk, c.State,
			talked(&c), code(c.Code), c.ID)
	}
}

// talked is for how long, also of a call that goes on.
func talked(c *api.Call) string {
	switch {
	case c.Answered == nil:
		return ""
	case c.Ended == nil:
		return time.Since(*c.Answered).Round(time.Second).String()
	}
	return time.Duration(c.Talked * float64(time.Second)).Round(time.Second).String()
}

func code(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func callDetails(w io.Writer, c *api.Call) {
	row := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	row("id", "%s", c.ID)
	row("state", "%s", c.State)
	row("from", "%s", c.From)
	row("name", "%s", c.Display)
	row("dialled", "%s", c.To)
	row("number", "%s", c.Number)
	row("called", "%s", c.Called)
	row("payer", "%s", c.Payer)
	row("trunk", "%s", c.Trunk)
	for _, t := range c.Tried {
		row("tried", "%s %s %s %s%s", t.Trunk, t.URI, code(t.Code), t.Text, cause(t.Cause))
	}
	row("started", "%s", command.When(c.Started))
	after := func(name string, at *time.Time) {
		if at != nil {
			row(name, "after %s", at.Sub(c.Started).Round(time.Millisecond))
		}
	}
	after("ringing", c.Ringing)
	after("answered", c.Answered)
	after("ended", c.Ended)
	for _, s := range c.Story {
		row(strings.ReplaceAll(string(s.What), "_", " "), "after %s: %s", s.At.Sub(c.Started).Round(time.Millisecond), s.Who)
	}
	row("talked", "%s", talked(c))
	if c.Held > 0 {
		row("on hold", "%s", time.Duration(c.Held*float64(time.Second)).Round(time.Second))
	}
	row("ended by", "%s", c.EndedBy)
	row("code", "%s %s", code(c.Code), c.Text)
	row("Q.850 cause", "%s", code(c.Cause))
	for i, id := range c.CallIDs {
		row([]string{"Call-ID of caller", "Call-ID of callee"}[i], "%s", id)
	}
	soundRow := func(who string, s *cdr.Sound) {
		if s != nil {
			row(who, "%s, %d packets, %d lost, jitter %.1f ms, MOS %.1f", s.Codec, s.Packets, s.Lost, s.Jitter, s.MOS)
		}
	}
	soundRow("sound of caller", c.Caller)
	soundRow("sound of callee", c.Callee)
}

// cause is a cause of Q.850 behind a text, "" for none.
func cause(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (Q.850 cause %d)", n)
}
