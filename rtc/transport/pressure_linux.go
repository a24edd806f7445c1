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

// backlog is the fill of the receive buffer, 0 to 1, and the datagrams dropped
// in front of it so far.
func (s *udpSocket) backlog() (fill float64, drops uint32, ok bool) {
	var mem [memValues]uint32
	size := uint32(unsafe.Sizeof(mem))
	err := s.raw.Control(func(fd uintptr) {
		_, _, e := syscall.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&mem)), uintptr(unsafe.Pointer(&size)), 0)
		ok = e == 0
	})
	if err != nil || !ok || mem[memLimit] == 0 {
		return 0, 0, false
	}
	return float64(mem[memReceived]) / float64(mem[memLimit]), mem[memDrops], true
}
