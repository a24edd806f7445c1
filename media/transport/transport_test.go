package transport

import (
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tandem/media/ice/icetest"
	"tandem/media/relay"
	"tandem/media/relay/memnet"
	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
	"tandem/media/secure"
)

// owner is one who keeps what he is told.
type owner struct {
	mu      sync.Mutex
	changes int
	ended   []error
}

func (o *owner) Receive(*relay.Socket, []byte, netip.AddrPort, time.Time) {}
func (o *owner) Lock() (unlock func())                                    { o.mu.Lock(); return o.mu.Unlock }
func (o *owner) Changing()                                                { o.changes++ }
func (o *owner) Logger() *slog.Logger                                     { return slog.New(slog.DiscardHandler) }
func (o *owner) Secured(err error)                                        { o.ended = append(o.ended, err) }

// open opens a transport in a network in memory.
func open(t *testing.T, n Needs) (*Transport, *owner) {
	t.Helper()
	lo := []relay.Interface{{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}}
	plane, err := relay.Open(relay.Config{Interfaces: lo, PortMin: 20000, PortMax: 20099, Workers: 1, Kernel: "off", Network: memnet.New()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plane.Close)
	identity, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHost(Config{Plane: plane, Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	w, o := new(Transport), new(owner)
	n.Interface, n.RTP = "lo", true
	if err := w.Open(h, o, n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		if n := h.Held(); n > 0 {
			t.Errorf("%d ports are left", n)
		}
	})
	return w, o
}

// far is where the far side says it is, elsewhere where others are.
var (
	far       = netip.MustParseAddrPort("127.0.0.1:4000")
	farRTCP   = netip.MustParseAddrPort("127.0.0.1:4001")
	elsewhere = netip.MustParseAddrPort("127.0.0.9:4000")
)

// exchange agrees to a line of the far side.
func agree(t *testing.T, w *Transport, a exchange.Agreed) (anew bool) {
	t.Helper()
	a.Kind, a.Enabled = "audio", true
	if a.Media == nil {
		a.Media = &sdp.Media{Kind: "audio", Proto: a.Proto}
	}
	a.Remote, a.RemoteRTCP = far, farRTCP
	anew, after, err := func() (bool, func(), error) {
		defer w.owner.Lock()()
		return w.Agree(&a, netip.Addr{}, false, time.Now())
	}()
	if err != nil {
		t.Fatal(err)
	}
	after()
	return anew
}

// state is how a transport is protected now.
type state struct {
	dtls     *secure.Handshake
	run      int // of handshakes
	in       *secure.Context
	security secure.Keying
}

func now(w *Transport) state {
	defer w.owner.Lock()()
	return state{w.dtls, w.dtlsRun, w.in, w.security}
}

// byDTLS is a line of a side that protects by a handshake.
func byDTLS(setup, id string) exchange.Agreed {
	a := exchange.Agreed{Proto: "UDP/TLS/RTP/SAVP", Setup: setup}
	a.Fingerprint = sdp.Fingerprint{Hash: "sha-256", Value: "AA:BB"}
	a.Media = &sdp.Media{Kind: "audio", Proto: a.Proto}
	if id != "" {
		a.Media.Attributes = []sdp.Attribute{{Name: "tls-id", Value: id}}
	}
	return a
}

// bySDES is one of a side with keys in its description.
func bySDES(ours, theirs secure.Key) exchange.Agreed {
	a := exchange.Agreed{Proto: "RTP/SAVP"}
	a.Crypto.Ours = sdp.Crypto{Suite: string(ours.Profile), Key: ours.Inline()}
	a.Crypto.Theirs = sdp.Crypto{Suite: string(theirs.Profile), Key: theirs.Inline()}
	return a
}

func newKey(t *testing.T) secure.Key {
	t.Helper()
	k, err := secure.NewKey(secure.Mandatory)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The association goes with what it was made for: a failed one is tried again
// at the next exchange, another role is another one, and after other keys the
// old ones are gone.
func TestAssociationsEnd(t *testing.T) {
	w, o := open(t, Needs{})
	dtls := func(setup, id string) *secure.Handshake {
		t.Helper()
		agree(t, w, byDTLS(setup, id))
		return now(w).dtls
	}
	first := dtls("passive", "")
	if first == nil || dtls("passive", "") != first {
		t.Fatal("an unchanged association began anew")
	}
	w.secured(now(w).run, secure.Key{}, secure.Key{}, secure.ErrTimeout)
	o.mu.Lock()
	if len(o.ended) != 1 || o.ended[0] != secure.ErrTimeout {
		t.Errorf("told of a failed handshake: %v", o.ended)
	}
	before := o.changes
	o.mu.Unlock()
	second := dtls("passive", "")
	if second == first {
		t.Error("a failed handshake is not tried again")
	}
	third := dtls("active", "")
	if third == second {
		t.Error("with the roles changed the old association stays")
	}
	for _, name := range []string{"one", "one", ""} {
		if dtls("active", name) != third {
			t.Errorf("the name %q for the association makes another of it", name)
		}
	}
	fourth := dtls("active", "two")
	if fourth == third {
		t.Error("with another name the old association stays")
	}
	key := newKey(t)
	w.secured(now(w).run-1, key, key, nil)
	if now(w).in != nil {
		t.Error("keys of a handshake that was given up are used")
	}
	w.secured(now(w).run, key, key, nil)
	if now(w).in == nil {
		t.Fatal("keys of the handshake are not used")
	}
	o.mu.Lock()
	if o.changes == before {
		t.Error("the owner is not told before other keys are used")
	}
	o.mu.Unlock()
	agree(t, w, exchange.Agreed{Proto: "RTP/AVP"})
	if now(w).dtls != nil {
		t.Error("the association outlives the change to plain media")
	}
	if again := dtls("active", ""); again == nil || again == fourth || now(w).in != nil {
		t.Error("back from plain media there is no new association")
	}
	agree(t, w, bySDES(key, key))
	if s := now(w); s.dtls != nil || s.in == nil || s.security != secure.SDES {
		t.Error("keys in SDP did not take the place of the association")
	}
	dtls("active", "")
	if s := now(w); s.in != nil || s.security != secure.DTLS {
		t.Error("keys of SDP serve where an association is agreed to")
	}
}

// A key that stays keeps its counters; another replaces it, and that alone.
func TestKeysStayAndGo(t *testing.T) {
	w, _ := open(t, Needs{})
	ours, theirs := newKey(t), newKey(t)
	agree(t, w, bySDES(ours, theirs))
	in, out := w.Contexts()
	if in == nil || out == nil || w.Asked() != secure.SDES {
		t.Fatal("the keys are not used")
	}
	if agree(t, w, bySDES(ours, theirs)); w.in != in || w.out != out {
		t.Error("the same keys began new contexts")
	}
	if agree(t, w, bySDES(ours, newKey(t))); w.in == in || w.out != out {
		t.Error("a new key of theirs must replace the context of what they send, and that alone")
	}
	if agree(t, w, bySDES(newKey(t), theirs)); w.out == out {
		t.Error("a new key of ours is not used")
	}
	anew, _, err := w.Agree(new(bySDES(w.keyOut, theirs)), netip.Addr{}, true, time.Now())
	if err != nil || !anew {
		t.Errorf("who comes behind the same key shall have a stream of his own: %v, %v", anew, err)
	}
}

// Whose handshake is listened to before anybody is believed.
func TestTrusted(t *testing.T) {
	w, _ := open(t, Needs{})
	a := byDTLS("active", "")
	a.Remote, a.RemoteRTCP, a.Enabled = netip.MustParseAddrPort("192.0.2.1:4000"), netip.AddrPort{}, true
	defer w.owner.Lock()()
	if _, _, err := w.Agree(&a, far.Addr(), false, time.Now()); err != nil {
		t.Fatal(err)
	}
	if w.trusted(elsewhere) || !w.trusted(far) || !w.trusted(netip.MustParseAddrPort("192.0.2.1:9")) {
		t.Error("not the hosts of signalling and of its description alone are trusted")
	}
}

// Reports of strangers count for nothing, before a port has settled too.
func TestReportsOfStrangers(t *testing.T) {
	w, _ := open(t, Needs{})
	agree(t, w, exchange.Agreed{Proto: "RTP/AVP"})
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 7}
	for _, socket := range []*relay.Socket{w.rtp, w.rtcp} {
		if w.What(report, socket) != RTCP || w.TakeRTCP(report, socket, elsewhere) != nil {
			t.Error("a stranger's report is taken")
		}
	}
	if n, _ := w.Figures(); n != 2 {
		t.Errorf("%d of 2 reports were told to be a stranger's", n)
	}
	if w.TakeRTCP(report, w.rtp, far) == nil || w.TakeRTCP(report, w.rtcp, farRTCP) == nil {
		t.Error("a report of the side itself was told to be a stranger's")
	}
}

// Without rtcp-mux the second component has a place of its own.
func TestComponentsOfICE(t *testing.T) {
	w, _ := open(t, Needs{ICE: true})
	ours, err := w.ICE(sdp.ICE{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(ours.Candidates) != 2 {
		t.Errorf("%d candidates for two components", len(ours.Candidates))
	}
	agree(t, w, exchange.Agreed{Proto: "RTP/AVP", ICE: sdp.ICE{Ufrag: "far", Pwd: "password-of-the-far-side"}})
	rtp, rtcp := elsewhere, netip.MustParseAddrPort("127.0.0.9:4007")
	for range 2 { // whichever comes last
		for socket, from := range map[*relay.Socket]netip.AddrPort{w.rtcp: rtcp, w.rtp: rtp} {
			b := icetest.Check(ours.Ufrag, ours.Pwd)
			if w.What(b, socket) != Check {
				t.Fatal("a check is not told from other packets")
			}
			w.TakeCheck(b, socket, from, time.Now())
		}
	}
	if w.To() != rtp || w.toRTCP != rtcp {
		t.Errorf("RTP goes to %v, RTCP to %v", w.To(), w.toRTCP)
	}
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 7}
	if w.TakeRTCP(report, w.rtcp, rtcp) == nil {
		t.Error("a report of the second component was taken for a stranger's")
	}
}

// RTCP goes by the port of RTP only where that was agreed to.
func TestMux(t *testing.T) {
	w, _ := open(t, Needs{})
	for _, mux := range []bool{false, true, false} {
		if agree(t, w, exchange.Agreed{Proto: "RTP/AVP", Mux: mux}); w.muxed() != mux {
			t.Errorf("agreed to rtcp-mux: %v, done: %v", mux, w.muxed())
		}
	}
}
