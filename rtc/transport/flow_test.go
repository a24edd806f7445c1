package transport

import (
	"net/netip"
	"strings"
	"testing"
)

func TestProto(t *testing.T) {
	for p, want := range map[Proto]string{UDP: "UDP", TCP: "TCP", TLS: "TLS", WS: "WS", WSS: "WSS"} {
		for _, s := range []string{want, strings.ToLower(want), want[:1] + strings.ToLower(want[1:])} {
			if got, ok := ParseProto([]byte(s)); !ok || got != p {
				t.Errorf("ParseProto(%q) = %v, %v", s, got, ok)
			}
		}
		if p.String() != want || p.Param() != strings.ToLower(want) {
			t.Errorf("%v: %q %q", p, p.String(), p.Param())
		}
		if p.Stream() != (p != UDP) || p.Secure() != (p == TLS || p == WSS) {
			t.Errorf("%v: stream %v, secure %v", p, p.Stream(), p.Secure())
		}
	}
	for _, s := range []string{"", "SCTP", "UD", "UDPX"} {
		if p, ok := ParseProto([]byte(s)); ok {
			t.Errorf("ParseProto(%q) = %v", s, p)
		}
	}
}

func TestUDPFlowText(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{
		{Proto: UDP, Loops: 1, Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		{Proto: UDP, Loops: 1, Addr: netip.MustParseAddrPort("[::1]:0")},
		{Proto: TCP},
	}})
	for i, peer := range []string{"192.0.2.7:5060", "[2001:db8::7]:5070"} {
		l := tr.Listeners()[i]
		f, err := tr.Flow(Target{Proto: UDP, Addr: netip.MustParseAddrPort(peer)})
		if err != nil {
			t.Fatal(err)
		}
		if want := "udp " + l.Addr().String() + " " + peer; f.String() != want {
			t.Errorf("String %q, want %q", f, want)
		}
		g, ok := tr.ParseFlow(f.String())
		if !ok || g != f {
			t.Errorf("ParseFlow(%q) = %v, %v", f, g, ok)
		}
		if f.ID() != 0 || f.TLS() != nil || !f.Alive() || f.Trusted() != (i == 0) || f.Listener() != l {
			t.Errorf("%v: id %d, alive %v, trusted %v", f, f.ID(), f.Alive(), f.Trusted())
		}
	}
	own := tr.Listeners()[0].Addr().String()
	for _, s := range []string{"", "udp", "udp " + own, "udp 127.0.0.1:1 192.0.2.1:5060", "udp " + own + " [::1]:5060",
		"udp " + own + " nonsense", "tcp " + tr.Listeners()[2].Addr().String() + " 192.0.2.1:5060", (Flow{}).String()} {
		if f, ok := tr.ParseFlow(s); ok {
			t.Errorf("ParseFlow(%q) = %v", s, f)
		}
	}
	var none Flow
	if !none.IsZero() || none.Alive() || none.Proto() != 0 || none.Trusted() || none.Listener().SentBy() != nil {
		t.Error("the zero flow is something")
	}
	if _, ok := tr.FlowByID(0); ok {
		t.Error("flow 0 exists")
	}
}

func TestSentByAndIsLocal(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{
		{Proto: UDP, Loops: 1},
		{Proto: TCP, Advertise: "sip.example.com"},
		{Proto: TCP, Advertise: "Edge.example.com:5070"},
		{Proto: TCP, Addr: netip.MustParseAddrPort("[::1]:0")},
		{Proto: UDP, Loops: 1, Addr: netip.MustParseAddrPort("0.0.0.0:0")},
		{Proto: TCP, Advertise: "plain.example.com:5060"},
	}})
	l := tr.Listeners()
	port := func(i int) string {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), l[i].Addr().Port()).String()[8:]
	}
	for i, want := range map[int]string{
		0: "127.0.0.1:" + port(0), 1: "sip.example.com:" + port(1), 2: "Edge.example.com:5070", 3: "[::1]:" + port(3),
	} {
		if got := string(l[i].SentBy()); got != want {
			t.Errorf("listener %d: SentBy %q, want %q", i, got, want)
		}
	}
	if s := string(l[4].SentBy()); strings.HasPrefix(s, "0.0.0.0") || !strings.HasSuffix(s, ":"+port(4)) {
		t.Errorf("the wildcard calls itself %q", s)
	}
	for _, tc := range []struct {
		host string
		port uint16
		want bool
	}{
		{"127.0.0.1", l[0].Addr().Port(), true},
		{"127.0.0.1", 1, false},
		{"127.0.0.1", l[4].Addr().Port(), true}, // the wildcard answers there
		{"SIP.example.com", l[1].Addr().Port(), true},
		{"127.0.0.1", l[1].Addr().Port(), true},
		{"sip.example.com", 0, false}, // not on the default port
		{"edge.EXAMPLE.com", 5070, true},
		{"edge.example.com", 0, false},
		{"plain.example.com", 0, true},
		{"plain.example.com", 5060, true},
		{"[::1]", l[3].Addr().Port(), true},
		{"[0:0::1]", l[3].Addr().Port(), true},
		{"::1", l[3].Addr().Port(), true},
		{"[::2]", l[3].Addr().Port(), false},
		{"elsewhere.example", 5060, false},
		{"", 0, false}, {"[", 0, false}, {"[]", 0, false},
	} {
		if got := tr.IsLocal([]byte(tc.host), tc.port); got != tc.want {
			t.Errorf("IsLocal(%q, %d) = %v", tc.host, tc.port, got)
		}
	}
}

