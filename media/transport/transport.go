// Package transport is the way to one side of a call: the ports of its packets, which
// senders are believed, and how the packets are protected. It recognizes what a
// datagram is (RFC 7983), decrypts it, and sends; what happens to the packets is up to
// its owner. A Transport has no lock: that of its owner guards it.
package transport

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/media/ice"
	"tandem/media/latch"
	"tandem/media/loop"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// Owner is the user of a transport. It receives every datagram, and calls the transport
// while it holds the lock that guards it.
type Owner interface {
	relay.Receiver
	// Lock takes that lock for what the transport does by itself; unlock releases it.
	Lock() (unlock func())
	// Changing is called with the lock held, before any change to where packets go or
	// how they are protected.
	Changing()
	// Logger returns the logger for errors, with the call's id.
	Logger() *slog.Logger
	// Secured is called with the lock held when a DTLS handshake has ended.
	Secured(err error)
}

// Transport is the way to one side for one m-line, or for several when they are
// bundled. Fields that each packet touches come first: with thousands of calls every
// cache line is fetched from memory for every packet.
type Transport struct {
	host      *Host
	owner     Owner
	rtp, rtcp *relay.Socket // rtcp is nil when there is one port
	shared    *sharedPort   // replaces rtp
	ice       *ice.Agent
	to        netip.AddrPort
	security  secure.Keying
	raw       bool       // not RTP (UDPTL)
	iceOff    bool       // the far side sends no connectivity checks
	settled   bool       // the latch believes no other address until the next exchange
	lost      bool       // ICE consent is lost, which was reported
	mux       bool       // RTCP uses the RTP port
	near      netip.Addr // source of the side's signalling, may be invalid
	in, out   *secure.Context
	latch     latch.Media

	strangers uint64 // packets from addresses not believed
	refused   uint64 // packets that failed authentication
	toRTCP    netip.AddrPort
	latchRTCP latch.Control

	keyIn, keyOut secure.Key
	dtls          *secure.Handshake
	dtlsFor       association   // the agreement for which dtls was made
	dtlsRun       int           // identifies a handshake
	asked         secure.Keying // protection of RTP, as last agreed

	offers    offers
	places    places       // on shared; its lock guards them
	consented atomic.Int64 // when the last valid check came, Unix ns; for shared
	port      *loop.Port   // of the host's loops
}

// offers holds what descriptions are made from. It does not need the owner's lock, but
// only one exchange may use it at a time.
type offers struct {
	iface string
	keys  []secure.Key // ours for SDES, one for each profile
}

// Needs says what a transport must carry.
type Needs struct {
	Interface    string
	RTP          bool
	ICE, OnePort bool
	Near         *relay.Socket // a socket whose worker should be shared; nil = any worker
	End          loop.End
}

// Serves reports whether the transport satisfies needs.
func (t *Transport) Serves(n Needs) bool {
	return t.offers.iface == n.Interface && (!n.RTP || n.OnePort || t.rtcp != nil || t.shared != nil)
}

// Open opens the ports. The transport must not be copied afterwards.
func (t *Transport) Open(h *Host, owner Owner, n Needs) (err error) {
	t.host, t.owner, t.offers.iface = h, owner, n.Interface
	switch t.shared = h.shared[n.Interface]; {
	case n.ICE && t.shared != nil:
	case !n.RTP || n.OnePort:
		t.shared = nil
		t.rtp, err = h.plane.Single(n.Interface, n.Near, owner)
	default:
		t.shared = nil
		t.rtp, t.rtcp, err = h.plane.Pair(n.Interface, n.Near, owner)
	}
	if err == nil {
		t.port = h.loops.Open(n.End, t.ports())
	}
	return err
}

// ports returns the transport's own ports; those it does not have are invalid.
func (t *Transport) ports() (list [4]netip.AddrPort) {
	if t.rtp != nil {
		list[0], list[1] = t.rtp.Local(), t.rtp.Advertised()
	}
	if t.rtcp != nil {
		list[2], list[3] = t.rtcp.Local(), t.rtcp.Advertised()
	}
	return list
}

// Move records that the transport belongs to another side now.
func (t *Transport) Move(to loop.End) { t.host.loops.Move(t.port, to) }

// Close frees the ports and ends the handshake. It is called without the owner's lock.
func (t *Transport) Close() {
	t.host.loops.Close(t.port)
	if t.shared != nil {
		t.shared.forget(t)
	}
	if t.dtls != nil {
		t.dtls.Close() // while it can still send its alert
	}
	if t.rtp != nil {
		t.rtp.Close()
	}
	if t.rtcp != nil {
		t.rtcp.Close()
	}
}

// Socket returns the RTP socket, nil on a shared port.
func (t *Transport) Socket() *relay.Socket { return t.rtp }

