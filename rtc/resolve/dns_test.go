package resolve

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// server is a DNS server on loopback that answers from a zone, by UDP and TCP
// on one port.
type server struct {
	addr string

	mu    sync.Mutex
	zone  map[string][]dns.RR // by "name type", lower case
	asked map[string]int
	hook  func(dns.ResponseWriter, *dns.Msg) bool // true: it has answered (or not)
}

func serve(t *testing.T, records ...string) *server {
	t.Helper()
	s := &server{zone: map[string][]dns.RR{}, asked: map[string]int{}}
	for _, line := range records {
		s.add(t, line)
	}
	pc, ln := listenBoth(t)
	s.addr = pc.LocalAddr().String()
	for _, d := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: ln, Handler: s}} {
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		ended := make(chan struct{})
		go func() { defer close(ended); _ = d.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = d.Shutdown(); <-ended })
	}
	return s
}

// listenBoth binds UDP and TCP to one free port.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, ln
		}
		_ = pc.Close()
	}
	t.Fatal("no port free for both UDP and TCP")
	return nil, nil
}

func (s *server) add(t *testing.T, line string) {
	t.Helper()
	rr, err := dns.NewRR(line)
	if err != nil {
		t.Fatalf("record %q: %v", line, err)
	}
	k := key(rr.Header().Name, rr.Header().Rrtype)
	s.zone[k] = append(s.zone[k], rr)
}

// on sets what sees each query first.
func (s *server) on(hook func(dns.ResponseWriter, *dns.Msg) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

func key(name string, qtype uint16) string {
	return strings.ToLower(name) + " " + dns.TypeToString[qtype]
}

func (s *server) count(k string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[k]
}

func (s *server) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, v := range s.asked {
		n += v
	}
	return n
}

func (s *server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, qtype := q.Question[0].Name, q.Question[0].Qtype
	s.asked[key(name, qtype)]++
	if s.hook != nil && s.hook(w, q) {
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	for range 4 {
		if rrs := s.zone[key(name, qtype)]; rrs != nil {
			m.Answer = append(m.Answer, rrs...)
			break
		}
		c := s.zone[key(name, dns.TypeCNAME)]
		if c == nil {
			break
		}
		m.Answer = append(m.Answer, c...)
		name = c[0].(*dns.CNAME).Target
	}
	if len(m.Answer) == 0 {
		m.Rcode = dns.RcodeNameError
		soa, _ := dns.NewRR("test. 60 IN SOA ns.test. root.test. 1 2 3 4 30")
		m.Ns = append(m.Ns, soa)
	}
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		m.Truncate(dns.MinMsgSize)
	}
	_ = w.WriteMsg(m)
}

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClock() *clock { return &clock{t: time.Unix(1_800_000_000, 0)} }

// running makes a resolver that asks the given servers, and runs it.
func running(t *testing.T, cfg Config) *Resolver {
	t.Helper()
	if cfg.Hosts == "" {
		cfg.Hosts = "-"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second // a busy machine may stand still: nothing is asked twice for that
	}
	if cfg.Random == nil {
		cfg.Random = func(int) int { return 0 }
	}
	r := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

func uri(t testing.TB, s string) sip.URI {
	t.Helper()
	u, err := sip.ParseURI([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}

type answer struct {
	cands []Candidate
	err   error
}

func look(t *testing.T, r *Resolver, s string) ([]Candidate, error) {
	t.Helper()
	ch := make(chan answer, 1)
	r.Lookup(uri(t, s), func(c []Candidate, err error) { ch <- answer{c, err} })
	select {
	case a := <-ch:
		return a.cands, a.err
	case <-time.After(time.Minute):
		t.Fatalf("no answer for %s", s)
		return nil, nil
	}
}

// text writes candidates as "UDP 192.0.2.1:5060" with the server name of TLS.
func text(cands []Candidate) string {
	var list []string
	for _, c := range cands {
		list = append(list, one(c.Target))
	}
	return strings.Join(list, ", ")
}

var names = map[transport.Proto]string{transport.UDP: "UDP", transport.TCP: "TCP", transport.TLS: "TLS", transport.WS: "WS", transport.WSS: "WSS"}

func one(t transport.Target) string {
	s := names[t.Proto] + " " + t.Addr.String()
	if t.ServerName != "" {
		s += " " + t.ServerName
	}
	return s
}
