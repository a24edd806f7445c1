package transport

import (
	"fmt"
	"net/netip"
)

// Target is a place to which a new request is sent.
type Target struct {
	Proto      Proto
	Addr       netip.AddrPort
	ServerName string    // for TLS verification; "" = the certificate must name the address
	Via        *Listener // the listener to send from; nil = one of this Proto and address family
}

// Flow finds or opens a flow to a target: a UDP socket, a live connection to the same
// address (RFC 5923), or a connection being dialled. Messages wait while it is dialled,
// and their Failers are told if that fails. Flow does not block. WebSocket peers cannot
// be dialled; only their live connections are found.
func (t *Transport) Flow(to Target) (Flow, error) {
	to.Addr = netip.AddrPortFrom(to.Addr.Addr().Unmap(), to.Addr.Port())
	// The unspecified address would mean this machine itself.
	if a := to.Addr.Addr(); !to.Addr.IsValid() || to.Addr.Port() == 0 || a.IsUnspecified() || a.IsMulticast() {
		return Flow{}, fmt.Errorf("sending by %s to %s: not an address of a machine with a port", to.Proto, to.Addr)
	}
	l := to.Via
	if l == nil {
		l = t.listenerFor(to)
	}
	if l == nil || l.proto != to.Proto || !l.reaches(to.Addr.Addr()) {
		return Flow{}, fmt.Errorf("sending by %s to %s: no listening address of that transport and address family", to.Proto, to.Addr)
	}
	if to.Proto == UDP {
		return Flow{l: l, Remote: to.Addr}, nil
	}
	c, fresh, err := t.conns.find(t, to, l)
	if err != nil {
		return Flow{}, fmt.Errorf("sending by %s to %s: %w", to.Proto, to.Addr, err)
	}
	if fresh && !t.spawn(c.dial) {
		c.close(errStopped)
		return Flow{}, errStopped
	}
	return c.flow(), nil
}

// Own reports whether a target is the bound or advertised address of one of our
// listeners.
func (t *Transport) Own(to Target) bool {
	addr := to.Addr.Addr().Unmap()
	for _, l := range t.listeners {
		for i := range l.names {
			if n := &l.names[i]; l.proto == to.Proto && n.port == to.Addr.Port() && n.addr == addr {
				return true
			}
		}
	}
	return false
}

// listenerFor chooses the listener that sends a request to the target.
func (t *Transport) listenerFor(to Target) *Listener {
	var second *Listener
	for _, l := range t.listeners {
		if l.proto != to.Proto {
			continue
		}
		if l.suits(to.Addr.Addr()) {
			return l
		}
		if second == nil && l.reaches(to.Addr.Addr()) {
			second = l
		}
	}
	return second
}

// find returns a connection to the target, a fresh one when there is none.
func (tb *table) find(t *Transport, to Target, l *Listener) (c *conn, fresh bool, err error) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, c := range tb.peers[peer{to.Proto, to.Addr}] {
		if c.alive() && c.serves(to) {
			return c, false, nil
		}
	}
	if to.Proto != TCP && to.Proto != TLS {
		return nil, false, fmt.Errorf("the connection is gone and cannot be opened from here")
	}
	if tb.total >= tb.max {
		tb.refused.Add(1)
		return nil, false, errMaxConns
	}
	tb.total++
	c = &conn{t: t, l: l, proto: to.Proto, remote: to.Addr, opened: true, serverName: to.ServerName, exempt: true}
	tb.addLocked(c)
	return c, true, nil
}

// serves reports whether the connection may carry requests for the target: if the
// target has a server name, the peer must have proved that name (RFC 5923 §9).
func (c *conn) serves(to Target) bool {
	switch {
	case to.Via != nil && to.Via != c.l:
		return false
	case c.proto != TLS || to.ServerName == c.serverName:
		return true
	case c.opened:
		return false
	}
	st := c.tlsState.Load()
	return st != nil && len(st.VerifiedChains) > 0 && st.PeerCertificates[0].VerifyHostname(to.ServerName) == nil
}
