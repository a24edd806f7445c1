package relay

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Learning, and how much it takes. A source on the signalled host is the usual
// sight of a NAT that changed the port, so three good packets do; a source on
// another host may be a NAT too or somebody spraying our port range, so it
// has to go on for longer, which gives the right source time to show itself.
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

// Verdict is what to do with a packet because of where it came from.
type Verdict uint8

const (
	// Drop: not from whom we believe.
	Drop Verdict = iota
	// Accept: from whom we believe.
	Accept
	// Latched: accept, and Peer has changed to this source: send there now.
	Latched
	// Settled: accept, and nobody else will be believed until the next Open:
	// the socket may be connected to Peer. Said once.
	Settled
)

// Accepted reports whether the packet may be used.
func (v Verdict) Accepted() bool { return v != Drop }

// Latch decides whose packets are believed on one port, and so where ours are
// sent (symmetric RTP, RFC 4961). It starts out believing the signalled address
// only. Within five seconds of each Open another source is believed after
// several good packets in sequence of one stream:
//
//   - the signalled address, once a good packet comes from it, wins for good;
//   - a source near (on the signalled host or the one signalling came from)
//     needs three packets and beats one elsewhere, which needs six;
//   - among equals the first stays as long as it is heard;
//   - whom media came from before, the same address being signalled again, gives
//     way to that host, the signalled one and that of signalling, and to nobody
//     elsewhere: whoever sprays our ports waits for just such a window.
//
// Packets alone never move it after that; only Open does. It has no lock: use
// it by one goroutine at a time. Times must not go backwards.
type Latch struct {
	// Strict never learns: the signalled address alone is believed.
	Strict bool

	settled   bool
	silent    bool // settled, but nobody was told yet
	rank      rank // of peer
	proven    bool // good packets came from peer before this window
	peer      netip.AddrPort
	heard     time.Time // of peer
	signalled netip.AddrPort
	near      netip.Addr // where signalling came from, may be invalid
	until     time.Time
	suspects  [maxSuspects]suspect
}

// rank is how plausible a source is; less is better.
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

// Open starts a new window: an offer or answer was exchanged. signalled is
// where the other side says it listens. near is where its signalling came
// from, or invalid. What was learnt stays believed while signalled is the
// same, so that a session refresh does not send media astray. Take the socket's
// connection off (Connect with an invalid peer) before packets can be learnt.
//
// Without a usable address (hold by 0.0.0.0, port 0) whom we believed stays
// believed and nobody new is learnt.
func (l *Latch) Open(signalled netip.AddrPort, near netip.Addr, now time.Time) {
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

// Peer is where to send: the believed source, invalid before Open.
func (l *Latch) Peer() netip.AddrPort { return l.peer }

// Learnt reports whether Peer is not the address that was signalled.
func (l *Latch) Learnt() bool { return l.peer.IsValid() && l.peer != l.signalled }

// Packet judges an RTP packet by its source. ok is the caller's word that it is
// good: an expected payload type, and authenticated where the side is secure.
// What is not ok, or no RTP of version 2, is never learnt from.
func (l *Latch) Packet(from netip.AddrPort, b []byte, now time.Time, ok bool) Verdict {
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

// Datagram judges a packet that is not RTP (UDPTL, say): count them instead of
// following a stream.
func (l *Latch) Datagram(from netip.AddrPort, now time.Time, ok bool) Verdict {
	var next uint16
	for i := range l.suspects {
		if l.suspects[i].from == from {
			next = l.suspects[i].next
		}
	}
	return l.judge(from, 0, next, now, ok)
}

func (l *Latch) judge(from netip.AddrPort, ssrc uint32, seq uint16, now time.Time, ok bool) Verdict {
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
		return Drop // somebody more plausible is here
	}
	if r >= l.rank && !l.heard.IsZero() && now.Sub(l.heard) < heardLately {
		return Drop // whom we believe is still there
	}
	if !l.follow(from, ssrc, seq, now, r) {
		return Drop
	}
	return l.believe(from, r, now)
}

// own judges a packet of the believed source.
func (l *Latch) own(open, ok bool) Verdict {
	if l.settled && !l.silent {
		return Accept
	}
	// One learnt on another host stays open to correction until the window ends.
	if open && (!ok || l.rank == rankFar) {
		return Accept
	}
	l.settled, l.silent = true, false
	return Settled
}

func (l *Latch) believe(from netip.AddrPort, r rank, now time.Time) Verdict {
	l.peer, l.rank, l.heard = from, r, now
	l.suspects = [maxSuspects]suspect{}
	if r == rankSignalled {
		l.settled = true
		return Settled
	}
	return Latched
}

func (l *Latch) rankOf(from netip.AddrPort) rank {
	switch {
	case from == l.signalled:
		return rankSignalled
	case from.Addr() == l.signalled.Addr() || from.Addr() == l.near:
		return rankNear
	}
	return rankFar
}

// follow counts packets in sequence and says when a source has sent enough.
func (l *Latch) follow(from netip.AddrPort, ssrc uint32, seq uint16, now time.Time, r rank) bool {
	slot := &l.suspects[0]
	for i := range l.suspects {
		s := &l.suspects[i]
		if s.from == from {
			slot = s
			break
		}
		if s.at.Before(slot.at) {
			slot = s // the one silent for longest makes room
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

// ControlLatch is a Latch for a port that carries RTCP alone. RTCP comes every
// few seconds, so no run of packets can be asked for within a window; instead
// the host already believed for RTP vouches for its RTCP: the first good packet
// from it, from any port, is learnt, once for each Open.
type ControlLatch struct {
	Strict bool

	signalled, peer netip.AddrPort
	settled         bool
}

// Open notes where RTCP is signalled to come from (the odd port, or a=rtcp).
func (l *ControlLatch) Open(signalled netip.AddrPort) {
	signalled = netip.AddrPortFrom(signalled.Addr().Unmap(), signalled.Port())
	if !signalled.IsValid() || signalled.Addr().IsUnspecified() || signalled.Port() == 0 {
		return
	}
	if signalled != l.signalled || !l.peer.IsValid() {
		l.peer = signalled
	}
	l.signalled, l.settled = signalled, l.Strict
}

// Peer is where RTCP is sent, invalid before Open.
func (l *ControlLatch) Peer() netip.AddrPort { return l.peer }

// Packet judges an RTCP packet. host is whom the RTP latch believes; ok that
// the packet is authenticated where the side is secure.
func (l *ControlLatch) Packet(from netip.AddrPort, b []byte, host netip.Addr, ok bool) Verdict {
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
