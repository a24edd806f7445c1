package media

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tandem/media/ice"
	"tandem/media/negotiation"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// transport is the way to one side for one m-line, or for several when they
// are bundled: ports, addresses, keys. Guarded by Session.mu but for what is
// marked, which only offer/answer touches (Session.ctl).
type transport struct {
	home      atomic.Pointer[Session] // see lock
	legs      []*leg                  // one; more when bundled
	rtp, rtcp *relay.Socket           // rtcp nil when there is one port
	shared    *sharedPort             // in place of rtp
	ice       *ice.Agent
	to        netip.AddrPort
	security  Security
	raw       bool       // no RTP at all (UDPTL)
	iceOff    bool       // the far side makes no connectivity checks
	settled   bool       // latch believes nobody else until the next exchange
	lost      bool       // ICE consent, told already
	near      netip.Addr // where the side's signalling comes from, may be invalid
	which     Which
	in, out   *secure.Context
	latch     relay.Latch

	iface     string           // ctl
	names     []string         // bound on shared; guarded by its lock, as are
	places    []netip.AddrPort // addresses, that used last at the end
	consented atomic.Int64     // when a good check came last, Unix ns; for shared
	toRTCP    netip.AddrPort
	latchRTCP relay.ControlLatch

	keys    []secure.Key // ctl; ours for SDES
	keyIn   secure.Key
	keyOut  secure.Key
	dtls    *secure.Handshake
	dtlsFor association // what dtls is for
	dtlsRun int         // tells handshakes apart
	asked   Security    // of RTP, as last agreed

	strangers uint64 // packets from addresses not believed
	refused   uint64 // packets that failed authentication
	first     [1]*leg
}

// transport finds or makes this side's transport of a stream. Where there is
// one already, another waits beside it until it is agreed to: the exchange may
// yet be refused. Called with ctl held.
func (d *side) transport(st *stream, p negotiation.Plan) (*transport, error) {
	s := d.session
	l := st.legs[d.which]
	var first *transport // of the bundle
	if p.Bundle >= 0 && p.Bundle < len(s.streams) && s.streams[p.Bundle].legs[d.which] != nil {
		first = s.streams[p.Bundle].legs[d.which].coming()
	}
	if l != nil {
		switch {
		case first == l.way, first == nil && l.way.iface == d.iface:
			l.wait(nil)
			return l.way, nil
		case first != nil:
			l.wait(first)
			return first, nil
		case l.next != nil && l.next.iface == d.iface && l.alone(l.next):
			return l.next, nil
		}
	}
	w := first
	if w == nil {
		w = &transport{which: d.which, iface: d.iface}
		w.home.Store(s)
		w.legs = w.first[:0] // one leg, nearly always, needs no memory elsewhere
		if err := w.open(p, d.anySocket()); err != nil {
			return nil, err
		}
		s.server.rings.open(w)
	}
	if l != nil {
		l.wait(w)
		return w, nil
	}
	l = &leg{stream: st, which: d.which}
	l.begin()
	s.mu.Lock()
	l.join(w)
	st.legs[d.which] = l
	s.mu.Unlock()
	return w, nil
}

// session is the one the transport carries media for. It stays the same while its
// mu or ctl is held.
func (w *transport) session() *Session { return w.home.Load() }

// lock takes mu of the transport's session, which may become another's before that.
func (w *transport) lock() *Session {
	for {
		s := w.home.Load()
		s.mu.Lock()
		if s == w.home.Load() {
			return s
		}
		s.mu.Unlock()
	}
}

// lead is the leg whose agreement counts for the transport: the first that
// carries anything.
func (w *transport) lead() *leg {
	for _, l := range w.legs {
		if l.on {
			return l
		}
	}
	return w.legs[0]
}

// byICE says that connectivity checks, not the latch, name the far address.
func (w *transport) byICE() bool { return w.ice != nil && !w.iceOff && w.ice.Selected().IsValid() }

