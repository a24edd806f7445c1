package test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"tandem/rtc/sip"
)

// wire is a user agent that says exactly what a test has it say.
type wire struct {
	t     testing.TB
	proto string // for Via: UDP, TCP, TLS, WS, WSS
	local netip.AddrPort
	to    netip.AddrPort // the listener
	write func([]byte) error
	in    chan []byte // closed when the connection has ended
	half  func()      // TCP: ends our side
	close func()

	pass  string         // it registers with, "" for the user's own
	from  string         // whom From names in what ask sends, "" for the user
	aside []*sip.Message // read while waiting for something else

	came   map[[md5.Size]byte]bool // what was read over UDP
	agrees atomic.Bool             // see agree
}

var serial atomic.Uint64

// unique makes a token nobody else uses.
func unique() string { return fmt.Sprintf("t%d", serial.Add(1)) }

// dial opens a user agent towards a listener of the rig.
func (r *rig) dial(t testing.TB, listener string) *wire {
	t.Helper()
	addr := r.addr[listener]
	switch listener {
	case "udp", "trusted":
		return dialUDP(t, addr)
	case "tcp", "trusted-tcp":
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		return overStream(t, "TCP", c, addr)
	case "tls":
		c, err := tls.Dial("tcp", addr.String(), r.tls())
		if err != nil {
			t.Fatal(err)
		}
		return overStream(t, "TLS", c, addr)
	}
	return r.dialWS(t, listener)
}

func dialUDP(t testing.TB, to netip.AddrPort) *wire {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return overUDP(t, c, to)
}

func overUDP(t testing.TB, c *net.UDPConn, to netip.AddrPort) *wire {
	_ = c.SetReadBuffer(4 << 20) // what the system grants will do
	w := &wire{t: t, proto: "UDP", local: c.LocalAddr().(*net.UDPAddr).AddrPort(), to: to, in: make(chan []byte, 8192)}
	w.write = func(b []byte) error { _, err := c.WriteToUDPAddrPort(b, w.to); return err }
	room := make([]byte, 65536)
	w.run(func() ([]byte, error) {
		n, _, err := c.ReadFromUDPAddrPort(room)
		return bytes.Clone(room[:n]), err
	}, func() { _ = c.Close() })
	return w
}

