package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// conn is a stream connection, accepted or opened by us.
type conn struct {
	t          *Transport
	l          *Listener // that accepted it, or whose address it advertises if we opened it
	proto      Proto
	id         uint64
	remote     netip.AddrPort
	opened     bool   // by us
	serverName string // the verified name, for TLS connections we opened
	exempt     bool   // from the limit per address
	page       bool   // WS: it comes from a web page that Origins does not name
	tlsState   atomic.Pointer[tls.ConnectionState]

	before, after *conn // in the order of table.oldest; guarded by its lock

	link *link           // set before state becomes open
	tls  *tls.Conn       // above link; nil without TLS of ours
	ws   *websocket.Conn // above tls or link
	part bool            // WS: a message has begun and is not complete; only the reader uses it

	mu      sync.Mutex // one message is written at a time; also guards below
	state   atomic.Uint32
	why     error     // why it was closed
	waiting []waiting // messages that wait while it is being dialled
	size    int       // octets in waiting
	alias   netip.AddrPort
}

// The states of a conn.
const (
	connDialling uint32 = iota // messages wait
	connOpen
	connClosed
)

type waiting struct {
	b    []byte
	fail Failer
}

func (c *conn) flow() Flow { return Flow{l: c.l, conn: c, Remote: c.remote} }

func (c *conn) alive() bool { return c.state.Load() != connClosed }

// send queues b; it returns true when the caller has to flush the link.
func (c *conn) send(b []byte, fail Failer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state.Load() {
	case connOpen:
		return c.write(b, fail)
	case connDialling:
		if c.size+len(b) <= c.t.cfg.WriteQueue || c.size == 0 {
			c.waiting = append(c.waiting, waiting{append([]byte(nil), b...), fail})
			c.size += len(b)
			return false
		}
		c.refuse(fail, errQueueFull)
		return false
	}
	c.refuse(fail, c.why) // it can fail before anything was sent
	return false
}

func (c *conn) refuse(fail Failer, err error) {
	c.t.count[c.proto].dropped.Add(1)
	c.t.failures.add(fail, err)
}

// write encodes b into the link's queue.
func (c *conn) write(b []byte, fail Failer) (flush bool) {
	var err error
	if c.ws == nil && c.tls == nil {
		flush, err = c.link.message(b, fail)
	} else {
		flush = c.link.hold()
		err = c.encode(b)
		if err == nil {
			c.link.release(fail)
		} else {
			c.link.release(nil)
		}
	}
	if err != nil {
		c.refuse(fail, err)
		if errors.Is(err, errQueueFull) {
			c.t.cfg.Log.Warn("connection closed: the peer does not read", "peer", c.remote)
		}
		c.link.abort(err)
		c.link.closeSoon()
		return false
	}
	c.t.count[c.proto].out.Add(1)
	return flush
}

// encode writes b through TLS, WebSocket or both into the link.
func (c *conn) encode(b []byte) error {
	if c.ws != nil {
		return c.ws.Write(context.Background(), frameType(b), b)
	}
	_, err := c.tls.Write(b)
	return err
}

// frameType returns text if a text frame may contain b (RFC 7118 §4.2).
func frameType(b []byte) websocket.MessageType {
	if utf8.Valid(b) {
		return websocket.MessageText
	}
	return websocket.MessageBinary
}

// open makes a dialled connection usable and writes what waited. It returns false when
// the connection was closed meanwhile.
func (c *conn) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Load() != connDialling {
		return false
	}
	c.state.Store(connOpen)
	for _, w := range c.waiting {
		c.write(w.b, w.fail)
	}
	c.waiting, c.size = nil, 0
	c.link.flush()
	return true
}

// close ends the connection; its reader notices and tells the handler.
func (c *conn) close(err error) {
	c.mu.Lock()
	if c.state.Swap(connClosed) == connClosed {
		c.mu.Unlock()
		return
	}
	c.why = err
	for _, w := range c.waiting {
		c.refuse(w.fail, err)
	}
	c.waiting, c.size = nil, 0
	k := c.link
	c.mu.Unlock()
	c.t.conns.remove(c)
	if k != nil {
		k.abort(err)
		k.Conn.Close()
	}
}

// gone tells the handler that the connection has ended. It is the last thing
// the connection's goroutine does.
func (c *conn) gone() {
	defer c.t.panics.recovered()
	c.t.cfg.Handler.FlowClosed(c.flow())
}
