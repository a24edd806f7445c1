package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tandem/cmd/tandem/config"
	"tandem/media/relay"
	"tandem/media/relay/memnet"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/proxy"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// world is the whole server in virtual time, users alice and bob. What it sends
// goes through its real sockets, of which the phones look into theirs; what it
// receives is put before it as its read loops would, since no goroutine may wait
// for a socket in virtual time.
type world struct {
	t     *testing.T
	cfg   config.Config
	s     *Server
	start time.Time
	stop  func()
	ports ports
}

// inTime runs f in a bubble of virtual time.
func inTime(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"time.test"}, t.TempDir(), ""
		cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.1/32"}}}
		w := &world{t: t, cfg: cfg, start: time.Now()}
		w.ports.net = memnet.New()
		w.open()
		for _, name := range []string{"alice", "bob"} {
			add := directory.AddUser{AOR: rtc.AOR("sip:" + name + "@time.test"), Password: "a secret of theirs"}
			if _, err := w.s.directory.Add(t.Context(), add); err != nil {
				t.Fatal(err)
			}
		}
		defer func() { w.stop() }()
		f(w)
	})
}

// open starts the server, on the data there is, and returns when it has done what it does
// first: it marks the calls that an earlier run left open as interrupted, and a record that
// a test writes during this would be one of them.
func (w *world) open() {
	s, err := New(w.t.Context(), w.cfg, Options{Network: &w.ports})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, run := range []func(context.Context) error{s.layer.Run, s.resolver.Run, s.location.Run, s.messages.Run, s.events.Run, s.presence.Run, s.keepUse, s.watchHops, s.pint.door.Run} {
		all.Go(func() { _ = run(ctx) })
	}
	start := func(_ string, run func(context.Context) error) { all.Go(func() { _ = run(ctx) }) }
	endCalls, endRequests := startFirst(start, "", s.exchange.Run), startFirst(start, "", s.carryOut)
	w.s = s
	w.cfg.Listen[0].Addr = s.transport.Listeners()[0].Addr().String() // also of the next
	w.stop = func() {
		endRequests()
		endCalls()
		cancel()
		all.Wait()
		if err := errors.Join(s.transport.Run(ctx), s.location.KeepPromises(context.Background()), s.close()); err != nil { // the first closes the sockets
			w.t.Error(err)
		}
	}
	synctest.Wait()
}

// ports are those of media, in memory, and how many are open.
type ports struct {
	net  *memnet.Net
	open atomic.Int64
}

func (p *ports) Bind(local netip.AddrPort, ready func()) (relay.Port, error) {
	port, err := p.net.Bind(local, ready)
	if err != nil {
		return nil, err
	}
	p.open.Add(1)
	return counted{port, p}, nil
}

type counted struct {
	relay.Port
	of *ports
}

func (c counted) Close() error {
	c.of.open.Add(-1)
	return c.Port.Close()
}

// phone is a socket, and what the server sent to it.
type phone struct {
	w    *world
	fd   int
	addr netip.AddrPort
	flow transport.Flow
	n    int
	got  []received
	hop  bool // it answers the OPTIONS that next hops are asked by
}

type received struct {
	at   time.Duration // since the start
	what string        // method or code
	raw  []byte
}

func (w *world) phone() *phone { return w.phoneAt(1) }

// phoneAt is one at 127.0.0.n; only who is at 127.0.0.1 needs no credentials.
func (w *world) phoneAt(n byte) *phone {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, n}}); err != nil {
		w.t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &phone{w: w, fd: fd, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, n}), uint16(at.(*unix.SockaddrInet4).Port))}
	p.attach()
	return p
}

// attach has it speak to the server that is running.
func (p *phone) attach() {
	var err error
	if p.flow, err = p.w.s.transport.Flow(transport.Target{Proto: transport.UDP, Addr: p.addr}); err != nil {
		p.w.t.Fatal(err)
	}
}

// send puts a message before the server, as if it had come from the phone.
func (p *phone) send(b []byte) {
	p.w.t.Helper()
	var m sip.Message
	err := m.Parse(b)
	m.Source = p.flow.Remote
	p.w.s.layer.Message(p.w.s.transport, p.flow, &m, err)
	synctest.Wait()
}

// request sends one from user to another.
func (p *phone) request(method, from, to string, more ...string) {
	p.w.t.Helper()
	p.content(method, from, to, "", more...)
}

