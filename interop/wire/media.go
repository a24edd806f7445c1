package wire

import (
	"fmt"
	"net"
	"net/netip"
)

// Media is a socket for RTP at an even port. The next port is held for RTCP and
// not read: without it, reports would arrive at whoever got that port, such as
// the SIP endpoint of another device.
type Media struct {
	*net.UDPConn
	rtcp *net.UDPConn
}

// pairTries bounds the search for two free ports in a row.
const pairTries = 100

// ListenMedia opens a pair of free ports (RFC 3550 §11).
func ListenMedia(at netip.Addr) (*Media, error) {
	for range pairTries {
		rtp, err := listenUDP(at, 0)
		if err != nil {
			return nil, fmt.Errorf("opening a port for sound: %w", err)
		}
		if port := rtp.LocalAddr().(*net.UDPAddr).Port; port%2 == 0 {
			if rtcp, err := listenUDP(at, uint16(port+1)); err == nil {
				return &Media{UDPConn: rtp, rtcp: rtcp}, nil
			}
		}
		_ = rtp.Close()
	}
	return nil, fmt.Errorf("no two free ports in a row for sound at %s", at)
}

func listenUDP(at netip.Addr, port uint16) (*net.UDPConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, port)))
}

// Port is that of RTP.
func (m *Media) Port() int { return m.LocalAddr().(*net.UDPAddr).Port }

// Close closes both ports.
func (m *Media) Close() error {
	_ = m.rtcp.Close()
	return m.UDPConn.Close()
}
