package gateways

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
)

// Table is all trunks at one moment, ready to be asked. It never changes; what
// the states of its trunks say does.
type Table struct {
	list   []*Trunk // by name
	names  map[string]*Trunk
	out    prefixes[[]group]  // by the prefixes served
	in     prefixes[[]*Trunk] // by the numbers and blocks owned
	random func(n int) int
}

// group is the trunks of one prefix with the same priority.
type group []*Trunk

// prefixes finds what is kept under the beginnings of a number.
type prefixes[T any] struct {
	by      map[string]T
	longest int
	lengths [maxPrefix + 1]bool // which occur
}

func (p *prefixes[T]) put(prefix string, v T) {
	p.by[prefix] = v
	p.longest = max(p.longest, len(prefix))
	p.lengths[len(prefix)] = true
}

// newTable makes a table of checked trunks. Those that old has too keep their state.
func newTable(list []Trunk, old *Table) *Table {
	t := &Table{names: make(map[string]*Trunk, len(list)), random: rand.IntN}
	for _, c := range list {
		if before := old.ByName(c.Name); before != nil {
			c.live = before.live
		} else {
			c.live = new(live)
		}
		t.list = append(t.list, &c)
		t.names[c.Name] = &c
	}
	slices.SortFunc(t.list, func(a, b *Trunk) int { return strings.Compare(a.Name, b.Name) })
	t.indexOut()
	t.indexIn()
	return t
}

func (t *Table) indexOut() {
	by := make(map[string][]*Trunk)
	for _, trunk := range t.list {
		for _, p := range trunk.Prefixes {
			p = strings.TrimSuffix(p, "*")
			by[p] = append(by[p], trunk)
		}
	}
	t.out.by = make(map[string][]group, len(by))
	for p, list := range by {
		slices.SortStableFunc(list, func(a, b *Trunk) int { return cmp.Compare(a.Priority, b.Priority) })
		var groups []group
		for i, trunk := range list {
			if i == 0 || trunk.Priority != list[i-1].Priority {
				groups = append(groups, nil)
			}
			groups[len(groups)-1] = append(groups[len(groups)-1], trunk)
		}
		t.out.put(p, groups)
	}
}

// indexIn keeps a block under its beginning with the '*', so that it does not
// match as a number.
func (t *Table) indexIn() {
	t.in.by = make(map[string][]*Trunk)
	for _, trunk := range t.list {
		for _, n := range trunk.Numbers {
			t.in.put(n, append(t.in.by[n], trunk))
		}
	}
}

// All trunks, by name.
func (t *Table) All() []*Trunk { return t.list }

// ByName returns the trunk of that name, nil when there is none.
func (t *Table) ByName(name string) *Trunk {
	if t == nil {
		return nil
	}
	return t.names[name]
}

// Choose returns the trunks to try for a number, in E.164 with '+' or as the
// prefixes are written, best first: those that are up by the longest prefix, then
// the priority, then by chance according to weight; then degraded ones, and
// those that are down last. Each comes once and at most 32 do. It does not
// allocate.
func (t *Table) Choose(number string) iter.Seq[*Trunk] {
	return func(yield func(*Trunk) bool) { t.choose(number, yield) }
}

// choice is one walk through a Table.
type choice struct {
	table *Table
	tried [maxTries]*Trunk
	n     int
}

const maxTries = 32

func (t *Table) choose(number string, yield func(*Trunk) bool) {
	if number == "" {
		return
	}
	c := choice{table: t}
	for state := Up; state <= Down; state++ {
		for n := min(len(number), t.out.longest); n >= 0; n-- {
			if !t.out.lengths[n] {
				continue
			}
			for _, g := range t.out.by[number[:n]] {
				if !c.walk(g, state, yield) {
					return
				}
			}
		}
	}
}

// walk yields those of a group that are in that state.
func (c *choice) walk(g group, state State, yield func(*Trunk) bool) bool {
	for c.n < maxTries {
		t := c.draw(g, state)
		if t == nil {
			return true
		}
		c.tried[c.n] = t
		c.n++
		if !yield(t) {
			return false
		}
	}
	return false
}

// draw takes one of a group by chance, its weight counting.
func (c *choice) draw(g group, state State) *Trunk {
	var total int
	for _, t := range g {
		if c.may(t, state) {
			total += max(t.Weight, 1)
		}
	}
	if total == 0 {
		return nil
	}
	at := c.table.random(total)
	for _, t := range g {
		if !c.may(t, state) {
			continue
		}
		if at -= max(t.Weight, 1); at < 0 {
			return t
		}
	}
	return nil // its state has changed since
}

func (c *choice) may(t *Trunk, state State) bool {
	return t.live.state() == state && !slices.Contains(c.tried[:c.n], t)
}

// Inbound returns the trunks that own a number, in E.164 with '+', or the
// smallest block it is in. The list is shared.
func (t *Table) Inbound(number string) []*Trunk {
	if list := t.in.by[number]; list != nil && !strings.HasSuffix(number, "*") {
		return list
	}
	var key [maxPrefix + 1]byte
	for n := min(len(number), t.in.longest-1); n >= 0; n-- {
		if !t.in.lengths[n+1] {
			continue
		}
		if list := t.in.by[string(append(append(key[:0], number[:n]...), '*'))]; list != nil {
			return list
		}
	}
	return nil
}
