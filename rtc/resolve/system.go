package resolve

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// systemServers are the DNS servers of this machine.
func systemServers(log *slog.Logger) []string {
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		log.Warn("no DNS server in /etc/resolv.conf, asking 127.0.0.1", "err", err)
		return []string{"127.0.0.1:53"}
	}
	var list []string
	for _, s := range conf.Servers {
		list = append(list, net.JoinHostPort(s, conf.Port))
	}
	return list
}

// readHosts reads a hosts file; one that cannot be read is empty.
func readHosts(path string, noIPv6 bool) map[string][]netip.Addr {
	m := make(map[string][]netip.Addr)
	if path == "" {
		path = "/etc/hosts"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil || a.Zone() != "" || (noIPv6 && a.Is6()) {
			continue
		}
		for _, name := range f[1:] {
			name = canonical([]byte(name))
			m[name] = append(m[name], a.Unmap())
		}
	}
	return m
}

// listed are the addresses of a name that needs no DNS (RFC 6761 §6.3 for
// localhost).
func (r *Resolver) listed(host string) ([]netip.Addr, bool) {
	if list, ok := r.hosts[host]; ok {
		return list, true
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, true
	}
	return nil, false
}
