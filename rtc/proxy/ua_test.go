package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// ua is a user agent of bytes.
type ua struct {
	r     *rig
	name  string
	proto string
	addr  netip.AddrPort // of its socket
	write func(b []byte)
	in    chan string
	seen  map[string]bool
	cseq  int
}

func (r *rig) udpUA(name string) *ua {
	r.t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	u := &ua{r: r, name: name, proto: "UDP", addr: c.LocalAddr().(*net.UDPAddr).AddrPort(), in: make(chan string, 1000), seen: map[string]bool{}}
	u.write = func(b []byte) {
		if _, err := c.WriteToUDPAddrPort(b, r.udp); err != nil {
			r.t.Error(err)
		}
	}
	go func() {
		buf := make([]byte, 65536)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			select {
			case u.in <- string(buf[:n]):
			default: // nobody reads what is repeated again and again
			}
		}
	}()
	return u
}

// tcpUA connects to the proxy; close ends the connection.
func (r *rig) tcpUA(name string) (u *ua, closeConn func()) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	u = &ua{r: r, name: name, proto: "TCP", addr: c.LocalAddr().(*net.TCPAddr).AddrPort(), in: make(chan string, 1000), seen: map[string]bool{}}
	u.write = func(b []byte) {
		if _, err := c.Write(b); err != nil {
			r.t.Error(err)
		}
	}
	go readFrames(c, u.in)
	u.ask(req{method: "OPTIONS", uri: "sip:example.com"}) // now the proxy knows the connection
	u.want(200)
	return u, func() { _ = c.Close() }
}

