// Package host finds out what a media relay has to know about its machine: the address
// to tell phones, and which ports the kernel gives to other programs. It sends nothing
// and keeps nothing open.
package host

import (
	"net"
	"net/netip"
)

// How says how an address was found.
type How uint8

const (
	Loopback How = iota // no other address: only this machine can reach it
	Only                // no default route, but the machine has one address
	Route               // packets to the outside are sent from it
)

func (h How) String() string {
	return [...]string{"loopback, for want of another address", "the only address of this machine", "the source address of the default route"}[h]
}

// Address returns the address of one IP version that phones should be told: the source
// address of packets by the default route; without a default route the machine's only
// address; otherwise loopback, also when there are several addresses. Link-local
// addresses (169.254.0.0/16, fe80::/10) do not count.
func Address(v6 bool) (netip.Addr, How) {
	return choose(v6, outward(v6), addresses())
}

func choose(v6 bool, outward netip.Addr, all []netip.Addr) (netip.Addr, How) {
	if usable(outward, v6) {
		return outward, Route
	}
	var only netip.Addr
	for _, a := range all {
		switch {
		case !usable(a, v6) || a == only:
		case only.IsValid():
			return loopback(v6), Loopback
		default:
			only = a
		}
	}
	if only.IsValid() {
		return only, Only
	}
	return loopback(v6), Loopback
}

// Has reports whether the machine has an address, loopback included.
func Has(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, a := range addresses() {
		if a == addr {
			return true
		}
	}
	return false
}

// usable reports whether phones could reach an address, and it has the right IP
// version.
func usable(a netip.Addr, v6 bool) bool {
	return a.IsValid() && a.Is6() == v6 && a.IsGlobalUnicast()
}

func loopback(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// outward returns the source address of packets by the default route. A UDP socket
// connected to a documentation address has it as its local address; nothing is sent.
func outward(v6 bool) netip.Addr {
	network, outside := "udp4", netip.MustParseAddrPort("192.0.2.1:9") // RFC 5737
	if v6 {
		network, outside = "udp6", netip.MustParseAddrPort("[2001:db8::1]:9") // RFC 3849
	}
	conn, err := net.DialUDP(network, nil, net.UDPAddrFromAddrPort(outside))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
}

// addresses returns those of all interfaces that are up.
func addresses() (list []netip.Addr) {
	all, _ := net.Interfaces() // on failure loopback is used
	for _, in := range all {
		if in.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, _ := in.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, p.Addr().Unmap())
			}
		}
	}
	return list
}
