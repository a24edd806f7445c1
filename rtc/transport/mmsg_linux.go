package transport

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canShare: several sockets can be bound to one address.
const canShare = true

// socketBuffer is asked for on each UDP socket, in octets: a burst must find
// room while the loop is busy.
const socketBuffer = 4 << 20

func shareSocket(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// bufferSocket takes the full size where it is allowed to and what
// net.core.rmem_max and wmem_max grant otherwise.
func bufferSocket(fd int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer) // the system's default serves too
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
	}
	return nil
}

func setSocket(raw syscall.RawConn, set func(fd int) error) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = set(int(fd)) }); e != nil {
		return e
	}
	return err
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// sockaddr holds a sockaddr_in or sockaddr_in6 in the kernel's layout.
type sockaddr [unix.SizeofSockaddrInet6]byte

func (a *sockaddr) get(v6 bool) netip.AddrPort {
	port := binary.BigEndian.Uint16(a[2:])
	if !v6 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[4:8])), port)
	}
	ip := netip.AddrFrom16([16]byte(a[8:24]))
	if scope := binary.NativeEndian.Uint32(a[24:]); scope != 0 { // link-local only
		ip = ip.WithZone(strconv.Itoa(int(scope)))
	}
	return netip.AddrPortFrom(ip, port)
}

// put writes to and returns the length.
func (a *sockaddr) put(to netip.AddrPort) uint32 {
	binary.BigEndian.PutUint16(a[2:], to.Port())
	if to.Addr().Is4() {
		binary.NativeEndian.PutUint16(a[:], unix.AF_INET)
		ip := to.Addr().As4()
		copy(a[4:8], ip[:])
		return unix.SizeofSockaddrInet4
	}
	binary.NativeEndian.PutUint16(a[:], unix.AF_INET6)
	ip := to.Addr().As16()
	copy(a[8:24], ip[:])
	scope, _ := strconv.Atoi(to.Addr().Zone()) // as get wrote it; none is 0
	binary.NativeEndian.PutUint32(a[24:], uint32(scope))
	return unix.SizeofSockaddrInet6
}

// inbox receives batches of datagrams from one socket.
type inbox struct {
	sock  *udpSocket
	max   int
	hdrs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]sockaddr
	bufs  [batchSize][]byte
	n     int
	errno syscall.Errno
	recv  func(fd uintptr) bool // made once: a closure in each call would allocate
}

func newInbox(s *udpSocket, max int) *inbox {
	in := &inbox{sock: s, max: max, n: batchSize}
	// Buffers do not all begin at the same place of a page, or they would
	// fight for the same few lines of the cache.
	stride := (max+63)&^63 + 64*13
	all := make([]byte, batchSize*stride)
	for i := range in.hdrs {
		in.bufs[i] = all[i*stride : i*stride+max : i*stride+max]
		in.iovs[i].Base = &in.bufs[i][0]
		in.iovs[i].SetLen(max)
		h := &in.hdrs[i].hdr
		h.Iov = &in.iovs[i]
		h.SetIovlen(1)
		h.Name = &in.names[i][0]
	}
	in.recv = in.recvmmsg
	return in
}

// receive waits for datagrams and returns how many came.
func (in *inbox) receive() (int, error) {
	for i := range in.n { // those the last call filled in
		in.hdrs[i].hdr.Namelen = uint32(len(sockaddr{}))
		in.hdrs[i].hdr.Flags = 0
	}
	in.n, in.errno = 0, 0
	if err := in.sock.raw.Read(in.recv); err != nil {
		return 0, err
	}
	if in.errno != 0 {
		return 0, in.errno
	}
	return in.n, nil
}

func (in *inbox) recvmmsg(fd uintptr) bool {
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in.hdrs)), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			in.n = int(n)
			return true
		case syscall.EAGAIN:
			return false
		case syscall.EINTR, syscall.ECONNREFUSED: // the latter: news of an earlier datagram of ours
			continue
		}
		in.errno = e
		return true
	}
}

// at is datagram i; cut tells that it did not fit.
func (in *inbox) at(i int) (b []byte, from netip.AddrPort, cut bool) {
	h := &in.hdrs[i]
	return in.bufs[i][:min(int(h.len), in.max)], in.names[i].get(in.sock.v6), h.hdr.Flags&unix.MSG_TRUNC != 0
}

// outbox collects datagrams for one socket and sends them together.
type outbox struct {
	t     *Transport
	sock  *udpSocket
	n     int // slots filled
	done  int // slots sent or given up
	slots [batchSize]slot
	hdrs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]sockaddr
	sent  int
	errno syscall.Errno
	send  func(fd uintptr) bool
}

type slot struct {
	buf  []byte
	fail Failer
}

var errFamily = errors.New("the address is not of the listener's family")

func newOutbox(t *Transport, s *udpSocket) *outbox {
	o := &outbox{t: t, sock: s}
	for i := range o.hdrs {
		h := &o.hdrs[i].hdr
		h.Iov = &o.iovs[i]
		h.SetIovlen(1)
		h.Name = &o.names[i][0]
	}
	o.send = o.sendmmsg
	return o
}

// add copies b into a slot; full slots leave at once.
func (o *outbox) add(to netip.AddrPort, b []byte, fail Failer) {
	if to.Addr().Is6() != o.sock.v6 {
		o.sock.count.dropped.Add(1)
		o.t.failures.add(fail, errFamily)
		return
	}
	s := &o.slots[o.n]
	s.buf = append(s.buf[:0], b...)
	s.fail = fail
	o.iovs[o.n].Base = &s.buf[0]
	o.iovs[o.n].SetLen(len(b))
	o.hdrs[o.n].hdr.Namelen = o.names[o.n].put(to)
	if o.n++; o.n == batchSize {
		o.flush()
	}
}

// flush sends what is waiting. A datagram the kernel refuses is told to its
// Failer and does not hold up the others.
func (o *outbox) flush() {
	for o.done < o.n {
		o.sent, o.errno = 0, 0
		if err := o.sock.raw.Write(o.send); err != nil {
			o.drop(o.n, err)
			break
		}
		o.done += o.sent
		o.sock.count.out.Add(uint64(o.sent))
		switch o.errno {
		case 0:
		case syscall.EAGAIN, syscall.ENOBUFS:
			o.drop(o.n, o.errno) // waiting longer would stop the loop
		default:
			o.drop(o.done+1, o.errno)
		}
	}
	for i := range o.n {
		o.slots[i].fail = nil
	}
	o.n, o.done = 0, 0
}

// drop gives up the slots before end.
func (o *outbox) drop(end int, err error) {
	for ; o.done < end; o.done++ {
		o.sock.count.dropped.Add(1)
		o.t.failures.add(o.slots[o.done].fail, err)
	}
}

// patience is how long a full send buffer is waited for, in milliseconds.
const patience = 20

func (o *outbox) sendmmsg(fd uintptr) bool {
	waited := false
	for refused := 0; ; {
		n, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.hdrs[o.done])), uintptr(o.n-o.done), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case e == 0:
			o.sent = int(n)
			return true
		case e == syscall.EINTR:
			continue
		case e == syscall.ECONNREFUSED && refused < batchSize: // news of an earlier datagram; this one was not tried
			refused++
			continue
		case e == syscall.EAGAIN && !waited:
			waited = true
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, patience) // the next try tells
			continue
		}
		o.errno = e
		return true
	}
}