// Advertised returns the RTP address for SDP.
func (t *Transport) Advertised() netip.AddrPort {
	if t.shared != nil {
		return t.shared.socket.Advertised()
	}
	return t.rtp.Advertised()
}

// RTCPPort returns the RTCP port for SDP.
func (t *Transport) RTCPPort(mux bool) int {
	if mux || t.rtcp == nil {
		return int(t.Advertised().Port())
	}
	return int(t.rtcp.Advertised().Port())
}

// To returns where RTP goes; invalid while that is unknown.
func (t *Transport) To() netip.AddrPort { return t.to }

// Raw reports whether the transport carries no RTP.
func (t *Transport) Raw() bool { return t.raw }

// Asked returns the protection of RTP that was last agreed, "" before.
func (t *Transport) Asked() secure.Keying { return t.asked }

// Security returns how packets are protected now.
func (t *Transport) Security() secure.Keying { return t.security }

// Ready reports whether RTP can be sent: no protection is needed, or the keys are
// there.
func (t *Transport) Ready() bool { return t.security == secure.Plain || t.in != nil }

// Contexts returns those that decrypt received packets and encrypt sent ones; nil if
// the transport is plain or has no keys yet.
func (t *Transport) Contexts() (in, out *secure.Context) {
	if t.security == secure.Plain {
		return nil, nil
	}
	return t.in, t.out
}

// Figures returns counts of dropped packets: from addresses not believed, and not
// authentic.
func (t *Transport) Figures() (strangers, refused uint64) { return t.strangers, t.refused }

// Refuse counts packets that others found not to be authentic.
func (t *Transport) Refuse(n uint64) { t.refused += n }

// Reachable reports whether packets may be sent to the side: it has an address, and its
// consent has not ended (RFC 7675 §5.1).
func (t *Transport) Reachable() bool { return t.to.IsValid() && !t.lost }

// Steady reports whether the address identifies the packets of the side: the transport
// has its own socket and an agreed far address, and keys if it needs them.
func (t *Transport) Steady() bool {
	return t.shared == nil && (t.settled || t.byICE()) && t.Reachable() &&
		(t.security == secure.Plain || t.in != nil && t.out != nil)
}

// Plain reports whether packets can be forwarded by address alone.
func (t *Transport) Plain() bool {
	return t.security == secure.Plain && t.ice == nil && t.shared == nil && t.settled
}

// byICE reports whether connectivity checks, not the latch, determine the far address.
func (t *Transport) byICE() bool { return t.ice != nil && !t.iceOff && t.ice.Selected().IsValid() }

func (t *Transport) muxed() bool { return t.rtcp == nil || t.mux }

// consentTimeout follows RFC 7675 §5.1.
const consentTimeout = 30 * time.Second

// Consent checks whether the side still consents, and reports whether that has just
// ended. heard is when its media last came: for agents older than RFC 7675, which keep
// a path open with unsigned indications, that is consent enough.
func (t *Transport) Consent(now, heard time.Time) (stopped bool) {
	if !t.byICE() {
		return false
	}
	last := t.ice.Consent()
	if heard.After(last) {
		last = heard
	}
	lost := now.Sub(last) > consentTimeout
	if stopped = lost && !t.lost; stopped {
		t.owner.Changing()
	}
	t.lost = lost
	return stopped
}

// ICE returns our part of ICE for SDP, and makes the agent if there is none. theirs are
// the far side's credentials from an offer: new ones restart ours, too (RFC 8839 §4.4).
func (t *Transport) ICE(theirs sdp.ICE, mux bool) (sdp.ICE, error) {
	switch {
	case t.ice == nil:
		agent, err := ice.New()
		if err != nil {
			return sdp.ICE{}, err
		}
		t.ice = agent
		t.expect()
	case theirs.Ufrag != "" && t.ice.Restarts(theirs.Ufrag, theirs.Pwd):
		if err := t.ice.Restart(); err != nil {
			return sdp.ICE{}, err
		}
		t.expect()
	}
	return sdp.ICE{Ufrag: t.ice.Ufrag, Pwd: t.ice.Pwd, Lite: true, Candidates: t.candidates(mux)}, nil
}

func (t *Transport) expect() {
	if t.shared != nil {
		t.shared.expect(t.ice.Ufrag, t)
	}
}

// Host candidates have the highest type preference (RFC 8445 §5.1.2.1).
const hostPriority = 126<<24 | 65535<<8

func (t *Transport) candidates(mux bool) []sdp.Candidate {
	out := []sdp.Candidate{{Foundation: "1", Component: 1, Transport: "UDP", Priority: hostPriority | 255, Addr: t.Advertised(), Type: "host"}}
	if !mux && t.rtcp != nil {
		out = append(out, sdp.Candidate{Foundation: "1", Component: 2, Transport: "UDP", Priority: hostPriority | 254, Addr: t.rtcp.Advertised(), Type: "host"})
	}
	return out
}
