// Package latch decides which source of packets is believed on a media port.
package latch

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// What it takes to learn a source. A source on the signalled host is usually a NAT that
// changed the port, so three good packets are enough. A source on another host may be a
// NAT too, or an attacker who sends to all our ports. It needs more packets, which gives
// the right source time to appear.
const (
	learnWindow  = 5 * time.Second
	packetsNear  = 3
	packetsFar   = 6
	heardLately  = 500 * time.Millisecond
	maxSuspects  = 4
	rtpHeader    = 12
	rtcpHeader   = 8
	firstControl = 192 // RTCP packet types on a shared port, RFC 5761 §4
	lastControl  = 223
)

// Verdict says what to do with a packet, judged by its source.
type Verdict uint8

const (
	// Drop: the source is not believed.
	Drop Verdict = iota
	// Accept: the source is believed.
	Accept
	// Latched: accept; Peer is this source from now on, so send there.
	Latched
	// Settled: accept; no other source will be believed until the next Open, so the
	// socket may be connected to Peer. It is returned once.
	Settled
)

// Media is the latch of a port: it decides which source is believed there, and therefore where packets are
// sent (symmetric RTP, RFC 4961). At first it believes the signalled address only. Within
// five seconds of each Open it believes another source after several good packets in
// sequence of one stream:
//
//   - The signalled address wins for good with its first good packet.
//   - A source that is near (on the signalled host, or on the host that signalling came
//     from) needs three packets, and wins against a source elsewhere, which needs six.
//   - Among sources of the same rank the first one stays as long as it is heard.
//   - If the same address is signalled again, the source that media came from before is
//     replaced only by its own host, the signalled host or that of signalling, because an
//     attacker who sends to all our ports waits for such a window.
//
// After that packets alone never change the source; only Open does. It has no lock:
// only one goroutine at a time may use it. Times must not go backwards.
type Media struct {
	// Strict means that no source is learnt: only the signalled address is believed.
	Strict bool

	settled   bool
	silent    bool // settled, but Settled was not returned yet
	rank      rank // of peer
	proven    bool // good packets came from peer before this window
	peer      netip.AddrPort
	heard     time.Time // of peer
	signalled netip.AddrPort
	near      netip.Addr // where signalling came from, may be invalid
	until     time.Time
	suspects  [maxSuspects]suspect
}

// rank says how plausible a source is; less is better.
type rank uint8

const (
	rankSignalled rank = iota
	rankNear
	rankFar
)

// suspect is a source that is being learnt.
type suspect struct {
	from  netip.AddrPort
	ssrc  uint32
	next  uint16
	count int
	at    time.Time
}

// Open starts a new window after an offer or answer. signalled is the address at which
// the other side says it listens. near is the host that its signalling came from, or
// invalid. While signalled stays the same the learnt source stays believed, so that a
// session refresh does not misdirect media. A connected socket must be disconnected
// (Connect with an invalid peer), or no other source can be learnt.
//
// Without a usable address (hold by 0.0.0.0, port 0) the believed source stays, and no
// other one is learnt.
func (l *Media) Open(signalled netip.AddrPort, near netip.Addr, now time.Time) {
	signalled = netip.AddrPortFrom(signalled.Addr().Unmap(), signalled.Port())
	l.suspects = [maxSuspects]suspect{}
	if !signalled.IsValid() || signalled.Addr().IsUnspecified() || signalled.Addr().IsMulticast() || signalled.Port() == 0 {
		l.settled, l.silent = true, false
		return
	}
	if signalled != l.signalled || !l.peer.IsValid() {
		l.peer, l.rank, l.heard = signalled, rankSignalled, time.Time{}
	}
	l.proven = !l.heard.IsZero()
	l.signalled, l.near = signalled, near.Unmap()
	l.until = now.Add(learnWindow)
	l.settled = l.Strict
	l.silent = l.Strict
}

// Peer returns the believed source, to which packets are sent. It is invalid before Open.
func (l *Media) Peer() netip.AddrPort { return l.peer }

// Packet judges an RTP packet by its source. The caller sets ok when the packet has an
// expected payload type, and is authenticated if the side is secure. A source is never
// learnt from a packet that is not ok, or is not RTP version 2.
func (l *Media) Packet(from netip.AddrPort, b []byte, now time.Time, ok bool) Verdict {
	if from == l.peer && l.settled && !l.silent { // nearly always
		l.heard = now
		return Accept
	}
	ok = ok && len(b) >= rtpHeader && b[0]>>6 == 2
	var ssrc uint32
	var seq uint16
	if ok {
		ssrc, seq = binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:])
	}
	return l.judge(from, ssrc, seq, now, ok)
}

