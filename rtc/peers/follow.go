package peers

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"tandem/rtc/resolve"
	"tandem/rtc/sip"
)

const (
	linger    = time.Hour        // former addresses of a name stay its own
	soonest   = 5 * time.Second  // between two look-ups
	latest    = 10 * time.Minute // however long the records live
	maxPlaces = 256              // of one name: bounds what name servers can make us keep
)

// name is a host that DNS tells the addresses of.
type name struct {
	uri     sip.URI
	until   map[netip.AddrPort]time.Time // each address, and when it is the name's no more
	due     time.Time                    // of the next look-up
	asking  bool
	unknown bool // the last look-up failed
}

// questions are the URIs whose addresses are a host's: where its services are
// (SRV), and the host itself, which a user may name with a port.
func questions(host string, port uint16) []string {
	if port != 0 {
		return []string{"sip:" + host + ":5060"} // any port has the same addresses
	}
	return []string{"sip:" + host, "sip:" + host + ":5060"}
}

// follow begins to follow names that are new and forgets those nobody has; t.mu
// is held.
func (t *Table) follow() {
	wanted := make(map[string]bool)
	for p := range t.all {
		for _, h := range p.Hosts {
			host, port := split(h)
			if _, err := netip.ParseAddr(host); err == nil {
				continue
			}
			for _, q := range questions(host, port) {
				wanted[q] = true
			}
		}
	}
	for q := range t.names {
		if !wanted[q] {
			delete(t.names, q)
		}
	}
	for q := range wanted {
		if t.names[q] != nil {
			continue
		}
		if uri, err := sip.ParseURI([]byte(q)); err == nil {
			n := &name{uri: uri, until: make(map[netip.AddrPort]time.Time)}
			t.names[q] = n
			t.ask(n)
		}
	}
}

// ask looks a name up; t.mu is held.
func (t *Table) ask(n *name) {
	n.asking = true
	t.resolver.Lookup(n.uri, func(cands []resolve.Candidate, err error) { t.told(n, cands, err) })
}

// told takes what a look-up found.
func (t *Table) told(n *name, cands []resolve.Candidate, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	before := len(n.until)
	moved := n.found(cands, now)
	n.asking, n.due = false, now.Add(max(soonest, min(latest, t.resolver.Fresh(n.uri))))
	host := string(n.uri.Host)
	switch {
	case err != nil && !n.unknown && n.uri.Port != 0:
		t.log.Warn("a peer's name has no address; a request to its address is not known as such", "peer", host, "err", err)
	case moved && before > 0:
		t.log.Info("a peer's name has new addresses; the former ones stay closed for a while", "peer", host, "dur", linger)
	}
	n.unknown = err != nil
	if moved {
		t.rebuild()
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// found keeps the addresses of a look-up and reports whether anything changed.
func (n *name) found(cands []resolve.Candidate, now time.Time) (changed bool) {
	for a, end := range n.until {
		if now.After(end) {
			delete(n.until, a)
			changed = true
		}
	}
	for _, c := range cands {
		a := netip.AddrPortFrom(plain(c.Target.Addr.Addr()), c.Target.Addr.Port())
		if _, known := n.until[a]; !known {
			if len(n.until) >= maxPlaces {
				continue
			}
			changed = true
		}
		n.until[a] = now.Add(linger)
	}
	return changed
}

// places are the addresses of a name now; a nil name has none.
func (n *name) places() iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		if n == nil {
			return
		}
		for a := range n.until {
			if !yield(a) {
				return
			}
		}
	}
}

// Run looks names up again when their time is over, until ctx ends.
func (t *Table) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-t.wake:
		}
		timer.Reset(t.askDue(time.Now()))
	}
}

// askDue looks up what is due and returns how long nothing else is.
func (t *Table) askDue(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := latest
	for _, n := range t.names {
		switch {
		case n.asking:
		case !n.due.After(now):
			t.ask(n)
		default:
			wait = min(wait, n.due.Sub(now))
		}
	}
	return wait
}
