// Package doctor looks for what keeps a server from working before anybody
// has to: ports, addresses, names, clock, certificate, limits. Each finding
// says what to do about it.
//
// It changes nothing and sends nothing but DNS questions for the configured
// domains.
package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tandem/cmd/tandem/config"
	"tandem/media/host"
)

// Level of a finding.
type Level string

// Fine, worth knowing, in the way.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

// Finding is the outcome of one check. Remedy is empty when nothing is to be done.
type Finding struct {
	Check  string `json:"check" yaml:"check"`
	Level  Level  `json:"level" yaml:"level"`
	Found  string `json:"found" yaml:"found"`
	Remedy string `json:"remedy,omitempty" yaml:"remedy,omitempty"`
}

// Examine runs every check on a configuration. running says that a server
// already uses it, so that its ports are rightly taken.
func Examine(ctx context.Context, cfg config.Config, running bool) []Finding {
	var all []Finding
	all = append(all, dataFolder(cfg))
	told := map[string]bool{} // one host is judged once, however many ports it has
	for _, l := range cfg.Listen {
		all = append(all, port(l, running), Finding{Check: "phones use, " + l.Proto, Level: OK, Found: strings.Join(l.Places(), " or ")})
		if host := shownHost(l); !told[host] {
			told[host] = true
			all = append(all, advertised(host))
		}
	}
	if cfg.HTTP.Addr != "" {
		all = append(all, port(config.Listen{Proto: "http", Addr: cfg.HTTP.Addr}, running))
	}
	for _, d := range cfg.Domains {
		all = append(all, records(ctx, cfg, d))
	}
	all = append(all, certificate(cfg), clock(), files(cfg), buffers(), opus(), mediaAddress(), mediaPorts(), kernelPath())
	return all
}

func dataFolder(cfg config.Config) Finding {
	f := Finding{Check: "data folder"}
	st, err := os.Stat(cfg.Data)
	if errors.Is(err, os.ErrNotExist) {
		f.Level, f.Found = OK, cfg.Data+" will be made at the first start"
		return f
	}
	if err == nil {
		err = unix.Access(cfg.Data, unix.W_OK)
	}
	if err != nil || !st.IsDir() {
		return Finding{f.Check, Fail, fmt.Sprintf("%s: cannot be written: %v", cfg.Data, err), "set data to a folder this user owns"}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(cfg.Data, &fs); err == nil {
		free := fs.Bavail * uint64(fs.Bsize) >> 20
		f.Level, f.Found = OK, fmt.Sprintf("%s, %d MiB free", cfg.Data, free)
		if free < 100 {
			f.Level, f.Remedy = Fail, "free some space: without it no registration can be kept"
		}
	}
	return f
}

func port(l config.Listen, running bool) Finding {
	f := Finding{Check: "port " + l.Proto + " " + l.Addr, Level: OK, Found: "free"}
	addr := l.Addr
	var err error
	if l.Proto == "udp" {
		var c net.PacketConn
		if c, err = net.ListenPacket("udp", addr); err == nil {
			c.Close()
		}
	} else {
		var c net.Listener
		if c, err = net.Listen("tcp", addr); err == nil {
			c.Close()
		}
	}
	switch {
	case err == nil && running:
		return Finding{f.Check, Fail, "the running server does not hold it", "its configuration is another one; restart it"}
	case err == nil:
	case running && errors.Is(err, unix.EADDRINUSE):
		f.Found = "held by the running server"
	case errors.Is(err, unix.EADDRINUSE):
		flags := "-lntp"
		if l.Proto == "udp" {
			flags = "-lnup"
		}
		return Finding{f.Check, Fail, "taken by another program", "find it with: ss " + flags + " | grep " + addr[strings.LastIndexByte(addr, ':'):] + ", or choose another port"}
	case errors.Is(err, unix.EACCES):
		return Finding{f.Check, Fail, "not allowed", "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher port or give the capability"}
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return Finding{f.Check, Fail, "no interface has this address", "list the addresses with: ip address"}
	default:
		return Finding{f.Check, Fail, err.Error(), "correct addr in the configuration"}
	}
	return f
}

// shownHost is the host a listener tells peers, "" or unspecified for any.
func shownHost(l config.Listen) string {
	shown := l.Advertise
	if h, _, err := net.SplitHostPort(shown); err == nil {
		shown = h
	}
	if shown == "" {
		shown, _, _ = net.SplitHostPort(l.Addr)
	}
	return shown
}

// advertised tells what phones will be told to answer to, where one-way calls begin.
func advertised(shown string) Finding {
	f := Finding{Check: "address shown to peers", Level: OK}
	a, err := netip.ParseAddr(shown)
	switch {
	case shown == "" || err == nil && a.IsUnspecified():
		own := outward()
		f.Found = "all addresses; " + own + " is shown to peers"
		if p, err := netip.ParseAddr(own); err == nil && p.IsPrivate() {
			f.Level = Warn
			f.Remedy = "fine within this network; for phones outside it set advertise to the public address"
		}
	case err == nil && a.IsLoopback():
		f.Found, f.Level, f.Remedy = shown, Warn, "only programs of this machine can call; listen on 0.0.0.0 for phones"
	case err == nil:
		f.Found = shown
	default:
		f.Found = shown
		if _, err := net.LookupHost(shown); err != nil {
			f.Level, f.Remedy = Fail, "the name does not resolve; correct advertise or the DNS"
		}
	}
	return f
}

// outward is the address by which this machine reaches others; nothing is sent.
func outward() string {
	addr, _ := host.Address(false)
	return addr.String()
}

// records looks for what lets other domains and phones find a domain (RFC 3263 §4).
func records(ctx context.Context, cfg config.Config, domain string) Finding {
	f := Finding{Check: "DNS of " + domain, Level: OK}
	if domain == "localhost" || net.ParseIP(domain) != nil {
		f.Found = "needs none"
		return f
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	r := net.DefaultResolver
	if len(cfg.DNS.Servers) > 0 {
		r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, cfg.DNS.Servers[0])
		}}
	}
	var found []string
	for _, s := range []struct{ service, proto string }{{"sip", "udp"}, {"sip", "tcp"}, {"sips", "tcp"}} {
		if _, list, err := r.LookupSRV(ctx, s.service, s.proto, domain); err == nil && len(list) > 0 {
			found = append(found, fmt.Sprintf("_%s._%s → %s:%d", s.service, s.proto, list[0].Target, list[0].Port))
		}
	}
	if len(found) > 0 {
		f.Found = strings.Join(found, ", ")
		return f
	}
	if addrs, err := r.LookupHost(ctx, domain); err == nil {
		f.Level, f.Found = Warn, "no SRV records; address "+addrs[0]
		f.Remedy = "phones with the server's address set by hand work; for others publish: _sip._udp." + domain + " SRV 0 0 5060 <this host>"
		return f
	}
	return Finding{f.Check, Warn, "neither SRV records nor an address",
		"phones need the server's address as outbound proxy; or publish: _sip._udp." + domain + " SRV 0 0 5060 <this host>"}
}

