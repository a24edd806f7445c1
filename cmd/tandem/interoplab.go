package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"tandem/cmd/tandem/server"
	"tandem/interop/suite"
	"tandem/interop/wire"
	"tandem/rtc/directory"
	"tandem/rtc/proxy"
)

// interopLab is a server of its own for one run: free ports on loopback, a
// folder that is removed, accounts, and numbers that lead to the suite. Several
// may run on one machine.
type interopLab struct {
	target suite.Target
	dir    string
	stop   context.CancelFunc
	ended  chan error
}

// What a lab has of each.
const (
	labDomain   = "interop.test"
	labAccounts = 16
	labGateways = 8
)

// labListen are the listeners of a lab, in this order.
var labListen = []server.Listen{
	{Proto: "udp", Addr: "127.0.0.1:0", Loops: 1},
	{Proto: "tcp", Addr: "127.0.0.1:0"},
	{Proto: "tls", Addr: "127.0.0.1:0"},
	{Proto: "udp", Addr: "127.0.0.1:0", Loops: 1, Trusted: []string{"127.0.0.1"}},
	{Proto: "tcp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.1"}},
}

// startInteropLab starts a server and waits until it serves.
func startInteropLab(ctx context.Context) (_ *interopLab, err error) {
	l := &interopLab{ended: make(chan error, 1)}
	if l.dir, err = os.MkdirTemp("", "tandem-interop-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	routes, err := l.gateways()
	if err != nil {
		return nil, err
	}
	cfg := server.Default()
	cfg.Domains = []string{labDomain}
	cfg.Data = filepath.Join(l.dir, "data")
	cfg.HTTP.Addr = ""
	cfg.Limits.Drain = 0
	cfg.Listen = labListen
	cfg.Routes = routes
	cfg.DNS.Servers = []string{"127.0.0.1:9"} // no name is looked up outside
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	s, err := server.New(ctx, cfg, server.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("starting the server to try: %w", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go func() { l.ended <- s.Run(run) }()
	return l, l.fill(ctx, s)
}

// gateways opens addresses that numbers lead to, and returns the routes.
func (l *interopLab) gateways() (routes []proxy.Route, err error) {
	for i := range labGateways {
		e, err := wire.Listen(netip.MustParseAddrPort("127.0.0.1:0"), netip.AddrPort{})
		if err != nil {
			return nil, err
		}
		prefix := fmt.Sprintf("+49305550%d", i)
		l.target.Gateways = append(l.target.Gateways, suite.Gateway{Endpoint: e, Number: prefix + "100"})
		routes = append(routes, proxy.Route{Name: fmt.Sprintf("gateway %d", i), Match: proxy.Match{Prefix: prefix}, NextHop: proxy.Hops{"sip:" + e.Local.String()}})
	}
	return routes, nil
}

// fill makes accounts and says where the server is.
func (l *interopLab) fill(ctx context.Context, s *server.Server) (err error) {
	t, at := &l.target, s.Transport().Listeners()
	t.Domain, t.Local = labDomain, netip.MustParseAddr("127.0.0.1")
	t.UDP, t.TCP, t.TLS, t.Trusted, t.TrustedTCP = at[0].Addr(), at[1].Addr(), at[2].Addr(), at[3].Addr(), at[4].Addr()
	for i := range t.Gateways {
		t.Gateways[i].Endpoint.Aim(t.Trusted)
	}
	if t.TLSConfig, err = trust(filepath.Join(l.dir, "data", "ca.pem"), labDomain); err != nil {
		return err
	}
	for i := range labAccounts {
		aor, err := s.Directory().ParseAOR(fmt.Sprintf("%d@%s", 1001+i, labDomain))
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

// close ends the server and removes its folder. It may be called again.
func (l *interopLab) close() (err error) {
	if l.stop != nil {
		l.stop()
		err = <-l.ended
		l.stop = nil
	}
	for _, g := range l.target.Gateways {
		g.Endpoint.Close()
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}
