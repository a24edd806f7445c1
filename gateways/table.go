package gateways

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tandem/gateways/dialect"
	"tandem/gateways/hours"
	"tandem/rtc/prefix"
	"tandem/rtc/sip"
)

// Table is all trunks at one moment, ready to be asked. It never changes; what
// the states of its trunks say does.
type Table struct {
	list  []*Trunk // by name
	names map[string]*Trunk
	out   prefix.Table[[]group] // by the prefixes served
	vias  map[string][]group    // by the name of a trunk or of a trunk group
	timed bool                  // a trunk has hours
	// changes counts those of the states of trunks, in this table and those before.
	changes *atomic.Uint64
	random  func(n int) int
}

// newTable makes a table of checked trunks. Those that old has too keep their state.
func newTable(list []Trunk, old *Table) *Table {
	t := &Table{names: make(map[string]*Trunk, len(list)), random: rand.IntN, changes: new(atomic.Uint64)}
	if old != nil {
		t.changes = old.changes
	}
	for _, c := range list {
		if before := old.ByName(c.Name); before != nil {
			c.live = before.live
		} else {
			c.live = &live{changes: t.changes}
		}
		d, _ := dialect.Of(c.Dialect)
		c.spoken = c.Manner.Or(d.Manner)
		c.hours, _ = hours.Parse(c.Hours) // checked when it was set
		t.timed = t.timed || len(c.hours) > 0
		t.list = append(t.list, &c)
		t.names[c.Name] = &c
	}
	slices.SortFunc(t.list, func(a, b *Trunk) int { return strings.Compare(a.Name, b.Name) })
	t.indexOut()
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
	for p, list := range by {
		t.out.Put(p, grouped(list))
	}
	vias := make(map[string][]*Trunk)
	for _, trunk := range t.list {
		vias[trunk.Name] = append(vias[trunk.Name], trunk)
		if trunk.Group != "" && trunk.Group != trunk.Name {
			vias[trunk.Group] = append(vias[trunk.Group], trunk)
		}
	}
	t.vias = make(map[string][]group, len(vias))
	for name, list := range vias {
		t.vias[name] = grouped(list)
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

// At is the trunk one of whose addresses a URI names, or whose domain; nil for
// nobody's.
func (t *Table) At(uri sip.URI) *Trunk {
	host := hostPort(uri.Host, uri.Port)
	for _, trunk := range t.list {
		if trunk.Domain != "" && trunk.Domain == host {
			return trunk
		}
		for _, a := range trunk.Addresses {
			if u, err := sip.ParseURI([]byte(a)); err == nil && hostPort(u.Host, u.Port) == host {
				return trunk
			}
		}
	}
	return nil
}

// Choose returns the trunks to try for a number, in E.164 with '+' or as the
// prefixes are written, best first: those that are up by the longest prefix, then
// the priority, then the cost, then by chance according to weight; then degraded
// ones, and those that are down last; after all of them those whose channels are
// taken, for calls that take one all the same. Those outside their hours, and those
// that asked for a pause, are left out. Each comes once and at most 32 do. It does not
// allocate, but for the first time after the state of a trunk has changed.
func (t *Table) Choose(number string) iter.Seq[*Trunk] {
	return func(yield func(*Trunk) bool) { t.choose(number, yield) }
}

// Via returns the trunks of a name, that of a trunk or of a trunk group, in the
// order of Choose, whatever prefixes they serve.
func (t *Table) Via(name string) iter.Seq[*Trunk] {
	return func(yield func(*Trunk) bool) {
		c := t.begin()
		c.each(func(state State) bool {
			groups := t.vias[name]
			for i := range groups {
				if !c.walk(&groups[i], state, yield) {
					return false
				}
			}
			return true
		})
	}
}

// Serves reports whether there is a trunk for a number, or one of a name unless that
// is "", whether it takes calls now or not.
func (t *Table) Serves(number, name string) bool {
	return slices.ContainsFunc(t.list, func(trunk *Trunk) bool {
		if name != "" {
			return trunk.Name == name || trunk.Group == name
		}
		return slices.ContainsFunc(trunk.Prefixes, func(p string) bool { return p == "*" || strings.HasPrefix(number, p) })
	})
}

// choice is one walk through a Table.
type choice struct {
	table *Table
	now   time.Time // zero when no trunk has hours
	ms    int64
	after uint64 // changes of states
	full  bool   // those without a free channel are wanted
	tried [maxTries]*Trunk
	n     int
}

const maxTries = 32

func (t *Table) begin() choice {
	now := time.Now()
	c := choice{table: t, ms: now.UnixMilli(), after: t.changes.Load()}
	if t.timed {
		c.now = now
	}
	return c
}

func (t *Table) choose(number string, yield func(*Trunk) bool) {
	if number == "" {
		return
	}
	c := t.begin()
	c.each(func(state State) bool {
		for groups, n, ok := t.out.Longest(number, len(number)+1); ok; groups, n, ok = t.out.Longest(number, n) {
			for i := range groups {
				if !c.walk(&groups[i], state, yield) {
					return false
				}
			}
		}
		return true
	})
}

// each calls f for every state, best first, while it returns true: for trunks with a
// free channel, then for those without.
func (c *choice) each(f func(State) bool) {
	for _, c.full = range [...]bool{false, true} {
		for state := Up; state <= Down; state++ {
			if !f(state) {
				return
			}
		}
	}
}

// walk yields those of a group that are in that state.
func (c *choice) walk(g *group, state State, yield func(*Trunk) bool) bool {
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

// draw takes one of a group by chance, its weight counting. Drawing again what
// may not be taken leaves the shares of the others as they are; when most may
// not, all are looked at.
func (c *choice) draw(g *group, state State) (drawn *Trunk) {
	s := g.in(state, c.after)
	if s.total() == 0 {
		return nil
	}
	for range 8 {
		if t := s.at(c.table.random(s.total())); c.may(t, state) {
			return t
		}
	}
	total := 0 // of those that may be taken, so far: each gives way to a later one by its weight
	for _, t := range s.trunks {
		if !c.may(t, state) {
			continue
		}
		if total += t.weight(); c.table.random(total) < t.weight() {
			drawn = t
		}
	}
	return drawn
}

func (c *choice) may(t *Trunk, state State) bool {
	return t.live.state() == state && t.full(Out) == c.full && (state != Down || !t.live.resting(c.ms)) &&
		(len(t.hours) == 0 || t.hours.Has(c.now)) && !slices.Contains(c.tried[:c.n], t)
}

// Of is the trunk of a call that came by t and names the trunk group it took at the
// gateway (RFC 4904 §5.1): the one with that TrunkGroup among those at which t's own
// gateway is known, else t. A gateway never speaks for another.
func (t *Table) Of(trunk *Trunk, label, context string) *Trunk {
	for _, other := range t.list {
		l, c, ok := strings.Cut(other.TrunkGroup, "@")
		if ok && strings.EqualFold(l, label) && strings.EqualFold(c, context) && !other.Disabled && other.sameGateway(trunk) {
			return other
		}
	}
	return trunk
}

// Owner is the trunk whose call it is that came by a trunk: that one, unless another one
// at which its gateway is known, too, has the number called among its own. called is that
// number as a trunk writes numbers, in E.164 with '+'.
func (t *Table) Owner(trunk *Trunk, called func(*Trunk) string) *Trunk {
	names := func(o *Trunk) bool { return len(o.Numbers) > 0 && o.Owns(called(o)) }
	if names(trunk) {
		return trunk
	}
	for _, other := range t.list {
		if other != trunk && !other.Disabled && other.sameGateway(trunk) && names(other) {
			return other
		}
	}
	return trunk
}

// sameGateway reports whether two trunks lead to one gateway: by an address, or by what
// proves who it is.
func (t *Trunk) sameGateway(o *Trunk) bool {
	return t.Name == o.Name || common(t.Addresses, o.Addresses) || common(t.Sources, o.Sources) || common(t.TLSNames, o.TLSNames) || common(t.Users, o.Users)
}

func common[T comparable](a, b []T) bool {
	return slices.ContainsFunc(a, func(x T) bool { return slices.Contains(b, x) })
}