func certificate(cfg config.Config) Finding {
	f := Finding{Check: "TLS certificate", Level: OK}
	cert, key := cfg.TLS.Certificate, cfg.TLS.Key
	if cert == "" {
		cert, key = filepath.Join(cfg.Data, "server.pem"), filepath.Join(cfg.Data, "server-key.pem")
		if _, err := os.Stat(cert); err != nil {
			f.Found = "self-made at the first start"
			return f
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return Finding{f.Check, Fail, err.Error(), "tls.certificate and tls.key must be readable PEM files that belong together"}
	}
	left := time.Until(pair.Leaf.NotAfter)
	f.Found = fmt.Sprintf("%s, until %s", cert, pair.Leaf.NotAfter.Format(time.DateOnly))
	if left < 0 {
		f.Level, f.Remedy = Fail, "it has expired; renew it and run: tandem reload"
	} else if left < 14*24*time.Hour && cfg.TLS.Certificate != "" {
		f.Level, f.Remedy = Warn, "renew it soon and run: tandem reload"
	}
	for _, d := range cfg.Domains {
		if pair.Leaf.VerifyHostname(d) != nil {
			f.Level, f.Remedy = Warn, "it does not name the domain "+d+"; phones that verify it will refuse"
		}
	}
	return f
}

func clock() Finding {
	f := Finding{Check: "clock", Level: OK, Found: time.Now().Format(time.RFC3339)}
	var tx unix.Timex
	const unsynchronised = 5 // TIME_ERROR
	if state, err := unix.Adjtimex(&tx); err == nil && state == unsynchronised {
		f.Level, f.Remedy = Warn, "not synchronised; phones set their clocks by it, and certificates depend on it: enable chrony or systemd-timesyncd"
	}
	return f
}

func files(cfg config.Config) Finding {
	f := Finding{Check: "open files", Level: OK}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return Finding{f.Check, Warn, err.Error(), ""}
	}
	f.Found = fmt.Sprintf("%d allowed", lim.Max)
	if need := uint64(cfg.Limits.Connections) + 100; lim.Max < need {
		f.Level = Warn
		f.Remedy = fmt.Sprintf("limits.connections is %d; raise the limit (LimitNOFILE=%d in the unit) or lower it", cfg.Limits.Connections, need)
	}
	return f
}

func buffers() Finding {
	const want = 4 << 20
	f := Finding{Check: "UDP buffers", Level: OK}
	b, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		f.Found = "unknown on this system"
		return f
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	f.Found = fmt.Sprintf("net.core.rmem_max = %d", n)
	if n < want && os.Geteuid() != 0 {
		f.Level, f.Remedy = Warn, fmt.Sprintf("bursts of registrations may be lost; sysctl -w net.core.rmem_max=%d", want)
	}
	return f
}
