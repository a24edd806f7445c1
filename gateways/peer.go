package gateways

import (
	"net"
	"strconv"
	"strings"

	"tandem/rtc"
	"tandem/rtc/peers"
	"tandem/rtc/sip"
)

// Peers are all trunks as peers, for peers.Table.Set. Disabled ones are among
// them: nobody sends in their name, but their addresses stay closed to everybody.
func (t *Table) Peers() []peers.Peer {
	list := make([]peers.Peer, len(t.list))
	for i, trunk := range t.list {
		list[i] = trunk.peer()
	}
	return list
}

func (t *Trunk) peer() peers.Peer {
	p := peers.Peer{Name: t.Name, Gateway: true, Rights: rtc.Asserts}
	if !t.Disabled {
		p.Inbound, p.Sources, p.TLSNames = len(t.Sources) == 0, t.Sources, t.TLSNames
		for _, u := range t.Users {
			p.Users = append(p.Users, rtc.AOR(u))
		}
	}
	for _, a := range t.Addresses {
		u, err := sip.ParseURI([]byte(a))
		if err != nil {
			continue // checked when it was set
		}
		p.Hosts = append(p.Hosts, hostPort(u.Host, u.Port))
		if maddr, ok := u.Param("maddr"); ok {
			p.Hosts = append(p.Hosts, hostPort(maddr, u.Port))
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
