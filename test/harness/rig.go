package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/server"
	"tandem/rtc/directory"
	"tandem/rtc/proxy"
	"tandem/rtc/store/fresh"
)

const (
	Domain   = "example.test"
	Password = "correct horse"
)

// Rig is a server of this process with its sockets on loopback.
type Rig struct {
	T    testing.TB
	S    *server.Server
	Cfg  config.Config
	ca   *x509.CertPool
	Addr map[string]netip.AddrPort // by listener: udp tcp tls ws wss, trusted and trusted-tcp
}

// Listeners are those every rig has, in this order.
var Listeners = []string{"udp", "tcp", "tls", "ws", "wss", "trusted", "trusted-tcp"}

// data has a new database. It has no key: each server makes one of its own.
var data = fresh.New(func(dir string) error {
	cfg := config.Default()
	cfg.Data = dir
	return datafolder.RenewKey(context.Background(), &cfg, slog.New(slog.DiscardHandler))
})

// Data is a data folder with nothing but a new database, a copy of one that was
// made once in the process.
func Data(t testing.TB) string { return data.Copy(t) }

// StartServer starts a server; adjust may change its configuration. Calls between users
// pass through as they are, unless LedCalls is asked for.
func StartServer(t testing.TB, adjust func(*config.Config)) *Rig {
	t.Helper()
	cfg := config.Default()
	cfg.Domains = []string{Domain}
	cfg.Data = Data(t)
	cfg.HTTP.Addr = ""
	cfg.Limits.Drain = 100 * time.Millisecond
	cfg.Telephony.AllCalls = false
	any := []string{"127.0.0.0/8"}
	cfg.Listen = nil
	for _, name := range Listeners {
		l := config.Listen{Proto: name, Addr: "127.0.0.1:0", Origins: []string{"*"}, Loops: 1}
		switch name {
		case "trusted":
			l.Proto, l.Trusted = "udp", any
		case "trusted-tcp":
			l.Proto, l.Trusted = "tcp", any
		}
		cfg.Listen = append(cfg.Listen, l)
	}
	if adjust != nil {
		adjust(&cfg)
	}
	if len(cfg.DNS.Servers) == 0 {
		cfg.DNS.Servers = []string{Nameserver(t, 9)}
	}
	r := &Rig{T: t, Cfg: cfg, Addr: make(map[string]netip.AddrPort)}
	s, err := server.New(context.Background(), cfg, server.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r.S = s
	for i, l := range s.Transport().Listeners() {
		if i < len(Listeners) {
			r.Addr[Listeners[i]] = l.Addr()
		}
	}
	r.ca = x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(cfg.Data, "ca.pem"))
	if err != nil || !r.ca.AppendCertsFromPEM(pem) {
		t.Fatalf("the self-made CA: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(2 * Patience):
			t.Error("the server does not end")
		}
	})
	return r
}

// User makes a user with the common password.
func (r *Rig) User(names ...string) {
	r.T.Helper()
	for _, name := range names {
		aor, err := r.S.Directory().ParseAOR(name)
		if err == nil {
			_, err = r.S.Directory().Add(context.Background(), directory.AddUser{AOR: aor, Password: Password})
		}
		if err != nil {
			r.T.Fatal(err)
		}
	}
}

func (r *Rig) TLS() *tls.Config { return &tls.Config{RootCAs: r.ca, ServerName: Domain} }

// CatchAll are routes that take requests of these methods for any other domain
// to one address, so that nothing leaves this machine.
func CatchAll(to netip.AddrPort, methods ...string) []proxy.Route {
	var list []proxy.Route
	for _, m := range methods {
		list = append(list, proxy.Route{Match: proxy.Match{Method: m}, NextHop: proxy.Hops{"sip:" + to.String()}})
	}
	return list
}

// Nameserver answers on loopback: every name has the address 127.0.0.1, and SIP
// there that port.
func Nameserver(t testing.TB, port uint16) string {
	t.Helper()
	ready := make(chan struct{})
	s := &dns.Server{Addr: "127.0.0.1:0", Net: "udp", NotifyStartedFunc: func() { close(ready) }}
	s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if rr := record(q, port); rr != nil {
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m) // the server asks again
	})
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Shutdown()
		<-ended
	})
	return s.PacketConn.LocalAddr().String()
}

func record(q *dns.Msg, port uint16) dns.RR {
	if len(q.Question) != 1 {
		return nil
	}
	h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 60}
	switch h.Rrtype {
	case dns.TypeA:
		return &dns.A{Hdr: h, A: net.IPv4(127, 0, 0, 1)}
	case dns.TypeSRV:
		return &dns.SRV{Hdr: h, Port: port, Target: "host.example.test."}
	}
	return nil
}

const AliceURI, BobURI = "sip:alice@" + Domain, "sip:bob@" + Domain
