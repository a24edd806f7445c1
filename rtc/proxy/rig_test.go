package proxy

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/peers"
	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// rig is a proxy on real sockets of loopback, with users, bindings and DNS made
// up, and raw-wire user agents around it.
type rig struct {
	t        testing.TB
	p        *Proxy
	tr       *transport.Transport
	layer    *transaction.Layer
	book     *book
	dns      *names
	udp, tcp netip.AddrPort
	logged   *logged
	flows    chan transport.Flow
}

// book is the fake of Users and location.Lookup.
type book struct {
	mu       sync.Mutex
	aliases  map[rtc.AOR]rtc.AOR
	bindings map[rtc.AOR][]location.Binding
}

func (b *book) Domain(host []byte) bool { return sip.EqualFold(host, "example.com") }

func (b *book) Resolve(address rtc.AOR) (rtc.AOR, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	aor, ok := b.aliases[address]
	return aor, ok
}

func (b *book) Bindings(aor rtc.AOR) []location.Binding {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bindings[aor]
}

func (b *book) user(name string, list ...location.Binding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	aor := rtc.AOR("sip:" + name + "@example.com")
	b.aliases[aor] = aor
	b.bindings[aor] = list
}

func (b *book) alias(address, aor rtc.AOR) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.aliases[address] = aor
}

// names is the fake resolver; numeric hosts go to the real one.
type names struct {
	*resolve.Resolver
	mu     sync.Mutex
	hosts  map[string][]resolve.Candidate
	block  chan struct{} // answers wait until it is closed
	failed []string
}

func (n *names) Lookup(uri sip.URI, done func([]resolve.Candidate, error)) {
	host := string(uri.Host)
	n.mu.Lock()
	block := n.block
	n.mu.Unlock()
	go func() {
		if block != nil {
			<-block
		}
		n.mu.Lock()
		c, ok := n.hosts[host]
		n.mu.Unlock()
		if !ok {
			done(nil, resolve.ErrNotFound)
			return
		}
		done(append([]resolve.Candidate(nil), c...), nil)
	}()
}

// host makes a name known.
func (n *names) host(name string, list ...resolve.Candidate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[name] = list
}

// hold makes look-ups wait until the channel is closed.
func (n *names) hold() chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.block = make(chan struct{})
	return n.block
}

func at(p transport.Proto, a netip.AddrPort) resolve.Candidate {
	return resolve.Candidate{Target: transport.Target{Proto: p, Addr: a}}
}

func (n *names) Failed(c resolve.Candidate, err error, retryAfter time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failed = append(n.failed, fmt.Sprintf("%s %s %v", c.Target.Proto, c.Target.Addr, retryAfter))
}

func (n *names) failures() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.failed, ", ")
}

type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *logged) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// newRig starts a proxy; adjust may change its configuration. A request is given up
// after 12.8 s: longer than a busy machine stands still.
func newRig(t testing.TB, adjust func(*Config)) *rig {
	t.Helper()
	return newRigAt(t, 200*time.Millisecond, adjust)
}

// newRigAt is newRig with another T1; a request is given up after 64 of them.
func newRigAt(t testing.TB, t1 time.Duration, adjust func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, logged: new(logged), flows: make(chan transport.Flow, 1)}
	level := slog.LevelDebug
	if _, bench := t.(*testing.B); bench {
		level = slog.LevelWarn
	}
	log := slog.New(slog.NewTextHandler(r.logged, &slog.HandlerOptions{Level: level}))
	r.layer = transaction.New(transaction.Config{T1: t1, T2: 400 * time.Millisecond, Lanes: 4, Log: log})
	tr, err := transport.New(transport.Config{Log: log, Handler: r.layer, DialTimeout: time.Minute, Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1},
		{Proto: transport.TCP, Addr: netip.MustParseAddrPort("127.0.0.1:0")},
		{Proto: transport.WS, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Origins: []string{"*"}},
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}, // TestTwoListeners
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.tr = tr
	r.udp, r.tcp = tr.Listeners()[0].Addr(), tr.Listeners()[1].Addr()
	r.book = &book{aliases: map[rtc.AOR]rtc.AOR{}, bindings: map[rtc.AOR][]location.Binding{}}
	r.dns = &names{Resolver: resolve.New(resolve.Config{Servers: []string{"127.0.0.1:1"}, Hosts: "-"}), hosts: map[string][]resolve.Candidate{}}
	cfg := Config{Transport: tr, Resolver: r.dns, Reach: reach.New(r.book, tr), Users: r.book, Log: log, Domain: "example.com"}
	if adjust != nil {
		adjust(&cfg)
	}
	r.p = New(cfg)
	r.layer.SetTransport(tr)
	r.layer.SetTU(rtc.NewRouter(log, r.p.Stray, rtc.HandlerFunc(r.gate), r.p))
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = tr.Run(ctx) })
	wg.Go(func() { _ = r.layer.Run(ctx) })
	t.Cleanup(func() {
		stop()
		wg.Wait()
		if t.Failed() {
			t.Log(r.logged.String())
		}
	})
	return r
}

// gate believes a header, and takes REGISTER as news of a flow.
func (r *rig) gate(q *rtc.Request) error {
	if q.Method() == sip.REGISTER && q.GetName("X-Flow") != nil {
		r.flows <- q.Flow()
		q.Respond(200, "", nil)
		return nil
	}
	return gate(q)
}

// gate believes a header.
func gate(r *rtc.Request) error {
	switch who := string(r.GetName("X-Is")); who {
	case "":
	case "peer":
		r.Identity = &rtc.Identity{Method: rtc.AuthTrusted}
	default:
		r.Identity = &rtc.Identity{Method: rtc.AuthDigest, AOR: rtc.AOR("sip:" + who + "@example.com")}
	}
	return rtc.Next
}

// waitFor waits until something is so.
func waitFor(t testing.TB, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to be")
		}
	}
}

// gateway makes a gateway of the hosts, which nothing may reach.
func (r *rig) gateway(hosts ...string) {
	r.p.peers.Set("trunks", []peers.Peer{{Name: "pstn", Gateway: true, Hosts: hosts}})
}
