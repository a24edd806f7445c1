package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// uriOrHost also makes URIs a parser may refuse, as a caller might hand them over.
func uriOrHost(t *testing.T, s string) sip.URI {
	t.Helper()
	if host, ok := strings.CutPrefix(s, "sip:x@a.."); ok {
		return sip.URI{Kind: sip.URISIP, Scheme: []byte("sip"), Host: []byte("a.." + host)}
	}
	return uri(t, s)
}

func TestCacheKeepsForTTL(t *testing.T) {
	s := serve(t, `kept.test. 60 IN A 192.0.2.1`, `never.test. 0 IN A 192.0.2.2`)
	c := newClock()
	r := running(t, Config{Servers: []string{s.addr}, Now: c.now})
	ask := func(u string) {
		t.Helper()
		if _, err := look(t, r, u); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		ask("sip:x@kept.test:5060")
	}
	if n := s.count("kept.test. A"); n != 1 {
		t.Errorf("asked %d times within the TTL, want 1", n)
	}
	c.advance(59 * time.Second)
	ask("sip:x@kept.test:5060")
	if n := s.count("kept.test. A"); n != 1 {
		t.Errorf("asked %d times within the TTL, want 1", n)
	}
	c.advance(time.Second)
	ask("sip:x@kept.test:5060")
	if n := s.count("kept.test. A"); n != 2 {
		t.Errorf("asked %d times after the TTL, want 2", n)
	}
	ask("sip:x@never.test:5060")
	ask("sip:x@never.test:5060")
	if n := s.count("never.test. A"); n != 2 {
		t.Errorf("TTL 0: asked %d times, want 2", n)
	}
}

