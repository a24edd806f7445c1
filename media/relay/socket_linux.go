package relay

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/relay/ports"
)

// receiveBuffer holds about two seconds of one audio stream, or a burst of video; older
// audio is useless. The kernel doubles the value for its own bookkeeping.
const receiveBuffer = 104 << 10

// standardBuffer is the default buffer of sockets, in the same unit. It is usually
// large enough, which saves a system call for each port.
var standardBuffer = sync.OnceValue(func() int {
	text, err := os.ReadFile("/proc/sys/net/core/rmem_default")
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return n / 2
})

// Socket is one UDP port. Its methods may be called by any goroutine.
type Socket struct {
	// Fields that every packet touches come first, in as few cache lines as possible.
	receiver              Receiver
	fd                    int
	slot                  int32
	v6                    bool
	closed                atomic.Bool
	connected             atomic.Bool
	users                 atomic.Int32 // calls that are using fd
	packetsOut, octetsOut atomic.Uint64

	packetsIn, octetsIn atomic.Uint64
	turn                uint64 // the worker's
	series              series

	dropsOut, refused atomic.Uint64
	plane             *Plane
	worker            *worker
	ports             *ports.Ports // nil = not from the range
	port              Port         // of a Network, instead of fd
	local             netip.AddrPort
	shown             netip.AddrPort
	released          atomic.Bool
	connects          sync.Mutex
	flows             []*Offloaded // guarded by the kernel's mutex
}

// Local returns the address to which the socket is bound.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Advertised returns the address for SDP.
func (s *Socket) Advertised() netip.AddrPort { return s.shown }

// bind opens the port at s.local without serving it yet; number 0 is replaced by the
// assigned one.
func (s *Socket) bind(c *Config) error {
	if c.Network != nil {
		return s.bindIn(c.Network)
	}
	fd, err := openSocket(s.local, c.DSCP)
	if err != nil {
		return err
	}
	if s.local.Port() == 0 {
		if s.local, err = boundTo(fd); err != nil {
			unix.Close(fd)
			return err
		}
	}
	s.fd = fd
	return nil
}

// openSocket binds one port without serving it yet.
func openSocket(local netip.AddrPort, dscp int) (int, error) {
	family := unix.AF_INET
	v6 := local.Addr().Is6()
	if v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err == unix.EMFILE || err == unix.ENFILE {
		return -1, fmt.Errorf("opening a media socket: %w: raise the limit of open files (ulimit -n, or LimitNOFILE= of the service); a call needs up to four, eight with video", err)
	}
	if err != nil {
		return -1, fmt.Errorf("opening a media socket: %w", os.NewSyscallError("socket", err))
	}
	if err := prepare(fd, local, v6, dscp); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets a socket's options and binds it.
func prepare(fd int, local netip.AddrPort, v6 bool, dscp int) error {
	// Only a restricted container refuses these options. Media works without them, so
	// errors are ignored.
	if standardBuffer() < receiveBuffer {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if v6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscp<<2)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fmt.Errorf("opening a media socket: %w", os.NewSyscallError("setsockopt", err))
		}
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, dscp<<2)
	}
	var a sockaddr
	if !a.putLocal(local, v6) {
		return fmt.Errorf("binding %s: %w", local, ErrPeer)
	}
	if err := bindTo(fd, &a); err != nil {
		return fmt.Errorf("binding media port %s: %w", local, err)
	}
	return nil
}

// enter keeps the descriptor from being closed, and so reused, until leave.
func (s *Socket) enter() bool {
	s.users.Add(1)
	if s.closed.Load() {
		s.users.Add(-1)
		return false
	}
	return true
}

func (s *Socket) leave() { s.users.Add(-1) }