// browser is a user agent over WebSocket (RFC 7118).
func (r *rig) browser(name string) *ua {
	r.t.Helper()
	c, _, err := websocket.Dial(context.Background(), "ws://"+r.tr.Listeners()[2].Addr().String(), &websocket.DialOptions{Subprotocols: []string{"sip"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.CloseNow() })
	u := &ua{r: r, name: name, proto: "WS", in: make(chan string, 1000), seen: map[string]bool{}}
	u.write = func(b []byte) {
		if err := c.Write(context.Background(), websocket.MessageText, b); err != nil {
			r.t.Error(err)
		}
	}
	go func() {
		for {
			_, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			u.in <- string(b)
		}
	}()
	return u
}

// readFrames cuts a stream into messages.
func readFrames(c net.Conn, in chan<- string) {
	rd := bufio.NewReader(c)
	for {
		var b strings.Builder
		length := 0
		for {
			line, err := rd.ReadString('\n')
			if err != nil {
				return
			}
			b.WriteString(line)
			if v, ok := strings.CutPrefix(line, "Content-Length:"); ok {
				length, _ = strconv.Atoi(strings.TrimSpace(v))
			}
			if line == "\r\n" {
				break
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(rd, body); err != nil {
			return
		}
		in <- b.String() + string(body)
	}
}

// send writes a message; "\n" ends a line.
func (u *ua) send(s string) {
	u.write([]byte(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")))
}

var errQuiet = errors.New("nothing came")

// next is the next message that is no copy of an earlier one.
func (u *ua) next(wait time.Duration) (*sip.Message, error) {
	for deadline := time.After(wait); ; {
		select {
		case s := <-u.in:
			if u.seen[s] || strings.TrimSpace(s) == "" {
				continue
			}
			u.seen[s] = true
			m := new(sip.Message)
			if err := m.Parse([]byte(s)); err != nil {
				return nil, fmt.Errorf("%s got something bad: %w\n%s", u.name, err, s)
			}
			return m, nil
		case <-deadline:
			return nil, errQuiet
		}
	}
}

// want reads on until a request of that method or a response of that code
// comes; only 100 may stand before it.
func (u *ua) want(what any) *sip.Message {
	u.r.t.Helper()
	for {
		m, err := u.next(30 * time.Second)
		if err != nil {
			u.r.t.Fatalf("%s waits for %v: %v", u.name, what, err)
		}
		if kind(m) == fmt.Sprint(what) {
			return m
		}
		if m.StatusCode() != 100 {
			u.r.t.Fatalf("%s waits for %v but got\n%s", u.name, what, m.Bytes())
		}
	}
}

func kind(m *sip.Message) string {
	if m.IsRequest() {
		return string(m.MethodName())
	}
	return strconv.Itoa(m.StatusCode())
}

// quiet fails when anything but a 100 comes.
func (u *ua) quiet(d time.Duration) {
	u.r.t.Helper()
	for end := time.Now().Add(d); ; {
		m, err := u.next(time.Until(end))
		switch {
		case err == errQuiet:
			return
		case err != nil:
			u.r.t.Fatal(err)
		case m.StatusCode() != 100:
			u.r.t.Fatalf("%s should hear nothing but got\n%s", u.name, m.Bytes())
		}
	}
}

var ids atomic.Uint64

// req describes a request of a user agent; zero fields take what is usual.
type req struct {
	method, uri string
	is          string // X-Is
	id          string // Call-ID
	toTag       string
	cseq        int
	contact     string
	forwards    string // "-" for none
	route       []string
	extra       string // lines
	via         string // whole value
	body        string
}

// text is the request as bytes on the wire.
func (u *ua) text(q req) string {
	n := ids.Add(1)
	if q.id == "" {
		q.id = fmt.Sprintf("call-%d", n)
	}
	if q.cseq == 0 {
		u.cseq++
		q.cseq = u.cseq
	}
	var b strings.Builder
	line := func(format string, v ...any) { fmt.Fprintf(&b, format+"\r\n", v...) }
	line("%s %s SIP/2.0", q.method, q.uri)
	if q.via == "" {
		q.via = fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bKua%d", u.proto, u.addr, n)
	}
	line("Via: %s", q.via)
	if q.forwards == "" {
		q.forwards = "70"
	}
	if q.forwards != "-" {
		line("Max-Forwards: %s", q.forwards)
	}
	for _, v := range q.route {
		line("Route: %s", v)
	}
	line("From: <sip:%s@example.com>;tag=%s", u.name, u.name)
	if q.toTag != "" {
		q.toTag = ";tag=" + q.toTag
	}
	line("To: <sip:somebody@example.com>%s", q.toTag)
	line("Call-ID: %s", q.id)
	line("CSeq: %d %s", q.cseq, q.method)
	if q.contact == "" {
		q.contact = u.contact()
	}
	line("Contact: %s", q.contact)
	if q.is != "" {
		line("X-Is: %s", q.is)
	}
	b.WriteString(strings.ReplaceAll(q.extra, "\n", "\r\n"))
	line("Content-Length: %d", len(q.body))
	line("")
	return b.String() + q.body
}

func (u *ua) contact() string {
	s := fmt.Sprintf("<sip:%s@%s", u.name, u.addr)
	if u.proto == "TCP" {
		s += ";transport=tcp"
	}
	return s + ">"
}

func (u *ua) ask(q req) string {
	s := u.text(q)
	u.send(s)
	return s
}

// reply answers a request.
func (u *ua) reply(m *sip.Message, code int, lines string) {
	r := sip.Response{Code: code, Header: []byte(strings.ReplaceAll(lines, "\n", "\r\n"))}
	if code > 100 {
		r.ToTag = u.name
	}
	u.write(sip.AppendResponse(nil, m, r))
}

// accept answers 200 with a Contact.
func (u *ua) accept(m *sip.Message) { u.reply(m, 200, "Contact: "+u.contact()+"\n") }

// ackFor is the ACK to a refusal, by the rules of RFC 3261 §17.1.1.3.
func (u *ua) ackFor(invite string, resp *sip.Message) {
	lines := strings.Split(invite, "\r\n")
	first := strings.Replace(lines[0], "INVITE", "ACK", 1)
	via := lines[1]
	u.send(fmt.Sprintf("%s\n%s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %s ACK\nContent-Length: 0\n\n",
		first, via, resp.Get(sip.HdrFrom), resp.Get(sip.HdrTo), resp.CallID(), strings.Fields(string(resp.Get(sip.HdrCSeq)))[0]))
}

// cancelOf is the CANCEL of an INVITE.
func cancelOf(invite, extra string) string {
	var out []string
	for i, l := range strings.Split(strings.TrimSuffix(invite, "\r\n\r\n"), "\r\n") {
		switch {
		case i == 0, strings.HasPrefix(l, "CSeq:"):
			out = append(out, strings.Replace(l, "INVITE", "CANCEL", 1))
		case strings.HasPrefix(l, "Contact:"), strings.HasPrefix(l, "X-Is:"):
		case strings.HasPrefix(l, "Content-Length:"):
			if extra != "" {
				out = append(out, extra)
			}
			out = append(out, l)
		default:
			out = append(out, l)
		}
	}
	return strings.Join(out, "\r\n") + "\r\n\r\n"
}

// binding is what the user agent would register; the flow is the proxy's way to it.
func (r *rig) binding(u *ua, contact string) location.Binding {
	r.t.Helper()
	if contact == "" {
		contact = strings.Trim(u.contact(), "<>")
	}
	proto, _ := transport.ParseProto([]byte(u.proto))
	flow, err := r.tr.Flow(transport.Target{Proto: proto, Addr: u.addr})
	if err != nil {
		r.t.Fatal(err)
	}
	return location.Binding{Contact: "<" + contact + ">", URI: contact, Q: 1000, Flow: flow,
		Expires: time.Now().Add(time.Hour)}
}

func routeValues(m *sip.Message, id sip.HeaderID) []string {
	var out []string
	for v := range m.Values(id) {
		out = append(out, string(v))
	}
	return out
}

func reversed(list []string) []string {
	out := make([]string, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}

// shortly is long enough for a message over loopback to have come.
const shortly = 150 * time.Millisecond
