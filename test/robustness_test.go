package test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// crowd is a server under bad clients, and a good one that must not suffer.
type crowd struct {
	*harness.Rig
	t    *testing.T
	good *party
}

func newCrowd(t *testing.T, adjust func(*config.Config)) *crowd {
	r := harness.StartServer(t, adjust)
	r.User("good")
	return &crowd{r, t, rigParty(r, t, "good", "udp")}
}

// serves wants the good client to be served over every transport, before a bad one that is
// waited for would be sent away.
func (c *crowd) serves() {
	c.t.Helper()
	for _, proto := range []string{"udp", "tcp", "tls", "ws"} {
		begin := time.Now()
		w := c.Dial(c.t, proto)
		w.Alive()
		w.Close()
		if d := time.Since(begin); d > 4500*time.Millisecond {
			c.t.Errorf("connecting and an answer over %s took %s", proto, d)
		}
	}
	c.good.Register("good")
}

// raw opens a connection and leaves it to the test.
func (c *crowd) raw(listener string) net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.Addr[listener].String())
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// closedWithin wants the server to end a connection, and not before some time.
func closedWithin(t *testing.T, what string, c net.Conn, limit time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(limit))
	if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("%s: still open after %s", what, limit)
	}
}

const options = "OPTIONS sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/%[2]s 127.0.0.1:5099;rport;branch=z9hG4bKslow\r\nMax-Forwards: 70\r\nFrom: <sip:slow@elsewhere.test>;tag=1\r\nTo: <sip:%[1]s>\r\nCall-ID: slow\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

// Octet by octet is slow, but it is a message; others need not wait for it.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, nil)
	c.serves()
	conn := c.raw("tcp")
	for _, b := range []byte(fmt.Sprintf(options, c.Addr["tcp"], "TCP")) {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	c.answered(harness.OverStream(t, "TCP", conn, c.Addr["tcp"]), "TCP")

	ws := c.raw("ws")
	handshake := "GET / HTTP/1.1\r\nHost: " + c.Addr["ws"].String() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
	text := fmt.Sprintf(options, c.Addr["ws"], "WS")
	frame := append([]byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}, text...)
	for _, b := range append([]byte(handshake), frame...) {
		if _, err := ws.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	_ = ws.SetReadDeadline(time.Now().Add(harness.Patience))
	buf, got := make([]byte, 4096), ""
	for !strings.Contains(got, "SIP/2.0 200") {
		n, err := ws.Read(buf)
		if got += string(buf[:n]); err != nil {
			t.Fatalf("octet by octet over WS: %v\n%s", err, got)
		}
	}
	c.serves()
}

func (c *crowd) answered(w *harness.Wire, proto string) {
	c.t.Helper()
	if _, err := w.Next(harness.Patience, func(m *sip.Message) bool { return m.StatusCode() >= 200 }); err != nil { // whatever it is
		c.t.Errorf("octet by octet over %s: %v", proto, err)
	}
}

// Who connects and says nothing, or begins and stops, is sent away, and others
// are served all the while.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, nil)
	silent := map[string]net.Conn{"TLS without a handshake": c.raw("tls"), "WS without a request": c.raw("ws"), "WSS without a handshake": c.raw("wss")}
	halfWS := c.raw("ws")
	_, _ = halfWS.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgr"))
	silent["WS with half a request"] = halfWS
	half := c.raw("tcp")
	_, _ = half.Write([]byte("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP "))
	silent["TCP with half a message"] = half
	body := c.raw("tcp")
	_, _ = body.Write([]byte(strings.Replace(fmt.Sprintf(options, c.Addr["tcp"], "TCP"), "Content-Length: 0", "Content-Length: 500", 1)))
	silent["TCP with half a body"] = body
	tlsConn, err := tls.Dial("tcp", c.Addr["tls"].String(), c.TLS())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tlsConn.Close() })
	_, _ = tlsConn.Write([]byte("REGISTER sip:x"))
	silent["TLS with half a message"] = tlsConn
	c.serves()
	end := time.Now().Add(2 * harness.Patience)
	for what, conn := range silent {
		closedWithin(t, what, conn, time.Until(end))
	}
	c.serves()
}

