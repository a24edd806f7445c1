package proxy

import (
	"bytes"
	"net/netip"
	"sync"

	"tandem/rtc/resolve"
	"tandem/rtc/sip"
)

// peers are the hosts of the next hops of static routes, by name and by each
// address found for them: who may not use a gateway shall not by another name of
// it, nor at another port. Only on loopback, where all programs of a machine are,
// a port given counts.
type peers struct {
	names  map[string]bool
	mu     sync.RWMutex
	places map[netip.AddrPort]bool // port 0: all
}

// maxPlaces bounds what name servers can make us keep.
const maxPlaces = 4096

func newPeers() *peers {
	return &peers{names: make(map[string]bool), places: make(map[netip.AddrPort]bool)}
}

// add notes the next hop of a route.
func (p *peers) add(hop sip.URI) {
	maddr, _ := hop.Param("maddr")
	for _, h := range [...][]byte{hop.Host, maddr} {
		if addr, ok := address(h); ok {
			p.put(netip.AddrPortFrom(addr, hop.Port))
		} else if len(h) > 0 {
			p.names[string(spelled(nil, h))] = true
		}
	}
}

// found notes where a next hop is.
func (p *peers) found(cands []resolve.Candidate) {
	if p == nil { // the last route has gone meanwhile
		return
	}
	for _, c := range cands {
		p.put(c.Target.Addr)
	}
}

func (p *peers) put(a netip.AddrPort) {
	addr, port := a.Addr().Unmap(), a.Port()
	if !addr.IsLoopback() {
		port = 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.places) < maxPlaces {
		p.places[netip.AddrPortFrom(addr, port)] = true
	}
}

// lead reports whether a SIP URI leads to a peer, as far as can be told without
// asking a name server.
func (p *peers) lead(u sip.URI) bool {
	if p == nil {
		return false
	}
	port := u.Port
	switch {
	case port != 0:
	case u.Kind == sip.URISIPS:
		port = 5061
	default:
		port = 5060
	}
	maddr, _ := u.Param("maddr")
	return p.host(u.Host, port) || p.host(maddr, port)
}

func (p *peers) host(h []byte, port uint16) bool {
	if addr, ok := address(h); ok {
		return p.at(netip.AddrPortFrom(addr, port))
	}
	var buf [128]byte
	return p.names[string(spelled(buf[:0], h))]
}

// any reports whether one of the places is a peer's.
func (p *peers) any(cands []resolve.Candidate) bool {
	for _, c := range cands {
		if p.at(c.Target.Addr) {
			return true
		}
	}
	return false
}

// at reports whether an address is a peer's.
func (p *peers) at(a netip.AddrPort) bool {
	if p == nil {
		return false
	}
	addr := a.Addr().Unmap()
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.places[netip.AddrPortFrom(addr, 0)] || p.places[netip.AddrPortFrom(addr, a.Port())]
}

// address is that of a host that is no name.
func address(host []byte) (netip.Addr, bool) {
	if len(host) == 0 || !isDigit(host[len(host)-1]) && host[0] != '[' {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(string(bytes.Trim(host, "[]")))
	return addr.Unmap(), err == nil
}

// spelled appends a name in the one way in which names are compared.
func spelled(dst, name []byte) []byte {
	for _, c := range bytes.TrimSuffix(name, []byte(".")) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
