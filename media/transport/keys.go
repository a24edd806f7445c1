package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/media/sdp"
	"tandem/media/secure"
)

// Keys are our keys in SDP, one a profile, made once: an answer that keeps the far
// side's key keeps the stream's counters too.
func (t *Transport) Keys() ([]secure.Key, error) {
	if t.offers.keys == nil {
		for _, p := range secure.Profiles {
			k, err := secure.NewKey(p)
			if err != nil {
				return nil, err
			}
			t.offers.keys = append(t.offers.keys, k)
		}
	}
	return t.offers.keys, nil
}

// FreshKeys has others made for what is written next.
func (t *Transport) FreshKeys() { t.offers.keys = nil }

// Fingerprint is that of our certificate.
func (t *Transport) Fingerprint() sdp.Fingerprint {
	return sdp.Fingerprint{Hash: t.host.identity.Hash, Value: t.host.identity.Fingerprint}
}

// Agree sets where and how to send after an exchange with a side whose signalling comes
// from near. What it returns must be done without the lock. anew says that what we send
// must be a stream of its own from here on: it is protected by a key whose counters the
// far side cannot know, for its key is new after they have wrapped, or, with another,
// who listens is.
func (t *Transport) Agree(a *sdp.Agreed, near netip.Addr, another bool, now time.Time) (anew bool, after func(), err error) {
	// Not before both sides said so: RTP taken for fax would pass unopened, and
	// to a protected side in clear.
	t.raw = a.Media != nil && !a.Media.RTP()
	t.lost, t.mux = false, a.Mux
	// Of two lite agents neither checks: what is signalled counts (RFC 8445 §6.2).
	t.iceOff = a.ICE.Ufrag == "" || a.ICE.Lite
	if t.ice != nil && !t.iceOff {
		t.ice.Remote(a.ICE.Ufrag, a.ICE.Pwd)
		if !a.Mux && !t.toRTCP.IsValid() {
			t.toRTCP = a.RemoteRTCP
		}
	} else {
		t.aim(a, near.Unmap(), now)
	}
	out := t.out
	anew, after, err = t.protect(a)
	return anew || another && out != nil && out == t.out, after, err
}

func (t *Transport) protect(a *sdp.Agreed) (anew bool, after func(), err error) {
	if t.raw {
		t.security = secure.Plain // keys and counters wait for the sound to come back
		return false, func() {}, nil
	}
	t.asked = keying(a)
	if t.asked == secure.DTLS {
		return false, t.agreeDTLS(a), nil
	}
	after = t.leaveDTLS()
	if t.asked == secure.Plain {
		t.security = secure.Plain
		return false, after, nil
	}
	anew, err = t.agreeSDES(a)
	return anew, after, err
}

// keying is how an m-line of RTP was agreed to be protected.
func keying(a *sdp.Agreed) secure.Keying {
	switch {
	case a.Fingerprint.Value != "":
		return secure.DTLS
	case a.Crypto.Theirs.Key == "" || a.Crypto.Ours.Key == "":
		return secure.Plain
	case !sdp.DemandsSRTP(a.Proto):
		return secure.Optional
	}
	return secure.SDES
}

// aim points at the signalled addresses and lets the latch learn anew when
// they, or anything else signalled, may have changed.
func (t *Transport) aim(a *sdp.Agreed, near netip.Addr, now time.Time) {
	t.latch.Strict, t.latchRTCP.Strict = t.host.strict, t.host.strict
	t.near = near
	t.latch.Open(t.outside(false, a.Remote), near, now)
	t.latchRTCP.Open(t.outside(true, a.RemoteRTCP))
	t.to, t.toRTCP = t.latch.Peer(), t.latchRTCP.Peer()
	if t.settled && t.shared == nil {
		_ = t.rtp.Connect(netip.AddrPort{}) // the next good packet connects again
	}
	t.settled = false
	if t.shared != nil {
		t.shared.lend(t.to, t)
	}
}

