package trunks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/trunks"
	"tandem/cmd/tandem/command"
)

func newTest() *cobra.Command {
	var user string
	var talk, width int
	c := &cobra.Command{
		Use:   "test NAME NUMBER",
		Short: "Call a number by a trunk, and show the ladder and the sound in both directions",
		Long: `Call a number by this trunk alone, whatever its prefixes, priority and state. When
it is answered a tone is sent (1004 Hz, a second on, a second off) and what comes
back is measured. It is a real call, and may cost what one costs: policy and limits
count, those of a user with --user, else those of everybody, and it is in the
records. The exit code is 1 when the call was not answered or sounds bad.`,
		Example: `  tandem trunks test berlin 0301234567
  tandem trunks test provider +442079460123 --user alice --talk 10`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out trunks.TestResult
				err := k.Call(ctx, http.MethodPost, client.Path("trunks", args[0], "test"), trunks.TestCall{Number: args[1], User: user, Talk: talk}, &out)
				if err != nil {
					return err
				}
				if format, _ := c.Flags().GetString("output"); format == "table" {
					if err := testLadder(ctx, c.OutOrStdout(), k, out.CallIDs, width); err != nil {
						return err
					}
				}
				if err := command.Print(c, out, func(w io.Writer) { printTest(w, &out) }); err != nil {
					return err
				}
				if !out.Verdict.Good {
					return fmt.Errorf("trunk %s: %s", args[0], strings.Join(out.Verdict.Why, "; "))
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&user, "user", "", "user whose rights and limits count (default: those of everybody)")
	c.Flags().IntVar(&talk, "talk", 5, "seconds of sound, at most 15")
	c.Flags().IntVar(&width, "width", 100, "characters a line of the ladder")
	return c
}

// testLadder draws the messages of the call's INVITEs.
func testLadder(ctx context.Context, w io.Writer, k *client.Client, callIDs []string, width int) error {
	for _, id := range callIDs {
		list, err := client.All[api.Message](ctx, k, "/trace", url.Values{"call_id": {id}})
		if err != nil {
			return err
		}
		if err := command.Ladder(w, list, width); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func printTest(w io.Writer, r *trunks.TestResult) {
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("answered", "%v: %d %s", r.Answered, r.Code, r.Text)
	row("rang or answered", "after %.1f s", r.Delay)
	if r.Answered {
		s := r.From.Sound
		row("from the trunk", "%s, %d packets, %d lost, jitter %.1f ms, MOS %.1f", s.Codec, s.Packets, s.Lost, s.Jitter, s.MOS)
		row("", "%.1f s of sound at %.1f dBFS", r.From.Heard, r.From.Level)
		for i, t := range r.From.Tones {
			if i == 8 {
				row("", "and %d more tones", len(r.From.Tones)-i)
				break
			}
			row("", "%.1f Hz for %.1f s at %.1f dBFS", t.Frequency, t.Length, t.Level)
		}
		heard := "it has not told what it hears"
		if r.To.Reported {
			heard = fmt.Sprintf("it hears %.1f %% lost, jitter %.1f ms, round trip %.1f ms", r.To.Loss, r.To.Jitter, r.To.RoundTrip)
		}
		if r.From.Echo {
			heard += "; the tone came back"
		}
		row("to the trunk", "%d packets; %s", r.To.Packets, heard)
	}
	verdict := "good"
	if !r.Verdict.Good {
		verdict = "bad"
	}
	row("verdict", "%s%s", verdict, strings.Join(append([]string{""}, r.Verdict.Why...), "; "))
	row("record", "tandem cdr show %s", r.Call)
}
