package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// API is the interface over HTTPS.
type API struct {
	Addr       string        `yaml:"addr" json:"addr"`
	Hosts      []string      `yaml:"hosts" json:"hosts,omitempty"`
	Origins    []string      `yaml:"origins" json:"origins,omitempty"`
	WebhooksTo []string      `yaml:"webhooks_to" json:"webhooks_to,omitempty"`
	KeepAudit  time.Duration `yaml:"keep_audit" json:"keep_audit"`
}

// faults finds what the syntax does not show.
func (a *API) faults(bad func(key, format string, args ...any)) {
	if a.Addr != "" {
		if _, _, err := net.SplitHostPort(a.Addr); err != nil {
			bad("api.addr", "%w; write host:port, such as 0.0.0.0:9443, or \"\" for none", err)
		}
	}
	for _, h := range a.Hosts {
		if h == "" || strings.ContainsAny(h, " /@") || strings.Contains(h, "://") {
			bad("api.hosts", "%q is not a host name or address; write it as sip.example.com or 192.0.2.10", h)
		}
	}
	for _, o := range a.Origins {
		if u, err := url.Parse(o); err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && u.Scheme != "http" {
			bad("api.origins", "%q is not an origin; write it as https://host or https://host:port", o)
		}
	}
	if _, err := Prefixes(a.WebhooksTo); err != nil {
		bad("api.webhooks_to", "%w", err)
	}
	if a.KeepAudit < 0 || a.KeepAudit > 0 && a.KeepAudit < 24*time.Hour {
		bad("api.keep_audit", "has %s; keep changes for a day at least, or 0 for ever", a.KeepAudit)
	}
}

// Prefixes reads addresses and networks.
func Prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address or CIDR, e.g. 192.0.2.10 or 192.0.2.0/24", s)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("%q has bits beyond the network; write %s, or %s for one address", s, p.Masked(), p.Addr())
		}
		out = append(out, p)
	}
	return out, nil
}
