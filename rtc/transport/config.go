package transport

import (
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"tandem/rtc/transport/sieve"
)

// Listen describes one listening address. An IPv6 address serves IPv6 only:
// list 0.0.0.0 and [::] for both families.
type Listen struct {
	Proto     Proto
	Addr      netip.AddrPort // port 0 picks one
	Advertise string         // host or host:port put into Via, Record-Route and Path; "" = Addr, for a wildcard the first address of the machine that is not loopback
	TLS       *tls.Config    // TLS and WSS; its GetCertificate makes reload possible
	Origins   []string       // WS and WSS: allowed Origin hosts; empty = same host only, "*" = any
	Trusted   []netip.Prefix // requests from these addresses need no credentials
	Loops     int            // UDP reader loops (SO_REUSEPORT sockets); 0 = GOMAXPROCS
}

// Config is all a Transport needs. Zero limits take the defaults.
type Config struct {
	Listen     []Listen
	Names      []string // host names this machine is known by, besides its addresses
	Handler    Handler
	Log        *slog.Logger
	ClientTLS  *tls.Config // for connections we open
	MaxMessage int         // octets, default 65535
	// MaxMultipart is what an INVITE with a multipart body may have in addition, on TCP and
	// TLS; 0: nothing.
	MaxMultipart   int
	MaxConns       int           // stream connections in all, default 100000
	MaxConnsPerIP  int           // default 1000, an IPv6 /64 counts as one (loopback and Trusted exempt)
	HeaderTimeout  time.Duration // a begun message must be complete within, default 10 s
	IdleTimeout    time.Duration // a flow without traffic closes after, default 10 min
	HandshakeLimit time.Duration // TLS and WebSocket handshake, default 5 s
	DialTimeout    time.Duration // default 5 s
	WriteTimeout   time.Duration // what waits for a connection must be taken by the peer within, default 10 s
	WriteQueue     int           // octets waiting for one connection, default 1 MiB
	WriteTotal     int           // octets waiting for all connections together, default 256 MiB; beyond it those that keep more than 64 KiB waiting are closed
	// Known says whether a datagram comes from a sender that is served before
	// others when more comes in than can be served. It must be quick; nil: all
	// senders are alike.
	Known func(from netip.AddrPort, b []byte) bool
	// Sieve says what the kernel lets through to the UDP sockets while far more comes in than
	// can be read; nil: everything. Sockets of listeners that have Trusted are without.
	Sieve *sieve.Config
	// Keep says which accepted connections are not closed to make room for new
	// ones when MaxConns is reached; nil: all are kept.
	Keep func(Flow) bool
	Tap  func(Packet) // sees every message in and out; must not keep Bytes
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	number := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	span := func(t *time.Duration, d time.Duration) {
		if *t <= 0 {
			*t = d
		}
	}
	number(&c.MaxMessage, 65535)
	number(&c.MaxConns, 100000)
	number(&c.MaxConnsPerIP, 1000)
	number(&c.WriteQueue, 1<<20)
	number(&c.WriteTotal, 256<<20)
	span(&c.HeaderTimeout, 10*time.Second)
	span(&c.IdleTimeout, 10*time.Minute)
	span(&c.HandshakeLimit, 5*time.Second)
	span(&c.DialTimeout, 5*time.Second)
	span(&c.WriteTimeout, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ClientTLS == nil {
		c.ClientTLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c
}

// Packet is what a Tap sees. Of messages that were read together, and what is
// sent while they are handled, Time is when they were read.
type Packet struct {
	Time  time.Time
	Out   bool
	Loop  int // reads it or sends: what a tap keeps for each loop stays on its core
	Flow  Flow
	Bytes []byte
}