// Connect makes the kernel drop the datagrams of all other peers, and makes sending
// cheaper. An invalid peer opens the socket to all again. Datagrams that were queued
// before still arrive.
func (s *Socket) Connect(peer netip.AddrPort) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	s.connects.Lock()
	defer s.connects.Unlock()
	var a sockaddr
	if !peer.IsValid() {
		a.n = 16 // family 0, AF_UNSPEC: the port stays bound
		s.connected.Store(false)
		if e := s.connectTo(&a); e != 0 {
			return fmt.Errorf("disconnecting media port %s: %w", s.local, e)
		}
		return nil
	}
	if !a.put(peer, s.v6) {
		return fmt.Errorf("connecting media port %s to %s: %w", s.local, peer, ErrPeer)
	}
	if e := s.connectTo(&a); e != 0 {
		return fmt.Errorf("connecting media port %s to %s: %w", s.local, peer, e)
	}
	s.connected.Store(true)
	return nil
}

// Send writes one datagram; to is ignored when connected. It never blocks: if the queue
// is full the datagram is dropped and counted, and the error is ErrDropped.
func (s *Socket) Send(b []byte, to netip.AddrPort) error {
	if !s.enter() {
		return ErrClosed
	}
	var e unix.Errno
	if s.connected.Load() {
		if e = s.transmit(b, nil); e != 0 {
			e = s.again(b, nil, e)
		}
	} else {
		var a sockaddr
		if !a.put(to, s.v6) {
			s.leave()
			s.dropsOut.Add(1)
			return ErrPeer
		}
		if e = s.transmit(b, &a); e != 0 {
			e = s.again(b, &a, e)
		}
	}
	s.leave()
	if e != 0 {
		s.dropsOut.Add(1)
		return sendError(e)
	}
	s.packetsOut.Add(1)
	s.octetsOut.Add(uint64(len(b)))
	return nil
}

// again repeats a send when the error was about an earlier datagram: a connected socket
// reports "port unreachable" at the next call of any kind.
func (s *Socket) again(b []byte, to *sockaddr, e unix.Errno) unix.Errno {
	switch e {
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH:
		s.refused.Add(1)
	case unix.EINTR:
	default:
		return e
	}
	return s.transmit(b, to)
}

func sendError(e unix.Errno) error {
	switch e {
	case unix.EAGAIN, unix.ENOBUFS:
		return ErrDropped
	case unix.EDESTADDRREQ:
		return ErrPeer
	}
	return e
}

// Close frees the port. It is not assigned again for 30 s, so that late packets of the
// old call do not reach a new one. No Receive is called after Close returns; but when
// called from Receive itself, it waits neither for that Receive nor for one of the same
// socket on another worker.
func (s *Socket) Close() {
	if s.closed.Swap(true) {
		s.await()
		return
	}
	if k := s.plane.kernel; k != nil {
		k.endFlows(s)
	}
	s.await()
	if s.worker.current.Load() != s {
		s.release()
	}
	// Otherwise the worker does it when the current Receive returns.
}

// await waits for a current Receive, unless called from one.
func (s *Socket) await() {
	if s.worker.current.Load() != s || s.plane.onWorker() {
		return
	}
	for i := 0; s.worker.current.Load() == s; i++ {
		if i < 100 {
			runtime.Gosched()
		} else {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// release closes the descriptor, once.
func (s *Socket) release() {
	if s.released.Swap(true) {
		return
	}
	for s.users.Load() != 0 {
		runtime.Gosched() // those calls do not block
	}
	s.worker.remove(s)
	s.shut()
	s.plane.forget(s)
}

// Counters returns the figures; it may be called at any time.
func (s *Socket) Counters() Counters {
	c := Counters{
		PacketsIn: s.packetsIn.Load(), OctetsIn: s.octetsIn.Load(),
		PacketsOut: s.packetsOut.Load(), OctetsOut: s.octetsOut.Load(),
		DropsOut: s.dropsOut.Load(), Refused: s.refused.Load(),
	}
	if s.port == nil && s.enter() {
		c.DropsIn = queueDrops(s.fd)
		s.leave()
	}
	return c
}
