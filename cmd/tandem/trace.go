package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/command"
)

func newTraceCommand() *cobra.Command {
	q := url.Values{}
	var callID, user, addr, since string
	var follow, onlyNew, ladder bool
	var width int
	c := &cobra.Command{
		Use:   "trace",
		Short: "Show recent and live SIP messages, as text or as a ladder",
		Long: `Show the SIP messages the running server has kept (the last minutes, in a
bounded ring), and with --follow each new one. Choose by Call-ID, user or
address; --ladder draws who sent what to whom.`,
		Example: `  tandem trace --follow --user alice
  tandem trace --since 10m --addr 192.0.2.7
  tandem trace --ladder --call-id 3848276298220188511@192.0.2.1`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			for k, v := range map[string]string{"call_id": callID, "user": user, "addr": addr} {
				q.Set(k, v)
			}
			if since != "" {
				from, err := moment(since, time.Now())
				if err != nil {
					return command.Usage("--since: %v", err)
				}
				q.Set("since", from.Format(time.RFC3339Nano))
			}
			if ladder && follow {
				return command.Usage("--ladder draws what is kept; leave out --follow")
			}
			if format, _ := c.Flags().GetString("output"); format == "yaml" {
				return command.Usage("messages are shown as text or, with -o json, as one object a line")
			}
			if width < 60 {
				return command.Usage("--width: at least 60 characters are needed")
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				if follow {
					if !onlyNew {
						q.Set("after", "0")
					}
					return followMessages(c, k.Events(ctx, "/trace/live?"+q.Encode()))
				}
				if onlyNew {
					return nil // of what is kept, nothing is new
				}
				list, err := client.All[api.Message](ctx, k, "/trace", q)
				if err != nil {
					return err
				}
				if ladder {
					return command.Ladder(c.OutOrStdout(), list, width)
				}
				return printMessages(c, list)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&callID, "call-id", "", "only this Call-ID, and those of the other legs of its call")
	f.StringVar(&user, "user", "", "only messages from, to or for this user")
	f.StringVar(&addr, "addr", "", "only messages from or to this address (host or host:port)")
	f.StringVar(&since, "since", "", "only messages from then on: how long ago (10m), the time of day (15:04, 15:04:05), or 2026-01-31T15:04:05Z")
	f.BoolVarP(&follow, "follow", "f", false, "go on with each new message")
	f.BoolVar(&onlyNew, "new", false, "leave out what was kept before")
	f.BoolVar(&ladder, "ladder", false, "draw a ladder")
	f.IntVar(&width, "width", 100, "characters a line of the ladder")
	return c
}

func printMessages(c *cobra.Command, list []api.Message) error {
	for _, m := range list {
		if err := printMessage(c, m); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		command.Say(c, "%s", command.NoneKept)
	}
	return nil
}

// followMessages prints what comes until the user, or the server, ends it.
func followMessages(c *cobra.Command, live iter.Seq2[client.Event, error]) error {
	for e, err := range live {
		if err != nil {
			return err
		}
		if e.Type == operation.Missed {
			command.Say(c, "%s", "some messages were missed: they came faster than they could be read")
			continue
		}
		var m api.Message
		if err := json.Unmarshal(e.Data, &m); err != nil {
			return err
		}
		if err := printMessage(c, m); err != nil {
			return err
		}
	}
	return nil
}

func printMessage(c *cobra.Command, m api.Message) error {
	w := c.OutOrStdout()
	if format, _ := c.Flags().GetString("output"); format == "json" {
		return json.NewEncoder(w).Encode(m)
	}
	arrow := "<-"
	switch {
	case m.Unsent != "":
		arrow = "-x"
	case m.Out:
		arrow = "->"
	}
	proto, _, _ := strings.Cut(m.Flow, " ")
	_, err := fmt.Fprintf(w, "%s %s %s %s %s\n%s\n\n", m.Time.Local().Format("15:04:05.000000"), proto, m.Local, arrow, m.Remote,
		strings.TrimRight(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n"))
	return err
}

// moment reads a time: how long before now, a time of day that was last, or a
// date with time.
func moment(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d.Abs()), nil
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if t.After(now) {
				t = t.AddDate(0, 0, -1)
			}
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write 10m, 15:04 or 2026-01-31T15:04:05Z", text)
}
