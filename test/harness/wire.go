package harness

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"tandem/rtc/sip"
)

// Wire is a user agent that says exactly what a test has it say.
type Wire struct {
	T     testing.TB
	Proto string // for Via: UDP, TCP, TLS, WS, WSS
	Local netip.AddrPort
	To    netip.AddrPort // the listener
	Write func([]byte) error
	In    chan []byte // closed when the connection has ended
	Half  func()      // TCP: ends our side
	Close func()

	Pass  string         // it proves who it is by, "" for the user's own
	From  string         // whom From names in what ask sends, "" for the user
	Aside []*sip.Message // read while waiting for something else

	came   map[[md5.Size]byte]bool // what was read over UDP
	Agrees atomic.Bool             // see agree
}

var serial atomic.Uint64

// Unique makes a token nobody else uses.
func Unique() string { return fmt.Sprintf("t%d", serial.Add(1)) }

// Dial opens a user agent towards a listener of the rig.
func (r *Rig) Dial(t testing.TB, listener string) *Wire {
	t.Helper()
	addr := r.Addr[listener]
	switch listener {
	case "udp", "trusted":
		return DialUDP(t, addr)
	case "tcp", "trusted-tcp":
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		return OverStream(t, "TCP", c, addr)
	case "tls":
		c, err := tls.Dial("tcp", addr.String(), r.TLS())
		if err != nil {
			t.Fatal(err)
		}
		return OverStream(t, "TLS", c, addr)
	}
	return r.dialWS(t, listener)
}

func DialUDP(t testing.TB, to netip.AddrPort) *Wire {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return OverUDP(t, c, to)
}

func OverUDP(t testing.TB, c *net.UDPConn, to netip.AddrPort) *Wire {
	_ = c.SetReadBuffer(4 << 20) // what the system grants will do
	w := &Wire{T: t, Proto: "UDP", Local: c.LocalAddr().(*net.UDPAddr).AddrPort(), To: to, In: make(chan []byte, 8192)}
	w.Write = func(b []byte) error { _, err := c.WriteToUDPAddrPort(b, w.To); return err }
	room := make([]byte, 65536)
	w.run(func() ([]byte, error) {
		n, _, err := c.ReadFromUDPAddrPort(room)
		return bytes.Clone(room[:n]), err
	}, func() { _ = c.Close() })
	return w
}

// OverStream frames messages by Content-Length.
func OverStream(t testing.TB, proto string, c net.Conn, to netip.AddrPort) *Wire {
	w := &Wire{T: t, Proto: proto, To: to, Local: c.LocalAddr().(*net.TCPAddr).AddrPort(), In: make(chan []byte, 8192)}
	w.Write = func(b []byte) error { _, err := c.Write(b); return err }
	if tcp, ok := c.(*net.TCPConn); ok {
		w.Half = func() { _ = tcp.CloseWrite() }
	}
	var buf []byte
	w.run(func() ([]byte, error) {
		for {
			for len(buf) >= 2 && buf[0] == '\r' && buf[1] == '\n' {
				buf = buf[2:]
			}
			var f sip.Framer
			n, err := f.Frame(buf, 1<<20)
			if err != nil {
				return nil, err
			}
			if n > 0 {
				msg := append([]byte(nil), buf[:n]...)
				buf = buf[n:]
				return msg, nil
			}
			chunk := make([]byte, 32<<10)
			n, rerr := c.Read(chunk)
			if n == 0 && rerr != nil {
				return nil, rerr
			}
			buf = append(buf, chunk[:n]...)
		}
	}, func() { _ = c.Close() })
	return w
}

func (r *Rig) dialWS(t testing.TB, listener string) *Wire {
	t.Helper()
	scheme, tp := "ws://", &http.Transport{}
	if listener == "wss" {
		scheme, tp.TLSClientConfig = "wss://", r.TLS()
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, scheme+r.Addr[listener].String(), &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: tp}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	w := &Wire{T: t, Proto: strings.ToUpper(listener), To: r.Addr[listener], Local: netip.MustParseAddrPort("127.0.0.1:5060"), In: make(chan []byte, 8192)}
	w.Write = func(b []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		return c.Write(ctx, websocket.MessageText, b)
	}
	w.run(func() ([]byte, error) {
		_, b, err := c.Read(context.Background())
		return b, err
	}, func() { _ = c.CloseNow(); tp.CloseIdleConnections() })
	return w
}

// run reads until the connection ends, and closes it with the test.
func (w *Wire) run(read func() ([]byte, error), shut func()) {
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.In)
		for {
			b, err := read()
			if errors.Is(err, net.ErrClosed) || err != nil && w.Proto != "UDP" {
				return
			}
			if err != nil {
				continue // an ICMP error of an earlier datagram
			}
			if m := new(sip.Message); w.Agrees.Load() && m.Parse(b) == nil && w.Agreed(m) {
				continue
			}
			select {
			case w.In <- b:
			case <-stop:
				return
			}
		}
	}()
	w.Close = sync.OnceFunc(func() { close(stop); shut(); <-done })
	w.T.Cleanup(w.Close)
}

// Send sends lines as they are, each ended by CRLF, or a text with CRLF in it.
func (w *Wire) Send(text string) {
	w.T.Helper()
	if !strings.Contains(text, "\r\n") {
		text = CRLF(text)
	}
	if err := w.Write([]byte(text)); err != nil {
		w.T.Fatalf("sending: %v", err)
	}
}

// CRLF ends every line of a text with CRLF and the head with an empty line.
func CRLF(text string) string {
	text = strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\r\n")
	if !strings.Contains(text, "\r\n\r\n") {
		text = strings.TrimSuffix(text, "\r\n") + "\r\n\r\n"
	}
	return text
}

