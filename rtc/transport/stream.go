package transport

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"tandem/rtc/sip"
)

// readBuffer is what a connection has for reading while it is quiet.
const readBuffer = 4 << 10

// stream reads messages from a TCP or TLS connection.
type stream struct {
	c      *conn
	src    io.Reader
	buf    []byte
	r, w   int // buf[r:w] is read and not yet handled
	framer sip.Framer
	msg    *sip.Message
	out    batch

	begun   bool          // a message has begun and is not complete
	armed   time.Duration // when the deadline was set
	waiting bool          // the deadline is that of silence

	bound   int  // octets of the message at hand
	isLarge bool // it is one of Transport.large
}

// messages are indexes that quiet connections need not keep.
var messages = sync.Pool{New: func() any { return new(sip.Message) }}

// serve reads until the connection ends.
func (s *stream) serve() {
	s.buf = make([]byte, readBuffer)
	s.out.t = s.c.t
	s.small()
	defer s.small()
	for {
		s.arm()
		n, err := s.src.Read(s.buf[s.w:])
		s.w += n
		if n > 0 {
			s.out.now = time.Now()
			s.msg = messages.Get().(*sip.Message)
			ok := s.handle()
			s.out.flush()
			messages.Put(s.msg)
			s.msg = nil
			if !ok {
				s.c.finish()
				return
			}
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// end answers a message whose head is whole and whose body will not come any
// more (RFC 4475 §3.1.2.2), and closes.
func (s *stream) end(err error) {
	t, rest := s.c.t, bytes.TrimLeft(s.buf[s.r:s.w], "\r\n")
	if !bytes.Contains(rest, ping) || !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.c.close(closedBecause(err))
		return
	}
	msg := messages.Get().(*sip.Message)
	t.deliver(&s.out, &t.count[s.c.proto], s.c.flow(), msg, rest, &sip.Error{Code: 400, Reason: "Incomplete Message"})
	s.out.flush()
	messages.Put(msg)
	s.c.finish()
}

// closedBecause is what Failers are told.
func closedBecause(err error) error {
	if errors.Is(err, io.EOF) {
		return errClosed
	}
	return err
}

// slack is the part of IdleTimeout by which it may be overrun, so that not
// every read has to move the deadline.
const slack = 16

// arm sets the deadline for the next octets: of silence between messages, of
// the whole message once it has begun.
func (s *stream) arm() {
	cfg := &s.c.t.cfg
	now := s.c.t.clock()
	begun := len(bytes.TrimLeft(s.buf[s.r:s.w], "\r\n")) > 0
	limit := cfg.IdleTimeout + cfg.IdleTimeout/slack
	switch {
	case begun && s.begun:
		return // the time runs from its first octet
	case begun:
		limit = cfg.HeaderTimeout
	case s.waiting && !s.begun && now-s.armed < cfg.IdleTimeout/slack:
		return // still within the timeout and its slack
	}
	s.begun, s.waiting, s.armed = begun, !begun, now
	s.c.link.arm(limit, !begun)
}

// handle takes the whole messages out of the buffer; false when the stream
// cannot be followed any more.
func (s *stream) handle() bool {
	t := s.c.t
	for {
		if !s.skipKeepAlives() {
			break
		}
		n, ferr := s.framer.FrameBy(s.buf[s.r:s.w], t.cfg.MaxMessage, s.larger)
		if ferr == nil && n == 0 && s.w-s.r > s.bound {
			ferr = &sip.Error{Code: 513, Reason: "Message Too Large"}
		}
		if ferr != nil {
			t.deliver(&s.out, &t.count[s.c.proto], s.c.flow(), s.msg, s.buf[s.r:s.w], ferr)
			return false
		}
		if n == 0 {
			break
		}
		s.framer = sip.Framer{}
		t.deliver(&s.out, &t.count[s.c.proto], s.c.flow(), s.msg, s.buf[s.r:s.r+n], nil)
		s.c.learnAlias(s.msg)
		s.r += n
		s.small()
	}
	s.room()
	return true
}

// skipKeepAlives removes CRLFs between messages and answers a double one
// (RFC 5626 §4.4.1); false when nothing else is there. A single CRLF stays
// until the next octet tells whether it is half a ping.
func (s *stream) skipKeepAlives() bool {
	for {
		b := s.buf[s.r:s.w]
		switch {
		case len(b) == 0:
			return false
		case b[0] != '\r' && b[0] != '\n':
			return true
		case bytes.HasPrefix(b, ping):
			s.c.t.count[s.c.proto].keepAlives.Add(1)
			if s.c.send(pong, nil) {
				s.out.dirty = append(s.out.dirty, s.c)
			}
			s.r += len(ping)
		case bytes.HasPrefix(ping, b):
			return false
		case bytes.HasPrefix(b, pong):
			s.c.t.count[s.c.proto].keepAlives.Add(1)
			s.r += len(pong)
		default:
			s.r++
		}
	}
}

// room makes place for the next read: a quiet connection goes back to a small
// buffer, a long message gets a larger one.
func (s *stream) room() {
	switch {
	case s.r == s.w && len(s.buf) > 4*readBuffer:
		s.buf = make([]byte, readBuffer)
		s.r, s.w = 0, 0
	case s.r == s.w:
		s.r, s.w = 0, 0
	case s.r > 0:
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.r = 0
	}
	if s.w == len(s.buf) {
		larger := make([]byte, min(2*len(s.buf), max(s.bound, readBuffer)+readBuffer))
		copy(larger, s.buf)
		s.buf = larger
	}
}

// learnAlias lets requests to the sent-by address of a peer that asks for it
// go over this connection (RFC 5923 §5, §9): only a peer that has proved its
// identity, or is trusted, may be found under another port than its own.
func (c *conn) learnAlias(m *sip.Message) {
	if c.opened || c.alias.IsValid() || !m.IsRequest() {
		return
	}
	st := c.tlsState.Load()
	if (st == nil || len(st.VerifiedChains) == 0) && !c.flow().Trusted() {
		return
	}
	via, ok := m.TopVia()
	if !ok {
		return
	}
	if _, ok := sip.Param(via.Params, "alias"); !ok {
		return
	}
	port := via.Port
	if port == 0 {
		port = c.proto.port()
	}
	c.t.conns.name(c, netip.AddrPortFrom(c.remote.Addr(), port))
}

// lingering is how long the peer's remaining octets are read and thrown away
// at an orderly end: closing a socket with unread octets would reset the
// connection, and with it our last answer.
const lingering = 500 * time.Millisecond

// finish closes after everything queued has left.
func (c *conn) finish() {
	if c.tls != nil {
		_ = c.tls.CloseWrite() // close_notify is a courtesy
	}
	c.link.settle()
	if w, ok := c.link.Conn.(interface{ CloseWrite() error }); ok && w.CloseWrite() == nil {
		c.link.arm(lingering, false)
		_, _ = io.CopyN(io.Discard, c.link.Conn, 1<<20) // whatever it is, it is not wanted
	}
	c.close(errClosed)
}
