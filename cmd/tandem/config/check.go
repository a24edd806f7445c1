package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// fileFaults finds certificate files that are missing or do not belong together.
func (t *TLS) fileFaults(bad func(key, format string, args ...any)) {
	if t.Certificate == "" || t.Key == "" {
		return // self-made ones, or a fault that is told
	}
	readable := true
	for _, f := range []struct{ key, path string }{{"tls.certificate", t.Certificate}, {"tls.key", t.Key}} {
		if _, err := os.ReadFile(f.path); err != nil {
			bad(f.key, "%w; it must be a PEM file this user may read, e.g. /etc/tandem/sip.pem", err)
			readable = false
		}
	}
	if !readable {
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Certificate, t.Key); err != nil {
		bad("tls", "%w; certificate and key must be PEM files that belong together", err)
	}
}

// doubleFaults finds addresses that are listened on twice.
func (c *Config) doubleFaults(bad func(key, format string, args ...any)) {
	type use struct {
		key     string
		addr    netip.AddrPort
		network string
	}
	var uses []use
	add := func(key, network string, addr netip.AddrPort) {
		for _, u := range uses {
			if u.network == network && overlap(u.addr, addr) {
				bad(key, "%s %s is listened on by %s already; choose another port, e.g. %d", network, addr, u.key, addr.Port()+1)
				return
			}
		}
		uses = append(uses, use{key, addr, network})
	}
	for i := range c.Listen {
		l := &c.Listen[i]
		network := "tcp" // that carries tls, ws and wss, too
		if l.Proto == "udp" {
			network = "udp"
		}
		if a, err := l.AddrPort(); err == nil {
			add(fmt.Sprintf("listen[%d].addr", i), network, a)
		}
	}
	for _, h := range []struct{ key, addr string }{{"http.addr", c.HTTP.Addr}, {"api.addr", c.API.Addr}} {
		if host, port, err := net.SplitHostPort(h.addr); err == nil {
			if host == "" {
				host = "0.0.0.0"
			}
			if a, err := netip.ParseAddrPort(net.JoinHostPort(host, port)); err == nil {
				add(h.key, "tcp", a)
			}
		}
	}
}

// overlap reports whether the system lets one program alone have both. Port 0 is
// any free one.
func overlap(a, b netip.AddrPort) bool {
	x, y := a.Addr().Unmap(), b.Addr().Unmap()
	return a.Port() != 0 && a.Port() == b.Port() && x.Is4() == y.Is4() && (x == y || x.IsUnspecified() || y.IsUnspecified())
}

// everybody refuses networks that are all there are.
func everybody(list []netip.Prefix) error {
	for _, p := range list {
		if p.Bits() == 0 {
			return fmt.Errorf("%s trusts everybody: anybody could call at your expense; name the gateway's address, e.g. 192.0.2.10", p)
		}
	}
	return nil
}
