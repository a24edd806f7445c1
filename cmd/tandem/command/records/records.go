// Package records is the verbs on many call records at once.
package records

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/records"
	"tandem/cmd/tandem/command"
	"tandem/telephony/cdr/export"
)

// Selection is which records are meant.
type Selection struct {
	user, trunk, state, from, to string
	since                        time.Duration
}

// Define adds the flags that select.
func (s *Selection) Define(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.user, "user", "", "only calls from or to this user")
	f.StringVar(&s.trunk, "trunk", "", "only calls by this trunk")
	f.StringVar(&s.state, "state", "", "only open, completed, failed or interrupted ones")
	f.DurationVar(&s.since, "since", 0, "only calls that began within this time, e.g. 24h")
	f.StringVar(&s.from, "from", "", "only calls that began on this day or later, 2026-05-04")
	f.StringVar(&s.to, "to", "", "only calls that began before this day")
	command.Complete(c, "state", "open", "completed", "failed", "interrupted")
}

// Query is what the flags say.
func (s *Selection) Query() (url.Values, error) {
	q := url.Values{}
	for name, value := range map[string]string{"user": s.user, "trunk": s.trunk, "state": s.state} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if s.since > 0 {
		q.Set("after", time.Now().Add(-s.since).UTC().Format(time.RFC3339))
	}
	for name, day := range map[string]string{"after": s.from, "before": s.to} {
		if day == "" {
			continue
		}
		t, err := time.ParseInLocation(time.DateOnly, day, time.Local)
		if err != nil {
			return nil, command.Usage("%q is not a day; write 2026-05-04", day)
		}
		q.Set(name, t.UTC().Format(time.RFC3339))
	}
	return q, nil
}

// Export makes the verb that writes records to a file.
func Export() *cobra.Command {
	var s Selection
	var format, file string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the records of calls as JSON lines or CSV, the oldest first",
		Long: `Write the records of calls, however many there are, to standard output or a file.
Calls go on undisturbed. A file is complete when the command ends without an error:
until then it has the suffix .part.`,
		Example: `  tandem cdr export --format csv --from 2026-05-01 --to 2026-06-01 --file may.csv
  tandem cdr export --since 24h | jq .number`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := s.Query()
			if err != nil {
				return err
			}
			q.Set("format", format)
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				if file == "" {
					return k.Copy(ctx, "/call-records-export?"+q.Encode(), c.OutOrStdout())
				}
				return toFile(file, func(w io.Writer) error { return k.Copy(ctx, "/call-records-export?"+q.Encode(), w) })
			})
		},
	}
	s.Define(c)
	c.Flags().StringVar(&format, "format", string(export.JSON), "jsonl or csv")
	c.Flags().StringVar(&file, "file", "", "file to write (default: standard output)")
	command.Complete(c, "format", string(export.JSON), string(export.CSV))
	return c
}

// toFile writes a file that has its name only when it is complete and on disk.
func toFile(name string, write func(io.Writer) error) error {
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s is not complete: %w", part, err)
	}
	return os.Rename(part, name)
}

// Report makes the verb that adds records up.
func Report() *cobra.Command {
	var s Selection
	var by string
	c := &cobra.Command{
		Use:     "report",
		Short:   "Add up calls by user, trunk, kind of number, hour or day",
		Example: `  tandem cdr report --by trunk --since 24h`,
		Args:    command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := s.Query()
			if err != nil {
				return err
			}
			q.Set("by", by)
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out records.CallReport
				if err := k.Get(ctx, "/call-records-report?"+q.Encode(), &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintln(w, "BY\tCALLS\tANSWERED\tMINUTES\tDELAY\tMOS")
					for _, r := range out.Sums {
						fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%.1fs\t%.1f\n", r.Key, r.Calls, r.Answered, r.Minutes, r.Delay, r.MOS)
					}
				})
			})
		},
	}
	s.Define(c)
	c.Flags().StringVar(&by, "by", string(export.ByDay), "user (who pays), trunk, kind, hour or day")
	command.Complete(c, "by", "user", "trunk", "kind", "hour", "day")
	return c
}