func TestCacheKeepsAbsence(t *testing.T) {
	s := serve(t)
	c := newClock()
	r := running(t, Config{Servers: []string{s.addr}, Now: c.now})
	for range 3 {
		if _, err := look(t, r, "sip:x@absent.test"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("got %v", err)
		}
	}
	once := s.total()
	if n := s.count("absent.test. A"); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
	c.advance(31 * time.Second) // the SOA says 30
	_, _ = look(t, r, "sip:x@absent.test")
	if s.total() != 2*once {
		t.Errorf("%d queries after the negative TTL, want %d", s.total(), 2*once)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(3, time.Now)
	put := func(name string) { c.put(cacheKey{name, dns.TypeA}, nil, ErrNotFound, time.Minute) }
	has := func(name string) bool { _, ok := c.get(cacheKey{name, dns.TypeA}); return ok }
	put("a")
	put("b")
	put("c")
	has("a") // used: b is the oldest now
	put("d")
	if c.used.Len() != 3 || len(c.m) != 3 || has("b") || !has("a") || !has("c") || !has("d") {
		t.Errorf("len %d: a %v b %v c %v d %v", c.used.Len(), has("a"), has("b"), has("c"), has("d"))
	}
}

func TestLookupsShareOneFlight(t *testing.T) {
	s := serve(t, `slow.test. 60 IN A 192.0.2.1`)
	release := make(chan struct{})
	s.on(func(dns.ResponseWriter, *dns.Msg) bool { <-release; return false })
	r := running(t, Config{Servers: []string{s.addr}, Timeout: 20 * time.Second, NoIPv6: true})
	var wg sync.WaitGroup
	var bad atomic.Int32
	for range 100 {
		wg.Add(1)
		r.Lookup(uri(t, "sip:x@slow.test:5060"), func(c []Candidate, err error) {
			if err != nil || text(c) != "UDP 192.0.2.1:5060" {
				bad.Add(1)
			}
			c[0] = Candidate{} // everyone may change his own
			wg.Done()
		})
	}
	close(release)
	wg.Wait()
	if bad.Load() != 0 || s.total() != 1 {
		t.Errorf("%d wrong answers, %d queries; want 0, 1", bad.Load(), s.total())
	}
}

func TestFullQueueRefuses(t *testing.T) {
	s := serve(t)
	release := make(chan struct{})
	s.on(func(dns.ResponseWriter, *dns.Msg) bool { <-release; return false })
	r := running(t, Config{Servers: []string{s.addr}, Timeout: 20 * time.Second, Workers: 1, MaxQueue: 4})
	results := make(chan error, 10)
	for i := range 10 {
		r.Lookup(uri(t, fmt.Sprintf("sip:x@h%d.test:5060", i)), func(_ []Candidate, err error) { results <- err })
	}
	for range 6 {
		if err := <-results; !errors.Is(err, ErrBusy) {
			t.Fatalf("got %v, want ErrBusy at once", err)
		}
	}
	close(release)
	for range 4 {
		if err := <-results; !errors.Is(err, ErrNotFound) {
			t.Fatalf("got %v, want ErrNotFound", err)
		}
	}
	if _, err := look(t, r, "sip:x@h1.test:5060"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the queue is not free again: %v", err)
	}
}

func TestEndedResolverSaysSo(t *testing.T) {
	s := serve(t)
	r := New(Config{Servers: []string{s.addr}, Hosts: "-"})
	results := make(chan error, 2)
	done := func(_ []Candidate, err error) { results <- err }
	r.Lookup(uri(t, "sip:x@early.test"), done) // before Run
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Run(ctx)
	r.Lookup(uri(t, "sip:x@late.test"), done)
	for range 2 {
		if err := <-results; err == nil {
			t.Error("no error after the end")
		}
	}
}

func TestServerFailover(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	broken := serve(t)
	broken.on(func(w dns.ResponseWriter, q *dns.Msg) bool {
		m := new(dns.Msg)
		m.SetRcode(q, dns.RcodeServerFailure)
		_ = w.WriteMsg(m)
		return true
	})
	liar := serve(t)
	liar.on(func(w dns.ResponseWriter, q *dns.Msg) bool { // answers something else
		m := new(dns.Msg)
		m.SetReply(q)
		m.Question[0].Name = "other.test."
		_ = w.WriteMsg(m)
		return true
	})
	good := serve(t, `host.test. 0 IN A 192.0.2.1`)
	r := running(t, Config{Timeout: 3 * time.Second, NoIPv6: true,
		Servers: []string{silent.LocalAddr().String(), broken.addr, liar.addr, good.addr}})
	for range 3 {
		got, err := look(t, r, "sip:x@host.test:5060")
		if err != nil || text(got) != "UDP 192.0.2.1:5060" {
			t.Fatalf("got %s, %v", text(got), err)
		}
	}
	if n := broken.total(); n != 1 {
		t.Errorf("the broken server was asked %d times, want 1: the good one comes first afterwards", n)
	}
}

func TestNoServerIsTemporary(t *testing.T) {
	broken := serve(t)
	broken.on(func(w dns.ResponseWriter, q *dns.Msg) bool {
		m := new(dns.Msg)
		m.SetRcode(q, dns.RcodeRefused)
		_ = w.WriteMsg(m)
		return true
	})
	r := running(t, Config{Servers: []string{broken.addr}})
	if got, err := look(t, r, "sip:x@host.test"); !errors.Is(err, ErrTemporary) {
		t.Errorf("got %s, %v; want ErrTemporary", text(got), err)
	}
}

func TestTruncatedAnswerComesByTCP(t *testing.T) {
	var records []string
	for i := range 40 {
		records = append(records, fmt.Sprintf("many.test. 60 IN A 192.0.2.%d", i+1))
	}
	s := serve(t, records...)
	r := running(t, Config{Servers: []string{s.addr}, NoIPv6: true})
	got, err := look(t, r, "sip:x@many.test:5060")
	if err != nil || len(got) != maxCandidates {
		t.Errorf("got %d candidates, %v; want %d", len(got), err, maxCandidates)
	}
	if n := s.count("many.test. A"); n != 2 {
		t.Errorf("asked %d times, want 2: UDP, then TCP", n)
	}
}

func TestHostsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	text4 := "# comment\n192.0.2.5 Gate.lan gate # the gateway\n2001:db8::5 gate\nfe80::1%eth0 zone\nnonsense line\n"
	if err := os.WriteFile(path, []byte(text4), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	r := running(t, Config{Servers: []string{s.addr}, Hosts: path})
	got, err := look(t, r, "sip:x@gate")
	if err != nil || text(got) != "UDP 192.0.2.5:5060, UDP [2001:db8::5]:5060" || s.total() != 0 {
		t.Errorf("got %s, %v, %d queries", text(got), err, s.total())
	}
}

// Fresh is the rest of the shortest time to live of all that a look-up used.
func TestFresh(t *testing.T) {
	now := time.Now()
	s := serve(t, "gw.test. 300 IN A 192.0.2.1", "_sip._udp.srv.test. 60 IN SRV 1 1 5060 gw.test.")
	r := running(t, Config{Servers: []string{s.addr}, Now: func() time.Time { return now }, NoIPv6: true, Protos: []transport.Proto{transport.UDP}})
	if d := r.Fresh(uri(t, "sip:gw.test:5060")); d != 0 {
		t.Errorf("fresh for %v before it is known", d)
	}
	for _, u := range []string{"sip:gw.test:5060", "sip:srv.test"} {
		if _, err := look(t, r, u); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(20 * time.Second)
	for u, want := range map[string]time.Duration{"sip:gw.test:5060": 280 * time.Second, "sip:192.0.2.1": time.Hour, "tel:+49": 0} {
		if d := r.Fresh(uri(t, u)); d != want {
			t.Errorf("%s: fresh for %v, want %v", u, d, want)
		}
	}
	if d := r.Fresh(uri(t, "sip:srv.test")); d <= 0 || d > 40*time.Second { // what there is not (NAPTR) ends sooner
		t.Errorf("sip:srv.test: fresh for %v", d)
	}
	now = now.Add(time.Hour)
	if d := r.Fresh(uri(t, "sip:gw.test:5060")); d != 0 {
		t.Errorf("fresh for %v after its time", d)
	}
}
