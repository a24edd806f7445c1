// Package host finds what a media relay has to know of its machine: the address
// that phones are told, and which ports the kernel gives to others. It opens
// nothing that outlives the question and sends nothing.
package host

import (
	"net"
	"net/netip"
)

// How says how an address was found.
type How uint8

const (
	Loopback How = iota // there is no other: only this machine can reach it
	Only                // no default route, but the machine has one address
	Route               // packets to the outside come from it
)

func (h How) String() string {
	return [...]string{"loopback, for want of another address", "the only address of this machine", "the source address of the default route"}[h]
}

// Address is the address of one IP version that phones should be told: that which
// packets by the default route come from; without a default route the machine's
// only address; else loopback, also when there are several and nothing tells which.
// Addresses of the link alone (169.254.0.0/16, fe80::/10) do not count.
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

// Has says whether the machine has an address, loopback included.
func Has(addr netip.Addr) bool {
	addr = addr.Unmap()
	for _, a := range addresses() {
		if a == addr {
			return true
		}
	}
	return false
}

// usable says that phones could reach an address of a version.
func usable(a netip.Addr, v6 bool) bool {
	return a.IsValid() && a.Is6() == v6 && a.IsGlobalUnicast()
}

func loopback(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// outward is the source address of packets by the default route. A UDP socket that
// is connected to an address for documentation tells it; nothing is sent.
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

// addresses are those of all interfaces that are up.
func addresses() (list []netip.Addr) {
	all, _ := net.Interfaces() // none known: loopback stands in
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
