// Package rtnetlink asks the kernel by what way packets leave.
package rtnetlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Route is the way of packets from one address to another.
type Route struct {
	Index int  // of the interface they leave by
	Local bool // they stay on this machine
}

// Cache keeps answers of the kernel for a second, because thousands of flows ask, often
// for the same gateway or peer.
type Cache struct {
	mu    sync.Mutex
	known map[[2]netip.Addr]answer
}

type answer struct {
	route Route
	err   error
	at    time.Time
}

const (
	answerAge  = time.Second
	maxAnswers = 4096
)

// Find is the function Find with the cache.
func (r *Cache) Find(from, to netip.Addr, now time.Time) (Route, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]netip.Addr{from, to}
	a, ok := r.known[key]
	if age := now.Sub(a.at); ok && age >= 0 && age < answerAge {
		return a.route, a.err
	}
	if r.known == nil || len(r.known) >= maxAnswers {
		r.known = map[[2]netip.Addr]answer{}
	}
	a = answer{at: now}
	a.route, a.err = Find(from, to)
	r.known[key] = a
	return a.route, a.err
}

// Find asks the kernel (rtnetlink RTM_GETROUTE).
func Find(from, to netip.Addr) (Route, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return Route{}, fmt.Errorf("asking for a route: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, routeRequest(from, to), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return Route{}, fmt.Errorf("asking for a route: %w", err)
	}
	b := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return Route{}, fmt.Errorf("asking for a route: %w", err)
	}
	r, err := parseRoute(b[:n])
	if err != nil {
		return Route{}, fmt.Errorf("route from %s to %s: %w", from, to, err)
	}
	return r, nil
}

func routeRequest(from, to netip.Addr) []byte {
	family, bits := byte(unix.AF_INET), byte(32)
	if to.Is6() {
		family, bits = unix.AF_INET6, 128
	}
	b := make([]byte, unix.SizeofNlMsghdr+unix.SizeofRtMsg, 128)
	binary.NativeEndian.PutUint16(b[4:], unix.RTM_GETROUTE)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	m := b[unix.SizeofNlMsghdr:]
	m[0], m[1], m[2] = family, bits, bits // destination and source are whole addresses
	for _, a := range []struct {
		kind uint16
		addr netip.Addr
	}{{unix.RTA_DST, to}, {unix.RTA_SRC, from}} {
		ip := a.addr.AsSlice()
		b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(ip)))
		b = binary.NativeEndian.AppendUint16(b, a.kind)
		b = append(b, ip...) // 4 or 16 octets need no padding
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

var errRoute = errors.New("the kernel's answer cannot be read")

func parseRoute(b []byte) (Route, error) {
	if len(b) < unix.SizeofNlMsghdr+4 {
		return Route{}, errRoute
	}
	if end := binary.NativeEndian.Uint32(b); int(end) <= len(b) && end >= unix.SizeofNlMsghdr+4 {
		b = b[:end]
	}
	kind := binary.NativeEndian.Uint16(b[4:])
	b = b[unix.SizeofNlMsghdr:]
	if kind == unix.NLMSG_ERROR {
		return Route{}, unix.Errno(-int32(binary.NativeEndian.Uint32(b)))
	}
	if kind != unix.RTM_NEWROUTE || len(b) < unix.SizeofRtMsg {
		return Route{}, errRoute
	}
	var r Route
	switch b[7] {
	case unix.RTN_LOCAL:
		r.Local = true
	case unix.RTN_UNICAST:
	default:
		return Route{}, unix.EHOSTUNREACH
	}
	for b = b[unix.SizeofRtMsg:]; len(b) >= unix.SizeofRtAttr; {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return Route{}, errRoute
		}
		if binary.NativeEndian.Uint16(b[2:]) == unix.RTA_OIF && n == unix.SizeofRtAttr+4 {
			r.Index = int(binary.NativeEndian.Uint32(b[4:]))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if r.Index == 0 {
		return Route{}, errRoute
	}
	return r, nil
}
