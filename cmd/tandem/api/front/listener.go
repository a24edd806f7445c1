// Package front stands between the network and an HTTP handler. Listener bounds
// the connections, and lets those that have sent no request make room; Guard
// checks where a request wants to go, where it comes from, who sends it, and
// bounds how many are served at a time.
//
// It knows no operation.
package front

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// Listener holds at most a number of connections. When one more comes, the one
// that has waited longest without a request under way is closed for it: whoever
// holds half-open connections keeps nobody out. When all are at work the new one is
// closed.
//
// Its Context and Handler belong into the http.Server that serves it: they tell
// which connections are at work.
type Listener struct {
	net.Listener
	limit int

	mu      sync.Mutex
	n       int
	waiting list.List // of *conn, longest first
}

// NewListener bounds l to so many connections at a time.
func NewListener(l net.Listener, limit int) *Listener { return &Listener{Listener: l, limit: limit} }

// conn is a connection and whether it is at work.
type conn struct {
	net.Conn
	l *Listener

	// Guarded by l.mu:
	working int           // requests under way
	place   *list.Element // among the waiting, nil while at work or closed
	closed  bool
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(nc); c != nil {
			return c, nil
		}
		nc.Close()
	}
}

// admit counts a new connection, and closes another one for it when it must. nil
// when there is no room.
func (l *Listener) admit(nc net.Conn) *conn {
	l.mu.Lock()
	var out *conn
	if l.n >= l.limit {
		e := l.waiting.Front()
		if e == nil {
			l.mu.Unlock()
			return nil
		}
		out = e.Value.(*conn)
		out.leave()
	}
	l.n++
	c := &conn{Conn: nc, l: l}
	c.place = l.waiting.PushBack(c)
	l.mu.Unlock()
	if out != nil {
		out.Conn.Close()
	}
	return c
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.l.mu.Lock()
	c.leave()
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// leave gives the place of a connection back, once. Called with l.mu held.
func (c *conn) leave() {
	if !c.closed {
		c.closed = true
		c.l.n--
		c.stopWaiting()
	}
}

func (c *conn) stopWaiting() {
	if c.place != nil {
		c.l.waiting.Remove(c.place)
		c.place = nil
	}
}

// work notes that a request has begun.
func (c *conn) work() {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.working++
	c.stopWaiting()
}

// rest notes that one has ended.
func (c *conn) rest() {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if c.working--; c.working == 0 && !c.closed {
		c.place = c.l.waiting.PushBack(c)
	}
}

type connKey struct{}

// Context fits http.Server.ConnContext.
func (l *Listener) Context(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// Handler serves h and notes which connections are at work.
func (l *Listener) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.work()
			defer c.rest()
		}
		h.ServeHTTP(w, r)
	})
}