// Datagram judges a packet that is not RTP, such as UDPTL. Packets of a source are counted
// without regard to their order.
func (l *Media) Datagram(from netip.AddrPort, now time.Time, ok bool) Verdict {
	var next uint16
	for i := range l.suspects {
		if l.suspects[i].from == from {
			next = l.suspects[i].next
		}
	}
	return l.judge(from, 0, next, now, ok)
}

func (l *Media) judge(from netip.AddrPort, ssrc uint32, seq uint16, now time.Time, ok bool) Verdict {
	if !l.peer.IsValid() {
		return Drop
	}
	open := !l.settled && now.Before(l.until)
	if from == l.peer {
		l.heard = now
		return l.own(open, ok)
	}
	if !open || !ok {
		return Drop
	}
	r := l.rankOf(from)
	if r == rankSignalled {
		return l.believe(from, r, now)
	}
	if l.proven {
		if r == rankFar && from.Addr() != l.peer.Addr() {
			return Drop
		}
	} else if r > l.rank && l.rank != rankSignalled {
		return Drop // a more plausible source was learnt
	}
	if r >= l.rank && !l.heard.IsZero() && now.Sub(l.heard) < heardLately {
		return Drop // the believed source still sends
	}
	if !l.follow(from, ssrc, seq, now, r) {
		return Drop
	}
	return l.believe(from, r, now)
}

// own judges a packet of the believed source.
func (l *Media) own(open, ok bool) Verdict {
	if l.settled && !l.silent {
		return Accept
	}
	// A source on another host can still be replaced until the window ends.
	if open && (!ok || l.rank == rankFar) {
		return Accept
	}
	l.settled, l.silent = true, false
	return Settled
}

func (l *Media) believe(from netip.AddrPort, r rank, now time.Time) Verdict {
	l.peer, l.rank, l.heard = from, r, now
	l.suspects = [maxSuspects]suspect{}
	if r == rankSignalled {
		l.settled = true
		return Settled
	}
	return Latched
}

func (l *Media) rankOf(from netip.AddrPort) rank {
	switch {
	case from == l.signalled:
		return rankSignalled
	case from.Addr() == l.signalled.Addr() || from.Addr() == l.near:
		return rankNear
	}
	return rankFar
}

// follow counts packets in sequence and reports whether a source has sent enough.
func (l *Media) follow(from netip.AddrPort, ssrc uint32, seq uint16, now time.Time, r rank) bool {
	slot := &l.suspects[0]
	for i := range l.suspects {
		s := &l.suspects[i]
		if s.from == from {
			slot = s
			break
		}
		if s.at.Before(slot.at) {
			slot = s // the source that has been silent for longest is replaced
		}
	}
	if slot.from != from || slot.ssrc != ssrc || slot.next != seq {
		*slot = suspect{from: from, ssrc: ssrc}
	}
	slot.next, slot.at = seq+1, now
	slot.count++
	if r == rankNear {
		return slot.count >= packetsNear
	}
	return slot.count >= packetsFar
}

// Control is the latch of a port that carries RTCP alone. RTCP comes every few seconds,
// so a window is too short for several packets in sequence. Instead the host that is
// believed for RTP is believed for RTCP too: the source of its first good packet, from any
// port, is learnt, once for each Open.
type Control struct {
	Strict bool

	signalled, peer netip.AddrPort
	settled         bool
}

// Open sets the signalled address of RTCP (the odd port, or a=rtcp).
func (l *Control) Open(signalled netip.AddrPort) {
	signalled = netip.AddrPortFrom(signalled.Addr().Unmap(), signalled.Port())
	if !signalled.IsValid() || signalled.Addr().IsUnspecified() || signalled.Port() == 0 {
		return
	}
	if signalled != l.signalled || !l.peer.IsValid() {
		l.peer = signalled
	}
	l.signalled, l.settled = signalled, l.Strict
}

// Peer returns the address to which RTCP is sent. It is invalid before Open.
func (l *Control) Peer() netip.AddrPort { return l.peer }

// Packet judges an RTCP packet. host is the host that the RTP latch believes. The caller
// sets ok when the packet is authenticated, or the side is not secure.
func (l *Control) Packet(from netip.AddrPort, b []byte, host netip.Addr, ok bool) Verdict {
	sound := len(b) >= rtcpHeader && b[0]>>6 == 2 && b[1] >= firstControl && b[1] <= lastControl
	switch {
	case !l.peer.IsValid() || !sound:
		return Drop
	case from == l.peer:
		if ok && !l.settled && (from == l.signalled || from.Addr() == host) {
			l.settled = true
			return Settled
		}
		return Accept
	case l.settled || !ok || from.Addr() != host && from != l.signalled:
		return Drop
	}
	l.peer, l.settled = from, true
	return Settled
}
