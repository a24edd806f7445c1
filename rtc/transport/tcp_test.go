package transport

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged collects log lines.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestTCPEcho(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "127.0.0.2:0"} {
		tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: TCP, Addr: netip.MustParseAddrPort(addr)}}})
		c := dialTCP(t, tr.Listeners()[0].Addr())
		c.write(request("TCP", "x", "hello"))
		c.expect(200, "hello")
	}
}

func TestTCPPipelined(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	var all []byte
	for i := range 50 {
		all = append(all, request("TCP", "x", fmt.Sprint(i))...)
	}
	c.write(all)
	for i := range 50 {
		c.expect(200, fmt.Sprint(i))
	}
}

func TestTCPSplitAtEveryByte(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}}})
	msg := append([]byte("\r\n\r\n"), request("TCP", "x", "split here")...)
	c := dialTCP(t, tr.Listeners()[0].Addr())
	for cut := 1; cut < len(msg); cut++ {
		before := tr.Stats().KeepAlives[TCP]
		c.write(msg[:cut])
		if cut >= 4 { // the pong tells that the first part has been read
			c.readPong()
		}
		c.write(msg[cut:])
		if cut < 4 {
			c.readPong()
		}
		c.expect(200, "split here")
		if n := tr.Stats().KeepAlives[TCP] - before; n != 1 {
			t.Fatalf("cut at %d: counted %d keep-alives", cut, n)
		}
	}
}

// readPong reads the single CRLF that answers a ping.
func (c *client) readPong() {
	c.t.Helper()
	for len(c.buf) < 2 {
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			c.t.Fatal(err)
		}
		c.buf = append(c.buf, b...)
	}
	if string(c.buf[:2]) != "\r\n" {
		c.t.Fatalf("not a pong: %q", c.buf)
	}
	c.buf = c.buf[2:]
}

func TestTCPOrder(t *testing.T) {
	const n = 2000
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	go func() {
		for i := range n {
			c.Write(request("TCP", fmt.Sprint("b", i), fmt.Sprint(i)))
		}
	}()
	for i := range n {
		c.expect(200, fmt.Sprint(i))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, b := range e.bodies {
		if b != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, b)
		}
	}
}

func TestTCPLongMessages(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	for _, n := range []int{3000, 5000, 20000, 60000, 10, 60000} {
		body := strings.Repeat("y", n)
		c.write(request("TCP", "x", body))
		c.expect(200, body)
	}
}

func TestTCPFramingError(t *testing.T) {
	for name, raw := range map[string]string{
		"no Content-Length":  "MESSAGE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n\r\n",
		"bad Content-Length": "MESSAGE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Length: -5\r\n\r\n",
	} {
		e := &echo{}
		tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}}})
		c := dialTCP(t, tr.Listeners()[0].Addr())
		c.write([]byte(raw + strings.Repeat("rubbish ", 5000)))
		m, err := c.next()
		if err != nil || m.StatusCode() != 400 {
			t.Fatalf("%s: %v %v", name, m, err)
		}
		c.expectEnd()
		eventually(t, "FlowClosed", func() bool { return len(e.closedFlows()) == 1 })
	}
}

// A message that ends too early is answered, and then the connection ends.
func TestTCPIncomplete(t *testing.T) {
	for name, shut := range map[string]bool{"the peer has ended its side": true, "the time is over": false} {
		t.Run(name, func(t *testing.T) {
			tr := start(t, Config{Handler: &echo{}, HeaderTimeout: 200 * time.Millisecond, Listen: []Listen{{Proto: TCP}}})
			c := dialTCP(t, tr.Listeners()[0].Addr())
			whole := request("TCP", "x", "all of it")
			c.write(whole[:len(whole)-1])
			if shut {
				if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			if m, err := c.next(); err != nil || m.StatusCode() != 400 {
				t.Fatalf("%v %v", m, err)
			}
			c.expectEnd()
			c = dialTCP(t, tr.Listeners()[0].Addr())
			c.write(whole[:30]) // nothing in it to answer by
			c.expectEnd()
		})
	}
}

func TestTCPTooLong(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, MaxMessage: 2000, Listen: []Listen{{Proto: TCP}}})
	c := dialTCP(t, tr.Listeners()[0].Addr())
	c.write(request("TCP", "x", strings.Repeat("y", 5000)))
	if m, err := c.next(); err != nil || m.StatusCode() != 513 {
		t.Fatalf("%v %v", m, err)
	}
	c.expectEnd()
	c = dialTCP(t, tr.Listeners()[0].Addr())
	c.Write([]byte("MESSAGE sip:" + strings.Repeat("y", 50000))) // a line without end
	c.expectEnd()
}

