package media

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/media/bridge"
	"tandem/media/ice/icetest"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// consent is how long one holds (RFC 7675 §5.1).
const consent = 30 * time.Second

var withICE = []string{"a=ice-ufrag:far", "a=ice-pwd:password-of-the-far-side"}

// checked is a call whose side A does ICE; ours is what we said to it.
func checked(t *testing.T, s *Server, a, b *phone, lines ...string) (session *Session, w *bridge.Way, ours sdp.ICE, events func(EventKind) int) {
	t.Helper()
	session, events = open(t, s)
	if _, err := session.Offer(A, a.sdp(append(lines, withICE...)...), Want{ICE: No}); err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, b.sdp(), Want{})
	if err != nil {
		t.Fatal(err)
	}
	return session, session.bridge.Way(0, A), read(t, answer).Media[0].ICE, events
}

// Neither of two lite agents checks: what each signalled counts, and the latch
// judges as without ICE (RFC 8445 §6.2).
func TestLiteMeetsLite(t *testing.T) {
	for _, shared := range []int{0, 18000} {
		inTime(t, func(t *testing.T) {
			s := start(t, func(c *Config) { c.ICEPort = shared })
			a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
			session, _ := open(t, s)
			lite := append([]string{"a=x"}, withICE...)
			text := []byte("v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n" + string(a.sdp(lite...)[len("v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"):]))
			if _, err := session.Offer(A, text, Want{ICE: No}); err != nil {
				t.Fatal(err)
			}
			answer, err := session.Answer(B, b.sdp(), Want{})
			if err != nil {
				t.Fatal(err)
			}
			a.use(answer)
			if _, err := a.rtp.WriteToUDPAddrPort(forged(1, 7), a.to); err != nil {
				t.Fatal(err)
			}
			if good, _ := b.opened(t, nil); good != 1 {
				t.Errorf("shared port %d: a packet of the lite side did not pass", shared)
			}
			w := session.bridge.Way(0, B)
			utter(w, b.addr(), 1)
			if good, _ := a.opened(t, nil); good != 1 {
				t.Errorf("shared port %d: a packet for the lite side did not pass", shared)
			}
		})
	}
}

// A side that leaves ICE in a re-offer is found by its address; who still
// checks with the old names moves nothing.
func TestSideLeavesICE(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, w, ours, _ := checked(t, s, a, b)
		elsewhere := netip.MustParseAddrPort("127.0.0.9:4000")
		w.Receive(w.Socket(), icetest.Check(ours.Ufrag, ours.Pwd), elsewhere, time.Now())
		if w.To() != elsewhere {
			t.Fatalf("nominated, but media goes to %v", w.To())
		}
		if _, err := session.Offer(A, version(a.sdp(), 2), Want{ICE: No}); err != nil {
			t.Fatal(err)
		}
		if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
			t.Fatal(err)
		}
		w.Receive(w.Socket(), icetest.Check(ours.Ufrag, ours.Pwd), elsewhere, time.Now())
		if w.To() != a.addr() {
			t.Errorf("media goes to %v, not to %v", w.To(), a.addr())
		}
		utter(w, a.addr(), 10)
		if good, _ := b.opened(t, nil); good != 10 {
			t.Errorf("%d of 10 packets of the side passed", good)
		}
	})
}

// Consent that ends, ends sending (RFC 7675 §5.1), unless media still comes; a
// check brings it back.
func TestConsentEnds(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, w, ours, events := checked(t, s, a, b)
		other := session.bridge.Way(0, B)
		now := time.Now()
		say := feed(other, b.addr())
		goes := func(when string, want int) {
			t.Helper()
			say()
			if good, _ := a.opened(t, nil); min(good, 1) != want {
				t.Errorf("%s %d packets went out, want %d", when, good, want)
			}
		}
		w.Receive(w.Socket(), icetest.Check(ours.Ufrag, ours.Pwd), a.addr(), now)
		goes("nominated,", 1)
		utter(w, a.addr(), 1)
		session.bridge.Watch(now.Add(consent-time.Second), nil)
		_, _ = a.opened(t, nil) // reports
		goes("still consented,", 1)
		session.bridge.Watch(now.Add(consent+time.Second), nil)
		_, _ = a.opened(t, nil)
		goes("after consent,", 0)
		w.Receive(w.Socket(), icetest.Check(ours.Ufrag, ours.Pwd), a.addr(), now.Add(2*consent))
		_, _ = a.opened(t, nil) // the answer to the check
		goes("consented again,", 1)
		w.Receive(w.Socket(), append(make([]byte, 0, 300), forged(100, 4711)...), a.addr(), now.Add(4*consent))
		session.bridge.Watch(now.Add(4*consent+time.Second), nil)
		_, _ = a.opened(t, nil)
		goes("with media coming,", 1)
		for range 100 {
			if events(EventConsent) > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := events(EventConsent); n != 1 {
			t.Errorf("the end of consent was told %d times", n)
		}
	})
}

// A phone behind NAT that protects by DTLS and does no ICE is found by where its
// signalling comes from; a stranger elsewhere is not listened to.
func TestHandshakeThroughNAT(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, events := open(t, s)
		session.Near(A, a.addr().Addr())
		id, err := secure.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		text := a.sdp("a=fingerprint:"+id.Hash+" "+id.Fingerprint, "a=setup:active")
		text = []byte(strings.NewReplacer("RTP/AVP", "UDP/TLS/RTP/SAVP", "c=IN IP4 127.0.0.1", "c=IN IP4 192.0.2.1").Replace(string(text)))
		if _, err := session.Offer(A, text, Want{Security: SecurityNone}); err != nil {
			t.Fatal(err)
		}
		answer, err := session.Answer(B, b.sdp(), Want{})
		if err != nil {
			t.Fatal(err)
		}
		m := a.use(answer)
		done := make(chan error, 1)
		h := secure.NewHandshake(secure.HandshakeConfig{
			Identity: id, Active: true, Hash: m.Fingerprint.Hash, Fingerprint: m.Fingerprint.Value, Timeout: 5 * time.Second,
			Send: func(b []byte, _ netip.AddrPort) error { _, err := a.rtp.WriteToUDPAddrPort(b, a.to); return err },
			Done: func(_, _ secure.Key, err error) { done <- err },
		})
		defer h.Close()
		go func() {
			b := make([]byte, 4096)
			for {
				n, from, err := a.rtp.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				h.Packet(b[:n], from)
			}
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if events(EventSecure) > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("the side is not told to be secure")
	})
}
