// Package transport is the way to one side of a call: the ports its packets come and go
// by, whose packets are believed, and how they are protected. It tells what a datagram
// is (RFC 7983), opens it, and sends; what is done with what it opens is its owner's
// matter. A Transport has no lock: its owner's guards it.
package transport

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/media/ice"
	"tandem/media/loop"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// Owner is who uses a transport. It is given every datagram, and calls the transport
// with the lock held that guards it.
type Owner interface {
	relay.Receiver
	// Lock takes that lock for what comes of itself; the function gives it back.
	Lock() (unlock func())
	// Changing is called with it, before anything changes about where packets go or
	// how they are protected.
	Changing()
	// Logger tells what goes wrong, and in which call.
	Logger() *slog.Logger
	// Secured is called with it when a DTLS handshake has ended.
	Secured(err error)
}

// Transport is the way to one side for one m-line, or for several when they are
// bundled. What each packet touches stands first: with thousands of calls every cache
// line is fetched anew for every packet.
type Transport struct {
	host      *Host
	owner     Owner
	rtp, rtcp *relay.Socket // rtcp nil when there is one port
	shared    *sharedPort   // in place of rtp
	ice       *ice.Agent
	to        netip.AddrPort
	security  secure.Keying
	raw       bool       // no RTP at all (UDPTL)
	iceOff    bool       // the far side makes no connectivity checks
	settled   bool       // latch believes nobody else until the next exchange
	lost      bool       // ICE consent, told already
	mux       bool       // RTCP comes and goes by the port of RTP
	near      netip.Addr // where the side's signalling comes from, may be invalid
	in, out   *secure.Context
	latch     relay.Latch

	strangers uint64 // packets from addresses not believed
	refused   uint64 // packets that failed authentication
	toRTCP    netip.AddrPort
	latchRTCP relay.ControlLatch

	keyIn, keyOut secure.Key
	dtls          *secure.Handshake
	dtlsFor       association   // what dtls is for
	dtlsRun       int           // tells handshakes apart
	asked         secure.Keying // of RTP, as last agreed

	offers    offers
	places    places       // on shared; guarded by its lock
	consented atomic.Int64 // when a good check came last, Unix ns; for shared
	port      *loop.Port   // of the host's loops
}

// offers is what descriptions are written of. The owner's lock is not needed for it, but
// one exchange at a time.
type offers struct {
	iface string
	keys  []secure.Key // ours for SDES, one a profile
}

// Needs is what is to be carried.
type Needs struct {
	Interface    string
	RTP          bool
	ICE, OnePort bool
	Near         *relay.Socket // one whose worker is to be shared; nil: any
	End          loop.End
}

// Serves says that the transport has what is needed.
func (t *Transport) Serves(n Needs) bool {
	return t.offers.iface == n.Interface && (!n.RTP || n.OnePort || t.rtcp != nil || t.shared != nil)
}

// Open opens ports. The transport must not be copied afterwards.
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

// ports of a transport that are its own; those it has not are invalid.
func (t *Transport) ports() (list [4]netip.AddrPort) {
	if t.rtp != nil {
		list[0], list[1] = t.rtp.Local(), t.rtp.Advertised()
	}
	if t.rtcp != nil {
		list[2], list[3] = t.rtcp.Local(), t.rtcp.Advertised()
	}
	return list
}

// Move tells that the transport belongs to another side now.
func (t *Transport) Move(to loop.End) { t.host.loops.Move(t.port, to) }

// Close frees ports and ends the handshake. Called without the owner's lock.
func (t *Transport) Close() {
	t.host.loops.Close(t.port)
	if t.shared != nil {
		t.shared.forget(t)
	}
	if t.dtls != nil {
		t.dtls.Close() // while it can still say goodbye
	}
	if t.rtp != nil {
		t.rtp.Close()
	}
	if t.rtcp != nil {
		t.rtcp.Close()
	}
}

// Socket is that of RTP, nil on a port that many share.
func (t *Transport) Socket() *relay.Socket { return t.rtp }

// Advertised is what SDP says of the RTP port.
func (t *Transport) Advertised() netip.AddrPort {
	if t.shared != nil {
		return t.shared.socket.Advertised()
	}
	return t.rtp.Advertised()
}

// RTCPPort is what SDP says of the port of RTCP.
func (t *Transport) RTCPPort(mux bool) int {
	if mux || t.rtcp == nil {
		return int(t.Advertised().Port())
	}
	return int(t.rtcp.Advertised().Port())
}

// To is where RTP goes, invalid while that is not known.
func (t *Transport) To() netip.AddrPort { return t.to }

// Raw says that no RTP goes by it.
func (t *Transport) Raw() bool { return t.raw }

// Asked is how RTP was last agreed to be protected, "" before.
func (t *Transport) Asked() secure.Keying { return t.asked }

// Security is how what goes by it now is protected.
func (t *Transport) Security() secure.Keying { return t.security }

// Ready says that nothing keeps RTP from going: no protection is needed, or keys are
// there.
func (t *Transport) Ready() bool { return t.security == secure.Plain || t.in != nil }

// Contexts are those that open what comes and protect what goes, nil where it is plain
// or has no keys yet.
func (t *Transport) Contexts() (in, out *secure.Context) {
	if t.security == secure.Plain {
		return nil, nil
	}
	return t.in, t.out
}

// Figures are of packets dropped: from addresses not believed, and not authentic.
func (t *Transport) Figures() (strangers, refused uint64) { return t.strangers, t.refused }

// Refuse counts packets that others found not authentic.
func (t *Transport) Refuse(n uint64) { t.refused += n }

// Reachable says whether anything may be sent to the side: not before it has an
// address, nor when it stopped to consent (RFC 7675 §5.1).
func (t *Transport) Reachable() bool { return t.to.IsValid() && !t.lost }

// Steady says that what comes next can be told by its address: the transport has a
// socket of its own and a far address that is agreed on, and keys if it needs them.
func (t *Transport) Steady() bool {
	return t.shared == nil && (t.settled || t.byICE()) && t.Reachable() &&
		(t.security == secure.Plain || t.in != nil && t.out != nil)
}

// Plain says that packets can be forwarded by address alone.
func (t *Transport) Plain() bool {
	return t.security == secure.Plain && t.ice == nil && t.shared == nil && t.settled
}

// byICE says that connectivity checks, not the latch, name the far address.
func (t *Transport) byICE() bool { return t.ice != nil && !t.iceOff && t.ice.Selected().IsValid() }

func (t *Transport) muxed() bool { return t.rtcp == nil || t.mux }

// consentTimeout is RFC 7675 §5.1's 30 s.
const consentTimeout = 30 * time.Second

// Consent looks whether the side still consents, when heard is the time its media came
// last, and says whether it has just stopped to. Media that comes is consent enough for
// agents from before RFC 7675, which keep a path open by indications nobody signs.
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

// ICE finds or makes the agent and is what we say of it. theirs are the far side's
// credentials in an offer: others than before restart ours too (RFC 8839 §4.4).
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
