package media

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tandem/media/sdp"
	"tandem/media/sound"
)

// offerFrom is an offer or answer of somebody who listens at a port.
func offerFrom(port uint16, version int) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", version, port)
}

// Two who name each side's port to the other: what is played to one of them does
// not go round.
func TestNoPacketGoesRound(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		s, err := server.Open("round", Options{})
		if err != nil {
			t.Fatal(err)
		}
		port := func(b []byte, err error) uint16 {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			d, err := sdp.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			return uint16(d.Media[0].Port)
		}
		nobody := newStranger(t, "127.0.0.1").conn.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Port()
		b := port(s.Offer(A, offerFrom(nobody, 1), Want{}))
		a := port(s.Answer(B, offerFrom(nobody, 1), Want{}))
		port(s.Offer(A, offerFrom(b, 2), Want{}))
		port(s.Answer(B, offerFrom(a, 2), Want{}))
		if err := s.Tone(A, "us", sound.Ringback, 200*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		time.Sleep(400 * time.Millisecond)
		if got := s.Report().Streams[0].Sides; got[A].Received.Packets+got[B].Received.Packets > 0 {
			t.Errorf("%d and %d packets came back", got[A].Received.Packets, got[B].Received.Packets)
		}
	})
}

// A call through the relay twice is heard.
func TestThroughHereTwice(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 700)
		first, err := server.Open("first", Options{})
		if err != nil {
			t.Fatal(err)
		}
		second, err := server.Open("second", Options{})
		if err != nil {
			t.Fatal(err)
		}
		step := func(text []byte, err error) []byte {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		b.use(step(second.Offer(A, step(first.Offer(A, a.sdp(), Want{})), Want{})))
		a.use(step(first.Answer(B, step(second.Answer(B, b.sdp(), Want{})), Want{})))
		converse(t, time.Second, a, b)
		a.hears(700)
		b.hears(440)
	})
}
