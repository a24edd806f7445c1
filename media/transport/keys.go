package transport

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
	"tandem/media/secure"
)

// Keys returns our keys for SDP, one for each profile. They are made once: if the far
// side keeps its key in an answer, the stream's counters continue, too.
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

// FreshKeys makes Keys return new keys.
func (t *Transport) FreshKeys() { t.offers.keys = nil }

// Fingerprint returns that of our certificate.
func (t *Transport) Fingerprint() sdp.Fingerprint {
	return sdp.Fingerprint{Hash: t.host.identity.Hash, Value: t.host.identity.Fingerprint}
}

// Agree sets where and how to send after an exchange with a side whose signalling comes
// from near. after must be called without the lock. anew reports that we must send a
// new stream from now on, because the far side cannot know the counters of the key: its
// key is new and they have wrapped, or another party listens.
func (t *Transport) Agree(a *exchange.Agreed, near netip.Addr, another bool, now time.Time) (anew bool, after func(), err error) {
	// Not before both sides have agreed: otherwise RTP taken for fax would pass without
	// decryption, and in clear toward a protected side.
	t.raw = a.Media != nil && !a.Media.RTP()
	t.lost, t.mux = false, a.Mux
	// Two lite agents send no checks: the signalled addresses count (RFC 8445 §6.2).
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

func (t *Transport) protect(a *exchange.Agreed) (anew bool, after func(), err error) {
	if t.raw {
		t.security = secure.Plain // keys and counters are kept for when the audio comes back
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

// keying returns how an m-line of RTP was agreed to be protected.
func keying(a *exchange.Agreed) secure.Keying {
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

// aim sets the signalled addresses, and lets the latch learn again when anything
// signalled may have changed.
func (t *Transport) aim(a *exchange.Agreed, near netip.Addr, now time.Time) {
	t.latch.Strict, t.latchRTCP.Strict = t.host.strict, t.host.strict
	t.near = near
	t.latch.Open(t.outside(false, a.Remote), near, now)
	t.latchRTCP.Open(t.outside(true, a.RemoteRTCP))
	t.to, t.toRTCP = t.latch.Peer(), t.latchRTCP.Peer()
	if t.settled && t.shared == nil {
		_ = t.rtp.Connect(netip.AddrPort{}) // the next valid packet connects again
	}
	t.settled = false
	if t.shared != nil {
		t.shared.lend(t.to, t)
	}
}

// outside returns a signalled address, or none when packets to it would come back.
func (t *Transport) outside(rtcp bool, to netip.AddrPort) netip.AddrPort {
	if t.host.loops.Admit(t.port, rtcp, to) {
		return to
	}
	t.owner.Logger().Warn("a side names a port of ours by which its media would come back; nothing is sent there", "addr", to)
	return netip.AddrPort{}
}

func (t *Transport) agreeSDES(a *exchange.Agreed) (anew bool, err error) {
	t.security = secure.SDES // on any error nothing goes in clear
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

// use sets the keys; an unchanged key keeps its context and so the roll-over counters
// (RFC 3711 §3.3.1).
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
		// The far side may continue its counters or not; a new SSRC has none.
		anew = t.out != nil && t.out.Wrapped()
		t.out, t.keyOut = out, ours
	}
	return anew, nil
}

// association is what a DTLS association is bound to: if any field changes it is
// another association (RFC 8842 §3.1).
type association struct {
	with sdp.Fingerprint
	role string // ours
	id   string // their a=tls-id; "" leaves only the other fields
}

func (a association) same(o association) bool {
	return a.with == o.with && a.role == o.role && (a.id == o.id || a.id == "" || o.id == "")
}

// tlsID returns a=tls-id. We write none: then the fingerprint and the role identify the
// association, unless the far side changes its own id.
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

// agreeDTLS starts a handshake when the far side's fingerprint, tls-id or the roles are
// new, or the last handshake failed.
func (t *Transport) agreeDTLS(a *exchange.Agreed) func() {
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

// leaveDTLS forgets the association and its keys; the function that it returns closes
// it.
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

// sendDTLS answers the address that began, while it is trusted; otherwise it sends
// where media goes.
func (t *Transport) sendDTLS(b []byte, to netip.AddrPort) error {
	unlock := t.owner.Lock()
	if !to.IsValid() || !t.trusted(to) {
		to = t.to
	}
	unlock()
	if !to.IsValid() {
		return secure.ErrNoPath // ICE has not nominated a pair
	}
	return t.Write(b, to)
}

// secured handles the outcome of a handshake, unless another one has begun since.
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
