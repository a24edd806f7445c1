package transport

import (
	"crypto/tls"
	"net/netip"
	"strings"
)

// Flow is a way to one peer: a listener's UDP socket and a remote address, or a
// connection. It is comparable, small, and stays safe to use after the
// connection has gone (sending fails). The zero Flow is no flow.
type Flow struct {
	l      *Listener
	conn   *conn
	Remote netip.AddrPort
}

// IsZero reports whether f is no flow.
func (f Flow) IsZero() bool { return f.l == nil }

// Proto is the flow's transport, 0 for no flow.
func (f Flow) Proto() Proto {
	switch {
	case f.conn != nil:
		return f.conn.proto
	case f.l != nil:
		return f.l.proto
	}
	return 0
}

// Listener returns the listener by which the flow came; for a connection we opened, the
// one whose address it advertises; nil for no flow.
func (f Flow) Listener() *Listener { return f.l }

// Alive reports whether sending may succeed: always for UDP.
func (f Flow) Alive() bool {
	if f.conn == nil {
		return f.l != nil
	}
	return f.conn.alive()
}

// Open reports whether what is sent leaves at once: always for UDP, for a
// connection once it is established.
func (f Flow) Open() bool {
	if f.conn == nil {
		return true
	}
	return f.conn.state.Load() == connOpen
}

// String returns transport, our address and the peer's: "udp 127.0.0.1:5060
// 192.0.2.1:5060". Transport.ParseFlow reads it.
func (f Flow) String() string {
	var room [96]byte
	return string(f.AppendTo(room[:0]))
}

// AppendTo appends String.
func (f Flow) AppendTo(b []byte) []byte {
	if f.l == nil {
		return append(b, "none"...)
	}
	b = append(append(b, f.Proto().Param()...), ' ')
	b = append(f.l.addr.AppendTo(b), ' ')
	return f.Remote.AppendTo(b)
}

// ID identifies a connection, for flow tokens; 0 for UDP. It is never used again, not
// even by the next process on this machine.
func (f Flow) ID() uint64 {
	if f.conn == nil {
		return 0
	}
	return f.conn.id
}

// TLS returns the state of the connection's TLS, nil when there is none (yet).
func (f Flow) TLS() *tls.ConnectionState {
	if f.conn == nil {
		return nil
	}
	return f.conn.tlsState.Load()
}

// Trusted reports whether the peer's address is one of the listener's Trusted. A web
// page is trusted only if Origins names it as well, because the browser on a trusted
// machine also shows untrusted pages.
func (f Flow) Trusted() bool {
	return f.l != nil && f.l.trusts(f.Remote.Addr()) && (f.conn == nil || !f.conn.page)
}

// ParseFlow restores a UDP flow from the result of Flow.String, for example after a
// restart. It returns false for connections, which do not survive.
func (t *Transport) ParseFlow(s string) (Flow, bool) {
	proto, rest, _ := strings.Cut(s, " ")
	local, remote, ok := strings.Cut(rest, " ")
	if !ok || proto != UDP.Param() {
		return Flow{}, false
	}
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return Flow{}, false
	}
	for _, l := range t.listeners {
		if l.proto == UDP && l.addr.String() == local && l.reaches(peer.Addr()) {
			return Flow{l: l, Remote: peer}, true
		}
	}
	return Flow{}, false
}

// FlowByID finds a live connection by Flow.ID.
func (t *Transport) FlowByID(id uint64) (Flow, bool) {
	c := t.conns.byID(id)
	if c == nil || !c.alive() {
		return Flow{}, false
	}
	return c.flow(), true
}