// An INVITE with a multipart body may be longer than others, but so many at a time.
func TestTCPMultipart(t *testing.T) {
	long := func(method, kind string, n int) []byte {
		b := bytes.Replace(request("TCP", "x", strings.Repeat("y", n)), []byte("MESSAGE"), []byte(method), -1)
		return bytes.Replace(b, []byte("text/plain"), []byte(kind), 1)
	}
	e := &echo{}
	tr := start(t, Config{Handler: e, MaxMessage: 2000, MaxMultipart: 100_000, Listen: []Listen{{Proto: TCP}}})
	at := tr.Listeners()[0].Addr()
	c := dialTCP(t, at)
	for range largeAtOnce + 1 { // one after the other
		c.write(long("INVITE", "Multipart/Related; boundary=next", 90_000))
		c.expect(200, strings.Repeat("y", 90_000))
	}
	for name, b := range map[string][]byte{
		"of another method": long("MESSAGE", "multipart/mixed", 5000), "of one part": long("INVITE", "application/sdp", 5000),
		"longer still": long("INVITE", "multipart/mixed", 110_000),
	} {
		c := dialTCP(t, at)
		c.write(b)
		if m, err := c.next(); err != nil || m.StatusCode() != 513 {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
	var held []*client
	for range largeAtOnce {
		c := dialTCP(t, at)
		b := long("INVITE", "multipart/mixed", 90_000)
		c.write(b[:len(b)-1])
		held = append(held, c)
	}
	for deadline := time.Now().Add(30 * time.Second); len(tr.large) < largeAtOnce; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d are held", len(tr.large))
		}
	}
	c = dialTCP(t, at)
	c.write(long("INVITE", "multipart/mixed", 90_000))
	if m, err := c.next(); err != nil || m.StatusCode() != 503 {
		t.Fatalf("one too many: %v %v", m, err)
	}
	for _, c := range held {
		c.Close()
	}
	for deadline := time.Now().Add(30 * time.Second); len(tr.large) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d are still held", len(tr.large))
		}
	}
}

// Both directions of one connection, and its end.
func TestTCPFlow(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}}})
	l := tr.Listeners()[0]
	c := dialTCP(t, l.Addr())
	c.write(request("TCP", "x", ""))
	c.expect(200, "")
	f := e.lastFlow()
	if f.Proto() != TCP || f.Listener() != l || !f.Alive() || f.ID() == 0 || f.TLS() != nil {
		t.Errorf("flow %v: %v %v %v %d", f, f.Proto(), f.Listener(), f.Alive(), f.ID())
	}
	if want := fmt.Sprintf("tcp %s %s", l.Addr(), c.LocalAddr()); f.String() != want {
		t.Errorf("String %q, want %q", f, want)
	}
	if g, ok := tr.FlowByID(f.ID()); !ok || g != f {
		t.Errorf("FlowByID: %v %v", g, ok)
	}
	if _, ok := tr.ParseFlow(f.String()); ok {
		t.Error("a connection revived from text")
	}
	if g, err := tr.Flow(Target{Proto: TCP, Addr: f.Remote}); err != nil || g != f {
		t.Errorf("Flow to the peer of a connection: %v %v", g, err)
	}
	tr.Send(f, request("TCP", "y", "from the server"), nil)
	if m, err := c.next(); err != nil || string(m.Body()) != "from the server" {
		t.Errorf("%v %v", m, err)
	}
	c.Close()
	eventually(t, "FlowClosed", func() bool { return len(e.closedFlows()) == 1 })
	if e.closedFlows()[0] != f || f.Alive() {
		t.Error("another flow was closed, or it is still alive")
	}
	if _, ok := tr.FlowByID(f.ID()); ok {
		t.Error("found after its end")
	}
	fail := newFailed()
	tr.Send(f, []byte("x"), fail)
	fail.wait(t)
}

func TestTCPDial(t *testing.T) {
	e, far := &echo{}, &echo{}
	a := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}, {Proto: UDP, Loops: 1}}})
	b := start(t, Config{Handler: far, Listen: []Listen{{Proto: TCP}}})
	to := Target{Proto: TCP, Addr: b.Listeners()[0].Addr()}
	f, err := a.Flow(to)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		a.Send(f, request("TCP", "x", fmt.Sprint(i)), nil)
	}
	if g, err := a.Flow(to); err != nil || g != f {
		t.Errorf("a second connection to the same peer: %v %v", g, err)
	}
	eventually(t, "10 answers", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.bodies) == 10 })
	far.mu.Lock()
	for i, s := range far.bodies {
		if s != fmt.Sprint(i) {
			t.Errorf("message %d is %q", i, s)
		}
	}
	far.mu.Unlock()
	if f.Listener() != a.Listeners()[0] {
		t.Error("advertises another listener")
	}
}

func TestTCPDialFails(t *testing.T) {
	e := &echo{}
	a := start(t, Config{Handler: e, Listen: []Listen{{Proto: TCP}}})
	b := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: TCP}}})
	b.Drain() // nobody listens there now
	f, err := a.Flow(Target{Proto: TCP, Addr: b.Listeners()[0].Addr()})
	if err != nil {
		t.Fatal(err)
	}
	fail := newFailed()
	a.Send(f, request("TCP", "x", ""), fail)
	if err := fail.wait(t); !strings.Contains(err.Error(), "refused") {
		t.Errorf("told %v", err)
	}
	eventually(t, "FlowClosed", func() bool { return len(e.closedFlows()) == 1 && !f.Alive() })
	if n := a.Stats().Conns; n != 0 {
		t.Errorf("%d connections left", n)
	}
	for _, bad := range []Target{
		{Proto: WS, Addr: netip.MustParseAddrPort("127.0.0.1:80")},
		{Proto: TCP, Addr: netip.MustParseAddrPort("[::1]:5060")},
		{Proto: TCP}, {},
	} {
		if f, err := a.Flow(bad); err == nil {
			t.Errorf("%+v: %v", bad, f)
		}
	}
}
