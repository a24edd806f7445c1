package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
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
	for _, h := range []struct{ key, network, addr string }{{"http.addr", "tcp", c.HTTP.Addr}, {"api.addr", "tcp", c.API.Addr},
		{"phones.https", "tcp", c.Phones.HTTPS}, {"phones.http", "tcp", c.Phones.HTTP}, {"phones.old_tls", "tcp", c.Phones.OldTLS}, {"phones.tftp", "udp", c.Phones.TFTP}} {
		if host, port, err := net.SplitHostPort(h.addr); err == nil {
			if host == "" {
				host = "0.0.0.0"
			}
			if a, err := netip.ParseAddrPort(net.JoinHostPort(host, port)); err == nil {
				add(h.key, h.network, a)
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

// boundFaults finds numbers and times below the least that makes sense.
func (c *Config) boundFaults(bad func(key, format string, args ...any)) {
	for _, n := range []struct {
		key         string
		has, least  int64
		or, example string
	}{
		{"registrar.max_bindings", int64(c.Registrar.MaxBindings), 1, "", "10"},
		{"proxy.max_forks", int64(c.Proxy.MaxForks), 1, "", "20"},
		{"limits.connections", int64(c.Limits.Connections), 1, "", "100000"},
		{"limits.connections_per_ip", int64(c.Limits.ConnectionsPerIP), 1, "", "1000"},
		{"limits.message_bytes", int64(c.Limits.MessageBytes), 4096, "", "65535"},
		{"limits.multipart_bytes", int64(c.Limits.MultipartBytes), 0, " (not at all)", "1048576"},
		{"limits.transactions", int64(c.Limits.Transactions), 1, "", "500000"},
		{"limits.absorb_bytes", int64(c.Limits.AbsorbBytes), 0, "", "67108864"},
		{"limits.memory", c.Limits.Memory, 0, " (none)", "1073741824"},
		{"trace.bytes", int64(c.Trace.Bytes), 0, " (off)", "8388608"},
		{"media.workers", int64(c.Media.Workers), 0, " (one a core)", "2"},
		{"media.converters", int64(c.Media.Converters), 0, " (one a core)", "2"},
	} {
		if n.has < n.least {
			bad(n.key, "has %d; must be at least %d%s, e.g. %s", n.has, n.least, n.or, n.example)
		}
	}
	for _, d := range []struct {
		key        string
		has, least time.Duration
	}{{"auth.nonce_life", c.Auth.NonceLife, time.Second}, {"proxy.timer_c", c.Proxy.TimerC, time.Second}, {"limits.drain", c.Limits.Drain, 0}} {
		if d.has < d.least {
			bad(d.key, "has %s; must be at least %s, e.g. 5m", d.has, d.least)
		}
	}
	if c.Media.DSCP < 0 || c.Media.DSCP > 63 {
		bad("media.dscp", "has %d; use 0 to 63, e.g. 46, expedited forwarding", c.Media.DSCP)
	}
}

// isHost reports whether s is a name of DNS or an IP address.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// isHostPort reports whether s is such a host, or none for all, and a port.
func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil && (host == "" || isHost(host))
}
