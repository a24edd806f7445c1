package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/interop/report"
)

// outputs are the files a report is written to.
type outputs struct{ junit, html string }

func (o *outputs) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.junit, "junit", "", "write a JUnit file for build servers")
	c.Flags().StringVar(&o.html, "html", "", "write one page for a browser, with the ladder of each failure")
}

// write writes the files that were asked for.
func (o *outputs) write(r *report.Report) error {
	for _, f := range []struct {
		path string
		form func(io.Writer) error
	}{{o.junit, r.JUnit}, {o.html, r.HTML}} {
		if f.path == "" {
			continue
		}
		file, err := os.Create(f.path)
		if err != nil {
			return err
		}
		if err := errors.Join(f.form(file), file.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", f.path, err)
		}
	}
	return nil
}

// show shows a run as -o asks and says by the error that rows failed.
func show(c *cobra.Command, r *report.Report, files outputs) error {
	if err := files.write(r); err != nil {
		return err
	}
	if err := command.Print(c, r, func(w io.Writer) { r.Summary(w) }); err != nil {
		return err
	}
	if n := r.Counts[report.Failed]; n > 0 {
		return fmt.Errorf("%d rows failed", n)
	}
	if r.Counts[report.Passed]+r.Counts[report.Partly]+r.Counts[report.Unverified] == 0 {
		return errors.New("nothing was tried; each row says why")
	}
	return nil
}

func newReport() *cobra.Command {
	var files outputs
	var matrix bool
	c := &cobra.Command{
		Use:   "report FILE [FILE]",
		Short: "Show runs that were kept with -o json, as a page, a table or a JUnit file",
		Long: `Show a run that was kept as JSON. With two files and --matrix the two servers
stand side by side, family by family.`,
		Example: `  tandem interop run -o json > ours.json
  tandem interop report ours.json --html report.html
  tandem interop report ours.json other.json --matrix`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			var runs []*report.Report
			for _, path := range args {
				r, err := read(path)
				if err != nil {
					return err
				}
				runs = append(runs, r)
			}
			if matrix {
				return report.Matrix(c.OutOrStdout(), runs...)
			}
			if len(runs) > 1 {
				return command.Usage("two runs are shown with --matrix alone")
			}
			return show(c, runs[0], files)
		},
	}
	files.flags(c)
	c.Flags().BoolVar(&matrix, "matrix", false, "write a table by family in Markdown")
	return c
}

// read reads a run that was kept.
func read(path string) (*report.Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(report.Report)
	if err := json.Unmarshal(text, r); err != nil || r.Counts == nil {
		return nil, fmt.Errorf("%s is not a kept run; make one with: tandem interop run -o json > %s", path, path)
	}
	return r, nil
}