// anySocket is a socket of the session, so that all share a worker.
func (d *side) anySocket() *relay.Socket {
	for _, s := range []*Session{d.session, d.other().session} {
		for _, st := range s.streams {
			for _, l := range st.legs {
				if l != nil && l.way.rtp != nil {
					return l.way.rtp
				}
			}
		}
	}
	return nil
}

func (w *transport) open(p negotiation.Plan, near *relay.Socket) error {
	server := w.session().server
	in, err := server.c.network(w.iface, netip.Addr{})
	if err != nil {
		return err
	}
	if w.shared = server.shared[in.Name]; p.ICE && w.shared != nil {
		return nil
	}
	w.shared = nil
	if !p.RTP || p.ICE && p.Mux {
		w.rtp, err = server.plane.Single(in.Name, near, w)
	} else {
		w.rtp, w.rtcp, err = server.plane.Pair(in.Name, near, w)
	}
	if errors.Is(err, relay.ErrPorts) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// advertised is what SDP says of the RTP port.
func (w *transport) advertised() netip.AddrPort {
	if w.shared != nil {
		return w.shared.socket.Advertised()
	}
	return w.rtp.Advertised()
}

func (w *transport) rtcpPort(mux bool) int {
	if mux || w.rtcp == nil {
		return int(w.advertised().Port())
	}
	return int(w.rtcp.Advertised().Port())
}

// iceAgent finds or makes the agent of a transport. theirs are the far side's
// credentials in an offer: others than before restart ours too (RFC 8839 §4.4).
func (w *transport) iceAgent(theirs sdp.ICE) (*ice.Agent, error) {
	if w.ice != nil {
		s := w.lock()
		defer s.mu.Unlock()
		if theirs.Ufrag == "" || !w.ice.Restarts(theirs.Ufrag, theirs.Pwd) {
			return w.ice, nil
		}
		if err := w.ice.Restart(); err != nil {
			return nil, err
		}
		if w.shared != nil {
			w.shared.expect(w.ice.Ufrag, w)
		}
		return w.ice, nil
	}
	agent, err := ice.New()
	if err != nil {
		return nil, err
	}
	s := w.lock()
	w.ice = agent
	s.mu.Unlock()
	if w.shared != nil {
		w.shared.expect(agent.Ufrag, w)
	}
	return agent, nil
}

// sdesKeys are our keys of a transport, one a profile, made once: an answer
// that keeps the far side's key keeps the stream's counters too.
func (w *transport) sdesKeys() ([]secure.Key, error) {
	if w.keys == nil {
		for _, p := range secure.Profiles {
			k, err := secure.NewKey(p)
			if err != nil {
				return nil, err
			}
			w.keys = append(w.keys, k)
		}
	}
	return w.keys, nil
}

// Host candidates have the highest type preference (RFC 8445 §5.1.2.1).
const hostPriority = 126<<24 | 65535<<8

func (w *transport) candidates(mux bool) []sdp.Candidate {
	out := []sdp.Candidate{{Foundation: "1", Component: 1, Transport: "UDP", Priority: hostPriority | 255, Addr: w.advertised(), Type: "host"}}
	if !mux && w.rtcp != nil {
		out = append(out, sdp.Candidate{Foundation: "1", Component: 2, Transport: "UDP", Priority: hostPriority | 254, Addr: w.rtcp.Advertised(), Type: "host"})
	}
	return out
}

// agree sets where and how to send after an exchange. Called with mu held; what
// it returns must be done without it.
func (w *transport) agree(a *sdp.Agreed, learn LearnPolicy, now time.Time) (after func(), err error) {
	// Not before both sides said so: RTP taken for fax would pass unopened, and
	// to a protected side in clear.
	w.raw = a.Media != nil && !a.Media.RTP()
	w.lost = false
	// Of two lite agents neither checks: what is signalled counts (RFC 8445 §6.2).
	w.iceOff = a.ICE.Ufrag == "" || a.ICE.Lite
	switch {
	case w.ice != nil && !w.iceOff:
		w.ice.Remote(a.ICE.Ufrag, a.ICE.Pwd)
		if !a.Mux && !w.toRTCP.IsValid() {
			w.toRTCP = a.RemoteRTCP
		}
	default:
		w.aim(a, learn, now)
	}
	if w.raw {
		w.security = SecurityNone // keys and counters wait for the sound to come back
		return func() {}, nil
	}
	w.asked = securityAgreed(a)
	if w.asked == SecurityDTLS {
		return w.agreeDTLS(a), nil
	}
	after = w.leaveDTLS()
	if w.asked == SecurityNone {
		w.security = SecurityNone
		return after, nil
	}
	return after, w.agreeSDES(a)
}

// securityAgreed is how an m-line of RTP is protected.
func securityAgreed(a *sdp.Agreed) Security {
	switch {
	case a.Fingerprint.Value != "":
		return SecurityDTLS
	case a.Crypto.Theirs.Key == "" || a.Crypto.Ours.Key == "":
		return SecurityNone
	case !sdp.DemandsSRTP(a.Proto):
		return SecurityOptional
	}
	return SecuritySDES
}

// aim points at the signalled addresses and lets the latch learn anew when
// they, or anything else signalled, may have changed.
func (w *transport) aim(a *sdp.Agreed, learn LearnPolicy, now time.Time) {
	w.latch.Strict, w.latchRTCP.Strict = learn == LearnNever, learn == LearnNever
	w.near = w.session().sides[w.which].Near.Unmap()
	w.latch.Open(w.outside(false, a.Remote), w.near, now)
	w.latchRTCP.Open(w.outside(true, a.RemoteRTCP))
	w.to, w.toRTCP = w.latch.Peer(), w.latchRTCP.Peer()
	if w.settled && w.shared == nil {
		_ = w.rtp.Connect(netip.AddrPort{}) // the next good packet connects again
	}
	w.settled = false
	if w.shared != nil {
		w.shared.lend(w.to, w)
	}
}

// outside is an address signalled, none when what is sent there would come back.
func (w *transport) outside(rtcp bool, to netip.AddrPort) netip.AddrPort {
	if w.session().server.rings.admit(w, rtcp, to) {
		return to
	}
	w.session().logger().Warn("a side names a port of ours by which its media would come back; nothing is sent there", "side", w.which, "addr", to)
	return netip.AddrPort{}
}

func (w *transport) agreeSDES(a *sdp.Agreed) error {
	w.security = SecuritySDES // whatever comes of it, nothing in clear
	theirs, err := secure.ParseKey(a.Crypto.Theirs.Suite, a.Crypto.Theirs.Key)
	if err != nil {
		return &sdp.Error{Line: a.Media.Line, Reason: "a=crypto: " + err.Error(), Status: 488}
	}
	ours, err := secure.ParseKey(a.Crypto.Ours.Suite, a.Crypto.Ours.Key)
	if err != nil {
		return err
	}
	return w.use(ours, theirs)
}

// use takes keys into service; an unchanged one keeps its context and with it
// the roll-over counters (RFC 3711 §3.3.1).
func (w *transport) use(ours, theirs secure.Key) error {
	if w.in == nil || !w.keyIn.Equal(theirs) {
		in, err := secure.NewContext(theirs)
		if err != nil {
			return err
		}
		in.Inherit(w.in)
		w.in, w.keyIn = in, theirs
	}
	if w.out == nil || !w.keyOut.Equal(ours) {
		out, err := secure.NewContext(ours)
		if err != nil {
			return err
		}
		if w.out != nil && w.out.Wrapped() {
			w.renew() // the far side may count on from before, or not: another SSRC has no before
		}
		w.out, w.keyOut = out, ours
	}
	return nil
}

// association is what a DTLS association is bound to: another of any is another
// association (RFC 8842 §3.1).
type association struct {
	with sdp.Fingerprint
	role string // ours
	id   string // a=tls-id of theirs; who writes none has the others alone
}

func (a association) same(o association) bool {
	return a.with == o.with && a.role == o.role && (a.id == o.id || a.id == "" || o.id == "")
}

// tlsID is a=tls-id. We write none, which leaves an association to fingerprint and
// role where the far side does not change its own.
func tlsID(m *sdp.Media) string {
	if m == nil {
		return ""
	}
	i := slices.IndexFunc(m.Attributes, func(a sdp.Attribute) bool { return strings.EqualFold(a.Name, "tls-id") })
	if i < 0 {
		return ""
	}
	return m.Attributes[i].Value
}

// agreeDTLS starts a handshake when the far side's fingerprint or tls-id or the
// roles are new, or the last one failed.
func (w *transport) agreeDTLS(a *sdp.Agreed) func() {
	w.security = SecurityDTLS
	wanted := association{a.Fingerprint, a.Setup, tlsID(a.Media)}
	if w.dtls != nil && w.dtlsFor.same(wanted) {
		w.dtlsFor.id = cmp.Or(wanted.id, w.dtlsFor.id)
		return func() {}
	}
	after := w.leaveDTLS()
	w.in, w.out = nil, nil
	w.dtlsFor = wanted
	run := w.dtlsRun
	w.dtls = secure.NewHandshake(secure.HandshakeConfig{
		Identity: w.session().server.identity,
		Active:   a.Setup == "active",
		Hash:     a.Fingerprint.Hash, Fingerprint: a.Fingerprint.Value,
		Send: w.sendDTLS,
		Done: func(send, receive secure.Key, err error) { w.secured(run, send, receive, err) },
	})
	return after
}

// leaveDTLS forgets the association and its keys; what it returns ends it.
func (w *transport) leaveDTLS() func() {
	w.dtlsRun++
	old := w.dtls
	if old == nil {
		return func() {}
	}
	w.dtls, w.dtlsFor = nil, association{}
	w.in, w.out = nil, nil
	return old.Close
}

// sendDTLS answers who began, while he is trusted, else goes where media goes.
func (w *transport) sendDTLS(b []byte, to netip.AddrPort) error {
	s := w.lock()
	if !to.IsValid() || !w.trusted(to) {
		to = w.to
	}
	s.mu.Unlock()
	if !to.IsValid() {
		return secure.ErrNoPath // before ICE nominates
	}
	return w.write(b, to)
}

// secured takes the outcome of a handshake, unless another has begun since.
func (w *transport) secured(run int, send, receive secure.Key, err error) {
	s := w.lock()
	defer s.mu.Unlock()
	if s.closed || w.dtlsRun != run {
		return
	}
	if err == nil {
		w.unfollow()
		w.in, w.out = nil, nil
		err = w.use(send, receive)
	}
	if err != nil {
		w.dtlsFor = association{} // the next exchange tries again
		s.post(Event{Kind: EventSecurity, Side: w.which, Err: err})
		return
	}
	s.post(Event{Kind: EventSecure, Side: w.which})
}

// write sends a datagram as it is. It never blocks.
func (w *transport) write(b []byte, to netip.AddrPort) error {
	if w.shared != nil {
		return w.shared.socket.Send(b, to)
	}
	return w.rtp.Send(b, to)
}

// close frees ports and ends the handshake. Called without mu.
func (w *transport) close() {
	w.session().server.rings.close(w)
	if w.shared != nil {
		w.shared.forget(w)
	}
	if w.dtls != nil {
		w.dtls.Close() // while it can still say goodbye
	}
	if w.rtp != nil {
		w.rtp.Close()
	}
	if w.rtcp != nil {
		w.rtcp.Close()
	}
}
