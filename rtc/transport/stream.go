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

// readBuffer is the size of a connection's read buffer while it is quiet.
const readBuffer = 4 << 10

// stream reads messages from a TCP or TLS connection.
type stream struct {
	c      *conn
	src    io.Reader
	buf    []byte
	r, w   int // buf[r:w] has been read and not yet handled
	framer sip.Framer
	msg    *sip.Message
	out    batch

	begun   bool          // a message has begun and is not complete
	armed   time.Duration // when the deadline was set
	waiting bool          // the deadline limits silence

	bound   int  // size limit of the current message, in octets
	isLarge bool // the current message holds a slot of Transport.large
}

// messages is a pool of indexes, which quiet connections do not need.
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

// end answers a message with a complete head whose body will not arrive any more (RFC
// 4475 §3.1.2.2), and closes.
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

// closedBecause returns the error that Failers are told.
func closedBecause(err error) error {
	if errors.Is(err, io.EOF) {
		return errClosed
	}
	return err
}

// slack is the part of IdleTimeout by which it may be exceeded, so that not every read
// has to move the deadline.
const slack = 16

// arm sets the read deadline: between messages it limits the silence, and within a
// message the time until it is complete.
func (s *stream) arm() {
	cfg := &s.c.t.cfg
	now := s.c.t.clock()
	begun := len(bytes.TrimLeft(s.buf[s.r:s.w], "\r\n")) > 0
	limit := cfg.IdleTimeout + cfg.IdleTimeout/slack
	switch {
	case begun && s.begun:
		return // the time runs from the message's first octet
	case begun:
		limit = cfg.HeaderTimeout
	case s.waiting && !s.begun && now-s.armed < cfg.IdleTimeout/slack:
		return // still within the timeout and its slack
	}
	s.begun, s.waiting, s.armed = begun, !begun, now
	s.c.link.arm(limit, !begun)
}

// handle handles the complete messages in the buffer. It returns false when the
// boundary of messages is lost.
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

// skipKeepAlives removes CRLFs between messages and answers a double one (RFC 5626
// §4.4.1). It returns false when nothing else is there. A single CRLF stays until the
// next octet shows whether it is half of a ping.
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

// room makes room for the next read: a quiet connection goes back to a small buffer, a
// long message gets a larger one.
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

// learnAlias lets requests for the sent-by address of a peer use this connection if the
// peer asks for it (RFC 5923 §5, §9). A port other than the peer's own is accepted only
// from a peer that is trusted or has proved its identity.
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

// lingering is how long the remaining octets of the peer are read and discarded at an
// orderly end. Closing a socket with unread octets would reset the connection, and our
// last response would be lost.
const lingering = 500 * time.Millisecond

// finish closes after everything queued has been sent.
func (c *conn) finish() {
	if c.tls != nil {
		_ = c.tls.CloseWrite() // close_notify is a courtesy
	}
	c.link.settle()
	if w, ok := c.link.Conn.(interface{ CloseWrite() error }); ok && w.CloseWrite() == nil {
		c.link.arm(lingering, false)
		_, _ = io.CopyN(io.Discard, c.link.Conn, 1<<20) // the content does not matter
	}
	c.close(errClosed)
}
