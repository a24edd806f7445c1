package media

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"tandem/media/bridge"
	"tandem/media/relay"
	"tandem/media/route"
)

// handled sets up a call whose packets can be given to a side's transport by
// hand.
func handled(t testing.TB, s *Server, a, b *phone, want Want) (w *bridge.Way, from netip.AddrPort) {
	t.Helper()
	session, err := s.Open(t.Name(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, a.sdp(), want)
	if err != nil {
		t.Fatal(err)
	}
	b.use(offer)
	if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
		t.Fatal(err)
	}
	return session.bridge.Way(0, A), a.addr()
}

// feed gives packets of a stream to a transport, as its worker would.
func feed(w *bridge.Way, from netip.AddrPort) func() {
	b := make([]byte, 172, 256)
	var n uint16
	at := time.Now()
	return func() {
		n++
		at = at.Add(20 * time.Millisecond)
		b[0], b[1] = 0x80, 0
		binary.BigEndian.PutUint16(b[2:], n)
		binary.BigEndian.PutUint32(b[4:], uint32(n)*160)
		binary.BigEndian.PutUint32(b[8:], 4711)
		w.Receive(w.Socket(), b[:172:256], from, at)
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	for _, c := range []struct {
		name string
		want Want
		b    string
	}{{"passed", Want{}, "PCMU"}, {"protected", Want{Security: SecuritySDES}, ""}, {"converted", Want{Codecs: []string{"PCMA"}}, "PCMA"}} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
			if c.b == "PCMA" {
				b = newPhone(t, pcma, 1000)
			}
			var w *bridge.Way
			var from netip.AddrPort
			if c.want.Security == SecuritySDES {
				callSDES(t, s, b, a) // what a sends is protected toward b
				session := s.Session(t.Name())
				w, from = session.bridge.Way(0, B), a.addr()
			} else {
				w, from = handled(t, s, a, b, c.want)
			}
			packet := feed(w, from)
			for range 100 {
				packet() // learns, connects, makes what is made once
			}
			if n := testing.AllocsPerRun(2000, packet); n != 0 {
				t.Errorf("%v allocations a packet", n)
			}
		})
	}
}

// BenchmarkPacket is what the session adds to a packet besides the system
// calls that read it: judging, counting, numbering and the call that sends it.
func BenchmarkPacket(b *testing.B) {
	s, err := New(Config{PortMin: 45000, PortMax: 45099, Kernel: "off", Interfaces: []relay.Interface{{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.closeAll()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	p := &phone{t: b, rtp: conn, codec: pcmu, event: route.None}
	w, from := handled(b, s, p, p, Want{})
	packet := feed(w, from)
	b.ReportAllocs()
	for b.Loop() {
		packet()
	}
}

// A call between IPv4 and IPv6.
func TestBetweenTheProtocols(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t, func(c *Config) {
			c.Interfaces = append(c.Interfaces, relay.Interface{Name: "six", Bind: netip.IPv6Loopback()})
		})
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		b.rtp = listen(t, "::1")
		call(t, s, a, b, Want{Interface: "six"})
		if !b.to.Addr().Is6() {
			t.Fatalf("the IPv6 phone was told to send to %s", b.to)
		}
		converse(t, time.Second, a, b)
		a.hears(1000)
		b.hears(440)
	})
}