// 200 connections that do nothing cost little and hinder nobody.
func TestIdleConnections(t *testing.T) {
	c := newCrowd(t, nil)
	c.serves()
	before := heap()
	goroutines := runtime.NumGoroutine()
	var idle []net.Conn
	for range 200 {
		idle = append(idle, c.raw("tcp"))
	}
	deadline := time.Now().Add(harness.Patience)
	for c.S.Transport().Stats().Conns < 200 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := c.S.Transport().Stats().Conns; n < 200 {
		t.Errorf("%d connections", n)
	}
	c.serves()
	if grown := heap() - before; grown > 200*64<<10 {
		t.Errorf("%d KiB for each idle connection", grown/200>>10)
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	deadline = time.Now().Add(2 * harness.Patience)
	for runtime.NumGoroutine() > goroutines+2 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		t.Errorf("%d goroutines, %d before the connections", n, goroutines)
	}
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// There are never more connections than allowed; that of a registered phone stays,
// whoever else has to make room.
func TestConnectionLimit(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { cfg.Limits.Connections = 20 })
	old := r.Dial(t, "tcp")
	r.User("alice")
	old.Register("alice")
	for range 60 {
		c, err := net.Dial("tcp", r.Addr["tcp"].String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	last := r.Dial(t, "tcp") // taken after all of those
	_ = last.Probe(harness.Patience)
	harness.Wait(t, "no more than 20 connections", func() bool { return r.S.Transport().Stats().Conns <= 20 })
	old.Alive()
	r.Dial(t, "udp").Alive()
}

// What is too large is refused and not kept.
func TestOversizedMessages(t *testing.T) {
	c := newCrowd(t, nil)
	c.serves()
	before := heap()
	text := fmt.Sprintf(options, c.Addr["tcp"], "TCP")
	for what, b := range map[string]string{
		"a body of 10 MB announced and sent": strings.Replace(text, "Content-Length: 0", "Content-Length: 10000000", 1) + strings.Repeat("x", 10_000_000),
		"a body of 4 GB announced":           strings.Replace(text, "Content-Length: 0", "Content-Length: 4294967295", 1),
		"a head of 10 MB in one line":        strings.Replace(text, "Call-ID", "Subject: "+strings.Repeat("x", 10_000_000)+"\r\nCall-ID", 1),
		"a head without an end":              strings.Repeat("X-Header: y\r\n", 800_000),
		"a start line without an end":        strings.Repeat("INVITE", 1_000_000),
	} {
		conn := c.raw("tcp")
		go func() { _, _ = conn.Write([]byte(b)) }() // it may be cut off
		closedWithin(t, what, conn, 8*time.Second)
	}
	ws := c.Dial(t, "ws")
	_ = ws.Write([]byte(strings.Repeat("x", 200_000)))
	if _, err := ws.Next(8*time.Second, func(*sip.Message) bool { return false }); err != harness.ErrGone {
		t.Errorf("200,000 octets over WS: %v", err)
	}
	c.serves()
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	for _, n := range []int{60000, 65000} { // the largest there are
		w := c.Dial(t, "udp")
		head := fmt.Sprintf(strings.Replace(options, "Call-ID", "Subject: %[3]s\r\nCall-ID", 1), w.To, "UDP", strings.Repeat("x", n))
		_ = w.Write([]byte(head))
		w.Alive()
	}
}

// A reader that never reads is cut off, and holds nobody up.
func TestReaderThatDoesNotRead(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, nil)
	deaf := c.raw("tcp")
	_ = deaf.(*net.TCPConn).SetReadBuffer(4096)
	one := fmt.Sprintf(options, c.Addr["tcp"], "TCP")
	stop := time.Now().Add(3 * time.Second)
	_ = deaf.SetWriteDeadline(stop)
	sent := 0
	for time.Now().Before(stop) {
		if _, err := deaf.Write([]byte(strings.Repeat(one, 20))); err != nil {
			break
		}
		sent += 20
	}
	c.serves()
	t.Logf("%d requests before it was held up or cut off", sent)
}
