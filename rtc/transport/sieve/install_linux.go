package sieve

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

var errNetworks = errors.New("too many networks of peers for a filter")

// install puts the filter of the present level in front of the socket; false: it cannot be.
func (s *Sieve) install() bool {
	var err error
	if e := s.raw.Control(func(fd uintptr) { err = s.attach(int(fd)) }); e != nil {
		return false
	}
	return err == nil
}

func (s *Sieve) attach(fd int) error {
	if s.level == 0 {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	}
	wide, known, ok := s.peers()
	if !ok {
		return errNetworks
	}
	code := compile(known, wide, s.cfg.Begins, s.level)
	f := &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, f)
	if err != nil { // both together may be more than a socket is allowed
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, f)
	}
	return err
}

// peers are the networks of peers and the senders known, single addresses of peers among them.
func (s *Sieve) peers() (wide []netip.Prefix, known [words]uint32, ok bool) {
	known = s.cfg.Senders.snapshot()
	if s.cfg.Peers == nil {
		return nil, known, true
	}
	for n := range s.cfg.Peers {
		if n.IsSingleIP() {
			h := hash(n.Addr())
			known[h/32] |= 1 << (h % 32)
		} else {
			wide = append(wide, n.Masked())
		}
	}
	return wide, known, len(wide) <= maxNetworks
}