// overStream frames messages by Content-Length.
func overStream(t testing.TB, proto string, c net.Conn, to netip.AddrPort) *wire {
	w := &wire{t: t, proto: proto, to: to, local: c.LocalAddr().(*net.TCPAddr).AddrPort(), in: make(chan []byte, 8192)}
	w.write = func(b []byte) error { _, err := c.Write(b); return err }
	if tcp, ok := c.(*net.TCPConn); ok {
		w.half = func() { _ = tcp.CloseWrite() }
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

func (r *rig) dialWS(t testing.TB, listener string) *wire {
	t.Helper()
	scheme, tp := "ws://", &http.Transport{}
	if listener == "wss" {
		scheme, tp.TLSClientConfig = "wss://", r.tls()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, scheme+r.addr[listener].String(), &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: tp}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	w := &wire{t: t, proto: strings.ToUpper(listener), to: r.addr[listener], local: netip.MustParseAddrPort("127.0.0.1:5060"), in: make(chan []byte, 8192)}
	w.write = func(b []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
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
func (w *wire) run(read func() ([]byte, error), shut func()) {
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		defer close(w.in)
		for {
			b, err := read()
			if errors.Is(err, net.ErrClosed) || err != nil && w.proto != "UDP" {
				return
			}
			if err != nil {
				continue // an ICMP error of an earlier datagram
			}
			if m := new(sip.Message); w.agrees.Load() && m.Parse(b) == nil && w.agreed(m) {
				continue
			}
			select {
			case w.in <- b:
			case <-stop:
				return
			}
		}
	}()
	w.close = sync.OnceFunc(func() { close(stop); shut(); <-done })
	w.t.Cleanup(w.close)
}

// send sends lines as they are, each ended by CRLF, or a text with CRLF in it.
func (w *wire) send(text string) {
	w.t.Helper()
	if !strings.Contains(text, "\r\n") {
		text = crlf(text)
	}
	if err := w.write([]byte(text)); err != nil {
		w.t.Fatalf("sending: %v", err)
	}
}

// crlf ends every line of a text with CRLF and the head with an empty line.
func crlf(text string) string {
	text = strings.ReplaceAll(strings.TrimLeft(text, "\n"), "\n", "\r\n")
	if !strings.Contains(text, "\r\n\r\n") {
		text = strings.TrimSuffix(text, "\r\n") + "\r\n\r\n"
	}
	return text
}

// errQuiet is nothing heard in time, errGone the end of the connection.
var (
	errQuiet = errors.New("nothing came")
	errGone  = errors.New("the connection has ended")
)

// next returns the next message that fits; others wait for their turn. What a peer sends
// again over UDP, since the test was slow to answer, comes once.
func (w *wire) next(limit time.Duration, fits func(*sip.Message) bool) (*sip.Message, error) {
	for i, m := range w.aside {
		if fits(m) {
			w.aside = append(w.aside[:i:i], w.aside[i+1:]...)
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
				w.t.Errorf("the server sent what cannot be read: %v\n%q", err, b)
			}
			continue
		}
		if w.repeated(b) || w.agreed(m) {
			continue
		}
		if fits(m) {
			return m, nil
		}
		if len(w.aside) < 10000 {
			w.aside = append(w.aside, m)
		}
	}
}

// read takes what has come, or comes before the time is over.
func (w *wire) read(over <-chan time.Time) (b []byte, err error) {
	ok := true
	select {
	case b, ok = <-w.in:
	default:
		select {
		case b, ok = <-w.in:
		case <-over:
			return nil, errQuiet
		}
	}
	if !ok {
		return nil, errGone
	}
	return b, nil
}

// repeated reports whether the same octets have been read before (RFC 3261 §17).
func (w *wire) repeated(b []byte) bool {
	if w.proto != "UDP" {
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

// lost has a message not have come: its repetition counts.
func (w *wire) lost(m *sip.Message) { delete(w.came, md5.Sum(m.Bytes())) }

// patience is how long a test waits for what should come: long enough for a machine that
// stands still for a while, and less than the 32 s after which a transaction ends.
const patience = 25 * time.Second

// request waits for a request of a method.
func (w *wire) request(method string) *sip.Message {
	w.t.Helper()
	m, err := w.next(patience, func(m *sip.Message) bool { return m.IsRequest() && string(m.MethodName()) == method })
	if err != nil {
		w.t.Fatalf("waiting for %s: %v", method, err)
	}
	return m
}

// final waits for the final response to what was sent with a Call-ID.
func (w *wire) final(callID, method string) *sip.Message {
	w.t.Helper()
	m, err := w.next(patience, func(m *sip.Message) bool {
		return !m.IsRequest() && m.StatusCode() >= 200 && string(m.CallID()) == callID && string(m.CSeqMethod()) == method
	})
	if err != nil {
		w.t.Fatalf("waiting for the answer to %s %s: %v", method, callID, err)
	}
	return m
}

// status waits for a response with a status.
func (w *wire) status(code int, callID string) *sip.Message {
	w.t.Helper()
	m, err := w.next(patience, func(m *sip.Message) bool { return m.StatusCode() == code && string(m.CallID()) == callID })
	if err != nil {
		w.t.Fatalf("waiting for %d: %v", code, err)
	}
	return m
}

// via is a Via of this agent with a branch of its own.
func (w *wire) via() string {
	return fmt.Sprintf("SIP/2.0/%s %s;rport;branch=z9hG4bK%s", w.proto, w.local, unique())
}

// contact is where this agent can be reached.
func (w *wire) contact(user string) string {
	switch w.proto {
	case "UDP":
		return fmt.Sprintf("<sip:%s@%s>", user, w.local)
	}
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", user, w.local, strings.ToLower(w.proto))
}

// alive wants an OPTIONS to the server to be answered.
func (w *wire) alive() {
	w.t.Helper()
	if err := w.probe(patience); err != nil {
		w.t.Fatalf("the server does not answer OPTIONS: %v", err)
	}
}

// probe sends an OPTIONS, over UDP again until it is answered.
func (w *wire) probe(limit time.Duration) error {
	id := unique()
	text := crlf(fmt.Sprintf("OPTIONS sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:prober@elsewhere.test>;tag=%s\nTo: <sip:%s>\nCall-ID: %s\nCSeq: 1 OPTIONS\nContent-Length: 0\n",
		w.to, w.via(), unique(), w.to, id))
	answer := func(m *sip.Message) bool { return !m.IsRequest() && string(m.CallID()) == id }
	for end := time.Now().Add(limit); ; {
		if err := w.write([]byte(text)); err != nil {
			return err
		}
		again := max(0, time.Until(end))
		if w.proto == "UDP" {
			again = min(again, 500*time.Millisecond)
		}
		if _, err := w.next(again, answer); err != errQuiet || time.Now().After(end) {
			return err
		}
	}
}

// reply answers a request; lines are further header lines, body may be "".
func (w *wire) reply(m *sip.Message, code int, tag, lines, body string) {
	w.t.Helper()
	header := lines
	if header != "" {
		header = strings.ReplaceAll(strings.TrimSpace(header), "\n", "\r\n") + "\r\n"
	}
	b := sip.AppendResponse(nil, m, sip.Response{Code: code, ToTag: tag, Header: []byte(header), Body: []byte(body)})
	if err := w.write(b); err != nil {
		w.t.Fatalf("answering: %v", err)
	}
}

var challengeParam = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// credentials answers the MD5 challenge of a 401 or 407 the way RFC 2069 had it
// when qop is "", else with qop=auth.
func credentials(m *sip.Message, user, pass, method, uri, qop string) (line string, err error) {
	id, name := sip.HdrWWWAuthenticate, "Authorization"
	if m.StatusCode() == 407 {
		id, name = sip.HdrProxyAuthenticate, "Proxy-Authorization"
	}
	for i := range m.Len() {
		h := m.At(i)
		if h.ID != id {
			continue
		}
		p := map[string]string{}
		for _, kv := range challengeParam.FindAllStringSubmatch(string(h.Value), -1) {
			p[strings.ToLower(kv[1])] = kv[2]
		}
		if alg := p["algorithm"]; alg != "" && alg != "MD5" {
			continue
		}
		sum := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
		ha1, ha2 := sum(user+":"+p["realm"]+":"+pass), sum(method+":"+uri)
		line = fmt.Sprintf(`%s: Digest username="%s",realm="%s",nonce="%s",uri="%s"`, name, user, p["realm"], p["nonce"], uri)
		if qop == "" {
			return line + fmt.Sprintf(`,response="%s"`, sum(ha1+":"+p["nonce"]+":"+ha2)), nil
		}
		return line + fmt.Sprintf(`,response="%s",qop=auth,nc=00000001,cnonce="0a4f113b",algorithm=MD5`,
			sum(ha1+":"+p["nonce"]+":00000001:0a4f113b:auth:"+ha2)), nil
	}
	return "", fmt.Errorf("no MD5 challenge in\n%s", m.Bytes())
}

// register registers a user from this agent and returns the 200.
func (w *wire) register(user string, lines ...string) *sip.Message {
	w.t.Helper()
	m := w.tryRegister(user, lines...)
	if m.StatusCode() != 200 {
		w.t.Fatalf("REGISTER of %s was answered\n%s", user, m.Bytes())
	}
	return m
}

func (w *wire) tryRegister(user string, lines ...string) *sip.Message {
	w.t.Helper()
	id, tag := unique(), unique()
	contact := "Contact: " + w.contact(user)
	for _, l := range lines {
		if strings.HasPrefix(l, "Contact:") {
			contact = ""
		}
	}
	if contact != "" {
		lines = append(lines, contact)
	}
	ask := func(n int, extra ...string) *sip.Message {
		w.send(crlf(fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=%s\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: %d REGISTER\n%s\nContent-Length: 0\n",
			domain, w.via(), user, domain, tag, user, domain, id, n, strings.Join(append(lines, extra...), "\n"))))
		return w.final(id, "REGISTER")
	}
	m := ask(1)
	if m.StatusCode() != 401 {
		return m
	}
	line, err := credentials(m, user, cmp.Or(w.pass, password), "REGISTER", "sip:"+domain, "auth")
	if err != nil {
		w.t.Fatal(err)
	}
	return ask(2, line)
}

// ask sends a request of a registered user, with credentials when it is asked for
// them, and returns its Call-ID. Answers are the caller's matter.
func (w *wire) ask(method, user, uri string, lines, body string) (callID string) {
	w.t.Helper()
	id, tag := unique(), unique()
	from := cmp.Or(w.from, "sip:"+user+"@"+domain)
	text := func(n int, extra string) string {
		head := fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <%s>;tag=%s\nTo: <%s>\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n",
			method, uri, w.via(), from, tag, uri, id, n, method, w.contact(user))
		for _, l := range []string{lines, extra} {
			if l = strings.TrimSpace(l); l != "" {
				head += l + "\n"
			}
		}
		head += fmt.Sprintf("Content-Length: %d\n\n", len(body))
		return strings.ReplaceAll(head, "\n", "\r\n") + body
	}
	w.send(text(1, ""))
	m, err := w.next(patience, func(m *sip.Message) bool { return !m.IsRequest() && string(m.CallID()) == id && m.StatusCode() > 100 })
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	if m.StatusCode() != 407 && m.StatusCode() != 401 {
		w.aside = append(w.aside, m)
		return id
	}
	if method == "INVITE" {
		w.ack(m, uri)
	}
	line, err := credentials(m, user, password, method, uri, "auth")
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(text(2, line))
	return id
}

// ack acknowledges an INVITE's final response: of a failure on its own branch,
// of a 2xx along its route set to the Contact.
func (w *wire) ack(m *sip.Message, uri string) {
	w.t.Helper()
	cseq, _ := m.CSeq()
	var routes string
	via := string(sip.FirstElement(m.Get(sip.HdrVia)))
	if m.StatusCode() < 300 {
		routes, via = routeSet(m), w.via()
		if a, ok := m.FirstAddr(sip.HdrContact); ok {
			uri = string(a.URI)
		}
	}
	w.send(crlf(fmt.Sprintf("ACK %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d ACK\n%sContent-Length: 0\n",
		uri, via, m.Get(sip.HdrFrom), m.Get(sip.HdrTo), m.CallID(), cseq, routes)))
}

// routeSet is the Route lines of a caller by a response.
func routeSet(m *sip.Message) string {
	var list []string
	for v := range m.Values(sip.HdrRecordRoute) {
		list = append(list, "Route: "+string(v)+"\n")
	}
	var s string
	for i := len(list) - 1; i >= 0; i-- {
		s += list[i]
	}
	return s
}
