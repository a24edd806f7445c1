package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/media/sdp"
)

var (
	pcmu = audio("PCMU", 0, 8000, 1)
	pcma = audio("PCMA", 8, 8000, 1)
	g722 = audio("G722", 9, 8000, 1)
	opus = audio("opus", 111, 48000, 2)
)

// call sets a session up between two phones; b is offered offers.
func call(t *testing.T, s *Server, a, b *phone, want Want) *Session {
	t.Helper()
	session, err := s.Open(t.Name(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, a.sdp(), want)
	if err != nil {
		t.Fatalf("offer: %v", err)
	}
	b.use(offer)
	answer, err := session.Answer(B, b.sdp(), Want{})
	if err != nil {
		t.Fatalf("answer: %v\noffer was:\n%s", err, offer)
	}
	a.use(answer)
	return session
}

func TestTwoPhonesTalk(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b sdp.Codec
		conv bool
	}{
		{"PCMU relayed", pcmu, pcmu, false},
		{"opus relayed under another number", opus, audio("opus", 96, 48000, 2), false},
		{"PCMU and PCMA", pcmu, pcma, true},
		{"opus and PCMU", opus, pcmu, true},
		{"G722 and opus", g722, opus, true},
		{"PCMA and G722", pcma, g722, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				s := start(t)
				a, b := newPhone(t, c.a, 440), newPhone(t, c.b, 1000)
				session := call(t, s, a, b, Want{Codecs: []string{c.b.Name}})
				converse(t, 2*time.Second, a, b)
				a.hears(1000)
				b.hears(440)
				r := session.Report()
				for w, l := range r.Streams[0].Sides {
					if l.Converting != c.conv {
						t.Errorf("side %s: converting is %v", Which(w), l.Converting)
					}
					if l.Received.Packets != 100 || l.Received.Lost > 0 {
						t.Errorf("side %s: received %d packets, lost %d", Which(w), l.Received.Packets, l.Received.Lost)
					}
				}
				for _, p := range []*phone{a, b} {
					if _, streams, gaps := p.got(); streams != 1 || gaps > 0 {
						t.Errorf("%s phone saw %d streams with %d gaps", p.codec.Name, streams, gaps)
					}
				}
			})
		})
	}
}

func TestRefusedOfferNamesTheLine(t *testing.T) {
	s := start(t)
	session, err := s.Open("x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.Offer(A, []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio nonsense RTP/AVP 0\r\n"), Want{})
	if err == nil || !strings.Contains(err.Error(), "line 5") {
		t.Errorf("error is %v, should name line 5", err)
	}
}

// A side that takes RTCP by the port of RTP has one port, and two once it does not.
func TestPortsWithMux(t *testing.T) {
	s := start(t)
	text := "v=0\r\no=- 7 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n%s"
	session, err := s.Open(t.Name(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(version int, mux string) *sdp.Description {
		t.Helper()
		if _, err := session.Offer(A, fmt.Appendf(nil, text, version, 9000, mux), Want{}); err != nil {
			t.Fatal(err)
		}
		answer, err := session.Answer(B, fmt.Appendf(nil, text, version, 9002, ""), Want{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := sdp.Parse(answer)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := exchange(1, "a=rtcp-mux\r\n").Media[0]
	if !first.Mux || s.plant.Host.Held() != 1+2 {
		t.Errorf("with mux %v: %d ports", first.Mux, s.plant.Host.Held())
	}
	again := exchange(2, "a=rtcp-mux\r\n").Media[0]
	if again.Port != first.Port {
		t.Errorf("the port has become %d, was %d", again.Port, first.Port)
	}
	apart := exchange(3, "").Media[0]
	if apart.Mux || apart.RTCPPort != apart.Port+1 || s.plant.Host.Held() != 2+2 {
		t.Errorf("without mux %v, RTCP at %d beside %d: %d ports", apart.Mux, apart.RTCPPort, apart.Port, s.plant.Host.Held())
	}
	session.Close()
}
