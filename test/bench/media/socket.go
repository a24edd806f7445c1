package media

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batch   = 32   // datagrams in one system call
	maxSize = 1500 // octets of one
	timeLen = 64   // room for the time of arrival
)

type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   uint32
}

// socket is an unconnected UDP port of the phones; many calls use it at once.
// The port above it takes RTCP, which nobody reads.
type socket struct {
	fd, rtcp int
	port     int

	in    [batch]mmsghdr
	inB   [batch][maxSize]byte
	inV   [batch]unix.Iovec
	inT   [batch][timeLen]byte
	from  [batch]unix.RawSockaddrInet4
	out   [batch]mmsghdr
	outB  [batch][maxSize]byte
	outV  [batch]unix.Iovec
	to    [batch]unix.RawSockaddrInet4
	stamp [batch]bool // octets 12 to 20 take the time of sending
	nOut  int
}

// open binds an even port and the one above it, from a port on.
func open(from int) (*socket, error) {
	for port := from &^ 1; port < from+2000; port += 2 {
		s := &socket{port: port, fd: -1, rtcp: -1}
		var err error
		if s.fd, err = bind(port); err == nil {
			if s.rtcp, err = bind(port + 1); err == nil {
				return s, s.prepare()
			}
		}
		s.close()
	}
	return nil, fmt.Errorf("no pair of UDP ports is free from %d on", from)
}

func bind(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback, Port: port}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

var loopback = [4]byte{127, 0, 0, 1}

func (s *socket) prepare() error {
	for _, o := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, o, 16<<20) // needs CAP_NET_ADMIN; without it bursts may be lost here
	}
	_ = unix.SetsockoptInt(s.rtcp, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_TIMESTAMPNS", err)
	}
	for i := range batch {
		s.inV[i] = unix.Iovec{Base: &s.inB[i][0], Len: maxSize}
		in := &s.in[i].hdr
		in.Iov, in.Iovlen = &s.inV[i], 1
		in.Name = (*byte)(unsafe.Pointer(&s.from[i]))
		in.Control = &s.inT[i][0]
		s.outV[i].Base = &s.outB[i][0]
		out := &s.out[i].hdr
		out.Iov, out.Iovlen = &s.outV[i], 1
		out.Name, out.Namelen = (*byte)(unsafe.Pointer(&s.to[i])), unix.SizeofSockaddrInet4
	}
	return nil
}

func (s *socket) close() {
	for _, fd := range []int{s.fd, s.rtcp} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// next is where the next packet is written; queue says how long it became.
func (s *socket) next() []byte {
	if s.nOut == batch {
		s.flush()
	}
	return s.outB[s.nOut][:]
}

// queue adds what next was given. A stamped packet tells when it was sent.
func (s *socket) queue(n, port int, stamp bool) {
	s.outV[s.nOut].SetLen(n)
	s.to[s.nOut] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: loopback}
	p := (*[2]byte)(unsafe.Pointer(&s.to[s.nOut].Port))
	binary.BigEndian.PutUint16(p[:], uint16(port))
	s.stamp[s.nOut] = stamp
	s.nOut++
}

// flush sends what is queued.
func (s *socket) flush() {
	now := uint64(time.Now().UnixNano())
	for i := range s.nOut {
		if s.stamp[i] {
			binary.BigEndian.PutUint64(s.outB[i][12:], now)
		}
	}
	for done := 0; done < s.nOut; {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.out[done])), uintptr(s.nOut-done), 0, 0, 0)
		if e != 0 {
			n = 1 // that one is lost, and is counted as such
		}
		done += int(n)
	}
	s.nOut = 0
}

// read gives what is waiting to f, with the port it came from and when it
// arrived (ns since 1970), and returns how many there were.
func (s *socket) read(f func(b []byte, port int, at int64)) int {
	for i := range batch {
		in := &s.in[i].hdr
		in.Namelen, in.Controllen = unix.SizeofSockaddrInet4, timeLen
	}
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.in[0])), batch, 0, 0, 0)
	if e != 0 {
		return 0 // nothing there, or an ICMP error of something sent
	}
	for i := range int(n) {
		p := (*[2]byte)(unsafe.Pointer(&s.from[i].Port))
		f(s.inB[i][:s.in[i].n], int(binary.BigEndian.Uint16(p[:])), arrival(&s.inT[i], s.in[i].hdr.Controllen))
	}
	return int(n)
}

// arrival reads the SCM_TIMESTAMPNS message.
func arrival(b *[timeLen]byte, n uint64) int64 {
	const head = unix.SizeofCmsghdr
	if n < head+16 {
		return time.Now().UnixNano()
	}
	ts := (*unix.Timespec)(unsafe.Pointer(&b[head]))
	return ts.Nano()
}
