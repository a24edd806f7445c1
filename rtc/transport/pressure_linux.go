package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Indexes of SO_MEMINFO (linux/sock_diag.h).
const (
	memReceived = 0 // octets waiting, with the kernel's overhead
	memLimit    = 1 // SO_RCVBUF as the kernel counts it
	memDrops    = 8 // datagrams dropped since the socket was made
	memValues   = 9
)

// meminfo is where the kernel tells of a socket. Kept, it makes a look at it that
// allocates nothing.
type meminfo struct {
	values [memValues]uint32
	size   uint32
	ok     bool
	ask    func(fd uintptr)
}

func (m *meminfo) read(fd uintptr) {
	m.size = uint32(unsafe.Sizeof(m.values))
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&m.values)), uintptr(unsafe.Pointer(&m.size)), 0)
	m.ok = e == 0
}

// backlog is the fill of the receive buffer, 0 to 1, and the datagrams dropped
// in front of it so far. m is the caller's.
func (s *udpSocket) backlog(m *meminfo) (fill float64, drops uint32, ok bool) {
	if m.ask == nil {
		m.ask = m.read
	}
	if err := s.raw.Control(m.ask); err != nil || !m.ok || m.values[memLimit] == 0 {
		return 0, 0, false
	}
	return float64(m.values[memReceived]) / float64(m.values[memLimit]), m.values[memDrops], true
}
