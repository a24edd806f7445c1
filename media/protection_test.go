package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/media/bridge"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// utter gives a transport packets of a stream by hand.
func utter(w *bridge.Way, from netip.AddrPort, n int) {
	say := feed(w, from)
	for range n {
		say()
	}
}

// opened reads what came to a port for a while: how much of it a key opens, and
// how much not.
func (p *phone) opened(t *testing.T, in *secure.Context) (good, bad int) {
	t.Helper()
	b := make([]byte, 2048)
	for silent := 0; silent < 2 && good+bad < 100; { // twice: a deadline may pass before anything is read
		_ = p.rtp.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, _, err := p.rtp.ReadFromUDPAddrPort(b)
		if err != nil {
			silent++
			continue
		}
		silent = 0
		if n >= 12 && (b[1] < 192 || b[1] > 223) { // else a report
			p.source = binary.BigEndian.Uint32(b[8:])
		}
		if in == nil {
			good++
		} else if _, err := in.Unprotect(b[:n]); err == nil {
			good++
		} else {
			bad++
		}
	}
	return good, bad
}

func version(text []byte, n int) []byte {
	return []byte(strings.Replace(string(text), "phone 1 1", fmt.Sprint("phone 1 ", n), 1))
}

func refusal(t *testing.T, what string, err error) {
	t.Helper()
	var e *sdp.Error
	if !errors.As(err, &e) || e.Status != 488 {
		t.Errorf("%s: %v, want a refusal by 488", what, err)
	}
}

const key80 = "a=crypto:%d AES_CM_128_HMAC_SHA1_80 inline:%s"

func crypto(t *testing.T, tag int) (string, secure.Key) {
	t.Helper()
	k, err := secure.NewKey(secure.Mandatory)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(key80, tag, strings.TrimPrefix(k.Inline(), "inline:")), k
}

// While an offer of fax waits, and after it is refused, voice for a protected
// side stays protected.
func TestFaxOfferLetsNoVoiceOutInClear(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := callSDES(t, s, a, b)
		from := session.bridge.Way(0, B)
		fax := []byte(strings.Replace(string(version(a.sdp(), 2)), "RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000", "udptl t38", 1))
		if _, err := session.Offer(A, []byte(strings.Replace(string(fax), "m=audio", "m=image", 1)), Want{}); err != nil {
			t.Fatal(err)
		}
		say := feed(from, b.addr())
		for range 5 {
			say()
		}
		session.Refused(B)
		session.Refused(A)
		for range 5 {
			say()
		}
		if good, bad := a.opened(t, a.in); bad > 0 || good != 10 {
			t.Errorf("of 10 packets %d came protected, %d not", good, bad)
		}
	})
}

// A re-offer that is asked for without a word about security keeps what the
// side has: protection, rtcp-mux.
func TestReofferKeepsWhatWasAgreed(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	session, _ := open(t, s)
	offer, err := session.Offer(A, a.sdp(), Want{Security: SecuritySDES, Mux: Yes})
	if err != nil {
		t.Fatal(err)
	}
	line, key := crypto(t, int(read(t, offer).Media[0].Crypto[3].Tag))
	if b.out, err = secure.NewContext(key); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Answer(B, b.sdp(line, "a=rtcp-mux"), Want{}); err != nil {
		t.Fatal(err)
	}
	if offer, err = session.Offer(A, version(a.sdp("a=sendonly"), 2), Want{}); err != nil {
		t.Fatal(err)
	}
	if m := read(t, offer).Media[0]; m.Proto != "RTP/SAVP" || len(m.Crypto) == 0 || !m.Mux {
		t.Errorf("the protected side is offered\n%s", offer)
	}
	session.Refused(B)
	session.Refused(A)
	// The other way round: B was made plain on purpose.
	session, err = s.Open("other", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = session.Offer(A, b.sdp(line), Want{Security: SecurityNone}); err != nil {
		t.Fatal(err)
	}
	if _, err = session.Answer(B, a.sdp(), Want{}); err != nil {
		t.Fatal(err)
	}
	if offer, err = session.Offer(A, version(b.sdp(line), 2), Want{}); err != nil {
		t.Fatal(err)
	}
	if m := read(t, offer).Media[0]; m.Proto != "RTP/AVP" || len(m.Crypto) > 0 {
		t.Errorf("the plain side is offered\n%s", offer)
	}
}

// A side that was protected cannot be talked out of it during a call, unless
// whoever runs the call says so, or another party came behind the dialog.
func TestNoDowngradeInMidCall(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct {
		want   Want
		origin string
		taken  bool
	}{
		"the same party":    {Want{}, "phone 1 2", false},
		"plain is wanted":   {Want{Security: SecurityNone}, "phone 1 2", true},
		"another party":     {Want{}, "other 9 1", true},
		"another, demanded": {Want{Security: SecuritySDES}, "other 9 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
			session := callSDES(t, s, a, b)
			a.out = nil // writes RTP/AVP from here on
			text := []byte(strings.Replace(string(a.sdp()), "phone 1 1", c.origin, 1))
			if _, err := session.Offer(A, text, Want{Security: SecurityNone}); (err == nil) != (name != "the same party" && name != "plain is wanted") {
				t.Fatalf("offered: %v", err)
			} else if err == nil {
				session.Refused(A)
				session.Refused(B)
			} else if _, err := session.MakeOffer(A, Want{}); err != nil {
				t.Errorf("after the refusal nothing can be offered: %v", err)
			} else {
				session.Refused(A)
			}
			if err := session.TakeOffer(A, text); err != nil {
				t.Fatal(err)
			}
			if _, err := session.MakeOffer(B, Want{Security: SecurityNone}); err != nil {
				t.Fatal(err)
			}
			_, err := session.Answer(B, version(b.sdp(), 2), c.want)
			if c.taken && err != nil {
				t.Error(err)
			} else if !c.taken {
				refusal(t, "plain where it was protected", err)
				utter(session.bridge.Way(0, A), a.addr(), 50)
				if good, _ := b.opened(t, nil); good > 0 {
					t.Errorf("%d packets in clear were taken from a side that is protected", good)
				}
			}
		})
	}
}