// ErrQuiet is nothing heard in time, errGone the end of the connection.
var (
	ErrQuiet = errors.New("nothing came")
	ErrGone  = errors.New("the connection has ended")
)

// Next returns the next message that fits; others wait for their turn. What a peer sends
// again over UDP, since the test was slow to answer, comes once.
func (w *Wire) Next(limit time.Duration, fits func(*sip.Message) bool) (*sip.Message, error) {
	for i, m := range w.Aside {
		if fits(m) {
			w.Aside = append(w.Aside[:i:i], w.Aside[i+1:]...)
			return m, nil
		}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		b, err := w.read(timer.C)
		if err != nil {
			return nil, err
		}
		m := new(sip.Message)
		if err := m.Parse(b); err != nil {
			if !bytes.HasPrefix(b, []byte("SIP/2.0 400 ")) { // that holds what was wrong with the request
				w.T.Errorf("the server sent what cannot be read: %v\n%q", err, b)
			}
			continue
		}
		if w.repeated(b) || w.Agreed(m) {
			continue
		}
		if fits(m) {
			return m, nil
		}
		if len(w.Aside) < 10000 {
			w.Aside = append(w.Aside, m)
		}
	}
}

// read takes what has come, or comes before the time is over.
func (w *Wire) read(over <-chan time.Time) (b []byte, err error) {
	ok := true
	select {
	case b, ok = <-w.In:
	default:
		select {
		case b, ok = <-w.In:
		case <-over:
			return nil, ErrQuiet
		}
	}
	if !ok {
		return nil, ErrGone
	}
	return b, nil
}

// repeated reports whether the same octets have been read before (RFC 3261 §17).
func (w *Wire) repeated(b []byte) bool {
	if w.Proto != "UDP" {
		return false
	}
	if w.came == nil {
		w.came = make(map[[md5.Size]byte]bool)
	}
	sum := md5.Sum(b)
	if w.came[sum] {
		return true
	}
	w.came[sum] = true
	return false
}

// Lost has a message not have come: its repetition counts.
func (w *Wire) Lost(m *sip.Message) { delete(w.came, md5.Sum(m.Bytes())) }

// Patience is how long a test waits for what should come: long enough for a machine that
// stands still for a while, and less than the 32 s after which a transaction ends.
const Patience = 25 * time.Second

// Request waits for a request of a method.
func (w *Wire) Request(method string) *sip.Message {
	w.T.Helper()
	m, err := w.Next(Patience, func(m *sip.Message) bool { return m.IsRequest() && string(m.MethodName()) == method })
	if err != nil {
		w.T.Fatalf("waiting for %s: %v", method, err)
	}
	return m
}

// Final waits for the final response to what was sent with a Call-ID.
func (w *Wire) Final(callID, method string) *sip.Message {
	w.T.Helper()
	m, err := w.Next(Patience, func(m *sip.Message) bool {
		return !m.IsRequest() && m.StatusCode() >= 200 && string(m.CallID()) == callID && string(m.CSeqMethod()) == method
	})
	if err != nil {
		w.T.Fatalf("waiting for the answer to %s %s: %v", method, callID, err)
	}
	return m
}

// Status waits for a response with a status.
func (w *Wire) Status(code int, callID string) *sip.Message {
	w.T.Helper()
	m, err := w.Next(Patience, func(m *sip.Message) bool { return m.StatusCode() == code && string(m.CallID()) == callID })
	if err != nil {
		w.T.Fatalf("waiting for %d: %v", code, err)
	}
	return m
}

// Via is a Via of this agent with a branch of its own.
func (w *Wire) Via() string {
	return fmt.Sprintf("SIP/2.0/%s %s;rport;branch=z9hG4bK%s", w.Proto, w.Local, Unique())
}

// Contact is where this agent can be reached.
func (w *Wire) Contact(user string) string {
	switch w.Proto {
	case "UDP":
		return fmt.Sprintf("<sip:%s@%s>", user, w.Local)
	}
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", user, w.Local, strings.ToLower(w.Proto))
}

// Alive wants an OPTIONS to the server to be answered.
func (w *Wire) Alive() {
	w.T.Helper()
	if err := w.Probe(Patience); err != nil {
		w.T.Fatalf("the server does not answer OPTIONS: %v", err)
	}
}

// Probe sends an OPTIONS, over UDP again until it is answered.
func (w *Wire) Probe(limit time.Duration) error {
	id := Unique()
	text := CRLF(fmt.Sprintf("OPTIONS sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:prober@elsewhere.test>;tag=%s\nTo: <sip:%s>\nCall-ID: %s\nCSeq: 1 OPTIONS\nContent-Length: 0\n",
		w.To, w.Via(), Unique(), w.To, id))
	answer := func(m *sip.Message) bool { return !m.IsRequest() && string(m.CallID()) == id }
	for end := time.Now().Add(limit); ; {
		if err := w.Write([]byte(text)); err != nil {
			return err
		}
		again := max(0, time.Until(end))
		if w.Proto == "UDP" {
			again = min(again, 500*time.Millisecond)
		}
		if _, err := w.Next(again, answer); err != ErrQuiet || time.Now().After(end) {
			return err
		}
	}
}

// Reply answers a request; lines are further header lines, body may be "".
func (w *Wire) Reply(m *sip.Message, code int, tag, lines, body string) {
	w.T.Helper()
	header := lines
	if header != "" {
		header = strings.ReplaceAll(strings.TrimSpace(header), "\n", "\r\n") + "\r\n"
	}
	b := sip.AppendResponse(nil, m, sip.Response{Code: code, ToTag: tag, Header: []byte(header), Body: []byte(body)})
	if err := w.Write(b); err != nil {
		w.T.Fatalf("answering: %v", err)
	}
}
