package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"tandem/test/bench/load"
)

// table keeps the results of each test and server.
type table struct {
	names []string
	bars  map[string]float64
	all   map[[2]string][]load.Result
}

func newTable() *table {
	return &table{bars: map[string]float64{}, all: map[[2]string][]load.Result{}}
}

func (t *table) add(test, server string, bar float64, r load.Result) {
	if _, ok := t.bars[test]; !ok {
		t.names = append(t.names, test)
		t.bars[test] = bar
	}
	k := [2]string{test, server}
	t.all[k] = append(t.all[k], r)
}

// rounds are the results of a test on one server.
type rounds []load.Result

func (t *table) rounds(test, server string) rounds {
	all := slices.Clone(t.all[[2]string{test, server}])
	slices.SortFunc(all, func(a, b load.Result) int { return int(a.CPU)/max(1, a.Ops) - int(b.CPU)/max(1, b.Ops) })
	return all
}

// median is the result in the middle, the zero result of none.
func (r rounds) median() load.Result {
	if len(r) == 0 {
		return load.Result{}
	}
	return r[len(r)/2]
}

func (r rounds) String() string {
	if len(r) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f (%.1f to %.1f)", r.median().PerOp(), r[0].PerOp(), r[len(r)-1].PerOp())
}

// lost is how many operations ended badly or not at all, of all rounds.
func (r rounds) lost() (n int) {
	for i := range r {
		n += r[i].Lost + r[i].Failed
	}
	return n
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, CPU of the server in µs per operation, median of the rounds (least to most)\n\n", time.Now().Format(time.DateOnly))
	fmt.Fprintln(w, "| scenario | Kamailio | Tandem | ratio | bar | lost K/T | lost at 0.9 K/T | MiB after K/T |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, n := range t.names {
		ofK, ofT := t.rounds(n, "kamailio"), t.rounds(n, "tandem")
		k, d := ofK.median(), ofT.median()
		ratio := "-"
		if k.Ops > 0 && d.Ops > 0 {
			ratio = fmt.Sprintf("%.2f", d.PerOp()/k.PerOp())
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f | %d/%d | %s | %.0f/%.0f |\n", n, ofK, ofT,
			ratio, t.bars[n], ofK.lost(), ofT.lost(), atPace(k, d), k.Memory, d.Memory)
		if k.Settled > 0 || d.Settled > 0 {
			bar := "-"
			if n == bindings {
				bar = "150"
			}
			fmt.Fprintf(w, "| MiB held, seconds later | %.0f | %.0f | - | %s | | | |\n", k.Settled, d.Settled, bar)
			fmt.Fprintf(w, "| of which no pages of files | %.0f | %.0f | - | - | | | |\n", k.Anonymous, d.Anonymous)
		}
	}
}

// against prints what one operation of Tandem costs of another.
func (t *table) against(w io.Writer, name, base string, bar float64) {
	a, b := t.rounds(name, "tandem").median(), t.rounds(base, "tandem").median()
	if a.Ops > 0 && b.Ops > 0 {
		fmt.Fprintf(w, "\nTandem, %s against %s: %.2f, bar %.2f\n", name, base, a.PerOp()/b.PerOp(), bar)
	}
}

func atPace(k, d load.Result) string {
	if k.Paced == 0 && d.Paced == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", k.PacedLost, d.PacedLost)
}