// Protection that is demanded of a side is, of its first offer too.
func TestPlainOfferIsRefusedWhereProtectionIsWanted(t *testing.T) {
	s := start(t)
	for _, want := range []Security{SecuritySDES, SecurityDTLS} {
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, err := s.Open(string(want), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Offer(A, a.sdp(), Want{}); err != nil {
			t.Fatal(err)
		}
		_, err = session.Answer(B, b.sdp(), Want{Security: want})
		refusal(t, string(want), err)
	}
}

// RTP/AVP with keys: taken, since it is offered; passed on as an offer of the
// same kind; passed over where plain media is wanted.
func TestKeysBesideRTPAVP(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		for _, c := range []struct {
			want     Security
			answered int
		}{{SecurityAsOther, 1}, {SecurityNone, 0}} {
			a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
			session, err := s.Open("keys beside "+string(c.want), Options{})
			if err != nil {
				t.Fatal(err)
			}
			line, key := crypto(t, 7)
			offer, err := session.Offer(A, a.sdp(line), Want{})
			if err != nil {
				t.Fatal(err)
			}
			if m := read(t, offer).Media[0]; m.Proto != "RTP/AVP" || len(m.Crypto) != 1 || m.Crypto[0].Suite != string(secure.Mandatory) {
				t.Errorf("passed on as\n%s", offer)
			}
			answer, err := session.Answer(B, b.sdp(), Want{Security: c.want})
			if err != nil {
				t.Fatal(err)
			}
			m := a.use(answer)
			if m.Proto != "RTP/AVP" || len(m.Crypto) != c.answered || c.answered == 1 && m.Crypto[0].Tag != 7 {
				t.Fatalf("answered\n%s", answer)
			}
			w := session.bridge.Way(0, A)
			utter(w, a.addr(), 20) // in clear
			if good, _ := b.opened(t, nil); good != 20*(1-c.answered) {
				t.Errorf("%d of 20 packets in clear were taken with %d keys agreed to", good, c.answered)
			}
			if c.answered == 0 {
				continue
			}
			out, err := secure.NewContext(key)
			if err != nil {
				t.Fatal(err)
			}
			packet, err := out.Protect(append(make([]byte, 0, 300), forged(1, 9)...))
			if err != nil {
				t.Fatal(err)
			}
			w.Receive(w.Socket(), packet, a.addr(), time.Now())
			if good, _ := b.opened(t, nil); good != 1 {
				t.Error("a protected packet did not pass")
			}
		}
	})
}

// A key nobody can use does not hide a good one behind it, and alone is no key.
func TestBadKeysArePassedOver(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	good, key := crypto(t, 2)
	bad := fmt.Sprintf(key80, 1, "c2hvcnQ=")
	var err error
	if a.out, err = secure.NewContext(key); err != nil {
		t.Fatal(err)
	}
	session, _ := open(t, s)
	if _, err := session.Offer(A, a.sdp(bad, good), Want{Security: SecurityNone}); err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, b.sdp(), Want{})
	if err != nil {
		t.Fatal(err)
	}
	if m := a.use(answer); len(m.Crypto) != 1 || m.Crypto[0].Tag != 2 {
		t.Errorf("answered\n%s", answer)
	}
	if session, err = s.Open("bad alone", Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Offer(A, a.sdp(bad), Want{Security: SecurityNone}); err != nil {
		t.Fatal(err)
	}
	_, err = session.Answer(B, b.sdp(), Want{})
	refusal(t, "RTP/SAVP with a bad key", err)
}

