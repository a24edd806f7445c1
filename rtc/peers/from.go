package peers

import (
	"crypto/tls"
	"net/netip"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// From returns the peer that sends by a flow, and the identity that proves: by
// the name in its certificate, else by the address. Both are nil when it is no
// peer. Nobody is known over WebSocket: the browser of a peer's machine runs
// anybody's pages.
func (t *Table) From(f transport.Flow) (*Peer, *rtc.Identity) {
	if t == nil || f.Proto().Web() {
		return nil, nil
	}
	x := t.current.Load()
	if len(x.tls) > 0 && f.Proto() == transport.TLS {
		if p := x.certified(f.TLS()); p != nil {
			return p, &p.byName
		}
	}
	if p := x.from(f.Remote); p != nil {
		return p, &p.byAddress
	}
	return nil, nil
}

// Networks are those that peers send from: their addresses and their sources. It is
// asked for seldom.
func (t *Table) Networks(yield func(netip.Prefix) bool) {
	x := t.current.Load()
	for a := range x.places {
		if n, err := a.Addr().Prefix(a.Addr().BitLen()); err == nil && !yield(n) {
			return
		}
	}
	for n := range x.sources {
		if !yield(n) {
			return
		}
	}
}

// Sends reports whether requests from an address are a peer's.
func (t *Table) Sends(a netip.AddrPort) bool { return t != nil && t.current.Load().from(a) != nil }

// User returns the peer that proves who it is by the credentials of a user, and
// the identity that is; both are nil when that user is no peer.
func (t *Table) User(aor rtc.AOR) (*Peer, *rtc.Identity) {
	if t == nil {
		return nil, nil
	}
	u := t.current.Load().users[aor]
	return u.peer, u.identity
}

// certified is the peer that the other end has proved to be (RFC 5922 §7.1):
// names are those of the alternative names, URIs of SIP before DNS names.
func (x *index) certified(st *tls.ConnectionState) *Peer {
	if st == nil || len(st.VerifiedChains) == 0 {
		return nil
	}
	cert := st.PeerCertificates[0]
	var buf [128]byte
	sips := false
	for _, u := range cert.URIs {
		if u.Scheme != "sip" || u.Opaque == "" {
			continue
		}
		sips = true
		if p := x.tls[string(appendName(buf[:0], []byte(u.Opaque)))]; p != nil {
			return p
		}
	}
	if sips {
		return nil
	}
	for _, n := range cert.DNSNames {
		if p := x.tls[string(appendName(buf[:0], []byte(n)))]; p != nil {
			return p
		}
	}
	return nil
}

// from is the peer at a source address: one given with that port, else the one
// with the smallest network around it, else one on that host.
func (x *index) from(a netip.AddrPort) *Peer {
	if len(x.places) > 0 {
		if p := inbound(x.exactly(a)); p != nil {
			return p
		}
	}
	addr := plain(a.Addr())
	for _, bits := range x.lengths {
		if bits > addr.BitLen() {
			continue
		}
		if s, err := addr.Prefix(bits); err == nil {
			if p := first(x.sources[s]); p != nil {
				return p
			}
		}
	}
	return inbound(x.at(a))
}

func inbound(list []*Peer) *Peer {
	for _, p := range list {
		if p.Inbound {
			return p
		}
	}
	return nil
}
