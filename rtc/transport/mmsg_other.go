//go:build !linux

package transport

import (
	"errors"
	"net/netip"
	"syscall"
)

// On systems other than Linux a loop receives and sends one datagram at a time.

const canShare = false

func shareSocket(int) error  { return nil }
func bufferSocket(int) error { return nil }

func setSocket(syscall.RawConn, func(int) error) error { return nil }

type inbox struct {
	sock *udpSocket
	buf  []byte
	max  int
	n    int
	from netip.AddrPort
}

func newInbox(s *udpSocket, max int) *inbox {
	return &inbox{sock: s, buf: make([]byte, max+1), max: max}
}

func (in *inbox) receive() (int, error) {
	var err error
	in.n, in.from, err = in.sock.conn.ReadFromUDPAddrPort(in.buf)
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func (in *inbox) at(int) (b []byte, from netip.AddrPort, cut bool) {
	from = netip.AddrPortFrom(in.from.Addr().Unmap(), in.from.Port())
	return in.buf[:min(in.n, in.max)], from, in.n > in.max
}

type outbox struct {
	t    *Transport
	sock *udpSocket
	n    int
}

var errFamily = errors.New("the address is not of the listener's family")

func newOutbox(t *Transport, s *udpSocket) *outbox { return &outbox{t: t, sock: s} }

func (o *outbox) add(to netip.AddrPort, b []byte, fail Failer) {
	err := errFamily
	if to.Addr().Is6() == o.sock.v6 {
		_, err = o.sock.conn.WriteToUDPAddrPort(b, to)
	}
	if err != nil {
		o.sock.count.dropped.Add(1)
		o.t.failures.add(fail, err)
		return
	}
	o.sock.count.out.Add(1)
}

func (o *outbox) flush() {}
