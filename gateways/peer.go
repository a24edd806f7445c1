package gateways

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"tandem/rtc/sip"
)

// Peer is a trunk as seen from the network: where it is and what proves that a
// request is its.
type Peer struct {
	Name     string         // of the trunk
	Hosts    []string       // host, host:port or [v6]:port of its addresses
	Sources  []netip.Prefix // its requests come from
	TLSNames []string       // in its certificate
}

// Peers are all trunks as peers. Disabled ones are among them: their addresses
// stay closed to everybody else.
func (t *Table) Peers() []Peer {
	list := make([]Peer, len(t.list))
	for i, trunk := range t.list {
		list[i] = trunk.peer()
	}
	return list
}

func (t *Trunk) peer() Peer {
	p := Peer{Name: t.Name, Sources: t.Sources, TLSNames: t.TLSNames}
	own := len(t.Sources) == 0
	for _, a := range t.Addresses {
		u, err := sip.ParseURI([]byte(a))
		if err != nil {
			continue // checked when it was set
		}
		p.Hosts = append(p.Hosts, hostPort(u.Host, u.Port))
		if maddr, ok := u.Param("maddr"); ok {
			p.Hosts = append(p.Hosts, hostPort(maddr, u.Port))
		}
		if addr, err := netip.ParseAddr(strings.Trim(string(u.Host), "[]")); own && err == nil {
			addr = addr.Unmap()
			p.Sources = append(p.Sources, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return p
}

func hostPort(host []byte, port uint16) string {
	h := strings.ToLower(string(host))
	if port == 0 {
		return h
	}
	return net.JoinHostPort(strings.Trim(h, "[]"), strconv.Itoa(int(port)))
}
