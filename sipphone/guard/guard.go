package guard

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of what one address may ask for in vain.
const (
	guessWithin  = 10 * time.Minute
	guessLimit   = 100  // different files of others; a site with that many new phones behind one address is added first
	guessSources = 8192 // remembered at a time
)

// Guard counts how many different things an address asks for in vain. A phone
// that asks for one missing file again and again is not a guesser; whoever goes
// through MAC addresses is. It is safe for concurrent use.
type Guard struct {
	tell func(netip.Addr, time.Time)
	seed maphash.Seed

	mu      sync.Mutex
	sources map[netip.Addr]*source
}

type source struct {
	since time.Time
	until time.Time // blocked until then
	tried []uint32
}

// New makes a Guard. tell, which may be nil, is told of an address that is shut out, and
// until when.
func New(tell func(netip.Addr, time.Time)) *Guard {
	return &Guard{tell: tell, seed: maphash.MakeSeed(), sources: make(map[netip.Addr]*source)}
}

// network is what one guesser can have of addresses: a whole /64 of IPv6.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// Strike counts something asked for in vain and reports whether the address is
// blocked now.
func (g *Guard) Strike(from netip.Addr, what string) bool {
	now := time.Now()
	mark := uint32(maphash.String(g.seed, what))
	from = network(from)
	g.mu.Lock()
	s := g.sources[from]
	if s == nil || now.Sub(s.since) > guessWithin && now.After(s.until) {
		if s == nil {
			g.makeRoom(now)
		}
		s = &source{since: now}
		g.sources[from] = s
	}
	if !slices.Contains(s.tried, mark) && len(s.tried) <= guessLimit {
		s.tried = append(s.tried, mark)
	}
	begins := len(s.tried) > guessLimit && !now.Before(s.until)
	if begins {
		s.until = now.Add(guessWithin)
	}
	blocked, until := now.Before(s.until), s.until
	g.mu.Unlock()
	if begins && g.tell != nil {
		g.tell(from, until)
	}
	return blocked
}

// Blocked reports whether an address is shut out.
func (g *Guard) Blocked(from netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sources[network(from)]
	return s != nil && time.Now().Before(s.until)
}

// makeRoom forgets what is old, or else some that are not shut out, or anything when all
// are, under the lock. It makes room for many: whoever comes from ever new addresses must
// not have all looked through each time.
func (g *Guard) makeRoom(now time.Time) {
	if len(g.sources) < guessSources {
		return
	}
	for a, s := range g.sources {
		if now.Sub(s.since) > guessWithin && now.After(s.until) {
			delete(g.sources, a)
		}
	}
	const enough = guessSources * 7 / 8
	for a, s := range g.sources {
		if len(g.sources) <= enough {
			return
		}
		if now.After(s.until) {
			delete(g.sources, a)
		}
	}
	if len(g.sources) >= guessSources {
		clear(g.sources)
	}
}
