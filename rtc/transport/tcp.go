package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// clock returns the time since the transport was made; it is cheap to compare.
func (t *Transport) clock() time.Duration { return time.Since(t.start) }

// bindTCP opens the listening socket of a stream listener.
func (l *Listener) bindTCP() error {
	var lc net.ListenConfig
	ln, err := lc.Listen(context.Background(), l.network(), l.cfg.Addr.String())
	if err != nil {
		return bareError(err)
	}
	l.ln = ln.(*net.TCPListener)
	at := l.ln.Addr().(*net.TCPAddr).AddrPort()
	l.addr = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	return nil
}

// accept accepts connections until the listener closes. No peer can hold it up.
func (l *Listener) accept() {
	var quiet time.Duration
	for {
		nc, err := l.ln.AcceptTCP()
		if err == nil {
			quiet = 0
			l.welcome(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Usually out of file descriptors: others may be closed soon.
		quiet = min(max(2*quiet, 5*time.Millisecond), time.Second)
		l.t.cfg.Log.Error("accepting a connection failed", "addr", l.addr, "err", err)
		if !l.t.pause(quiet) {
			return
		}
	}
}

// welcome applies the limits and starts the connection's goroutine.
func (l *Listener) welcome(nc *net.TCPConn) {
	c, err := l.admit(nc.RemoteAddr())
	if err != nil {
		nc.Close()
		l.t.cfg.Log.Debug("connection refused", "peer", nc.RemoteAddr(), "err", err)
		return
	}
	c.link = newLink(l.t, nc)
	if !l.t.spawn(c.serve) {
		nc.Close()
		l.t.conns.leave(c.remote.Addr(), c.exempt)
	}
}

// admit makes a conn for a peer unless a limit is reached.
func (l *Listener) admit(remote net.Addr) (*conn, error) {
	var a netip.AddrPort
	if tcp, ok := remote.(*net.TCPAddr); ok {
		a = tcp.AddrPort()
	}
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	c := &conn{t: l.t, l: l, proto: l.proto, remote: a, exempt: a.Addr().IsLoopback() || l.trusts(a.Addr())}
	if err := l.t.conns.admit(a.Addr(), c.exempt); err != nil {
		return nil, err
	}
	return c, nil
}

// serve is the goroutine of an accepted connection: handshakes, then messages.
func (c *conn) serve() {
	if err := c.handshake(); err != nil {
		c.link.settle() // sends the refusal or the alert
		c.link.Conn.Close()
		c.t.conns.leave(c.remote.Addr(), c.exempt)
		c.t.cfg.Log.Debug("handshake failed", "peer", c.remote, "err", err)
		return
	}
	c.run()
}

// handshake completes everything that precedes the first message, within
// HandshakeLimit.
func (c *conn) handshake() error {
	if c.proto == TCP {
		return nil
	}
	limit := c.t.cfg.HandshakeLimit
	_ = c.link.SetDeadline(time.Now().Add(limit)) // fails only when closed
	stop := context.AfterFunc(c.t.ctx, func() { c.link.Conn.Close() })
	defer stop()
	if c.proto.Secure() {
		c.tls = tls.Server(c.link, c.l.cfg.TLS)
		if err := c.shake(limit); err != nil {
			return err
		}
	}
	if c.proto == WS || c.proto == WSS {
		return c.upgrade()
	}
	return nil
}

// run makes the connection findable and reads it to its end.
func (c *conn) run() {
	if !c.opened {
		c.state.Store(connOpen)
		c.t.conns.add(c)
	}
	defer c.gone()
	if c.t.ctx.Err() != nil { // the transport ended during the handshake
		c.close(errStopped)
		return
	}
	switch {
	case c.ws != nil:
		c.readFrames()
	case c.tls != nil:
		(&stream{c: c, src: c.tls}).serve()
	default:
		(&stream{c: c, src: c.link}).serve()
	}
}

// dial is the goroutine of a connection we open.
func (c *conn) dial() {
	nc, err := c.connect()
	if err == nil {
		c.mu.Lock()
		c.link = newLink(c.t, nc)
		c.mu.Unlock()
		err = c.handshakeOut()
	}
	if err == nil && !c.open() {
		err = errStopped
	}
	if err != nil {
		if nc != nil {
			nc.Close()
		}
		c.t.cfg.Log.Debug("connecting failed", "peer", c.remote, "err", err)
		c.close(err)
		c.gone()
		return
	}
	c.run()
}

// connect dials from the listener's address if that is a specific address from which
// the peer can be reached.
func (c *conn) connect() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.t.ctx, c.t.cfg.DialTimeout)
	defer cancel()
	var d net.Dialer
	if own := c.l.addr.Addr(); !own.IsUnspecified() && c.l.suits(c.remote.Addr()) {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))
	}
	return d.DialContext(ctx, "tcp", c.remote.String())
}
