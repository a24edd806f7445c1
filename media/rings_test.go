package media

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/media/sdp"
	"tandem/media/sound"
)

// TestRings names ports of ours in turns. "1A>2B" has side A of session 1 name
// side B of session 2; '!' behind it: it may not.
func TestRings(t *testing.T) {
	for _, c := range []struct{ name, namings string }{
		{"a call through here twice", "1B>2A 2A>1B"},
		{"three times", "1B>2A 2A>1B 2B>3A 3A>2B"},
		{"two calls to one place", "1A>2A 3A>2A"},
		{"itself", "1A>1A!"},
		{"its other side", "1A>1B! 1B>1A!"},
		{"each the other on both sides", "1A>2A 1B>2B!"},
		{"around", "1A>2B 2A>3B 3A>1B!"},
		{"around, named from either side", "1A>2B 3B>2A 1B>3A!"},
		{"no more so", "1A>2A 1A>9 1B>2B"},
		{"still, as nothing is named", "1A>2A 1A>0 1B>2B!"},
		{"a ring from a chain", "1B>2A 2B>3A 3B>1A! 3B>9"},
		{"the port shared by many", "1A>s!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, sessions, ways := newRings(), map[byte]*Session{}, map[string]*transport{}
			at := func(name string) netip.AddrPort {
				return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(name[0])<<8+uint16(name[1]))
			}
			for _, name := range strings.Fields("1A 1B 2A 2B 3A 3B") {
				if sessions[name[0]] == nil {
					sessions[name[0]] = new(Session)
				}
				ways[name] = &transport{which: Which(name[1] - 'A')}
				ways[name].home.Store(sessions[name[0]])
				r.ours[at(name)] = ways[name]
			}
			shared := netip.MustParseAddrPort("192.0.2.1:3478")
			r.ours[shared] = nil
			for _, n := range strings.Fields(c.namings) {
				by, to, _ := strings.Cut(strings.TrimSuffix(n, "!"), ">")
				addr := shared
				switch to {
				case "s":
				case "0":
					addr = netip.MustParseAddrPort("0.0.0.0:9")
				case "9":
					addr = netip.MustParseAddrPort("198.51.100.7:9")
				default:
					addr = at(to)
				}
				if ok := r.admit(ways[by], false, addr); ok == strings.HasSuffix(n, "!") {
					t.Errorf("%s: %v", n, ok)
				}
			}
			for _, w := range ways {
				r.close(w)
			}
			if len(r.named) > 0 {
				t.Errorf("%d are left", len(r.named))
			}
		})
	}
}

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
