package softphone

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"

	"tandem/cmd/tandem/socket"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Config is all a Phone needs to know.
type Config struct {
	User     string // user part of the own address
	Domain   string // host part of the own address; default: the server's host
	Display  string // name shown to others; default none
	AuthUser string // user name for digest; default User
	Password string
	Server   string      // host or host:port all requests are sent to; default port 5060, with TLS 5061
	Proto    string      // "udp" (default), "tcp", "tls", "ws" or "wss"
	Bind     string      // local address; default: the one from which Server is reached
	TLS      *tls.Config // for tls and wss; default: the system's CAs
	Codecs   []string    // "PCMU", "PCMA", "opus" in order of liking; default the first two
	Log      *slog.Logger

	OnMessage func(Message)   // an incoming MESSAGE; called on its own goroutine
	OnCall    func(*Incoming) // an incoming call, on its own goroutine; the call is over when it returns. nil: busy
}

// Phone is a running phone. Its calls end when it is closed.
type Phone struct {
	cfg    Config
	ua     *sipgo.UserAgent
	client *sipgo.Client
	diago  *diago.Diago
	server string // host:port
	local  string // host:port of the UDP socket, "" for streams
	reg    registration

	udp     net.PacketConn // nil for streams
	serving sync.WaitGroup
}

// AllowLargeDatagrams lifts sipgo's refusal of datagrams above 1,300 octets,
// which challenges and several Record-Route headers exceed. It changes a
// global of that library: call it once, before any Phone.
func AllowLargeDatagrams() { sip.UDPMTUSize = 65535 }

// New starts a phone: its sockets are open when New returns. Nothing is sent.
func New(cfg Config) (*Phone, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	ua, err := socket.Agent(cfg.User, cfg.Domain, cfg.TLS, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("starting phone: %w", err)
	}
	p := &Phone{cfg: cfg, ua: ua, server: cfg.Server}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// complete fills in defaults and checks.
func (c *Config) complete() error {
	if c.Proto == "" {
		c.Proto = "udp"
	}
	port := "5060"
	switch c.Proto {
	case "udp", "tcp":
	case "tls":
		port = "5061"
	case "ws":
		port = "8080"
	case "wss":
		port = "8443"
	default:
		return fmt.Errorf("transport %q is unknown; use udp, tcp, tls, ws or wss", c.Proto)
	}
	if c.User == "" {
		return errors.New("a phone needs a user name")
	}
	if c.Server == "" {
		c.Server = c.Domain
	}
	if c.Server == "" {
		return errors.New("a phone needs a server or a domain")
	}
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		host = strings.Trim(c.Server, "[]")
		c.Server = net.JoinHostPort(host, port)
	}
	if c.Domain == "" {
		c.Domain = host
	}
	if c.AuthUser == "" {
		c.AuthUser = c.User
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Proto != "tls" && c.Proto != "wss" {
		c.TLS = nil
	} else if c.TLS == nil {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.Bind != "" {
		return nil
	}
	c.Bind, err = socket.From(c.Server)
	return err
}

// open makes the diago endpoint. NewDiago takes over the handlers of the
// server it is given, so ours for MESSAGE is set after it.
func (p *Phone) open() error {
	cfg := &p.cfg
	server, err := sipgo.NewServer(p.ua, sipgo.WithServerLogger(cfg.Log))
	if err != nil {
		return fmt.Errorf("starting phone: %w", err)
	}
	codecs, err := codecs(cfg.Codecs)
	if err != nil {
		return err
	}
	opts := []sipgo.ClientOption{sipgo.WithClientNAT(), sipgo.WithClientLogger(cfg.Log)}
	local := diago.Transport{Transport: cfg.Proto, BindHost: cfg.Bind, TLSConf: cfg.TLS, TLSURINoSIPS: true}
	if cfg.Proto == "udp" {
		// Streams need no listener: requests arrive on the connection we open.
		if p.udp, err = net.ListenPacket("udp", net.JoinHostPort(cfg.Bind, "0")); err != nil {
			return fmt.Errorf("opening socket on %s: %w", cfg.Bind, err)
		}
		p.local = p.udp.LocalAddr().String()
		local.BindPort = p.udp.LocalAddr().(*net.UDPAddr).Port
		opts = append(opts, sipgo.WithClientConnectionAddr(p.local))
	}
	if p.client, err = sipgo.NewClient(p.ua, opts...); err != nil {
		return fmt.Errorf("starting phone: %w", err)
	}
	p.client.TxRequester = &sender{layer: p.ua.TransactionLayer(), server: p.server}
	p.diago = diago.NewDiago(p.ua,
		diago.WithLogger(cfg.Log),
		diago.WithServer(server),
		diago.WithClient(p.client),
		diago.WithServerRequestMiddleware(correct),
		diago.WithMediaConfig(diago.MediaConfig{Codecs: codecs}),
		diago.WithTransport(local))
	server.OnMessage(p.message)
	p.diago.HandleFunc(p.incoming)
	if p.udp != nil {
		socket.Serve(&p.serving, p.udp, server.ServeUDP, func(err error) { cfg.Log.Error("phone stopped", "err", err) })
	}
	return nil
}

// Close ends calls without ceremony and closes the sockets. A registration is
// left to expire; see Unregister.
func (p *Phone) Close() error {
	err := p.ua.Close()
	if p.udp != nil {
		p.udp.Close() // sipgo may have closed it already
	}
	p.serving.Wait()
	return err
}

// Address is the phone's own, as in From.
func (p *Phone) Address() string { return "sip:" + p.cfg.User + "@" + p.cfg.Domain }

// target reads what a user typed: a URI, user@host, a name or a number of the
// own domain.
func (p *Phone) target(s string) (sip.Uri, error) {
	var u sip.Uri
	text := strings.TrimSpace(s)
	if !strings.HasPrefix(text, "sip:") && !strings.HasPrefix(text, "sips:") && !strings.HasPrefix(text, "tel:") {
		if !strings.Contains(text, "@") {
			text = strings.Map(dialable, text) + "@" + p.cfg.Domain
		}
		text = "sip:" + text
	}
	if err := sip.ParseUri(text, &u); err != nil || u.User == "" && u.Host == "" {
		return u, fmt.Errorf("%q is neither a SIP address nor a number", s)
	}
	return u, nil
}

// dialable drops what people write between digits.
func dialable(r rune) rune {
	if strings.ContainsRune(" ()/", r) {
		return -1
	}
	return r
}
