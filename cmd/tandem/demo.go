package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/demo"
	"tandem/cmd/tandem/server"
	"tandem/cmd/tandem/softphone"
	"tandem/gateways"
	"tandem/rtc/directory"
	"tandem/rtc/trace"
	"tandem/telephony/cdr"
)

func newDemoCommand() *cobra.Command {
	var cfg demo.Config
	var verbose bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "A complete call on this machine, with its audio measured; then try your own phone",
		Long: `Start the server, a simulated telephone gateway and two users; register a phone
as one of them and call a telephone number through server and gateway. Shows the
ladder of messages and what was heard, and stays up for your own phone.

It listens on this machine alone unless --lan is given.`,
		Example: `  tandem demo
  tandem demo --once --listen 127.0.0.1:5070`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if cfg.Width < 60 {
				return command.Usage("--width: at least 60 characters are needed")
			}
			cfg.Out = c.OutOrStdout()
			cfg.Name = os.Args[0]
			if c.Flags().Changed("data") {
				file, err := namesFolder(cfg.Data)
				if err != nil {
					return err
				}
				cfg.Name += " -c " + file
			}
			level := slog.LevelError + 4 // what matters comes back as an error
			if verbose {
				level = slog.LevelDebug
			}
			cfg.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			sip.SetDefaultLogger(cfg.Log)
			softphone.AllowLargeDatagrams()
			return demo.Run(c.Context(), cfg, &demoServer{})
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:5060", "address for SIP; a taken port is replaced by the next free one")
	f.StringVar(&cfg.Data, "data", "./var", "folder of the store")
	f.BoolVar(&cfg.LAN, "lan", false, "listen on all addresses, so that phones on your network can register")
	f.BoolVar(&cfg.Once, "once", false, "end after the call: exit code 0 when all was well, 1 when not")
	f.BoolVar(&cfg.NoCall, "no-call", false, "start everything, but make no call")
	f.IntVar(&cfg.Width, "width", 100, "characters a line of the ladder")
	f.BoolVarP(&verbose, "verbose", "v", false, "log everything")
	return c
}

// namesFolder writes a configuration that names a data folder into it: the one that
// commands need to find the demonstration there.
func namesFolder(data string) (file string, err error) {
	if data, err = filepath.Abs(data); err != nil {
		return "", err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	file = filepath.Join(data, "demo.yaml")
	return file, os.WriteFile(file, fmt.Appendf(nil, "# of tandem demo\ndata: %q\n", data), 0o600)
}

// demoServer is the real server as the demonstration needs it.
type demoServer struct {
	server *server.Server
	domain string
	stop   context.CancelFunc
	done   chan struct{}
	err    error // of Run; valid once done is closed
}

// Start implements demo.Server.
func (d *demoServer) Start(ctx context.Context, s demo.Settings) error {
	cfg := config.Default()
	cfg.Domains = []string{s.Domain}
	cfg.Data = s.Data
	cfg.Numbers.Country = "DE" // where the numbers that it dials are
	cfg.HTTP.Addr = ""         // the demonstration shows what matters itself
	cfg.Limits.Drain = 0
	cfg.Listen = []config.Listen{
		{Proto: "udp", Addr: s.UDP.String(), Advertise: advertise(s.Host, s.UDP)},
		{Proto: "tcp", Addr: s.UDP.String(), Advertise: advertise(s.Host, s.UDP)},
		{Proto: "tls", Addr: s.TLS.String(), Advertise: advertise(s.Host, s.TLS)},
	}
	if err := cfg.Check(); err != nil {
		return err
	}
	srv, err := server.New(ctx, cfg, server.Options{Log: s.Log})
	if err != nil {
		return err
	}
	// The server outlives ctx: the phone says goodbye to it first.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.server, d.domain, d.stop, d.done = srv, s.Domain, stop, make(chan struct{})
	go func() {
		defer close(d.done)
		d.err = srv.Run(run)
	}()
	return d.addTrunk(ctx, s.Gateway)
}

// addTrunk has every number called through the gateway, which takes one codec.
func (d *demoServer) addTrunk(ctx context.Context, gateway string) error {
	trunk := gateways.Trunk{Name: demoTrunk, Note: "made by tandem demo", Addresses: []string{gateway}, Prefixes: []string{"*"}, Codecs: []string{"PCMU"}}
	err := d.server.Trunks().Add(ctx, trunk)
	if errors.Is(err, gateways.ErrExists) { // of an earlier demonstration; the gateway has another port now
		return d.server.Trunks().Change(ctx, demoTrunk, func(t *gateways.Trunk) error { *t = trunk; return nil })
	}
	return err
}

const demoTrunk = "demo"

// advertise is host with the port of addr, "" for no host.
func advertise(host string, addr netip.AddrPort) string {
	if host == "" {
		return ""
	}
	return net.JoinHostPort(host, fmt.Sprint(addr.Port()))
}

// AddUser implements demo.Server.
func (d *demoServer) AddUser(ctx context.Context, name, display string) (string, error) {
	aor, err := d.server.Directory().ParseAOR(name + "@" + d.domain)
	if err != nil {
		return "", err
	}
	password, err := d.server.Directory().Add(ctx, directory.AddUser{AOR: aor, DisplayName: display})
	if errors.Is(err, directory.ErrExists) {
		return d.server.Directory().SetPassword(ctx, aor, "")
	}
	return password, err
}

// Codecs implements demo.Server. The record is complete once the call has ended
// on both sides, a moment after the phone has hung up.
func (d *demoServer) Codecs(ctx context.Context, callID string) (caller, gateway string, err error) {
	for {
		list, err := d.server.Records().List(ctx, cdr.Query{State: cdr.Completed, Limit: 10})
		if err != nil {
			return "", "", err
		}
		for _, r := range list {
			if r.CallIDs[0] == callID {
				return r.Sides[0].Codec, r.Sides[1].Codec, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", "", fmt.Errorf("the call was not recorded: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Trace implements demo.Server.
func (d *demoServer) Trace() *trace.Ring { return d.server.Trace() }

// Failed implements demo.Server.
func (d *demoServer) Failed() <-chan struct{} { return d.done }

// Stop implements demo.Server.
func (d *demoServer) Stop() error {
	d.stop()
	<-d.done
	return d.err
}
