package resolve

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tandem/rtc/transport"
)

func srv(t *testing.T, lines ...string) []dns.RR {
	t.Helper()
	var list []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR("s.test. 60 IN SRV " + l)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rr)
	}
	return list
}

func TestSRVPriorityAndWeight(t *testing.T) {
	rrs := srv(t, "20 0 5060 d.", "10 60 5060 a.", "10 30 5060 b.", "10 10 5060 c.", "10 0 5060 z.")
	random := rand.New(rand.NewPCG(1, 2))
	first := map[string]int{}
	const rounds = 20000
	for range rounds {
		list := orderSRV(rrs, random.IntN)
		if len(list) != 5 || list[4].Target != "d." {
			t.Fatalf("priority 20 must come last: %v", list)
		}
		first[list[0].Target]++
	}
	for target, want := range map[string]float64{"a.": 60, "b.": 30, "c.": 10, "z.": 1} {
		got := float64(first[target]) * 100 / rounds
		if got < want-2 || got > want+2 {
			t.Errorf("%s first in %.1f %%, want about %.0f %%", target, got, want)
		}
	}
	if first["z."] == 0 {
		t.Error("weight 0 must keep a small chance")
	}
}

func candidate(addr string) Candidate {
	return Candidate{Target: transport.Target{Proto: transport.UDP, Addr: netip.MustParseAddrPort(addr)}}
}

func TestFailedGoesLast(t *testing.T) {
	s := serve(t, `host.test. 600 IN A 192.0.2.1`, `host.test. 600 IN A 192.0.2.2`, `host.test. 600 IN A 192.0.2.3`)
	c := newClock()
	r := running(t, Config{Servers: []string{s.addr}, Now: c.now})
	want := func(when, list string) {
		t.Helper()
		got, err := look(t, r, "sip:x@host.test:5060")
		if err != nil || text(got) != list {
			t.Errorf("%s: got %s, %v; want %s", when, text(got), err, list)
		}
	}
	const one, two, three = "UDP 192.0.2.1:5060", "UDP 192.0.2.2:5060", "UDP 192.0.2.3:5060"
	want("at first", one+", "+two+", "+three)
	r.Failed(candidate("192.0.2.1:5060"), errors.New("timeout"), 0)
	want("one failed", two+", "+three+", "+one)
	r.Failed(candidate("192.0.2.2:5060"), errors.New("503"), 30*time.Second)
	want("two failed", three+", "+one+", "+two)
	r.Failed(candidate("192.0.2.3:5060"), errors.New("refused"), 0)
	want("all failed: none is removed", one+", "+three+", "+two)
	c.advance(2 * time.Second)
	want("back-off of one and three over", one+", "+three+", "+two)
	r.Succeeded(candidate("192.0.2.2:5060"))
	want("two works again", one+", "+two+", "+three)
}

func TestBackOffDoubles(t *testing.T) {
	c := newClock()
	f := newFailures(c.now)
	target := candidate("192.0.2.1:5060").Target
	for i, want := range []time.Duration{2, 4, 8, 16, 32, 64, 64} {
		wait, fresh := f.add(target, 0, false)
		if wait != want*time.Second || !fresh {
			t.Fatalf("failure %d: %v, %v; want %v s", i, wait, fresh, int(want))
		}
		if _, fresh := f.add(target, 0, false); fresh {
			t.Fatal("a failure within the back-off must not count again")
		}
		c.advance(wait)
	}
	c.advance(longestWait)
	if wait, _ := f.add(target, 0, false); wait != firstWait {
		t.Errorf("a failure long after the last: %v, want %v", wait, firstWait)
	}
	f.remove(target)
	if f.count.Load() != 0 || len(f.m) != 0 {
		t.Error("not forgotten on success")
	}
	if wait, _ := f.add(target, time.Hour, false); wait != maxRetry {
		t.Errorf("Retry-After of an hour: %v, want %v", wait, maxRetry)
	}
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures(newClock().now)
	for i := range 3 * maxFailures {
		f.add(transport.Target{Proto: transport.UDP, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)}, 0, false)
	}
	if len(f.m) != maxFailures || int(f.count.Load()) != maxFailures {
		t.Errorf("%d remembered, count %d; want %d", len(f.m), f.count.Load(), maxFailures)
	}
}

