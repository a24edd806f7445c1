// Package lab starts a server of its own for a run of the interop suite: on free
// ports of loopback, with accounts, and with numbers that lead to the suite.
package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
	"tandem/interop/behaviour"
	"tandem/interop/suite"
	"tandem/rtc/directory"
)

// Lab is a running server and where the suite finds it. Several may run on one
// machine.
type Lab struct {
	Target suite.Target

	dir    string // removed by Close
	socket string // of the API
	stop   context.CancelFunc
	ended  chan error
}

// What a lab has of each.
const (
	domain   = "interop.test"
	accounts = 32
)

// listeners are the listeners of a lab, in this order.
var listeners = []config.Listen{
	{Proto: "udp", Addr: "127.0.0.1:0", Loops: 1},
	{Proto: "tcp", Addr: "127.0.0.1:0"},
	{Proto: "tls", Addr: "127.0.0.1:0"},
	{Proto: "udp", Addr: "127.0.0.1:0", Loops: 1, Trusted: []string{"127.0.0.1"}},
	{Proto: "tcp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.1"}},
	{Proto: "tls", Addr: "127.0.0.1:0"},                         // asks for certificates
	{Proto: "wss", Addr: "127.0.0.1:0", Origins: []string{"*"}}, // pages come from ports of their own
}

// gatewayTLS is the one where gateways come over TLS.
const gatewayTLS = 5

// has is what this server has beside a registrar and a proxy.
var has = []behaviour.Feature{behaviour.Calls, behaviour.Media, behaviour.Trunks, behaviour.Messages, behaviour.Lamps, behaviour.Provisioning, behaviour.Resync, behaviour.Remote}

// Start starts a server and waits until it serves.
func Start(ctx context.Context) (_ *Lab, err error) {
	l := &Lab{ended: make(chan error, 1)}
	if l.dir, err = os.MkdirTemp("", "tandem-interop-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	cfg := config.Default()
	cfg.Domains = []string{domain}
	cfg.Data = l.Data()
	cfg.HTTP.Addr = ""
	cfg.Limits.Drain = 0
	cfg.Listen = slices.Clone(listeners)
	if cfg.Listen[gatewayTLS].ClientCA, err = l.certify(); err != nil {
		return nil, err
	}
	cfg.Numbers.Country = "DE"
	cfg.Phones.HTTP, cfg.Phones.TFTP, cfg.Phones.Transport = "127.0.0.1:0", "127.0.0.1:0", "udp"
	cfg.DNS.Servers = []string{"127.0.0.1:9"} // no name is looked up outside
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	s, err := server.New(ctx, cfg, server.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("starting the server to try: %w", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, l.socket = stop, cfg.Socket()
	go func() { l.ended <- s.Run(run) }()
	return l, l.fill(ctx, s)
}

// fill makes accounts and says where the server is.
func (l *Lab) fill(ctx context.Context, s *server.Server) (err error) {
	t, at := &l.Target, s.Transport().Listeners()
	t.Domain, t.Local, t.Has = domain, netip.MustParseAddr("127.0.0.1"), has
	t.UDP, t.TCP, t.TLS, t.Trusted, t.TrustedTCP, t.TrustedTLS, t.WSS = at[0].Addr(), at[1].Addr(), at[2].Addr(), at[3].Addr(), at[4].Addr(), at[gatewayTLS].Addr(), at[6].Addr()
	if err := l.gateways(); err != nil {
		return err
	}
	if err := l.trunks(ctx, s); err != nil {
		return err
	}
	if t.TLSConfig, err = suite.Trust(filepath.Join(l.Data(), "ca.pem"), domain); err != nil {
		return err
	}
	if t.Operator, err = client.Dial(l.socket); err != nil {
		return err
	}
	for way, at := range map[string]*netip.AddrPort{"http": &t.HTTP, "tftp": &t.TFTP} {
		if *at, err = netip.ParseAddrPort(s.PhoneFiles(way)); err != nil {
			return fmt.Errorf("where phones get files over %s: %w", way, err)
		}
	}
	for i := range accounts {
		aor, err := s.Directory().ParseAOR(fmt.Sprintf("%d@%s", 1001+i, domain))
		if err != nil {
			return err
		}
		password, err := s.Directory().Add(ctx, directory.AddUser{AOR: aor})
		if err != nil {
			return err
		}
		t.Accounts = append(t.Accounts, suite.Account{User: fmt.Sprint(1001 + i), Password: password})
	}
	return nil
}

// Data is the data folder of its server.
func (l *Lab) Data() string { return filepath.Join(l.dir, "data") }

// Close ends the server and removes its folder. It may be called again.
func (l *Lab) Close() (err error) {
	if l.stop != nil {
		l.stop()
		err = <-l.ended
		l.stop = nil
	}
	for _, g := range l.Target.Gateways {
		g.Endpoint.Close()
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}
