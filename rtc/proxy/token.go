package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"time"

	"tandem/rtc/transport"
)

var noFlow transport.Flow

// A flow token (RFC 5626 §5.2) is the user part of our Record-Route. It leads back to a
// peer that cannot be reached otherwise. It contains the kind, the number of the
// listener, then the id of a connection or the address of a UDP peer, and the first
// octets of an HMAC: without it anybody could make us send to any address.
const (
	tokenPrefix = "ft." // tells a token from a user
	tokenMAC    = 10

	tokenConn = 'c'
	tokenUDP  = 'u'
)

func isToken(user []byte) bool {
	return len(user) > len(tokenPrefix) && string(user[:len(tokenPrefix)]) == tokenPrefix
}

// appendToken appends the token of a flow to dst.
func (p *Proxy) appendToken(dst []byte, f transport.Flow) []byte {
	var buf [64]byte
	b := buf[:0]
	if id := f.ID(); id != 0 {
		b = append(b, tokenConn, 0)
		b = binary.BigEndian.AppendUint64(b, id)
	} else {
		b = append(b, tokenUDP, p.listenerIndex(f.Listener()))
		b = binary.BigEndian.AppendUint16(b, f.Remote.Port())
		b = append(b, f.Remote.Addr().AsSlice()...)
	}
	sum := p.tokens.Sum(b)
	b = append(b, sum[:tokenMAC]...)
	dst = append(dst, tokenPrefix...)
	return base64.RawURLEncoding.AppendEncode(dst, b)
}

// readToken returns the flow of a token, or byLost when the flow has gone. A forged
// token counts as no token.
func (p *Proxy) readToken(user []byte) (guide, transport.Flow) {
	var buf [64]byte
	user = user[len(tokenPrefix):]
	if base64.RawURLEncoding.DecodedLen(len(user)) > len(buf) {
		return byRoute, noFlow
	}
	n, err := base64.RawURLEncoding.Decode(buf[:], user)
	if err != nil || n < 2+tokenMAC {
		return byRoute, noFlow
	}
	b, mac := buf[:n-tokenMAC], buf[n-tokenMAC:n]
	if sum := p.tokens.Sum(b); subtle.ConstantTimeCompare(mac, sum[:tokenMAC]) != 1 {
		return byRoute, noFlow
	}
	kind, index, b := b[0], int(b[1]), b[2:]
	switch {
	case kind == tokenConn && len(b) == 8:
		if f, ok := p.tr.FlowByID(binary.BigEndian.Uint64(b)); ok {
			return byToken, f
		}
		return byLost, noFlow
	case kind == tokenUDP && len(b) > 2:
		addr, ok := netip.AddrFromSlice(b[2:])
		listeners := p.tr.Listeners()
		if !ok || index >= len(listeners) || listeners[index].Proto().Stream() {
			return byLost, noFlow // made under another configuration
		}
		f, err := p.tr.Flow(transport.Target{Proto: transport.UDP, Via: listeners[index],
			Addr: netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b))})
		if err != nil {
			return byLost, noFlow
		}
		return byToken, f
	}
	return byRoute, noFlow
}

func (p *Proxy) listenerIndex(l *transport.Listener) byte {
	for i, x := range p.tr.Listeners() {
		if x == l {
			return byte(i)
		}
	}
	return 255
}

// A mark is part of our Record-Route, and so of the Route of later requests. It binds
// the Route to one Call-ID and to how the call began; otherwise anybody who had seen a
// Record-Route of ours could relay through us with an invented To tag.

// How long a mark is valid, in hours. A user who may no longer call must not be able to
// go on with an old Record-Route. Longer calls and subscriptions continue, but a
// request in them needs credentials again.
const (
	peerHours   = 24      // after that withPeer counts as inDialog
	dialogHours = 30 * 24 // after that the mark is void
)

const (
	macLen   = 8 // characters
	stampLen = 4 // the hour when the call began
	markLen  = macLen + stampLen
)

// appendMark appends the mark for a call that begins now to dst.
func (p *Proxy) appendMark(dst, callID []byte, g standing) []byte {
	hour := thisHour()
	stamp := [...]byte{byte(hour >> 16), byte(hour >> 8), byte(hour)}
	dst = p.appendMAC(dst, callID, g, stamp)
	return base64.RawURLEncoding.AppendEncode(dst, stamp[:])
}

func (p *Proxy) appendMAC(dst, callID []byte, g standing, stamp [3]byte) []byte {
	var buf [256]byte
	b := append(buf[:0], p.key...)
	b = append(b, 'd', byte(g))
	b = append(b, stamp[:]...)
	b = append(b, callID...)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.AppendEncode(dst, sum[:macLen*3/4])
}

func (p *Proxy) readMark(callID, mark []byte) standing {
	var stamp [3]byte
	if len(mark) != markLen {
		return stranger
	}
	if _, err := base64.RawURLEncoding.Decode(stamp[:], mark[macLen:]); err != nil {
		return stranger
	}
	hour := uint32(stamp[0])<<16 | uint32(stamp[1])<<8 | uint32(stamp[2])
	age := int32(thisHour() - hour)
	if age < -1 || age > dialogHours { // clocks may be set back a little
		return stranger
	}
	var buf [macLen]byte
	for _, g := range [...]standing{withPeer, inDialog} {
		if subtle.ConstantTimeCompare(mark[:macLen], p.appendMAC(buf[:0], callID, g, stamp)) != 1 {
			continue
		}
		if age > peerHours {
			return inDialog
		}
		return g
	}
	return stranger
}

// thisHour returns the hours since 1970; three octets are enough for 1900 years.
func thisHour() uint32 { return uint32(time.Now().Unix() / 3600) }
