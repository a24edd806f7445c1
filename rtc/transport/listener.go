package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"tandem/rtc/sip"
)

// Listener is one listening address.
type Listener struct {
	t      *Transport
	cfg    Listen
	proto  Proto
	addr   netip.AddrPort
	sentBy []byte
	names  []place      // the names for which IsLocal returns true
	socks  []*udpSocket // UDP: one for each loop, all on addr
	ln     *net.TCPListener
	origin originRule // WS, WSS
}

// place is one spelling of an address of ours.
type place struct {
	host []byte
	addr netip.Addr // when host is an address
	port uint16
}

// Proto returns the listener's transport.
func (l *Listener) Proto() Proto { return l.proto }

// Addr returns the address to which the listener is bound.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// SentBy returns "host:port" for Via and URIs, IPv6 in brackets; nil for a nil
// Listener.
func (l *Listener) SentBy() []byte {
	if l == nil {
		return nil
	}
	return l.sentBy
}

func (l *Listener) trusts(a netip.Addr) bool {
	for _, p := range l.cfg.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// reaches reports whether the listener's address family is that of a.
func (l *Listener) reaches(a netip.Addr) bool { return l.addr.Addr().Is4() == a.Is4() }

// suits reports whether a packet to a can be sent from the listener's address: a
// loopback address reaches only loopback addresses.
func (l *Listener) suits(a netip.Addr) bool {
	own := l.addr.Addr()
	return l.reaches(a) && (own.IsUnspecified() || own.IsLoopback() == a.IsLoopback())
}

// bind opens the sockets of one configured address.
func (t *Transport) bind(cfg Listen) (*Listener, error) {
	l := &Listener{t: t, cfg: cfg, proto: cfg.Proto, origin: originRule(cfg.Origins)}
	if !cfg.Addr.IsValid() || cfg.Proto < UDP || cfg.Proto > WSS {
		return nil, fmt.Errorf("listening on %s %s: not an address to listen on; write it as 192.0.2.1:5060 or [2001:db8::1]:5060", cfg.Proto.Param(), cfg.Addr)
	}
	l.cfg.Addr = netip.AddrPortFrom(cfg.Addr.Addr().Unmap(), cfg.Addr.Port())
	if cfg.Proto.Secure() && cfg.TLS == nil {
		return nil, fmt.Errorf("listening on %s %s: no certificate is configured for it", cfg.Proto.Param(), cfg.Addr)
	}
	var err error
	if cfg.Proto == UDP {
		err = l.bindUDP()
	} else {
		err = l.bindTCP()
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("listening on %s %s: %w%s", cfg.Proto.Param(), cfg.Addr, err, remedy(cfg, err))
	}
	if err := l.advertise(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// remedy returns a hint on how to fix a failure to bind.
func remedy(cfg Listen, err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf(": another program, or a second copy of this one, holds port %d (ss -lnp shows which); stop it or configure another port", cfg.Addr.Port())
	case errors.Is(err, fs.ErrPermission):
		return ": ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it or configure a higher port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf(": this machine does not have the address %s (ip address shows those it has); configure one of them or 0.0.0.0", cfg.Addr.Addr())
	}
	return ""
}

func (l *Listener) close() {
	for _, s := range l.socks {
		s.conn.Close()
	}
	if l.ln != nil {
		l.ln.Close()
	}
}

// network returns the name that package net uses: "udp4", "tcp6" and so on.
func (l *Listener) network() string {
	kind := "tcp"
	if l.proto == UDP {
		kind = "udp"
	}
	if l.cfg.Addr.Addr().Is4() {
		return kind + "4"
	}
	return kind + "6"
}

// advertise determines the address that the listener advertises.
func (l *Listener) advertise() error {
	host, port := l.cfg.Advertise, l.addr.Port()
	if h, p, err := net.SplitHostPort(host); err == nil && host != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("listening on %s %s: advertised address %q has no port between 1 and 65535", l.proto.Param(), l.addr, host)
		}
		host, port = h, uint16(n)
	}
	bound := boundAddrs(l.addr.Addr())
	if host == "" {
		host = bound[0].WithZone("").String()
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	l.sentBy = []byte(net.JoinHostPort(host, strconv.Itoa(int(port))))
	l.addName(host, port)
	for _, a := range bound {
		l.addName(a.WithZone("").String(), l.addr.Port())
	}
	return nil
}

func (l *Listener) addName(host string, port uint16) {
	a, err := netip.ParseAddr(host)
	if err == nil {
		host = a.String()
	}
	l.names = append(l.names, place{host: []byte(host), addr: a, port: port})
}

// boundAddrs returns the addresses on which a socket bound to a answers; the first one
// is advertised. For a wildcard these are the machine's addresses of that family,
// starting with those that are neither loopback nor link-local.
func boundAddrs(a netip.Addr) []netip.Addr {
	if !a.IsUnspecified() {
		return []netip.Addr{a}
	}
	var front, back []netip.Addr
	addrs, _ := net.InterfaceAddrs() // without any, the loopback address below is used
	for _, ia := range addrs {
		n, ok := ia.(*net.IPNet)
		if !ok {
			continue
		}
		own, ok := netip.AddrFromSlice(n.IP)
		own = own.Unmap()
		switch {
		case !ok || own.Is4() != a.Is4():
		case own.IsLoopback() || own.IsLinkLocalUnicast():
			back = append(back, own)
		default:
			front = append(front, own)
		}
	}
	loop := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if a.Is6() {
		loop = netip.IPv6Loopback()
	}
	return append(append(front, back...), loop)
}

// IsLocal reports whether host:port (port 0 = default of the scheme) is a bound or
// advertised address of our listeners, or one of our names with the port of a listener
// or none.
func (t *Transport) IsLocal(host []byte, port uint16) bool {
	if port == 0 && t.named(host) {
		return true // DNS determines the port of a name without one
	}
	return t.local(host, func(l *Listener, p uint16) bool {
		want := port
		if want == 0 {
			want = l.proto.port()
		}
		return p == want
	})
}

// IsLocalHost reports whether host is a bound or advertised address of ours, with any
// port: phones that know the server by its address name users "sip:alice@192.0.2.1".
func (t *Transport) IsLocalHost(host []byte) bool {
	return t.local(host, func(*Listener, uint16) bool { return true })
}

func (t *Transport) local(host []byte, fits func(*Listener, uint16) bool) bool {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	var addr netip.Addr // parsed only for IPv6, which has several spellings
	if bytes.IndexByte(host, ':') >= 0 {
		addr, _ = sip.HostAddr(host)
	}
	named := t.named(host)
	for _, l := range t.listeners {
		if named && fits(l, l.addr.Port()) {
			return true
		}
		for i := range l.names {
			n := &l.names[i]
			if (bytes.EqualFold(n.host, host) || addr.IsValid() && addr == n.addr) && fits(l, n.port) {
				return true
			}
		}
	}
	return false
}

// named reports whether host is one of the names in Config.Names.
func (t *Transport) named(host []byte) bool {
	for _, n := range t.cfg.Names {
		if sip.EqualFold(host, n) {
			return true
		}
	}
	return false
}
