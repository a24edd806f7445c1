package transport

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errMaxConns = errors.New("the limit of connections is reached")
	errMaxPerIP = errors.New("the limit of connections from this address is reached")
)

// table holds the live connections and enforces their limits.
type table struct {
	max, maxPerIP int
	refused       atomic.Uint64

	keep func(Flow) bool // Config.Keep

	mu     sync.RWMutex
	oldest *conn // of the accepted connections, which form a ring
	nextID uint64
	total  int // including those still in their handshake
	ids    map[uint64]*conn
	peers  map[peer][]*conn
	perIP  map[netip.Addr]int
}

// peer is the far end of a connection.
type peer struct {
	proto Proto
	addr  netip.AddrPort
}

func (tb *table) init(cfg Config) {
	tb.max, tb.maxPerIP, tb.keep = cfg.MaxConns, cfg.MaxConnsPerIP, cfg.Keep
	// The numbers start with the clock, so that a token from before a restart cannot
	// name another connection after it.
	tb.nextID = uint64(time.Now().UnixMicro())
	tb.ids = make(map[uint64]*conn)
	tb.peers = make(map[peer][]*conn)
	tb.perIP = make(map[netip.Addr]int)
}

// site returns what the limit per address counts as one: an IPv4 address, or an IPv6
// /64, which belongs to one subscriber.
func site(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// admit counts a connection in, or returns why it is refused; leave undoes it. When the
// limit is reached it closes a connection that need not be kept.
func (tb *table) admit(a netip.Addr, exempt bool) error {
	err := tb.count(a, exempt)
	if err == errMaxConns && tb.makeRoom() {
		err = tb.count(a, exempt)
	}
	if err != nil {
		tb.refused.Add(1)
	}
	return err
}

// candidates is how many connections are examined to make room for a new one.
const candidates = 16

// makeRoom closes an old connection that need not be kept.
func (tb *table) makeRoom() bool {
	if tb.keep == nil {
		return false
	}
	for _, c := range tb.turn(candidates) {
		if !tb.keep(c.flow()) {
			c.close(errMaxConns)
			return true
		}
	}
	return false
}

// turn returns the oldest n connections and moves them to the end of the ring, so that
// others are examined next time.
func (tb *table) turn(n int) (list []*conn) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for c := tb.oldest; c != nil && len(list) < n; {
		list = append(list, c)
		if c = c.after; c == tb.oldest {
			break
		}
		tb.oldest = c
	}
	return list
}

// queue puts c, an accepted connection, at the end of the ring.
func (tb *table) queue(c *conn) {
	if tb.oldest == nil {
		c.before, c.after, tb.oldest = c, c, c
		return
	}
	c.after, c.before = tb.oldest, tb.oldest.before
	c.before.after, c.after.before = c, c
}

func (tb *table) unqueue(c *conn) {
	switch {
	case c.after == nil: // it was not accepted: we opened it
		return
	case c.after == c:
		tb.oldest = nil
	case tb.oldest == c:
		tb.oldest = c.after
	}
	c.before.after, c.after.before = c.after, c.before
	c.before, c.after = nil, nil
}

func (tb *table) count(a netip.Addr, exempt bool) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.total >= tb.max {
		return errMaxConns
	}
	if !exempt {
		s := site(a)
		if tb.perIP[s] >= tb.maxPerIP {
			return errMaxPerIP
		}
		tb.perIP[s]++
	}
	tb.total++
	return nil
}

func (tb *table) leave(a netip.Addr, exempt bool) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.leaveLocked(a, exempt)
}

func (tb *table) leaveLocked(a netip.Addr, exempt bool) {
	tb.total--
	if exempt {
		return
	}
	s := site(a)
	if tb.perIP[s]--; tb.perIP[s] <= 0 {
		delete(tb.perIP, s)
	}
}

// add gives an admitted connection its number and makes it findable.
func (tb *table) add(c *conn) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.addLocked(c)
}

func (tb *table) addLocked(c *conn) {
	tb.nextID++
	c.id = tb.nextID
	tb.ids[c.id] = c
	k := peer{c.proto, c.remote}
	tb.peers[k] = append(tb.peers[k], c)
	if !c.opened {
		tb.queue(c)
	}
}

// remove undoes add.
func (tb *table) remove(c *conn) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.ids[c.id] != c {
		return
	}
	delete(tb.ids, c.id)
	tb.unqueue(c)
	tb.unlink(peer{c.proto, c.remote}, c)
	if c.alias.IsValid() {
		tb.unlink(peer{c.proto, c.alias}, c)
	}
	tb.leaveLocked(c.remote.Addr(), c.exempt)
}

func (tb *table) unlink(k peer, c *conn) {
	list := tb.peers[k]
	for i, x := range list {
		if x != c {
			continue
		}
		if len(list) == 1 {
			delete(tb.peers, k)
			return
		}
		tb.peers[k] = append(list[:i:i], list[i+1:]...)
		return
	}
}

// name makes c findable under another address of its peer (RFC 5923 §5).
func (tb *table) name(c *conn, a netip.AddrPort) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.ids[c.id] != c || c.alias == a || a == c.remote {
		return
	}
	if c.alias.IsValid() {
		tb.unlink(peer{c.proto, c.alias}, c)
	}
	c.alias = a
	k := peer{c.proto, a}
	tb.peers[k] = append(tb.peers[k], c)
}

func (tb *table) byID(id uint64) *conn {
	tb.mu.RLock()
	defer tb.mu.RUnlock()
	return tb.ids[id]
}

func (tb *table) len() int {
	tb.mu.RLock()
	defer tb.mu.RUnlock()
	return tb.total
}

func (tb *table) all() []*conn {
	tb.mu.RLock()
	defer tb.mu.RUnlock()
	list := make([]*conn, 0, len(tb.ids))
	for _, c := range tb.ids {
		list = append(list, c)
	}
	return list
}
