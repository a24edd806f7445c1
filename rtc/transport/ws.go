package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"tandem/rtc/sip"
)

// subprotocol names SIP in the WebSocket handshake (RFC 7118 §4.1).
const subprotocol = "sip"

// maxUpgrade is the length limit of the HTTP request that opens a WebSocket, in octets.
const maxUpgrade = 16 << 10

// originRule is the value of Listen.Origins.
type originRule []string

// allows reports whether a page with the request's Origin may connect, and whether the
// rule names it. Programs other than browsers send no Origin and count as named.
func (o originRule) allows(r *http.Request) (ok, named bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true, true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false, false
	}
	for _, host := range o {
		if strings.EqualFold(host, u.Host) || strings.EqualFold(host, u.Hostname()) {
			return true, true
		}
		ok = ok || host == "*"
	}
	return ok || strings.EqualFold(u.Host, r.Host), false
}

// offersSIP reports whether the client speaks SIP over this WebSocket.
func offersSIP(r *http.Request) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(p), subprotocol) {
				return true
			}
		}
	}
	return false
}

// upgrade reads the HTTP request of an accepted connection and turns it into a
// WebSocket. The path is ignored.
func (c *conn) upgrade() error {
	var nc net.Conn = c.link
	if c.tls != nil {
		nc = c.tls
	}
	br := bufio.NewReader(io.LimitReader(nc, maxUpgrade))
	w := &upgrader{nc: nc, rw: bufio.NewReadWriter(br, bufio.NewWriter(nc)), header: http.Header{}}
	r, err := http.ReadRequest(br)
	if err != nil {
		http.Error(w, "this port speaks SIP over WebSocket", http.StatusBadRequest)
		w.rw.Flush()
		return fmt.Errorf("reading the WebSocket request: %w", err)
	}
	err = c.acceptWebSocket(w, r)
	if err != nil {
		w.rw.Flush() // sends the refusal
	}
	return err
}

func (c *conn) acceptWebSocket(w http.ResponseWriter, r *http.Request) error {
	if !offersSIP(r) {
		http.Error(w, `the subprotocol "sip" is required`, http.StatusBadRequest)
		return errors.New("the WebSocket client does not offer the subprotocol sip")
	}
	ok, named := c.l.origin.allows(r)
	if !ok {
		http.Error(w, "this Origin may not connect", http.StatusForbidden)
		return fmt.Errorf("the Origin %q is not allowed", r.Header.Get("Origin"))
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // the Origin was checked above
		OnPingReceived: func(context.Context, []byte) bool {
			c.t.count[c.proto].keepAlives.Add(1)
			if !c.part { // otherwise the time runs from the message's first octet
				c.link.arm(c.t.cfg.IdleTimeout, true)
			}
			return true
		},
	})
	if err != nil {
		return err
	}
	c.page = !named
	ws.SetReadLimit(int64(c.t.cfg.MaxMessage))
	c.ws = ws
	return nil
}

// upgrader is the http.ResponseWriter of a connection without an http.Server.
type upgrader struct {
	nc     net.Conn
	rw     *bufio.ReadWriter
	header http.Header
	wrote  bool
}

func (w *upgrader) Header() http.Header { return w.header }

func (w *upgrader) WriteHeader(code int) {
	if w.wrote {
		return
	}
	w.wrote = true
	if code != http.StatusSwitchingProtocols {
		w.header.Set("Connection", "close")
	}
	fmt.Fprintf(w.rw, "HTTP/1.1 %d %s\r\n", code, http.StatusText(code))
	_ = w.header.Write(w.rw) // only into a buffer: Flush reports errors
	_, _ = w.rw.WriteString("\r\n")
}

func (w *upgrader) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.rw.Write(b)
}

// Hijack implements http.Hijacker.
func (w *upgrader) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.nc, w.rw, w.rw.Flush() }

// readFrames reads one SIP message per frame (RFC 7118 §5.2) until the end.
func (c *conn) readFrames() {
	defer c.ws.CloseNow()
	out := batch{t: c.t}
	buf := bytes.NewBuffer(make([]byte, 0, readBuffer))
	for {
		c.link.arm(c.t.cfg.IdleTimeout, true)
		_, r, err := c.ws.Reader(context.Background())
		if err == nil {
			c.part = true
			c.link.arm(c.t.cfg.HeaderTimeout, false)
			buf.Reset()
			_, err = buf.ReadFrom(r)
			c.part = false
		}
		if err != nil {
			c.link.settle() // sends the close frame
			c.close(closedBecause(err))
			return
		}
		c.frame(&out, buf.Bytes())
		out.flush()
		if buf.Cap() > 4*readBuffer {
			buf = bytes.NewBuffer(make([]byte, 0, readBuffer))
		}
	}
}

// frame handles one frame: a message or a keep-alive.
func (c *conn) frame(out *batch, b []byte) {
	if len(bytes.Trim(b, "\r\n")) == 0 {
		c.t.count[c.proto].keepAlives.Add(1)
		if bytes.Equal(b, ping) && c.send(pong, nil) { // RFC 5626 §4.4.1; some libraries use it over WebSocket, too
			out.dirty = append(out.dirty, c)
		}
		return
	}
	out.now = time.Now()
	m := messages.Get().(*sip.Message)
	c.t.deliver(out, &c.t.count[c.proto], c.flow(), m, b, nil)
	messages.Put(m)
}
