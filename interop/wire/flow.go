package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// datagrams is UDP to one address.
type datagrams struct {
	conn *net.UDPConn
	to   netip.AddrPort
}

func (d datagrams) write(b []byte) error { _, err := d.conn.WriteToUDPAddrPort(b, d.to); return err }
func (d datagrams) peer() string         { return d.to.String() }
func (d datagrams) proto() string        { return "UDP" }

func (e *Endpoint) readUDP(c *net.UDPConn) {
	room := make([]byte, 65536)
	for {
		n, from, err := c.ReadFromUDPAddrPort(room)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier datagram
		}
		if b := bytes.Clone(room[:n]); len(bytes.Trim(b, "\r\n\x00")) > 0 { // else a keep-alive
			e.take(b, datagrams{c, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())})
		}
	}
}

// stream is a connection. Writers take turns.
type stream struct {
	mu   *sync.Mutex
	conn net.Conn
}

func (s stream) write(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(b)
	return err
}

func (s stream) peer() string { return s.conn.RemoteAddr().String() }

func (s stream) proto() string {
	if _, secure := s.conn.(*tls.Conn); secure {
		return "TLS"
	}
	return "TCP"
}

func (e *Endpoint) accept(l *net.TCPListener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if e.tls != nil {
			c = tls.Server(c, e.tls) // the handshake comes with the first octets read
		}
		e.serve(c)
	}
}

// serve reads a connection. The first one is what Send uses unless there is UDP.
func (e *Endpoint) serve(c net.Conn) stream {
	s := stream{new(sync.Mutex), c}
	e.mu.Lock()
	if e.out == nil {
		e.out = s
	}
	e.mu.Unlock()
	e.work.Add(1)
	e.onClose(func() { _ = c.Close() })
	go func() {
		defer e.work.Done()
		e.readStream(s)
	}()
	return s
}

// readStream takes messages apart by Content-Length.
func (e *Endpoint) readStream(s stream) {
	var buf []byte
	chunk := make([]byte, 32<<10)
	for {
		buf = bytes.TrimLeft(buf, "\r\n")
		if n := frame(buf); n > 0 && n <= len(buf) {
			e.take(bytes.Clone(buf[:n]), s)
			buf = buf[n:]
			continue
		}
		n, err := s.conn.Read(chunk)
		if err != nil || len(buf)+n > maxMessage {
			return
		}
		buf = append(buf, chunk[:n]...)
	}
}

// frame is the length of the first message, 0 while its head is not complete.
func frame(b []byte) int {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	for line := range strings.SplitSeq(string(b[:end]), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok && Canonical(name) == "content-length" {
			n, _ := strconv.Atoi(strings.TrimSpace(value))
			return end + 4 + n
		}
	}
	return end + 4
}
