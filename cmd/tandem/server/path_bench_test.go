package server

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// catcher is a Sink without a kernel: it keeps what was sent last.
type catcher struct {
	last []byte
	sent int
}

func (c *catcher) Send(_ transport.Flow, b []byte, _ transport.Failer) {
	c.last, c.sent = append(c.last[:0], b...), c.sent+1
}

const pathUsers = 1024

// pathServer is the whole server with users u0…, whose requests are trusted:
// digests made here would be measured as well.
func pathServer(b *testing.B) (*Server, netip.AddrPort) {
	b.Helper()
	cfg := Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"bench.test"}, b.TempDir(), ""
	cfg.Listen = []Listen{{Proto: "udp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.0/8"}}}
	s, err := New(context.Background(), cfg, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.close() })
	for i := range pathUsers {
		add := directory.AddUser{AOR: rtc.AOR(fmt.Sprintf("sip:u%d@bench.test", i)), Password: "benchmark-secret"}
		if _, err := s.directory.Add(context.Background(), add); err != nil {
			b.Fatal(err)
		}
	}
	return s, s.transport.Listeners()[0].Addr()
}

// path is one reader loop's part: its sink, its message, its peer.
type path struct {
	s    *Server
	out  catcher
	msg  sip.Message
	flow transport.Flow
	buf  []byte
	id   int // tells the loops apart
	n    int
}

func newPath(b *testing.B, s *Server, id int) *path {
	peer := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(20000+id))
	f, err := s.transport.Flow(transport.Target{Proto: transport.UDP, Addr: peer})
	if err != nil {
		b.Error(err)
	}
	return &path{s: s, flow: f, id: id}
}

func (p *path) in(m []byte) {
	err := p.msg.Parse(m)
	p.msg.Source = p.flow.Remote
	p.s.tap(transport.Packet{Flow: p.flow, Bytes: m})
	p.s.layer.Message(&p.out, p.flow, &p.msg, err)
}

// request makes a request of a user of this loop's share.
func (p *path) request(method string, user int, lines string) []byte {
	p.n++
	to := "u" + strconv.Itoa(user)
	uri := "sip:bench.test"
	if method != "REGISTER" {
		uri = "sip:" + to + "@bench.test"
	}
	p.buf = fmt.Appendf(p.buf[:0], "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bK%d.%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@bench.test>;tag=f\r\nTo: <sip:%s@bench.test>\r\nCall-ID: %d-%d@bench\r\nCSeq: %d %s\r\nUser-Agent: bench\r\n%sContent-Length: 0\r\n\r\n",
		method, uri, p.flow.Remote.Port(), p.id, p.n, to, to, p.id, p.n, p.n, method, lines)
	return p.buf
}

func (p *path) register(user int) {
	p.in(p.request("REGISTER", user, "Contact: <sip:x@127.0.0.1:"+strconv.Itoa(int(p.flow.Remote.Port()))+">\r\nExpires: 3600\r\n"))
}

// BenchmarkRegisterPath is a REGISTER that refreshes a binding, from its bytes
// to its 200, without sockets.
func BenchmarkRegisterPath(b *testing.B) {
	s, _ := pathServer(b)
	var ids atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := int(ids.Add(1))
		p := newPath(b, s, id)
		for pb.Next() {
			p.register(id*256 + p.n%256)
		}
	})
}

// BenchmarkMessagePath is a MESSAGE through the proxy and its 200 back.
func BenchmarkMessagePath(b *testing.B) {
	s, _ := pathServer(b)
	var ids atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := int(ids.Add(1))
		p := newPath(b, s, id)
		for i := range 256 {
			p.register(id*256 + i)
		}
		var asked sip.Message
		var answer []byte
		for pb.Next() {
			before := p.out.sent
			p.in(p.request("MESSAGE", id*256+p.n%256, ""))
			if p.out.sent == before || asked.Parse(p.out.last) != nil || !asked.IsRequest() {
				b.Errorf("not passed on: %s", p.out.last)
				return
			}
			answer = sip.AppendResponse(answer[:0], &asked, sip.Response{Code: 200, ToTag: "b"})
			p.in(answer)
		}
	})
}
