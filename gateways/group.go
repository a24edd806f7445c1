package gateways

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// shares are trunks that share calls by their weights.
type shares struct {
	trunks []*Trunk
	until  []int // the sum of the weights up to each
}

func (s *shares) add(t *Trunk) {
	s.until = append(s.until, s.total()+t.weight())
	s.trunks = append(s.trunks, t)
}

func (s *shares) total() int {
	if len(s.until) == 0 {
		return 0
	}
	return s.until[len(s.until)-1]
}

// at is the trunk whose share of the total weight n falls into.
func (s *shares) at(n int) *Trunk {
	i, _ := slices.BinarySearch(s.until, n+1)
	return s.trunks[i]
}

func (t *Trunk) weight() int { return max(t.Weight, 1) }

// group is the trunks of one prefix with the same priority and cost. One of many trunks
// has them sorted by state, so that those that are down are not looked at; one of few
// looks at all.
type group struct {
	shares
	sorted *atomic.Pointer[sorted] // nil: few
}

// sorted is a group as its trunks were after so many changes of state.
type sorted struct {
	at uint64
	by [Down + 1]shares
}

// few is how many trunks are not worth sorting.
const few = 8

// in are the trunks that may be in a state, after so many changes of states.
func (g *group) in(state State, changes uint64) *shares {
	if g.sorted == nil {
		return &g.shares
	}
	s := g.sorted.Load()
	if s == nil || s.at != changes {
		s = &sorted{at: changes}
		for _, t := range g.trunks {
			if state := t.live.state(); state <= Down {
				s.by[state].add(t)
			}
		}
		g.sorted.Store(s)
	}
	return &s.by[state]
}

// grouped puts trunks in the order in which they are tried: equals share calls.
func grouped(list []*Trunk) (groups []group) {
	order := func(a, b *Trunk) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Cost, b.Cost))
	}
	slices.SortStableFunc(list, order)
	for i, trunk := range list {
		if i == 0 || order(trunk, list[i-1]) != 0 {
			groups = append(groups, group{})
		}
		groups[len(groups)-1].add(trunk)
	}
	for i := range groups {
		if len(groups[i].trunks) > few {
			groups[i].sorted = new(atomic.Pointer[sorted])
		}
	}
	return groups
}
