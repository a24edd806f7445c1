package server

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/cmd/tandem/config"
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
func pathServer(b *testing.B, change func(*config.Config, *Options)) (*Server, netip.AddrPort) {
	b.Helper()
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"bench.test"}, b.TempDir(), ""
	cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.0/8"}}}
	cfg.Telephony.AllCalls = false
	var opt Options
	if change != nil {
		change(&cfg, &opt)
	}
	s, err := New(context.Background(), cfg, opt)
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
	peer string // its address, written
	buf  []byte
	id   int // tells the loops apart
	n    int
	_    [64]byte // as reader loops are kept apart
}

func newPath(b *testing.B, s *Server, id int) *path {
	peer := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(20000+id))
	f, err := s.transport.Flow(transport.Target{Proto: transport.UDP, Addr: peer})
	if err != nil {
		b.Error(err)
	}
	return &path{s: s, flow: f, peer: peer.String(), id: id}
}

func (p *path) in(m []byte) {
	err := p.msg.Parse(m)
	p.msg.Source = p.flow.Remote
	p.s.tap(transport.Packet{Flow: p.flow, Loop: p.id, Bytes: m})
	p.s.layer.Message(&p.out, p.flow, &p.msg, err)
}

// request makes a request of a user of this loop's share, without garbage.
func (p *path) request(method string, user int, lines ...string) []byte {
	p.n++
	m := append(append(p.buf[:0], method...), " sip:"...)
	if method != "REGISTER" {
		m = appendUser(m, user)
	}
	m = append(m, "bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:"...)
	m = strconv.AppendInt(m, int64(p.flow.Remote.Port()), 10)
	m = p.appendID(append(m, ";rport;branch=z9hG4bK"...))
	m = appendUser(append(m, "\r\nMax-Forwards: 70\r\nFrom: <sip:"...), user)
	m = appendUser(append(m, "bench.test>;tag=f\r\nTo: <sip:"...), user)
	m = p.appendID(append(m, "bench.test>\r\nCall-ID: "...))
	m = strconv.AppendInt(append(m, "@bench\r\nCSeq: "...), int64(p.n), 10)
	m = append(append(append(m, ' '), method...), "\r\nUser-Agent: bench\r\n"...)
	for _, l := range lines {
		m = append(m, l...)
	}
	p.buf = append(m, "Content-Length: 0\r\n\r\n"...)
	return p.buf
}

func appendUser(b []byte, user int) []byte {
	return append(strconv.AppendInt(append(b, 'u'), int64(user), 10), '@')
}

func (p *path) appendID(b []byte) []byte {
	b = append(strconv.AppendInt(b, int64(p.id), 10), '-')
	return strconv.AppendInt(b, int64(p.n), 10)
}

func (p *path) register(user int) {
	p.in(p.request("REGISTER", user, "Contact: <sip:x@", p.peer, ">\r\nExpires: 3600\r\n"))
}

// paths makes a path for each core, its users registered.
func paths(b *testing.B, s *Server) []*path {
	var all []*path
	for i := range runtime.GOMAXPROCS(0) {
		p := newPath(b, s, i)
		for n := range pathUsers / 4 {
			p.register(p.user(n))
		}
		all = append(all, p)
	}
	for s.store.Stats().Queued > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	b.ReportAllocs()
	used := processTime()
	b.Cleanup(func() { b.ReportMetric(float64(processTime()-used)/float64(b.N), "cpu-ns/op") })
	b.ResetTimer()
	return all
}

// processTime is the processor time of all threads: on a busy machine the
// clock tells nothing about scaling.
func processTime() int64 {
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &ru) // cannot fail with these arguments
	return ru.Utime.Nano() + ru.Stime.Nano()
}

// user n of this path's own.
func (p *path) user(n int) int { return (p.id*pathUsers/4 + n%(pathUsers/4)) % pathUsers }

// run has every path do its share of b.N, as reader loops do: nothing is
// shared but the server. (The counter of testing.PB would be: it shows.)
func run(b *testing.B, all []*path, f func(p *path, n int)) {
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { f(p, (b.N+i)/len(all)) })
	}
	wg.Wait()
}

// BenchmarkRegisterPath is a REGISTER that refreshes a binding, from its bytes
// to its 200, without sockets.
func BenchmarkRegisterPath(b *testing.B) {
	s, _ := pathServer(b, nil)
	run(b, paths(b, s), func(p *path, n int) {
		for range n {
			p.register(p.user(p.n))
		}
	})
}

// BenchmarkWrittenPath is a REGISTER that is written before its 200: by a new
// Call-ID of a phone with temporary GRUUs. As many are under way as a busy server has.
func BenchmarkWrittenPath(b *testing.B) {
	s, _ := pathServer(b, nil)
	before := s.store.Stats()
	defer func() {
		now := s.store.Stats()
		if changes := now.Rows + now.Coalesced - before.Rows - before.Coalesced; changes < uint64(b.N) {
			b.Errorf("%d REGISTERs and %d changes", b.N, changes)
		}
	}()
	run(b, paths(b, s), func(p *path, n int) {
		for i := range n {
			user := p.user(p.n)
			p.in(p.request("REGISTER", user, "Contact: <sip:x@", p.peer, `>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000000>"`,
				"\r\nSupported: gruu\r\nExpires: 3600\r\n"))
			for i%64 == 63 && s.store.Stats().Queued > 0 {
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
}

// BenchmarkMessagePath is a MESSAGE to a device and its 200 back, by the room of
// messages.
func BenchmarkMessagePath(b *testing.B) { benchmarkForwarded(b, "MESSAGE") }

// BenchmarkForwardPath is the same of a request that only the proxy takes.
func BenchmarkForwardPath(b *testing.B) { benchmarkForwarded(b, "WHATEVER") }

func benchmarkForwarded(b *testing.B, method string) {
	s, _ := pathServer(b, nil)
	run(b, paths(b, s), func(p *path, n int) {
		var asked sip.Message
		var answer []byte
		for range n {
			before := p.out.sent
			p.in(p.request(method, p.user(p.n)))
			if p.out.sent == before || asked.Parse(p.out.last) != nil || !asked.IsRequest() {
				b.Errorf("not passed on: %s", p.out.last)
				return
			}
			answer = sip.AppendResponse(answer[:0], &asked, sip.Response{Code: 200, ToTag: "b"})
			p.in(answer)
		}
	})
}
