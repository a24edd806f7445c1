package bubble

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/server"
	"tandem/gateways"
	"tandem/media/relay"
	"tandem/media/relay/memnet"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/rtc/store/fresh"
	"tandem/rtc/transport"
	"tandem/test/harness"
)

// World is the whole server in virtual time, users alice and bob. What it sends
// goes through its real sockets, of which the phones look into theirs; what it
// receives is put before it as its read loops would, since no goroutine may wait
// for a socket in virtual time.
type World struct {
	T     *testing.T
	Cfg   config.Config  // of the next start
	S     *server.Server // the one that runs
	Stop  func()         // ends it
	start time.Time
	ports ports
}

// data has a new database. It has no key: each server makes one of its own.
var data = fresh.New(func(dir string) error {
	cfg := config.Default()
	cfg.Data = dir
	return datafolder.RenewKey(context.Background(), &cfg, slog.New(slog.DiscardHandler))
})

// Run runs f in a bubble of virtual time. Calls between users pass through as they are;
// Led has them led.
func Run(t *testing.T, f func(w *World)) {
	t.Helper()
	folder := data.Copy(t)
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"time.test"}, folder, ""
		addr := fmt.Sprintf("127.0.0.1:%d", harness.FreePort(t)) // nobody is given it while the server is stopped
		cfg.Listen = []config.Listen{{Proto: "udp", Addr: addr, Trusted: []string{"127.0.0.1/32"}}}
		cfg.Telephony.AllCalls = false
		w := &World{T: t, Cfg: cfg, start: time.Now()}
		w.ports.net = memnet.New()
		w.Open()
		for _, name := range []string{"alice", "bob"} {
			add := directory.AddUser{AOR: rtc.AOR("sip:" + name + "@time.test"), Password: "a secret of theirs"}
			if _, err := w.S.Directory().Add(t.Context(), add); err != nil {
				t.Fatal(err)
			}
		}
		defer func() { w.Stop() }()
		f(w)
	})
}

// Open starts the server, on the data there is, and returns when it has done what it does
// first: it marks the calls that an earlier run left open as interrupted, and a record that
// a test writes during this would be one of them.
func (w *World) Open() {
	w.T.Helper()
	s, err := server.New(w.T.Context(), w.Cfg, server.Options{Network: &w.ports})
	if err != nil {
		w.T.Fatal(err)
	}
	w.S = s
	w.Cfg.Listen[0].Addr = s.Transport().Listeners()[0].Addr().String() // also of the next
	end := s.RunVirtual()
	w.Stop = func() {
		if err := end(); err != nil {
			w.T.Error(err)
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

// Trunk makes a phone the gateway of a trunk that takes +49.
func (w *World) Trunk(name string, gateway *Phone) {
	w.T.Helper()
	t := gateways.Trunk{Name: name, Addresses: []string{"sip:" + gateway.Addr.String()}, Prefixes: []string{"+49"}}
	if a := gateway.Addr.Addr(); a != netip.AddrFrom4([4]byte{127, 0, 0, 1}) { // where others are as well
		t.Sources = []netip.Prefix{netip.PrefixFrom(a, 32)}
	}
	if err := w.S.Trunks().Add(w.T.Context(), t); err != nil {
		w.T.Fatal(err)
	}
}

// Phone is a socket, and what the server sent to it.
type Phone struct {
	W    *World
	fd   int
	Addr netip.AddrPort
	Flow transport.Flow // the server's way to it
	N    int            // requests sent
	Got  []Received
	Hop  bool // it answers the OPTIONS that next hops are asked by
}

// Received is a message the server sent.
type Received struct {
	at   time.Duration // since the start
	What string        // method or code
	Raw  []byte
}

// Phone is one at 127.0.0.1, where nobody needs credentials.
func (w *World) Phone() *Phone { return w.PhoneAt(1) }

// PhoneAt is one at 127.0.0.n; only who is at 127.0.0.1 needs no credentials.
func (w *World) PhoneAt(n byte) *Phone {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, n}}); err != nil {
		w.T.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		w.T.Fatal(err)
	}
	p := &Phone{W: w, fd: fd, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, n}), uint16(at.(*unix.SockaddrInet4).Port))}
	p.Attach()
	return p
}

