package config

import (
	"net"
	"net/netip"

	"tandem/media/host"
)

// Places are the addresses, host:port, by which phones reach a listener: what it
// advertises, else what it listens on; of all addresses those of this machine, the
// one that the default route uses first, loopback for want of others.
func (l *Listen) Places() []string {
	at, err := l.AddrPort()
	if err != nil {
		return nil // Check has refused it
	}
	_, port, _ := net.SplitHostPort(at.String())
	if l.Advertise != "" {
		if _, _, err := net.SplitHostPort(l.Advertise); err == nil {
			return []string{l.Advertise}
		}
		return []string{net.JoinHostPort(l.Advertise, port)}
	}
	if !at.Addr().IsUnspecified() {
		return []string{at.String()}
	}
	var list []string
	for _, a := range reachable(at.Addr().Is6()) {
		list = append(list, net.JoinHostPort(a.String(), port))
	}
	return list
}

// reachable are the addresses of this machine of one IP version that phones could reach.
func reachable(v6 bool) []netip.Addr {
	first, _ := host.Address(v6)
	list := []netip.Addr{first}
	all, _ := net.InterfaceAddrs() // none known: the first stands
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if a := p.Addr().Unmap(); a.Is6() == v6 && a.IsGlobalUnicast() && a != first {
			list = append(list, a)
		}
	}
	if len(list) > 1 && first.IsLoopback() {
		list = list[1:]
	}
	return list
}
