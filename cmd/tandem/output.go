package main

import (
	"encoding/json"
	"io"
	"text/tabwriter"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

// formats are the values of -o.
var formats = []string{"table", "json", "yaml"}

// print shows a result as -o asks: rows for people, or v for programs.
func print(c *cobra.Command, v any, rows func(w io.Writer)) error {
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
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	rows(w)
	return w.Flush()
}
