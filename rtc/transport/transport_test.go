package transport

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// echo answers each request with 200, each refusal with its code, and keeps
// count.
type echo struct {
	mu      sync.Mutex
	flows   []Flow
	closed  []Flow
	reasons []string
	bodies  []string
	onMsg   func(out Sink, f Flow, m *sip.Message, err *sip.Error) bool
}

func (e *echo) Message(out Sink, f Flow, m *sip.Message, err *sip.Error) {
	if e.onMsg != nil && e.onMsg(out, f, m, err) {
		return
	}
	e.mu.Lock()
	e.flows = append(e.flows, f)
	e.bodies = append(e.bodies, string(m.Body()))
	if err != nil {
		e.reasons = append(e.reasons, fmt.Sprint(err.Code, " ", err.Reason))
	}
	e.mu.Unlock()
	if !m.IsRequest() && err == nil {
		return
	}
	r := sip.Response{Code: 200, ToTag: "echo", Body: m.Body(), ContentType: "text/plain"}
	if err != nil {
		r = sip.Response{Code: err.Code, Reason: err.Reason}
	}
	out.Send(f, sip.AppendResponse(nil, m, r), nil)
}

func (e *echo) FlowClosed(f Flow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = append(e.closed, f)
}

func (e *echo) closedFlows() []Flow {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Flow(nil), e.closed...)
}

func (e *echo) lastFlow() Flow {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.flows) == 0 {
		return Flow{}
	}
	return e.flows[len(e.flows)-1]
}

var anyV4 = netip.MustParseAddrPort("127.0.0.1:0")

// start runs a transport for the length of the test. Limits the test does not set
// are long: a machine that stands still for seconds is no peer that is slow.
func start(t testing.TB, cfg Config) *Transport {
	t.Helper()
	for _, d := range []*time.Duration{&cfg.HandshakeLimit, &cfg.HeaderTimeout, &cfg.DialTimeout, &cfg.WriteTimeout} {
		if *d == 0 {
			*d = time.Minute
		}
	}
	for i := range cfg.Listen {
		if !cfg.Listen[i].Addr.IsValid() {
			cfg.Listen[i].Addr = anyV4
		}
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tr.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			buf := make([]byte, 1<<20)
			t.Errorf("Run did not end:\n%s", buf[:runtime.Stack(buf, true)])
		}
	})
	return tr
}

// request is a MESSAGE with a body.
func request(proto, branch, body string) []byte {
	return []byte("MESSAGE sip:bob@example.com SIP/2.0\r\n" +
		"Via: SIP/2.0/" + proto + " client.invalid;branch=z9hG4bK" + branch + ";rport\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n" +
		"Call-ID: " + branch + "\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

// client is a connection that reads SIP messages.
type client struct {
	net.Conn
	t   testing.TB
	buf []byte
}

func dialTCP(t testing.TB, to netip.AddrPort) *client {
	t.Helper()
	nc, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{Conn: nc, t: t}
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// next reads one message.
func (c *client) next() (*sip.Message, error) {
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		var fr sip.Framer
		n, ferr := fr.Frame(c.buf, 1<<20)
		if ferr != nil {
			return nil, ferr
		}
		if n > 0 {
			m := new(sip.Message)
			if perr := m.Parse(bytes.Clone(c.buf[:n])); perr != nil {
				return nil, perr
			}
			c.buf = c.buf[n:]
			return m, nil
		}
		tmp := make([]byte, 64<<10)
		k, err := c.Read(tmp)
		c.buf = append(c.buf, tmp[:k]...)
		if err != nil && k == 0 {
			return nil, err
		}
	}
}

func (c *client) expect(code int, body string) *sip.Message {
	c.t.Helper()
	m, err := c.next()
	if err != nil {
		c.t.Fatalf("waiting for %d %q: %v", code, body, err)
	}
	if m.StatusCode() != code || string(m.Body()) != body {
		c.t.Fatalf("got %s\nwant %d with body %q", m.Bytes(), code, body)
	}
	return m
}

// expectEnd waits for the peer to close.
func (c *client) expectEnd() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	_, err := io.Copy(io.Discard, c)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

// exchange sends one datagram and returns the answer.
func exchange(t testing.TB, to netip.AddrPort, b []byte) []byte {
	t.Helper()
	nc, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	n, err := nc.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// eventually waits for something other goroutines do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// failed is a Failer that remembers.
type failed struct{ ch chan error }

func newFailed() *failed { return &failed{make(chan error, 1000)} }

func (f *failed) SendFailed(err error) {
	select {
	case f.ch <- err:
	default: // a Failer must not block; a thousand are enough to look at
	}
}

func (f *failed) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-f.ch:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the Failer was not told")
		return nil
	}
}

func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(code) // the fuzzing engine leaves goroutines of its own
	}
	end := time.Now().Add(30 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before && code == 0 {
		buf := make([]byte, 1<<20)
		fmt.Printf("%d goroutines left:\n%s\n", n-before, buf[:runtime.Stack(buf, true)])
		code = 1
	}
	os.Exit(code)
}
