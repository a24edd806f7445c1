package exchange

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tandem/media/sdp"
)

const (
	defaultPtime = 20
	longestPtime = 200 // ms; a larger value is a mistake
)

// refused returns the result for an m-line that carries nothing.
func refused(theirs *sdp.Media, why *sdp.Error) Agreed {
	g := Agreed{Kind: theirs.Kind, Proto: theirs.Proto, Media: theirs}
	if why != nil {
		g.Refusal = why.Reason
	}
	return g
}

// outcome returns what local and theirs agree to; via is the m-line of theirs whose
// transport is used.
func outcome(local, theirs, via *sdp.Media, codecs []AgreedCodec, s secured) Agreed {
	g := Agreed{
		Kind: theirs.Kind, Proto: theirs.Proto, Enabled: true, Media: theirs,
		Mux:    local.Mux && (theirs.Mux || via.Mux),
		Codecs: mainFirst(codecs), Ptime: sendPtime(theirs),
		CanSend:    local.Direction.Sends() && theirs.Direction.Receives() && !held(theirs, via),
		CanReceive: local.Direction.Receives() && theirs.Direction.Sends(),
	}
	g.Remote = address(via.Connection, via.Port)
	if !g.Remote.IsValid() && !via.Connection.IsValid() && !via.Null() {
		g.RemoteHost = via.ConnHost
	}
	if g.RemoteRTCP = g.Remote; !g.Mux {
		g.RemoteRTCP = rtcpAddress(via)
	}
	if s.sdes {
		g.Crypto = s.pair
	}
	if s.dtls {
		g.Fingerprint, g.Setup = s.fingerprint, s.setup
	}
	if local.ICE.Ufrag != "" {
		g.ICE = theirs.ICE
		if g.ICE.Ufrag == "" || via != theirs {
			g.ICE = via.ICE
		}
	}
	return g
}

// rtcpAddress returns the destination of RTCP without rtcp-mux, or if only they wrote
// rtcp-mux: the address in a=rtcp, otherwise the next port (RFC 5761 §5.1.1).
func rtcpAddress(m *sdp.Media) netip.AddrPort {
	addr, port := m.Connection, m.RTCPPort
	if m.RTCPAddr.IsValid() && !m.RTCPAddr.IsUnspecified() {
		addr = m.RTCPAddr
	}
	if m.Mux {
		port = m.Port + 1
		for _, a := range m.Attributes {
			if first, _, _ := strings.Cut(a.Value, " "); a.Name == "rtcp" {
				if n, err := strconv.ParseUint(first, 10, 16); err == nil {
					port = int(n)
				}
			}
		}
	}
	return address(addr, port)
}

// address returns an invalid address when nothing can be sent.
func address(addr netip.Addr, port int) netip.AddrPort {
	if !addr.IsValid() || addr.IsUnspecified() || port <= 0 || port > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port))
}

// mainFirst moves codecs that carry audio or video before keys, noise and repair.
func mainFirst(codecs []AgreedCodec) []AgreedCodec {
	slices.SortStableFunc(codecs, func(a, b AgreedCodec) int { return rank(a.Codec) - rank(b.Codec) })
	return codecs
}

func rank(c sdp.Codec) int {
	if c.Main() {
		return 0
	}
	return 1
}

// sendPtime returns the length of our packets: what they ask for, up to the most they
// accept.
func sendPtime(theirs *sdp.Media) int {
	p := theirs.Ptime
	if p <= 0 || p > longestPtime {
		p = defaultPtime
	}
	if m := theirs.MaxPtime; m >= 10 && p > m {
		p = m
	}
	return p
}
