package media

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// table collects lines to print at the end.
type table struct {
	loads, bars, mosts []string
}

// load adds a line of one size: no relay, theirs, ours.
func (t *table) load(name string, calls int, none, theirs, ours figures) {
	ratio := "-"
	if theirs.cpu > 0 {
		ratio = fmt.Sprintf("%.2f (%.2f)", ours.cpu/theirs.cpu, ours.best/theirs.best)
	}
	t.loads = append(t.loads, fmt.Sprintf("| %s | %d | %s | %s | %s | %s | %s | %s |", name, calls,
		pair(theirs, ours, "%.2f", func(f figures) float64 { return f.cpu })+" ("+
			pair(theirs, ours, "%.2f", func(f figures) float64 { return f.best })+")", ratio,
		pair(theirs, ours, "%.0f", func(f figures) float64 { return 100 * f.core }),
		pair(theirs, ours, "%.3f", func(f figures) float64 { return 100 * f.loss }),
		three(none, theirs, ours, func(f figures) time.Duration { return f.p50 }),
		three(none, theirs, ours, func(f figures) time.Duration { return f.p99 })))
}

func pair(theirs, ours figures, format string, of func(figures) float64) string {
	left := "-"
	if theirs != (figures{}) {
		left = fmt.Sprintf(format, of(theirs))
	}
	return left + " / " + fmt.Sprintf(format, of(ours))
}

func three(none, theirs, ours figures, of func(figures) time.Duration) string {
	var out []string
	for _, f := range []figures{none, theirs, ours} {
		if f == (figures{}) {
			out = append(out, "-")
		} else {
			out = append(out, fmt.Sprint(of(f).Microseconds()))
		}
	}
	return strings.Join(out, " / ")
}

// bar adds a figure with what it should be.
func (t *table) bar(name string, v float64, sign string, bar float64, format string) {
	met := v < bar
	switch sign {
	case "≤":
		met = v <= bar
	case "≥":
		met = v >= bar
	}
	verdict := "met"
	if !met {
		verdict = "**missed**"
	}
	t.bars = append(t.bars, fmt.Sprintf("| %s | "+format+" | %s %g | %s |", name, v, sign, bar, verdict))
}

// most adds a line of how many calls one converts.
func (t *table) most(name string, c capacity) {
	t.mosts = append(t.mosts, fmt.Sprintf("| %s | %d | %.0f | %.2f |", name, c.calls, 100*c.core, c.one))
}

func (t *table) print(w io.Writer) {
	if len(t.loads) > 0 {
		fmt.Fprint(w, "\nMedia: two streams a call, 50 packets a second each; medians of windows, of CPU the best in brackets; R rtpengine, T Tandem\n\n"+
			"| | calls | CPU µs a packet R / T | ratio | core used % R / T | loss % R / T | p50 µs direct / R / T | p99 µs direct / R / T |\n|---|---|---|---|---|---|---|---|\n")
	}
	for _, l := range t.loads {
		fmt.Fprintln(w, l)
	}
	if len(t.mosts) > 0 {
		fmt.Fprint(w, "\nPCMU to Opus and back on one core\n\n| | most calls with < 1 % lost | core used % | core a call, lightly loaded % |\n|---|---|---|---|\n")
	}
	for _, l := range t.mosts {
		fmt.Fprintln(w, l)
	}
	if len(t.bars) > 0 {
		fmt.Fprint(w, "\n| bar | measured | asked | |\n|---|---|---|---|\n")
	}
	for _, l := range t.bars {
		fmt.Fprintln(w, l)
	}
}