// Attach has it speak to the server that is running.
func (p *Phone) Attach() {
	var err error
	if p.Flow, err = p.W.S.Transport().Flow(transport.Target{Proto: transport.UDP, Addr: p.Addr}); err != nil {
		p.W.T.Fatal(err)
	}
}

// Send puts a message before the server, as if it had come from the phone.
func (p *Phone) Send(b []byte) {
	p.W.T.Helper()
	var m sip.Message
	err := m.Parse(b)
	m.Source = p.Flow.Remote
	p.W.S.Layer().Message(p.W.S.Transport(), p.Flow, &m, err)
	synctest.Wait()
}

// Request sends one from user to another.
func (p *Phone) Request(method, from, to string, more ...string) {
	p.W.T.Helper()
	p.Content(method, from, to, "", more...)
}

// Content sends a request with a body.
func (p *Phone) Content(method, from, to, body string, more ...string) {
	p.W.T.Helper()
	p.N++
	id := fmt.Sprintf("%d-%d", p.Flow.Remote.Port(), p.N)
	if !strings.Contains(to, "@") {
		to += "@time.test"
	}
	uri := "sip:" + to
	if method == "REGISTER" {
		uri = "sip:time.test"
	}
	head := []string{
		method + " " + uri + " SIP/2.0",
		"Via: SIP/2.0/UDP " + p.Flow.Remote.String() + ";rport;branch=z9hG4bK" + id,
		"Max-Forwards: 70",
		"From: <sip:" + from + "@time.test>;tag=" + id,
		"To: <sip:" + to + ">",
		"Call-ID: " + id,
		"CSeq: 1 " + method,
	}
	p.Send([]byte(strings.Join(append(append(head, more...), fmt.Sprint("Content-Length: ", len(body)), "", body), "\r\n")))
}

// Register returns for how long it is.
func (p *Phone) Register(user string, expires int) time.Duration {
	p.W.T.Helper()
	p.Request("REGISTER", user, user, fmt.Sprintf("Contact: <sip:%s@%s>", user, p.Flow.Remote), fmt.Sprintf("Expires: %d", expires))
	if got := p.Heard(); !slices.Equal(got, []string{"200"}) {
		p.W.T.Fatalf("REGISTER: %q", got)
	}
	_, granted, _ := strings.Cut(string(p.Got[len(p.Got)-1].Raw), ";expires=")
	n := 0
	if _, err := fmt.Sscanf(granted, "%d", &n); err != nil || n > expires || n < expires/2 {
		p.W.T.Fatalf("granted %d of %d s: %v", n, expires, err)
	}
	return time.Duration(n) * time.Second
}

// Answer answers the last request heard of a method.
func (p *Phone) Answer(method string, code int) {
	p.W.T.Helper()
	for _, r := range slices.Backward(p.Got) {
		var m sip.Message
		if r.What == method && m.Parse(r.Raw) == nil {
			p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: code, ToTag: "callee"}))
			return
		}
	}
	p.W.T.Fatalf("no %s to answer: %q", method, p.Heard())
}

// Look takes what has come.
func (p *Phone) Look() {
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
		p.Got = append(p.Got, Received{time.Since(p.W.start), what, slices.Clone(b[:n])})
		if p.Hop && what == "OPTIONS" {
			p.Answer("OPTIONS", 200)
		}
	}
}

// Heard is all that came so far.
func (p *Phone) Heard() (all []string) {
	p.Look()
	for _, r := range p.Got {
		all = append(all, r.What)
	}
	return all
}

// When each message of a kind came, since the first.
func (p *Phone) When(what string) (all []time.Duration) {
	p.Look()
	var first time.Duration
	for _, r := range p.Got {
		if r.What == what {
			if all == nil {
				first = r.at
			}
			all = append(all, r.at-first)
		}
	}
	return all
}

// Pass lets time pass, the phones looking every 10 ms; in a minute and more, where
// nobody asks when exactly something came, four times a second.
func (w *World) Pass(d time.Duration, phones ...*Phone) {
	step := 10 * time.Millisecond
	if d >= time.Minute {
		step = 250 * time.Millisecond
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(step, time.Until(end)))
		for _, p := range phones {
			p.Look()
		}
	}
}
