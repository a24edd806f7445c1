package server

import (
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/media/relay"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// silence is a relay.Network of ports by which nothing comes and goes: what the kernel
// takes for its ports is no part of the benchmark.
type silence struct{ last atomic.Uint32 }

func (n *silence) Bind(local netip.AddrPort, _ func()) (relay.Port, error) {
	if local.Port() == 0 {
		local = netip.AddrPortFrom(local.Addr(), uint16(20000+n.last.Add(1)%40000))
	}
	return mute{local}, nil
}

type mute struct{ local netip.AddrPort }

func (p mute) Local() netip.AddrPort                            { return p.local }
func (p mute) Connect(netip.AddrPort)                           {}
func (p mute) Read([]byte) (n int, from netip.AddrPort, _ bool) { return 0, from, false }
func (p mute) Write([]byte, netip.AddrPort)                     {}
func (p mute) Close() error                                     { return nil }

// phones are callers and called at one address. The server hears them as from a reader
// loop. What it answers at once comes back without a socket; what the owners of calls send
// comes by one.
type phones struct {
	*path
	b     *testing.B
	conn  *net.UDPConn
	now   [][]byte // sent at once, not looked at yet
	spare [][]byte
	left  int // calls still to be begun
	open  int // legs that are not over
	said  []byte
	heard sip.Message
}

// Send implements transport.Sink.
func (p *phones) Send(_ transport.Flow, b []byte, _ transport.Failer) {
	var to []byte
	if n := len(p.spare); n > 0 {
		to, p.spare = p.spare[n-1][:0], p.spare[:n-1]
	}
	p.now = append(p.now, append(to, b...))
}

func newPhones(b *testing.B, s *Server) *phones {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	_ = conn.SetReadBuffer(8 << 20)
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	f, err := s.transport.Flow(transport.Target{Proto: transport.UDP, Addr: at})
	if err != nil {
		b.Fatal(err)
	}
	return &phones{path: &path{s: s, flow: f, peer: at.String()}, b: b, conn: conn}
}

// put has the server hear a message.
func (p *phones) put(m []byte) {
	err := p.msg.Parse(m)
	p.msg.Source = p.flow.Remote
	p.s.tap(transport.Packet{Flow: p.flow, Loop: p.id, Bytes: m})
	p.s.layer.Message(p, p.flow, &p.msg, err)
}

const spoken = "v=0\r\no=bench 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"

func (p *phones) invite() {
	p.n++
	p.left, p.open = p.left-1, p.open+2
	to := p.user(p.n)
	m := append(p.said[:0], "INVITE sip:"...)
	m = append(appendUser(m, to), "bench.test SIP/2.0\r\nVia: SIP/2.0/UDP "...)
	m = p.appendID(append(append(m, p.peer...), ";rport;branch=z9hG4bKi"...))
	m = append(m, "\r\nMax-Forwards: 70\r\nFrom: <sip:caller@bench.test>;tag=f\r\nTo: <sip:"...)
	m = p.appendID(append(appendUser(m, to), "bench.test>\r\nCall-ID: "...))
	m = append(append(m, "@bench\r\nCSeq: 1 INVITE\r\nUser-Agent: bench\r\nContact: <sip:caller@"...), p.peer...)
	m = strconv.AppendInt(append(m, ">\r\nContent-Type: application/sdp\r\nContent-Length: "...), int64(len(spoken)), 10)
	p.said = append(m, "\r\n\r\n"+spoken...)
	p.put(p.said)
}

// inDialog sends the caller's ACK and BYE after the 200 that p.heard is.
func (p *phones) inDialog(method, seq string) {
	to, _ := p.heard.FirstAddr(sip.HdrContact)
	m := append(append(append(p.said[:0], method...), ' '), to.URI...)
	m = append(append(m, " SIP/2.0\r\nVia: SIP/2.0/UDP "...), p.peer...)
	m = append(append(append(m, ";rport;branch=z9hG4bK"...), method...), p.heard.CallID()...)
	m = append(append(m, "\r\nMax-Forwards: 70\r\nFrom: "...), p.heard.Get(sip.HdrFrom)...)
	m = append(append(m, "\r\nTo: "...), p.heard.Get(sip.HdrTo)...)
	m = append(append(m, "\r\nCall-ID: "...), p.heard.CallID()...)
	m = append(append(append(append(m, "\r\nCSeq: "...), seq...), ' '), method...)
	p.said = append(m, "\r\nContent-Length: 0\r\n\r\n"...)
	p.put(p.said)
}

// hear does what a phone does when it gets a message.
func (p *phones) hear(m []byte) {
	if err := p.heard.Parse(m); err != nil {
		p.b.Errorf("the server sent %q: %v", m, err)
		return
	}
	answer := func(code int, body string) {
		r := sip.Response{Code: code, ToTag: "b", Body: []byte(body)}
		if body != "" || code == 180 {
			r.Header, r.ContentType = []byte("Contact: <sip:called@"+p.peer+">\r\n"), "application/sdp"
		}
		p.said = sip.AppendResponse(p.said[:0], &p.heard, r)
		p.put(p.said)
	}
	switch {
	case p.heard.IsRequest() && p.heard.Method() == sip.INVITE:
		answer(180, "")
		answer(200, spoken)
	case p.heard.IsRequest():
		if p.heard.Method() == sip.BYE {
			answer(200, "")
			p.open--
		}
	case p.heard.StatusCode() < 200:
	case p.heard.StatusCode() >= 300:
		p.b.Fatalf("refused: %s", m)
	case string(p.heard.CSeqMethod()) == "INVITE":
		p.inDialog("ACK", "1")
		p.inDialog("BYE", "2")
	default:
		p.open--
	}
}

// talk has n calls begin and end, thirty-two at a time.
func (p *phones) talk(n int) {
	buf := make([]byte, 65535)
	for p.left = n; p.open > 0 || p.left > 0; {
		for p.left > 0 && p.open < 64 {
			p.invite()
		}
		for len(p.now) > 0 {
			m := p.now[len(p.now)-1]
			p.now = p.now[:len(p.now)-1]
			p.hear(m)
			p.spare = append(p.spare, m)
		}
		if p.open == 0 {
			continue
		}
		_ = p.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := p.conn.Read(buf)
		if err != nil {
			p.b.Fatalf("%d legs are not over: %v", p.open, err)
		}
		p.hear(buf[:n])
	}
}

// BenchmarkCallPath is a led call with a media session between its legs, from the
// caller's INVITE to both BYEs: without the sockets of media, and with those of SIP for
// what the owners of calls send.
func BenchmarkCallPath(b *testing.B) {
	s, _ := pathServer(b, func(cfg *config.Config, opt *Options) {
		cfg.Telephony.AllCalls, opt.Network = true, new(silence)
		cfg.Media.Interfaces = []config.MediaInterface{{Addr: "127.0.0.1"}}
	})
	end := s.RunVirtual()
	b.Cleanup(func() { _ = end() })
	p := newPhones(b, s)
	for n := range pathUsers / 4 {
		p.register(p.user(n))
	}
	p.talk(500) // to warm up
	b.ReportAllocs()
	used := processTime()
	b.ResetTimer()
	p.talk(b.N)
	b.ReportMetric(float64(processTime()-used)/float64(b.N), "cpu-ns/op")
}
