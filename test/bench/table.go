package main

import (
	"fmt"
	"io"
	"time"
)

// table keeps the best result of each test and server.
type table struct {
	names []string
	bars  map[string]float64
	best  map[[2]string]result
	worst map[[2]string]float64
}

func newTable() *table {
	return &table{bars: map[string]float64{}, best: map[[2]string]result{}, worst: map[[2]string]float64{}}
}

func (t *table) add(test, server string, bar float64, r result) {
	if _, ok := t.bars[test]; !ok {
		t.names = append(t.names, test)
		t.bars[test] = bar
	}
	k := [2]string{test, server}
	if old, ok := t.best[k]; !ok || r.perOp() < old.perOp() {
		t.best[k] = r
	}
	t.worst[k] = max(t.worst[k], r.perOp())
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, CPU of the server in µs per operation, best of the rounds (worst in brackets)\n\n", time.Now().Format(time.DateOnly))
	fmt.Fprintln(w, "| scenario | Kamailio | Tandem | ratio | bar | lost K/T | lost at 0.9 K/T | MiB after K/T |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|")
	for _, n := range t.names {
		k, d := t.best[[2]string{n, "kamailio"}], t.best[[2]string{n, "tandem"}]
		ratio, bar := "-", "-"
		if k.Ops > 0 && d.Ops > 0 {
			ratio = fmt.Sprintf("%.2f", d.perOp()/k.perOp())
		}
		if t.bars[n] > 0 {
			bar = fmt.Sprintf("%.2f", t.bars[n])
		}
		fmt.Fprintf(w, "| %s | %.1f (%.1f) | %.1f (%.1f) | %s | %s | %d/%d | %s | %.0f/%.0f |\n", n,
			k.perOp(), t.worst[[2]string{n, "kamailio"}], d.perOp(), t.worst[[2]string{n, "tandem"}],
			ratio, bar, k.Lost+k.Failed, d.Lost+d.Failed, atPace(k, d), k.Memory, d.Memory)
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
	a, b := t.best[[2]string{name, "tandem"}], t.best[[2]string{base, "tandem"}]
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
