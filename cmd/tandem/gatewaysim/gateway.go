package gatewaysim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"tandem/cmd/tandem/socket"
)

// Config is what a Gateway needs.
type Config struct {
	Addr    netip.AddrPort // SIP over UDP and TCP; port 0 picks one
	Allowed []netip.Prefix // addresses that may call; empty: loopback only
	Ring    time.Duration  // from 180 to 200, default 400 ms
	Log     *slog.Logger
	OnDigit func(number string, digit rune) // a digit was heard; may be nil, must not block
}

// Gateway is a running gateway.
type Gateway struct {
	cfg  Config
	ua   *sipgo.UserAgent
	addr netip.AddrPort

	udp     net.PacketConn
	tcp     net.Listener
	serving sync.WaitGroup
	calls   sync.WaitGroup

	open context.Context // ends with Close, and its calls with it
	end  context.CancelFunc

	answering sync.Map // Call-ID to a channel that is closed once it is answered
}

// attempts is how often a port is picked that is free for UDP and TCP.
const attempts = 10

// Start opens the sockets and serves until Close.
func Start(cfg Config) (*Gateway, error) {
	if cfg.Ring == 0 {
		cfg.Ring = 400 * time.Millisecond
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Allowed) == 0 {
		cfg.Allowed = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if !cfg.Addr.IsValid() {
		return nil, errors.New("the gateway needs an address")
	}
	udp, tcp, err := listen(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("opening gateway: %w", err)
	}
	addr := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	ua, err := socket.Agent("gateway", addr.Addr().String(), nil, cfg.Log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting gateway: %w", err), udp.Close(), tcp.Close())
	}
	g := &Gateway{cfg: cfg, ua: ua, addr: addr, udp: udp, tcp: tcp}
	g.open, g.end = context.WithCancel(context.Background())
	if err := g.serve(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// listen opens one port for both transports.
func listen(addr netip.AddrPort) (net.PacketConn, net.Listener, error) {
	for try := 1; ; try++ {
		udp, err := net.ListenPacket("udp", addr.String())
		if err != nil {
			return nil, nil, err
		}
		at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
		tcp, err := net.Listen("tcp", at.String())
		if err == nil {
			return udp, tcp, nil
		}
		udp.Close()
		if addr.Port() != 0 || try == attempts {
			return nil, nil, err
		}
	}
}

// serve gives the sockets to sipgo; diago only needs to know their address.
func (g *Gateway) serve() error {
	server, err := sipgo.NewServer(g.ua, sipgo.WithServerLogger(g.cfg.Log))
	if err != nil {
		return fmt.Errorf("starting gateway: %w", err)
	}
	host, port := g.addr.Addr().String(), int(g.addr.Port())
	d := diago.NewDiago(g.ua,
		diago.WithLogger(g.cfg.Log),
		diago.WithServer(server),
		diago.WithServerRequestMiddleware(g.guard),
		diago.WithTransport(diago.Transport{Transport: "udp", BindHost: host, BindPort: port}),
		diago.WithTransport(diago.Transport{Transport: "tcp", BindHost: host, BindPort: port}))
	d.HandleFunc(g.call)
	g.serving.Go(func() { g.run("udp", func() error { return server.ServeUDP(g.udp) }) })
	g.serving.Go(func() { g.run("tcp", func() error { return server.ServeTCP(g.tcp) }) })
	return nil
}

func (g *Gateway) run(proto string, serve func() error) {
	if err := serve(); err != nil && !errors.Is(err, net.ErrClosed) {
		g.cfg.Log.Error("gateway stopped", "proto", proto, "err", err)
	}
}

// Addr is where the gateway listens.
func (g *Gateway) Addr() netip.AddrPort { return g.addr }

// Close ends all calls without ceremony.
func (g *Gateway) Close() error {
	g.end()
	err := g.ua.Close()
	g.udp.Close() // sipgo may have closed them already
	g.tcp.Close()
	g.serving.Wait()
	g.calls.Wait()
	return err
}

// guard refuses requests of strangers.
func (g *Gateway) guard(next sipgo.RequestHandler) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		if g.allowed(req.Source()) {
			g.settled(req)
			next(req, tx)
			return
		}
		g.cfg.Log.Warn("refused a stranger", "method", string(req.Method), "peer", req.Source())
		if req.IsAck() {
			return
		}
		if err := tx.Respond(sip.NewResponseFromRequest(req, 403, "Forbidden", nil)); err != nil {
			g.cfg.Log.Warn("answering failed", "err", err)
		}
	}
}

func (g *Gateway) allowed(source string) bool {
	host, _, err := net.SplitHostPort(source)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range g.cfg.Allowed {
		if p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// URI is how a static route names the gateway.
func (g *Gateway) URI() string {
	return "sip:" + net.JoinHostPort(g.addr.Addr().String(), strconv.Itoa(int(g.addr.Port())))
}
