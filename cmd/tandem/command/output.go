package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"text/tabwriter"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

// Formats are the values of -o.
var Formats = []string{"table", "json", "yaml"}

// Print shows a result as -o asks: rows for people, or v for programs.
func Print(c *cobra.Command, v any, rows func(w io.Writer)) error {
	format, _ := c.Flags().GetString("output")
	out := c.OutOrStdout()
	switch format {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		return yaml.NewEncoder(out).Encode(v)
	}
	return table(out, func(w io.Writer) error { rows(w); return nil })
}

// PrintEach is Print of a list that may be long: a table takes its rows as they come.
func PrintEach[T any](c *cobra.Command, list iter.Seq2[T, error], head string, row func(w io.Writer, v *T)) error {
	if format, _ := c.Flags().GetString("output"); format == "json" || format == "yaml" {
		all := []T{}
		for v, err := range list {
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return Print(c, all, nil)
	}
	return table(c.OutOrStdout(), func(w io.Writer) error {
		fmt.Fprintln(w, head)
		for v, err := range list {
			if err != nil {
				return err
			}
			row(w, &v)
		}
		return nil
	})
}

// table writes rows in columns; nothing when they fail.
func table(out io.Writer, rows func(w io.Writer) error) error {
	lines := bufio.NewWriter(out) // it is written cell by cell
	w := tabwriter.NewWriter(lines, 0, 0, 2, ' ', 0)
	if err := rows(w); err != nil {
		return err
	}
	return errors.Join(w.Flush(), lines.Flush())
}

// When shows a time, "-" for none.
func When(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// Say prints progress, which is no result and so goes to standard error.
func Say(c *cobra.Command, format string, args ...any) {
	fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...)
}
