package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// table keeps the results of each test and server.
type table struct {
	names []string
	bars  map[string]float64
	all   map[[2]string][]result
}

func newTable() *table {
	return &table{bars: map[string]float64{}, all: map[[2]string][]result{}}
}

func (t *table) add(test, server string, bar float64, r result) {
	if _, ok := t.bars[test]; !ok {
		t.names = append(t.names, test)
		t.bars[test] = bar
	}
	k := [2]string{test, server}
	t.all[k] = append(t.all[k], r)
}

// rounds are the results of a test on one server.
type rounds []result

func (t *table) rounds(test, server string) rounds {
	all := slices.Clone(t.all[[2]string{test, server}])
	slices.SortFunc(all, func(a, b result) int { return int(a.CPU)/max(1, a.Ops) - int(b.CPU)/max(1, b.Ops) })
	return all
}

// median is the result in the middle, the zero result of none.
func (r rounds) median() result {
	if len(r) == 0 {
		return result{}
	}
	return r[len(r)/2]
}

func (r rounds) String() string {
	if len(r) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f (%.1f to %.1f)", r.median().perOp(), r[0].perOp(), r[len(r)-1].perOp())
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
			ratio = fmt.Sprintf("%.2f", d.perOp()/k.perOp())
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f | %d/%d | %s | %.0f/%.0f |\n", n, ofK, ofT,
			ratio, t.bars[n], ofK.lost(), ofT.lost(), atPace(k, d), k.Memory, d.Memory)
		if k.Settled > 0 || d.Settled > 0 {
			bar := "-"
			if n == bindings {
				bar = "150"
			}
			fmt.Fprintf(w, "| MiB held, seconds later | %.0f | %.0f | - | %s | | | |\n", k.Settled, d.Settled, bar)
		}
	}
}

// against prints what one operation of Tandem costs of another.
func (t *table) against(w io.Writer, name, base string, bar float64) {
	a, b := t.rounds(name, "tandem").median(), t.rounds(base, "tandem").median()
	if a.Ops > 0 && b.Ops > 0 {
		fmt.Fprintf(w, "\nTandem, %s against %s: %.2f, bar %.2f\n", name, base, a.perOp()/b.perOp(), bar)
	}
}

func atPace(k, d result) string {
	if k.Paced == 0 && d.Paced == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", k.PacedLost, d.PacedLost)
}
