package demo

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// place is where the server listens.
type place struct {
	host  netip.Addr     // by which phones reach it
	sip   netip.AddrPort // UDP and TCP
	tls   netip.AddrPort
	taken uint16 // the port that was asked for and is taken, 0: none
}

// tries is how many ports are looked at, two apart: the odd one is for TLS.
const tries = 50

// choose finds free ports at or after those asked for.
func choose(listen string, lan bool) (place, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return place{}, fmt.Errorf("--listen %q: want host:port, e.g. 127.0.0.1:5060", listen)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || n > 65000 {
		return place{}, fmt.Errorf("--listen %q: want a port from 1 to 65000", listen)
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	bind, err := netip.ParseAddr(host)
	if err != nil {
		return place{}, fmt.Errorf("--listen %q: the host must be an IP address of this machine", listen)
	}
	p := place{host: bind}
	if lan {
		bind = netip.IPv4Unspecified()
	}
	if bind.IsUnspecified() {
		if p.host, err = outward(); err != nil {
			return place{}, err
		}
	}
	for i := range uint16(tries) {
		sip := netip.AddrPortFrom(bind, uint16(n)+2*i)
		tls := netip.AddrPortFrom(bind, sip.Port()+1)
		if err = free(sip, tls); err == nil {
			p.sip, p.tls = sip, tls
			if i > 0 {
				p.taken = uint16(n)
			}
			return p, nil
		}
	}
	return place{}, fmt.Errorf("no free port from %d on: %w; name another with --listen", n, err)
}

// free tries to open what the server will open.
func free(sip, tls netip.AddrPort) error {
	u, err := net.ListenPacket("udp", sip.String())
	if err != nil {
		return err
	}
	defer u.Close()
	for _, addr := range []netip.AddrPort{sip, tls} {
		l, err := net.Listen("tcp", addr.String())
		if err != nil {
			return err
		}
		defer l.Close()
	}
	return nil
}

// outward is this machine's address towards others. Nothing is sent.
func outward() (netip.Addr, error) {
	c, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}, fmt.Errorf("this machine has no address that others can reach: %w; leave out --lan", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// server is host:port for phones.
func (p place) server() string { return netip.AddrPortFrom(p.host, p.sip.Port()).String() }

// advertise is what the server must call itself, "" when its own address will do.
func (p place) advertise() string {
	if p.sip.Addr().IsUnspecified() {
		return p.host.String()
	}
	return ""
}