// content sends a request with a body.
func (p *phone) content(method, from, to, body string, more ...string) {
	p.w.t.Helper()
	p.n++
	id := fmt.Sprintf("%d-%d", p.flow.Remote.Port(), p.n)
	if !strings.Contains(to, "@") {
		to += "@time.test"
	}
	uri := "sip:" + to
	if method == "REGISTER" {
		uri = "sip:time.test"
	}
	head := []string{
		method + " " + uri + " SIP/2.0",
		"Via: SIP/2.0/UDP " + p.flow.Remote.String() + ";rport;branch=z9hG4bK" + id,
		"Max-Forwards: 70",
		"From: <sip:" + from + "@time.test>;tag=" + id,
		"To: <sip:" + to + ">",
		"Call-ID: " + id,
		"CSeq: 1 " + method,
	}
	p.send([]byte(strings.Join(append(append(head, more...), fmt.Sprint("Content-Length: ", len(body)), "", body), "\r\n")))
}

// register returns for how long it is.
func (p *phone) register(user string, expires int) time.Duration {
	p.w.t.Helper()
	p.request("REGISTER", user, user, fmt.Sprintf("Contact: <sip:%s@%s>", user, p.flow.Remote), fmt.Sprintf("Expires: %d", expires))
	if got := p.heard(); !slices.Equal(got, []string{"200"}) {
		p.w.t.Fatalf("REGISTER: %q", got)
	}
	_, granted, _ := strings.Cut(string(p.got[len(p.got)-1].raw), ";expires=")
	n := 0
	if _, err := fmt.Sscanf(granted, "%d", &n); err != nil || n > expires || n < expires/2 {
		p.w.t.Fatalf("granted %d of %d s: %v", n, expires, err)
	}
	return time.Duration(n) * time.Second
}

// answer answers the last request heard of a method.
func (p *phone) answer(method string, code int) {
	p.w.t.Helper()
	for _, r := range slices.Backward(p.got) {
		var m sip.Message
		if r.what == method && m.Parse(r.raw) == nil {
			p.send(sip.AppendResponse(nil, &m, sip.Response{Code: code, ToTag: "callee"}))
			return
		}
	}
	p.w.t.Fatalf("no %s to answer: %q", method, p.heard())
}

// look takes what has come.
func (p *phone) look() {
	synctest.Wait()
	b := make([]byte, 65535)
	for {
		n, _, err := unix.Recvfrom(p.fd, b, 0)
		if err != nil {
			return
		}
		f := strings.Fields(string(b[:n]))
		what := f[0]
		if what == "SIP/2.0" {
			what = f[1]
		}
		p.got = append(p.got, received{time.Since(p.w.start), what, slices.Clone(b[:n])})
		if p.hop && what == "OPTIONS" {
			p.answer("OPTIONS", 200)
		}
	}
}

// heard is all that came so far.
func (p *phone) heard() (all []string) {
	p.look()
	for _, r := range p.got {
		all = append(all, r.what)
	}
	return all
}

// when each message of a kind came, since the first.
func (p *phone) when(what string) (all []time.Duration) {
	p.look()
	var first time.Duration
	for _, r := range p.got {
		if r.what == what {
			if all == nil {
				first = r.at
			}
			all = append(all, r.at-first)
		}
	}
	return all
}

// pass lets time pass, the phones looking every 10 ms; in a minute and more, where
// nobody asks when exactly something came, four times a second.
func (w *world) pass(d time.Duration, phones ...*phone) {
	step := 10 * time.Millisecond
	if d >= time.Minute {
		step = 250 * time.Millisecond
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(step, time.Until(end)))
		for _, p := range phones {
			p.look()
		}
	}
}

// A binding ends when its time is over, also when the server was restarted meanwhile,
// although what is on disk of it has slack.
func TestBindingEnds(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			inTime(t, func(w *world) {
				bob := w.phone()
				granted := bob.register("bob", 120)
				w.pass(granted / 2)
				rest := granted - granted/2
				if restart {
					w.stop()
					w.open()
				}
				alice := w.phone()
				w.pass(rest - 2*time.Second)
				alice.request("MESSAGE", "alice", "bob")
				if got := bob.when("MESSAGE"); len(got) != 1 {
					w.t.Fatalf("bob heard %q in %v", bob.heard(), granted-2*time.Second)
				}
				bob.answer("MESSAGE", 200)
				w.pass(12*time.Second, alice)
				alice.request("MESSAGE", "alice", "bob")
				if got := alice.heard(); !slices.Equal(got, []string{"200", "202"}) { // 202: kept until he is back
					w.t.Errorf("alice heard %q, of which the second after bob's time was over", got)
				}
			})
		})
	}
}

