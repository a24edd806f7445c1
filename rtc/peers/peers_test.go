package peers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// zone is a resolver of made-up names.
type zone struct {
	mu    sync.Mutex
	hosts map[string][]string // addresses with port
	live  time.Duration
	asked int
}

func (z *zone) Lookup(uri sip.URI, done func([]resolve.Candidate, error)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked++
	list, ok := z.hosts[string(uri.Host)]
	var cands []resolve.Candidate
	for _, a := range list {
		cands = append(cands, resolve.Candidate{Target: transport.Target{Proto: transport.UDP, Addr: netip.MustParseAddrPort(a)}})
	}
	var err error
	if !ok {
		err = resolve.ErrNotFound
	}
	go done(cands, err)
}

func (z *zone) Fresh(sip.URI) time.Duration { return z.live }

func (z *zone) set(host string, list ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.hosts[host] = list
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// A gateway is guarded under each of its addresses, whatever the port, but on
// this machine, where the port counts.
func TestPermit(t *testing.T) {
	table := New(nil, nil)
	table.machine = func() map[netip.Addr]bool {
		return map[netip.Addr]bool{netip.MustParseAddr("198.51.100.1"): true}
	}
	table.Set("trunks", []Peer{
		{Name: "one", Gateway: true, Hosts: []string{"203.0.113.1:5070", "[2001:db8::1]"}},
		{Name: "two", Gateway: true, Hosts: []string{"203.0.113.2"}},
		{Name: "here", Gateway: true, Hosts: []string{"127.0.0.1:5070"}},
		{Name: "shared", Gateway: true, Hosts: []string{"203.0.113.2:5080"}},
	})
	table.Set("routes", []Peer{{Name: "partner", Hosts: []string{"203.0.113.9", "203.0.113.1"}}})
	for _, c := range []struct{ to, may, peer string }{
		{"203.0.113.1:5070", "one", "one"},
		{"203.0.113.1:5060", "one", "one"},
		{"203.0.113.1:1", "one", "one"}, // a gateway though a route names it as well
		{"[::ffff:203.0.113.1]:5060", "one", "one"},
		{"[2001:db8:0:0::1]:5060", "one", "one"},
		{"[2001:db8::1%eth0]:5060", "one", "one"},
		{"203.0.113.2:5060", "two shared", "two"},
		{"203.0.113.2:5080", "two shared", "two"},
		{"127.0.0.1:5070", "here", "here"},
		{"127.0.0.9:5070", "here", "here"}, // where a program listens that listens everywhere
		{"[::1]:5070", "here", "here"},
		{"[::ffff:127.0.0.1]:5070", "here", "here"},
		{"198.51.100.1:5070", "here", "here"}, // an address of this machine
		{"198.51.100.1:5071", "all", ""},
		{"127.0.0.1:5071", "all", ""},
		{"203.0.113.9:5060", "all", "partner"},
		{"203.0.113.3:5060", "all", ""},
	} {
		for _, who := range []string{"", "one", "two", "shared", "here", "partner", "nobody"} {
			err := table.Permit(who, addr(c.to))
			var st *rtc.Status
			if err != nil && (!errors.As(err, &st) || st.Code != 403) {
				t.Fatalf("%s to %s: %v", who, c.to, err)
			}
			want := c.may == "all" || slices.Contains(strings.Fields(c.may), who)
			if (err == nil) != want {
				t.Errorf("%q to %s: %v", who, c.to, err)
			}
		}
		name := ""
		if p := table.At(addr(c.to)); p != nil {
			name = p.Name
		}
		if name != c.peer {
			t.Errorf("%s belongs to %q, want %q", c.to, name, c.peer)
		}
	}
	table.Set("trunks", nil)
	if err := table.Permit("", addr("203.0.113.2:5060")); err != nil {
		t.Errorf("after its trunk was removed: %v", err)
	}
	if p := table.At(addr("203.0.113.1:5060")); p == nil || p.Name != "partner" {
		t.Errorf("the route's next hop is %v", p)
	}
	if (*Table)(nil).Permit("", addr("203.0.113.1:5060")) != nil || (*Table)(nil).At(addr("203.0.113.1:5060")) != nil {
		t.Error("no table, and yet a peer")
	}
}

// A gateway on this machine without a port is not the whole machine.
func TestHereWithoutPort(t *testing.T) {
	table := New(nil, nil)
	table.Set("trunks", []Peer{{Name: "gw", Gateway: true, Hosts: []string{"127.0.0.1"}}})
	for to, barred := range map[string]bool{"127.0.0.1:5060": true, "127.0.0.1:9": true, "[::1]:5060": true, "127.0.0.2:5061": true, "127.0.0.2:9": false} {
		if (table.Permit("", addr(to)) != nil) != barred {
			t.Errorf("%s barred: %v", to, !barred)
		}
	}
}

// A name that moves is followed, and where it was stays closed for a while.
func TestNameMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{hosts: map[string][]string{"gw.example": {"203.0.113.1:5060"}}, live: time.Minute}
		table := New(z, nil)
		table.Set("trunks", []Peer{{Name: "gw", Gateway: true, Hosts: []string{"GW.example.:5070", "unknown.example"}}})
		for host, barred := range map[string]bool{"gw.example": true, "Gw.EXAMPLE.": true, "gw2.example": false, "": false} {
			if (table.PermitHost("", []byte(host)) != nil) != barred {
				t.Errorf("name %q barred: %v", host, !barred)
			}
		}
		if err := table.PermitHost("gw", []byte("gw.example")); err != nil {
			t.Error(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- table.Run(ctx) }()
		expect := func(when string, barred, free string) {
			t.Helper()
			synctest.Wait()
			for _, s := range strings.Fields(barred) {
				if table.Permit("", addr(s)) == nil {
					t.Errorf("%s: %s is not barred", when, s)
				}
			}
			for _, s := range strings.Fields(free) {
				if err := table.Permit("", addr(s)); err != nil {
					t.Errorf("%s: %s: %v", when, s, err)
				}
			}
		}
		expect("at first", "203.0.113.1:5070 203.0.113.1:9", "203.0.113.2:5070")
		z.set("gw.example", "203.0.113.2:5060")
		time.Sleep(59 * time.Second)
		expect("before its time", "203.0.113.1:5070", "203.0.113.2:5070")
		time.Sleep(2 * time.Second)
		expect("when it has moved", "203.0.113.1:5070 203.0.113.2:5070", "")
		z.mu.Lock()
		delete(z.hosts, "gw.example") // its servers are away: nothing is forgotten
		z.mu.Unlock()
		time.Sleep(30 * time.Minute)
		expect("without name servers", "203.0.113.1:5070 203.0.113.2:5070", "")
		z.set("gw.example", "203.0.113.2:5060")
		time.Sleep(31 * time.Minute)
		expect("an hour later", "203.0.113.2:5070", "203.0.113.1:5070")
		z.set("gw.example", "127.0.0.1:5060")
		time.Sleep(2 * time.Minute)
		expect("on this machine", "127.0.0.1:5070", "127.0.0.1:5060")
		table.Set("trunks", nil)
		before := z.asked
		time.Sleep(time.Hour)
		expect("when it is gone", "", "203.0.113.2:5070 127.0.0.1:5070")
		if z.asked != before {
			t.Errorf("asked %d times after", z.asked-before)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Name servers cannot make us keep what they like.
func TestPlacesAreBounded(t *testing.T) {
	n := &name{until: make(map[netip.AddrPort]time.Time)}
	now := time.Now()
	for i := range 1000 {
		n.found([]resolve.Candidate{{Target: transport.Target{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5060)}}}, now)
	}
	if len(n.until) != maxPlaces {
		t.Errorf("%d places", len(n.until))
	}
}

func TestFrom(t *testing.T) {
	net := func(list ...string) (all []netip.Prefix) {
		for _, s := range list {
			all = append(all, netip.MustParsePrefix(s))
		}
		return all
	}
	rights := rtc.Asserts
	table := New(nil, nil)
	table.Set("trunks", []Peer{
		{Name: "site", Gateway: true, Hosts: []string{"203.0.113.1"}, Sources: net("198.51.100.0/24", "2001:db8::/64")},
		{Name: "one", Gateway: true, Hosts: []string{"198.51.100.7"}, Sources: net("198.51.100.7/32"), Rights: rights},
		{Name: "by host", Gateway: true, Hosts: []string{"203.0.113.3:5060"}, Inbound: true},
		{Name: "by port", Gateway: true, Hosts: []string{"203.0.113.3:5070"}, Inbound: true},
		{Name: "here", Gateway: true, Hosts: []string{"127.0.0.1:5070"}, Inbound: true},
		{Name: "mapped", Gateway: true, Sources: net("::ffff:233.252.0.0/120")},
		{Name: "known by name", Gateway: true, TLSNames: []string{"GW.example", "provider.example"}, Users: []rtc.AOR{"sip:gw@example.com"}},
	})
	table.Set("routes", []Peer{{Name: "partner", Hosts: []string{"203.0.113.4"}}})
	for from, want := range map[string]string{
		"203.0.113.1:5060": "", "203.0.113.4:5060": "", "198.51.100.9:40000": "site", "198.51.100.7:40000": "one", "[2001:db8::9]:5060": "site",
		"203.0.113.3:5060": "by host", "203.0.113.3:5070": "by port", "203.0.113.3:40000": "by host", "127.0.0.1:5070": "here", "127.0.0.1:40000": "",
		"[::ffff:198.51.100.7]:1": "one", "233.252.0.200:9": "mapped", "233.252.1.1:9": "",
	} {
		name := ""
		if p := table.current.Load().from(addr(from)); p != nil {
			name = p.Name
		}
		if name != want {
			t.Errorf("from %s comes %q, want %q", from, name, want)
		}
	}
	x := table.current.Load()
	id := x.sources[netip.MustParsePrefix("198.51.100.7/32")][0].byAddress
	if id.Peer != "one" || !id.Rights.Has(rtc.Asserts) || id.Rights.Has(rtc.Transit) || id.Method != rtc.AuthTrusted || id.AOR != "" {
		t.Errorf("identity %+v", id)
	}
	if p, id := table.User("sip:gw@example.com"); p == nil || id.Peer != "known by name" || id.Method != rtc.AuthDigest {
		t.Errorf("by credentials: %+v", id)
	}
	if p, _ := table.User("sip:alice@example.com"); p != nil {
		t.Error("alice is a peer")
	}
	sips := &url.URL{Scheme: "sip", Opaque: "provider.example"}
	for i, c := range []struct {
		cert     x509.Certificate
		verified bool
		want     string
	}{
		{x509.Certificate{DNSNames: []string{"x.example", "gw.EXAMPLE"}}, true, "known by name"},
		{x509.Certificate{DNSNames: []string{"gw.example"}}, false, ""},
		{x509.Certificate{URIs: []*url.URL{sips}}, true, "known by name"},
		{x509.Certificate{URIs: []*url.URL{{Scheme: "sip", Opaque: "other.example"}}, DNSNames: []string{"gw.example"}}, true, ""}, // RFC 5922 §7.1
		{x509.Certificate{DNSNames: []string{"other.example"}}, true, ""},
	} {
		st := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{&c.cert}}
		if c.verified {
			st.VerifiedChains = [][]*x509.Certificate{st.PeerCertificates}
		}
		name := ""
		if p := x.certified(st); p != nil {
			name = p.Name
		}
		if name != c.want {
			t.Errorf("certificate %d is %q's, want %q", i, name, c.want)
		}
	}
	if x.certified(nil) != nil {
		t.Error("no certificate, and yet a peer")
	}
}

func BenchmarkPermit(b *testing.B) {
	table := New(nil, nil)
	var list []Peer
	for i := range 200 {
		list = append(list, Peer{Name: fmt.Sprint(i), Gateway: true, Hosts: []string{fmt.Sprintf("203.0.113.%d:5060", i)}})
	}
	table.Set("trunks", list)
	to := addr("198.51.100.1:5060")
	b.ReportAllocs()
	for b.Loop() {
		if table.Permit("", to) != nil {
			b.Fatal("barred")
		}
	}
}
