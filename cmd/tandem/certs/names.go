package certs

import (
	"net"
	"os"
	"tandem/cmd/tandem/config"
)

// MachineNames are the host names, besides domains and addresses, by which
// phones may know this server: an outbound proxy in their settings.
func MachineNames(cfg *config.Config) []string {
	names := append([]string(nil), cfg.Names...)
	if h, err := os.Hostname(); err == nil && h != "" {
		names = append(names, h)
	}
	return append(names, "localhost")
}

// HostNames are the names and addresses a self-made certificate speaks for:
// the domains, what is advertised, this host's name and addresses.
func HostNames(cfg *config.Config) []string {
	seen := map[string]bool{}
	var names []string
	add := func(n string) {
		if n != "" && !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	for _, d := range cfg.Domains {
		add(d)
	}
	for _, l := range cfg.Listen {
		host := l.Advertise
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		add(host)
	}
	for _, n := range MachineNames(cfg) {
		add(n)
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			add(n.IP.String())
		}
	}
	return names
}