// Who comes behind a dialog later knows no counters: he gets a key of his own.
func TestAnotherPartyGetsAnotherKey(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	session := callSDES(t, s, a, b)
	_, before := session.bridge.Way(0, A).Contexts()
	line, _ := crypto(t, 1)
	for _, origin := range []string{"phone 1 2", "other 1 1", "other 1 2"} {
		same := origin != "other 1 1"
		text := strings.Replace(string(a.sdp(line)), "phone 1 1", origin, 1)
		if _, err := session.Offer(A, []byte(text), Want{Security: SecurityNone}); err != nil {
			t.Fatal(err)
		}
		if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
			t.Fatal(err)
		}
		_, now := session.bridge.Way(0, A).Contexts()
		if got := now == before; got != same {
			t.Errorf("o=%s: our key is the same: %v", origin, got)
		}
		before = now
	}
}

// A fingerprint no certificate can be held against is none.
func TestUselessFingerprintsAreRefused(t *testing.T) {
	s := start(t)
	for name, line := range map[string]string{
		"md5":       "a=fingerprint:md5 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		"too short": "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
	} {
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, err := s.Open(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(a.sdp(line, "a=setup:actpass")), "RTP/AVP", "UDP/TLS/RTP/SAVP", 1)
		if _, err := session.Offer(A, []byte(text), Want{Security: SecurityNone}); err != nil {
			t.Fatal(err)
		}
		_, err = session.Answer(B, b.sdp(), Want{})
		refusal(t, name, err)
	}
}

// Who has no other place for RTCP is answered with rtcp-mux (RFC 8858 §4).
func TestMuxOnly(t *testing.T) {
	s := start(t)
	for line, want := range map[string]bool{"a=rtcp-mux": false, "a=rtcp-mux-only": true} {
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, err := s.Open(line, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Offer(A, a.sdp(line), Want{}); err != nil {
			t.Fatal(err)
		}
		answer, err := session.Answer(B, b.sdp(), Want{Mux: No})
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, answer).Media[0].Mux; got != want {
			t.Errorf("%s is answered\n%s", line, answer)
		}
	}
}

// A name in c= stands for the host signalling came from.
func TestNamedHost(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	session, _ := open(t, s)
	session.Near(A, a.addr().Addr())
	text := strings.Replace(string(a.sdp()), "c=IN IP4 127.0.0.1", "c=IN IP4 gateway.example.com", 1)
	if _, err := session.Offer(A, []byte(text), Want{}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
		t.Fatal(err)
	}
	if w := session.bridge.Way(0, A); w.To() != a.addr() {
		t.Errorf("media goes to %v", w.To())
	}
	if to := session.sides[A].Agreed()[0].RemoteRTCP; to != netip.AddrPortFrom(a.addr().Addr(), a.addr().Port()+1) {
		t.Errorf("RTCP goes to %v", to)
	}
}

const someFingerprint = "a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

// Nothing in common but what is neither passed nor converted: no answer that
// promises it.
func TestNoAnswerInWhatCannotBeHeard(t *testing.T) {
	s := start(t)
	b := newPhone(t, pcmu, 1000)
	session, _ := open(t, s)
	g729 := strings.Replace(string(b.sdp()), "RTP/AVP 0\r\na=rtpmap:0 PCMU/8000", "RTP/AVP 18\r\na=rtpmap:18 G729/8000", 1)
	if _, err := session.Offer(A, []byte(g729), Want{Codecs: []string{"PCMU"}}); err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, b.sdp(), Want{})
	if err == nil {
		t.Errorf("answered\n%s", answer)
	} else {
		refusal(t, "G729 and PCMU", err)
	}
}

// Where signalling comes from may change during a call, and media with it.
func TestSignallingMoves(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	session := call(t, s, a, b, Want{})
	moved := netip.MustParseAddrPort("127.0.0.9:4000")
	session.Near(A, moved.Addr())
	if _, err := session.Offer(A, version(a.sdp(), 2), Want{}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
		t.Fatal(err)
	}
	w := session.bridge.Way(0, A)
	utter(w, moved, 3)
	if w.To() != moved {
		t.Errorf("after three packets from where signalling comes from, media goes to %v", w.To())
	}
}
