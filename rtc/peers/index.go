package peers

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tandem/rtc"
)

// index is the table as it is asked. It never changes.
type index struct {
	places  map[netip.AddrPort][]*Peer // port 0: every port of the host
	names   map[string][]*Peer         // hosts that are names
	sources map[netip.Prefix][]*Peer
	lengths []int // of the sources' prefixes, the longest first
	tls     map[string]*Peer
	users   map[rtc.AOR]user
	machine map[netip.Addr]bool // addresses of this machine
}

// user is a peer as a user of the directory.
type user struct {
	peer     *Peer
	identity *rtc.Identity
}

// rebuild makes the index anew; t.mu is held.
func (t *Table) rebuild() {
	x := &index{
		places: make(map[netip.AddrPort][]*Peer), names: make(map[string][]*Peer), sources: make(map[netip.Prefix][]*Peer),
		tls: make(map[string]*Peer), users: make(map[rtc.AOR]user), machine: t.machine(),
	}
	for p := range t.all {
		for _, h := range p.Hosts {
			host, port := split(h)
			if addr, err := netip.ParseAddr(host); err == nil {
				x.place(netip.AddrPortFrom(addr, port), p)
				continue
			}
			x.names[host] = add(x.names[host], p)
			for _, uri := range questions(host, port) {
				for a := range t.names[uri].places() {
					if port != 0 {
						a = netip.AddrPortFrom(a.Addr(), port)
					}
					x.place(a, p)
				}
			}
		}
		x.senders(p)
	}
	t.current.Store(x)
}

// senders notes what proves that a request is the peer's.
func (x *index) senders(p *Peer) {
	for _, s := range p.Sources {
		s = netip.PrefixFrom(s.Addr().Unmap(), s.Bits()-(s.Addr().BitLen()-s.Addr().Unmap().BitLen())).Masked()
		x.sources[s] = add(x.sources[s], p)
		if !slices.Contains(x.lengths, s.Bits()) {
			x.lengths = append(x.lengths, s.Bits())
		}
	}
	slices.SortFunc(x.lengths, func(a, b int) int { return b - a })
	for _, n := range p.TLSNames {
		n = string(appendName(nil, []byte(n)))
		if x.tls[n] == nil {
			x.tls[n] = p
		}
	}
	for _, aor := range p.Users {
		if x.users[aor].peer == nil {
			x.users[aor] = user{p, &rtc.Identity{AOR: aor, Method: rtc.AuthDigest, Peer: p.Name, Rights: p.Rights}}
		}
	}
}

// place notes an address of a peer.
func (x *index) place(a netip.AddrPort, p *Peer) {
	put := func(addr netip.Addr, port uint16) {
		k := netip.AddrPortFrom(addr, port)
		x.places[k] = add(x.places[k], p)
	}
	addr, port := plain(a.Addr()), a.Port()
	switch {
	case x.local(addr) && port != 0:
		put(here, port)
	case x.local(addr):
		put(addr, 0)
		put(here, 5060)
		put(here, 5061)
	default:
		put(addr, 0)
		if port != 0 {
			put(addr, port)
		}
	}
}

// at returns the peers whose address this is.
func (x *index) at(a netip.AddrPort) []*Peer {
	if len(x.places) == 0 {
		return nil
	}
	addr := plain(a.Addr())
	if x.local(addr) {
		if list := x.places[netip.AddrPortFrom(here, a.Port())]; list != nil {
			return list
		}
	}
	return x.places[netip.AddrPortFrom(addr, 0)]
}

// exactly returns the peers that were given with this very port.
func (x *index) exactly(a netip.AddrPort) []*Peer {
	addr := plain(a.Addr())
	if x.local(addr) {
		addr = here
	}
	return x.places[netip.AddrPortFrom(addr, a.Port())]
}

// here stands for all addresses of this machine.
var here = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func (x *index) local(a netip.Addr) bool { return a.IsLoopback() || x.machine[a] }

// interfaces are the addresses of this machine.
func interfaces() map[netip.Addr]bool {
	all := make(map[netip.Addr]bool)
	list, err := net.InterfaceAddrs()
	if err != nil {
		return all // loopback is known without
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all[plain(p.Addr())] = true
		}
	}
	return all
}

// plain is an address in the one way in which addresses are compared.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// add puts a peer into a list, gateways in front.
func add(list []*Peer, p *Peer) []*Peer {
	switch {
	case slices.Contains(list, p):
		return list
	case p.Gateway:
		n := 0
		for n < len(list) && list[n].Gateway {
			n++
		}
		return slices.Insert(list, n, p)
	}
	return append(list, p)
}

// split takes "host:port" apart; the port is 0 when there is none. The host
// comes without brackets, a name in the spelling in which names are compared.
func split(s string) (host string, port uint16) {
	if h, p, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err == nil {
			s, port = h, uint16(n)
		}
	}
	return string(appendName(nil, []byte(strings.Trim(s, "[]")))), port
}

// appendName appends a name in lower case without the dot at its end.
func appendName(dst, name []byte) []byte {
	for _, c := range bytes.TrimSuffix(name, []byte(".")) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