// A call that rings on is taken back by Timer C (RFC 3261 §16.8).
func TestRingingEnds(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		bob.register("bob", 3600)
		alice.request("INVITE", "alice", "bob", "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
		bob.heard()
		bob.answer("INVITE", 180)
		w.pass(w.cfg.Proxy.TimerC-time.Second, alice, bob)
		if got := bob.when("CANCEL"); got != nil {
			w.t.Fatalf("CANCEL after %v", got)
		}
		w.pass(2*time.Second, alice, bob)
		bob.heard()
		bob.answer("CANCEL", 200)
		bob.answer("INVITE", 487)
		w.pass(time.Second, alice, bob)
		if got := bob.heard(); !slices.Contains(got, "ACK") {
			w.t.Errorf("bob heard %q", got)
		}
		if got := alice.heard(); !slices.Contains(got, "180") || !slices.Contains(got, "408") && !slices.Contains(got, "487") {
			w.t.Errorf("alice heard %q", got)
		}
	})
}

// A phone that is gone is asked seven times in 32 s (RFC 3261 §17.1.1.2), then
// the caller is told.
func TestPhoneGone(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		bob.register("bob", 3600)
		alice.request("INVITE", "alice", "bob", "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
		w.pass(31*time.Second, alice, bob)
		if got := alice.heard(); !slices.Equal(got, []string{"100"}) {
			w.t.Errorf("alice heard %q in 31 s", got)
		}
		w.pass(2*time.Second, alice, bob)
		if got := slices.Compact(alice.heard()); !slices.Equal(got, []string{"100", "408"}) { // she sends no ACK
			w.t.Errorf("alice heard %q in 33 s", got)
		}
		var got []time.Duration
		for _, d := range bob.when("INVITE") {
			got = append(got, d.Round(100*time.Millisecond))
		}
		want := []time.Duration{0, 500, 1500, 3500, 7500, 15500, 31500}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("INVITE came at %v, want %v", got, want)
		}
	})
}

// Who is not known any more but kept the Record-Route of a call by a static route
// can make no other call with it the day after.
func TestOldCallOpensNoRoute(t *testing.T) {
	inTime(t, func(w *world) {
		alice, gateway, leaver := w.phone(), w.phone(), w.phoneAt(2)
		w.cfg.Routes = []proxy.Route{{Name: "branch", Match: proxy.Match{Domain: "branch.test"}, NextHop: proxy.Hops{"sip:" + gateway.addr.String()}}}
		sleep := func(d time.Duration) { // with the server off, which need not count the hours then
			w.stop()
			time.Sleep(d)
			w.open()
			for _, p := range []*phone{alice, gateway, leaver} {
				p.attach()
			}
		}
		sleep(0)
		alice.request("INVITE", "alice", "x@branch.test", "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
		gateway.look()
		var call sip.Message
		if len(gateway.got) == 0 || call.Parse(gateway.got[0].raw) != nil {
			w.t.Fatalf("the gateway heard %q", gateway.heard())
		}
		gateway.answer("INVITE", 200)
		again := func(cseq int) {
			leaver.send([]byte(strings.Join([]string{
				"INVITE sip:+19005550100@" + gateway.flow.Remote.String() + " SIP/2.0",
				fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d", leaver.flow.Remote, cseq),
				"Route: " + string(call.Get(sip.HdrRecordRoute)),
				"From: <sip:alice@time.test>;tag=x", "To: <sip:+15550100@time.test>;tag=callee",
				"Call-ID: " + string(call.CallID()), fmt.Sprintf("CSeq: %d INVITE", cseq), "Content-Length: 0", "", ""}, "\r\n")))
		}
		for i, c := range []struct {
			after time.Duration
			want  string // what he is told
		}{{23 * time.Hour, "100"}, {3 * time.Hour, "407"}} {
			sleep(c.after)
			gateway.look()
			leaver.look()
			gateway.got, leaver.got = nil, nil
			again(10 + i)
			if got := leaver.heard(); !slices.Contains(got, c.want) || (c.want == "100") != slices.Contains(gateway.heard(), "INVITE") {
				w.t.Errorf("after %v more he is told %q and the gateway %q, want %s", c.after, got, gateway.heard(), c.want)
			}
			gateway.heard()
			if c.want == "100" {
				gateway.answer("INVITE", 486)
				w.pass(time.Second, gateway, leaver)
			}
		}
	})
}
