package report

import (
	"fmt"
	"io"
	"strings"
)

// Matrix writes runs of the same rows side by side, by family, as a table in
// Markdown. Of each run it counts the rows that passed, those whose evidence is
// lineage or memory apart, and those that failed.
func Matrix(w io.Writer, runs ...*Report) error {
	var b strings.Builder
	b.WriteString("| family | rows |")
	rule := "|---|---|"
	for _, r := range runs {
		fmt.Fprintf(&b, " %s: passed | unverified | failed | not run |", r.Target)
		rule += "---|---|---|---|"
	}
	b.WriteString("\n" + rule + "\n")
	for _, f := range runs[0].families() {
		fmt.Fprintf(&b, "| %s | %d |", f.Name, len(f.Results))
		for _, r := range runs {
			counts := map[Outcome]int{}
			for _, x := range r.families() {
				if x.Name == f.Name {
					counts = x.Counts
				}
			}
			cells(&b, counts)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "| all | %d |", len(runs[0].Results))
	for _, r := range runs {
		cells(&b, r.Counts)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func cells(b *strings.Builder, counts map[Outcome]int) {
	for _, n := range []int{counts[Passed] + counts[Partly], counts[Unverified], counts[Failed], counts[NotRun] + counts[Nothing]} {
		if n == 0 {
			b.WriteString(" |")
			continue
		}
		fmt.Fprintf(b, " %d |", n)
	}
}
