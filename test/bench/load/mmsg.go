package load

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batch   = 64
	maxSize = 2048
)

type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   uint32
}

// socket is a connected, non-blocking UDP socket that reads and writes in batches.
type socket struct {
	fd   int
	port int
	in   [batch]mmsghdr
	inB  [batch][maxSize]byte
	inV  [batch]unix.Iovec
	out  [batch]mmsghdr
	outB [batch][maxSize]byte
	outV [batch]unix.Iovec
	nOut int
}

// dial connects a socket to a port of this machine.
func dial(port int) (*socket, error) {
	return dialTo("127.0.0.1", fmt.Sprintf("127.0.0.1:%d", port))
}

// dialTo connects a socket bound to an IPv4 address to a server.
func dialTo(from, to string) (*socket, error) {
	there, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, err
	}
	here, err := netip.ParseAddr(from)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd}
	for _, opt := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 8<<20) // best effort: needs CAP_NET_ADMIN
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: here.As4()}); err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: there.Addr().As4(), Port: int(there.Port())}); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", to, err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	s.port = sa.(*unix.SockaddrInet4).Port
	for i := range batch {
		s.inV[i] = unix.Iovec{Base: &s.inB[i][0], Len: maxSize}
		s.in[i].hdr.Iov, s.in[i].hdr.Iovlen = &s.inV[i], 1
		s.outV[i].Base = &s.outB[i][0]
		s.out[i].hdr.Iov, s.out[i].hdr.Iovlen = &s.outV[i], 1
	}
	return s, nil
}

func (s *socket) Close() { unix.Close(s.fd) }

// buf is the next free output buffer; queue sends it when n octets are written.
func (s *socket) buf() []byte {
	if s.nOut == batch {
		s.flush()
	}
	return s.outB[s.nOut][:0]
}

func (s *socket) queue(b []byte) {
	s.outV[s.nOut].SetLen(len(b))
	s.nOut++
}

func (s *socket) flush() {
	for done := 0; done < s.nOut; {
		n, _, e := syscall.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out[done])), uintptr(s.nOut-done), 0, 0, 0)
		if e == unix.EAGAIN {
			wait(s)
			continue
		}
		if e != 0 {
			n = 1 // an ICMP error of an earlier datagram; go on with the next
		}
		done += int(n)
	}
	s.nOut = 0
}

// read gives each waiting datagram to f and returns how many there were.
func (s *socket) read(f func([]byte)) int {
	n, _, e := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in[0])), batch, 0, 0, 0)
	if e != 0 {
		return 0
	}
	for i := range int(n) {
		f(s.inB[i][:s.in[i].n])
	}
	return int(n)
}

// wait sleeps until one of the sockets can be read, 100 ms at most.
func wait(socks ...wire) {
	var fds [2 * peers]unix.PollFd
	for i, s := range socks {
		fds[i] = unix.PollFd{Fd: s.file(), Events: unix.POLLIN}
	}
	unix.Poll(fds[:len(socks)], 100)
}