// outside is an address signalled, none when what is sent there would come back.
func (t *Transport) outside(rtcp bool, to netip.AddrPort) netip.AddrPort {
	if t.host.loops.Admit(t.port, rtcp, to) {
		return to
	}
	t.owner.Logger().Warn("a side names a port of ours by which its media would come back; nothing is sent there", "addr", to)
	return netip.AddrPort{}
}

func (t *Transport) agreeSDES(a *sdp.Agreed) (anew bool, err error) {
	t.security = secure.SDES // whatever comes of it, nothing in clear
	theirs, err := secure.ParseKey(a.Crypto.Theirs.Suite, a.Crypto.Theirs.Key)
	if err != nil {
		return false, &sdp.Error{Line: a.Media.Line, Reason: "a=crypto: " + err.Error(), Status: 488}
	}
	ours, err := secure.ParseKey(a.Crypto.Ours.Suite, a.Crypto.Ours.Key)
	if err != nil {
		return false, err
	}
	return t.use(ours, theirs)
}

// use takes keys into service; an unchanged one keeps its context and with it
// the roll-over counters (RFC 3711 §3.3.1).
func (t *Transport) use(ours, theirs secure.Key) (anew bool, err error) {
	if t.in == nil || !t.keyIn.Equal(theirs) {
		in, err := secure.NewContext(theirs)
		if err != nil {
			return false, err
		}
		in.Inherit(t.in)
		t.in, t.keyIn = in, theirs
	}
	if t.out == nil || !t.keyOut.Equal(ours) {
		out, err := secure.NewContext(ours)
		if err != nil {
			return false, err
		}
		// The far side may count on from before, or not: another SSRC has no before.
		anew = t.out != nil && t.out.Wrapped()
		t.out, t.keyOut = out, ours
	}
	return anew, nil
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
func (t *Transport) agreeDTLS(a *sdp.Agreed) func() {
	t.security = secure.DTLS
	wanted := association{a.Fingerprint, a.Setup, tlsID(a.Media)}
	if t.dtls != nil && t.dtlsFor.same(wanted) {
		t.dtlsFor.id = cmp.Or(wanted.id, t.dtlsFor.id)
		return func() {}
	}
	after := t.leaveDTLS()
	t.in, t.out = nil, nil
	t.dtlsFor = wanted
	run := t.dtlsRun
	t.dtls = secure.NewHandshake(secure.HandshakeConfig{
		Identity: t.host.identity,
		Active:   a.Setup == "active",
		Hash:     a.Fingerprint.Hash, Fingerprint: a.Fingerprint.Value,
		Send: t.sendDTLS,
		Done: func(send, receive secure.Key, err error) { t.secured(run, send, receive, err) },
	})
	return after
}

// leaveDTLS forgets the association and its keys; what it returns ends it.
func (t *Transport) leaveDTLS() func() {
	t.dtlsRun++
	old := t.dtls
	if old == nil {
		return func() {}
	}
	t.dtls, t.dtlsFor = nil, association{}
	t.in, t.out = nil, nil
	return old.Close
}

// sendDTLS answers who began, while he is trusted, else goes where media goes.
func (t *Transport) sendDTLS(b []byte, to netip.AddrPort) error {
	unlock := t.owner.Lock()
	if !to.IsValid() || !t.trusted(to) {
		to = t.to
	}
	unlock()
	if !to.IsValid() {
		return secure.ErrNoPath // before ICE nominates
	}
	return t.Write(b, to)
}

// secured takes the outcome of a handshake, unless another has begun since.
func (t *Transport) secured(run int, send, receive secure.Key, err error) {
	defer t.owner.Lock()()
	if t.dtlsRun != run {
		return
	}
	if err == nil {
		t.owner.Changing()
		t.in, t.out = nil, nil
		_, err = t.use(send, receive)
	}
	if err != nil {
		t.dtlsFor = association{} // the next exchange tries again
	}
	t.owner.Secured(err)
}