func TestIsLocalHost(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Loops: 1, Advertise: "sip.example.com:5070"}}})
	for host, want := range map[string]bool{"127.0.0.1": true, "SIP.example.com": true, "192.0.2.1": false, "": false} {
		if got := tr.IsLocalHost([]byte(host)); got != want {
			t.Errorf("IsLocalHost(%q) = %v", host, got)
		}
	}
	host := []byte("sip.example.com")
	if n := testing.AllocsPerRun(100, func() { tr.IsLocal(host, 5060); tr.IsLocalHost(host) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestIsLocalByName(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Loops: 1}}, Names: []string{"sip.example.com", "localhost"}})
	port := tr.Listeners()[0].Addr().Port()
	for _, c := range []struct {
		host string
		port uint16
		want bool
	}{
		{"sip.example.com", 0, true}, // SRV records say the port
		{"SIP.Example.com", port, true},
		{"sip.example.com", port + 1, false}, // another program on this machine
		{"localhost", port, true},
		{"example.com", 0, false},
		{"", 0, false},
	} {
		if got := tr.IsLocal([]byte(c.host), c.port); got != c.want {
			t.Errorf("IsLocal(%q, %d) = %v", c.host, c.port, got)
		}
	}
	if !tr.IsLocalHost([]byte("localhost")) || tr.IsLocalHost([]byte("example.com")) {
		t.Error("IsLocalHost does not know the names")
	}
	host := []byte("sip.example.com")
	if n := testing.AllocsPerRun(100, func() { tr.IsLocal(host, port); tr.IsLocalHost(host) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestListenerChoice(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{
		{Proto: UDP, Loops: 1},
		{Proto: UDP, Loops: 1, Addr: netip.MustParseAddrPort("0.0.0.0:0")},
		{Proto: UDP, Loops: 1, Addr: netip.MustParseAddrPort("[::1]:0")},
	}})
	l := tr.Listeners()
	for addr, want := range map[string]*Listener{"127.0.0.9:5060": l[0], "192.0.2.1:5060": l[1], "[::1]:5060": l[2], "[::ffff:192.0.2.1]:5060": l[1]} {
		if f, err := tr.Flow(Target{Proto: UDP, Addr: netip.MustParseAddrPort(addr)}); err != nil || f.Listener() != want {
			t.Errorf("%s leaves by %v (%v), want %v", addr, f, err, want.Addr())
		}
	}
	f, err := tr.Flow(Target{Proto: UDP, Addr: netip.MustParseAddrPort("127.0.0.9:5060"), Via: l[1]})
	if err != nil || f.Listener() != l[1] {
		t.Errorf("Via is not obeyed: %v %v", f, err)
	}
}

func TestOwn(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{
		{Proto: UDP, Loops: 1, Advertise: "192.0.2.7:5070"}, {Proto: TCP, Addr: netip.MustParseAddrPort("[::1]:0")},
	}})
	udp, tcp := tr.Listeners()[0].Addr(), tr.Listeners()[1].Addr()
	for _, c := range []struct {
		proto Proto
		addr  netip.AddrPort
		want  bool
	}{
		{UDP, udp, true},
		{UDP, netip.MustParseAddrPort("192.0.2.7:5070"), true},
		{UDP, netip.AddrPortFrom(netip.AddrFrom16(udp.Addr().As16()), udp.Port()), true},
		{TCP, tcp, true},
		{TCP, udp, false},
		{UDP, netip.AddrPortFrom(udp.Addr(), 1), false},
		{UDP, netip.MustParseAddrPort("192.0.2.8:5070"), false},
	} {
		if got := tr.Own(Target{Proto: c.proto, Addr: c.addr}); got != c.want {
			t.Errorf("%s %s is ours: %v", c.proto, c.addr, got)
		}
	}
}

// Addresses that every system treats as its own are no destination.
func TestFlowToNobody(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Loops: 1}, {Proto: TCP}, {Proto: UDP, Addr: netip.MustParseAddrPort("[::1]:0"), Loops: 1}}})
	for _, addr := range []string{"0.0.0.0:5060", "[::]:5060", "[::ffff:0.0.0.0]:5060", "224.0.1.75:5060", "[ff02::1]:5060", "127.0.0.1:0"} {
		for _, p := range []Proto{UDP, TCP} {
			if f, err := tr.Flow(Target{Proto: p, Addr: netip.MustParseAddrPort(addr)}); err == nil {
				t.Errorf("%s %s: %v", p, addr, f)
			}
		}
	}
}

func TestNewErrors(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Loops: 2}, {Proto: TCP}}})
	for name, tc := range map[string]struct {
		l    Listen
		want []string
	}{
		"UDP port taken":  {Listen{Proto: UDP, Addr: tr.Listeners()[0].Addr(), Loops: 2}, []string{"udp 127.0.0.1:", "another program", "configure another port"}},
		"TCP port taken":  {Listen{Proto: TCP, Addr: tr.Listeners()[1].Addr()}, []string{"tcp 127.0.0.1:", "another program", "configure another port"}},
		"not our address": {Listen{Proto: UDP, Addr: netip.MustParseAddrPort("192.0.2.1:0")}, []string{"192.0.2.1", "does not have the address"}},
		"no address":      {Listen{Proto: UDP}, []string{"not an address"}},
		"no transport":    {Listen{Addr: anyV4}, []string{"not an address"}},
		"no certificate":  {Listen{Proto: TLS, Addr: anyV4}, []string{"no certificate"}},
		"bad advertised":  {Listen{Proto: TCP, Addr: anyV4, Advertise: "host:port"}, []string{"advertised", "host:port"}},
	} {
		// The listener before it must be given back.
		good := Listen{Proto: TCP, Addr: anyV4}
		_, err := New(Config{Handler: &echo{}, Listen: []Listen{good, tc.l}})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range tc.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", name, err, w)
			}
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no handler, no error")
	}
}