func TestLarge(t *testing.T) {
	list := []Candidate{candidate("192.0.2.1:5060"), {Target: transport.Target{Proto: transport.TLS, Addr: netip.MustParseAddrPort("192.0.2.2:5061"), ServerName: "x.test"}}, candidate("192.0.2.3:5080")}
	r := New(Config{Servers: []string{"127.0.0.1:53"}, Hosts: "-"})
	check := func(when string, size int, want string) {
		t.Helper()
		if got := r.Large(list, size); text(got) != want {
			t.Errorf("%s, %d octets: %s\nwant %s", when, size, text(got), want)
		}
	}
	check("at first", 1300, text(list))
	check("at first", 1301, "TCP 192.0.2.1:5060, UDP 192.0.2.1:5060, TLS 192.0.2.2:5061 x.test, TCP 192.0.2.3:5080, UDP 192.0.2.3:5080")
	if got := r.Large(list, 1301); !got[0].Race || got[1].Race || got[2].Race {
		t.Error("TCP in front of UDP must race, others not")
	}
	tcp := list[0]
	tcp.Target.Proto = transport.TCP
	r.Failed(tcp, errors.New("refused"), 0)
	check("after TCP failed", 1301, "UDP 192.0.2.1:5060, TLS 192.0.2.2:5061 x.test, TCP 192.0.2.3:5080, UDP 192.0.2.3:5080, TCP 192.0.2.1:5060")
	check("after TCP failed", 1300, text(list))
	// What worked last is tried first.
	r.Succeeded(tcp)
	third := r.Large(list, 1301)[4]
	r.Succeeded(third)
	check("after UDP worked at the third", 1301, "TCP 192.0.2.1:5060, UDP 192.0.2.1:5060, TLS 192.0.2.2:5061 x.test, UDP 192.0.2.3:5080, TCP 192.0.2.3:5080")
	r.Succeeded(r.Large(list, 1301)[4])
	check("after TCP worked there", 1301, "TCP 192.0.2.1:5060, UDP 192.0.2.1:5060, TLS 192.0.2.2:5061 x.test, TCP 192.0.2.3:5080, UDP 192.0.2.3:5080")
	// A small request by UDP says nothing of large ones.
	r.Succeeded(list[2])
	if r.byUDP.has(list[2].Target.Addr) {
		t.Error("a small request made UDP the habit")
	}
	// A transport the URI names is obeyed.
	c, ok := r.Numeric(nil, uri(t, "sip:x@192.0.2.1;transport=udp"))
	if got := r.Large(c, 5000); !ok || text(got) != "UDP 192.0.2.1:5060" {
		t.Errorf("transport=udp: %s", text(got))
	}
	if got, err := look(t, running(t, Config{Servers: []string{"127.0.0.1:1"}, Hosts: "-"}), "sip:x@192.0.2.1;transport=udp"); err != nil || !got[0].Explicit {
		t.Errorf("by Lookup: %+v, %v", got, err)
	}
}

// A place that did not answer stays behind until it answers a probe, and is not
// probed any more when nobody wants it.
func TestSilentPlaceIsProbed(t *testing.T) {
	c := newClock()
	var asked []transport.Target
	var answer func(bool)
	r := New(Config{Servers: []string{"127.0.0.1:1"}, Hosts: "-", Now: c.now, Probe: func(t transport.Target, done func(bool)) {
		asked, answer = append(asked, t), done
	}})
	list := []Candidate{candidate("192.0.2.1:5060"), candidate("192.0.2.2:5060")}
	first := func() string { return text(r.failed.order(slices.Clone(list))[:1]) }
	step := func(d time.Duration) { c.advance(d); r.probe() }
	r.Failed(list[0], errors.New("timeout"), 0)
	step(time.Second)
	if len(asked) != 0 {
		t.Fatal("probed within the back-off")
	}
	step(time.Second)
	step(time.Minute) // one probe at a time
	if len(asked) != 1 || asked[0] != list[0].Target {
		t.Fatalf("probed %v", asked)
	}
	answer(false)
	if first() != "UDP 192.0.2.2:5060" {
		t.Error("a request would wait for it before it has answered")
	}
	step(4 * time.Second)
	if len(asked) != 2 {
		t.Fatalf("%d probes", len(asked))
	}
	answer(true)
	if first() != "UDP 192.0.2.1:5060" {
		t.Error("it has answered and stays behind")
	}
	r.Failed(list[0], errors.New("timeout"), 0)
	step(2 * probeAfter)
	if len(asked) != 2 || len(r.failed.m) != 0 {
		t.Errorf("%d probes, %d places kept though nobody wants them", len(asked), len(r.failed.m))
	}
	r.Failed(list[0], ErrUnavailable, 0)
	step(2 * time.Second)
	if len(asked) != 2 || first() != "UDP 192.0.2.1:5060" {
		t.Error("a place that answers 503 needs no probe")
	}
}
