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

	mu     sync.RWMutex
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
	tb.max, tb.maxPerIP = cfg.MaxConns, cfg.MaxConnsPerIP
	// Numbers grow with the clock, so that a token issued before a restart
	// cannot name another connection after it.
	tb.nextID = uint64(time.Now().UnixMicro())
	tb.ids = make(map[uint64]*conn)
	tb.peers = make(map[peer][]*conn)
	tb.perIP = make(map[netip.Addr]int)
}

// site is what the limit per address counts together: an IPv4 address or an
// IPv6 /64, which is one subscriber's.
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

// admit counts a connection in, or says why not. leave undoes it.
func (tb *table) admit(a netip.Addr, exempt bool) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.total >= tb.max {
		tb.refused.Add(1)
		return errMaxConns
	}
	if !exempt {
		s := site(a)
		if tb.perIP[s] >= tb.maxPerIP {
			tb.refused.Add(1)
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

// add makes an admitted connection findable and numbers it.
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
}

// remove forgets a connection that add has taken.
func (tb *table) remove(c *conn) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.ids[c.id] != c {
		return
	}
	delete(tb.ids, c.id)
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

// name makes c findable under a further address of its peer (RFC 5923 §5).
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
