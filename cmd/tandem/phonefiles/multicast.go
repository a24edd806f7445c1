package phonefiles

import (
	"fmt"
	"net"
	"net/netip"

	"tandem/sipphone/pnp"
)

// joinMulticast has this machine hear the group in which phones look for a server,
// on the interface of an address. The socket itself is not read: what is sent to
// the group comes to the SIP listener of every address, at port 5060.
func joinMulticast(address string) (close func() error, err error) {
	at, err := netip.ParseAddr(address)
	if err != nil {
		return nil, err
	}
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.Contains(at.AsSlice()) {
				conn, err := net.ListenMulticastUDP("udp4", &i, &net.UDPAddr{IP: net.ParseIP(pnp.Group)})
				if err != nil {
					return nil, fmt.Errorf("joining %s on %s: %w", pnp.Group, i.Name, err)
				}
				return conn.Close, nil
			}
		}
	}
	return nil, fmt.Errorf("no interface has the address %s; name one of this machine", address)
}
