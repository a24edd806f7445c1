package relay

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Raw system calls that allocate nothing. They never wait, so they need not inform the
// scheduler, which is most of the cost of a system call in Go.

// sockaddr holds a socket address of either IP version in the kernel's layout.
type sockaddr struct {
	b [unix.SizeofSockaddrInet6]byte
	n uint32
}

// put encodes a destination; v6 is the IP version of the socket.
func (a *sockaddr) put(to netip.AddrPort, v6 bool) bool {
	return to.Port() != 0 && a.putLocal(to, v6)
}

// putLocal encodes an address to bind; port 0 lets the kernel choose.
func (a *sockaddr) putLocal(to netip.AddrPort, v6 bool) bool {
	addr := to.Addr().Unmap()
	if !addr.IsValid() || addr.Is6() != v6 {
		return false
	}
	binary.BigEndian.PutUint16(a.b[2:], to.Port())
	if !v6 {
		binary.NativeEndian.PutUint16(a.b[:], unix.AF_INET)
		ip := addr.As4()
		copy(a.b[4:], ip[:])
		clear(a.b[8:16])
		a.n = unix.SizeofSockaddrInet4
		return true
	}
	binary.NativeEndian.PutUint16(a.b[:], unix.AF_INET6)
	ip := addr.As16()
	clear(a.b[4:8])
	copy(a.b[8:], ip[:])
	clear(a.b[24:28])
	a.n = unix.SizeofSockaddrInet6
	return true
}

func (a *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(a.b[2:])
	switch binary.NativeEndian.Uint16(a.b[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a.b[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(a.b[8:24])), port)
	}
	return netip.AddrPort{}
}

// same reports whether two addresses of one version are the same.
func (a *sockaddr) same(b *sockaddr) bool {
	if binary.NativeEndian.Uint16(a.b[:]) == unix.AF_INET {
		return [8]byte(a.b[:8]) == [8]byte(b.b[:8])
	}
	return [4]byte(a.b[:4]) == [4]byte(b.b[:4]) && [20]byte(a.b[8:]) == [20]byte(b.b[8:])
}

func receiveFrom(fd int, b []byte, from *sockaddr) (int, unix.Errno) {
	from.n = uint32(len(from.b))
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from.b)), uintptr(unsafe.Pointer(&from.n)))
	return int(n), e
}

// sendTo sends to an address, or to the connected peer when to is nil.
func sendTo(fd int, b []byte, to *sockaddr) unix.Errno {
	var at unsafe.Pointer
	var n uintptr
	if to != nil {
		at, n = unsafe.Pointer(&to.b), uintptr(to.n)
	}
	_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(at), n)
	return e
}

func connect(fd int, to *sockaddr) unix.Errno {
	_, _, e := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to.b)), uintptr(to.n))
	return e
}

// poll takes what is ready now.
func poll(epoll int, events []unix.EpollEvent) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	switch e {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, e
}

func setTimer(fd int, t *unix.ItimerSpec) error {
	if _, _, e := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), 0, uintptr(unsafe.Pointer(t)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

func bindTo(fd int, a *sockaddr) error {
	_, _, e := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.b)), uintptr(a.n))
	if e != 0 {
		return e
	}
	return nil
}

// queueDrops returns how many datagrams found the receive queue full.
func queueDrops(fd int) uint64 {
	const drops = 8 // SK_MEMINFO_DROPS
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return 0
	}
	return uint64(info[drops])
}
