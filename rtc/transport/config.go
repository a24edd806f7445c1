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
	Advertise string         // host or host:port for Via, Record-Route and Path; "" = Addr, or for a wildcard the machine's first address that is not loopback
	TLS       *tls.Config    // for TLS and WSS; its GetCertificate makes reload possible
	Origins   []string       // for WS and WSS: allowed Origin hosts; empty = same host only, "*" = any
	Trusted   []netip.Prefix // requests from these addresses need no credentials
	Loops     int            // UDP reader loops (SO_REUSEPORT sockets); 0 = GOMAXPROCS
}

// Config is all a Transport needs. Zero limits take the defaults.
type Config struct {
	Listen     []Listen
	Names      []string // host names of this machine, besides its addresses
	Handler    Handler
	Log        *slog.Logger
	ClientTLS  *tls.Config // for connections we open
	MaxMessage int         // octets, default 65535
	// MaxMultipart is how many more octets an INVITE with a multipart body may have on
	// TCP and TLS; 0 = none.
	MaxMultipart   int
	MaxConns       int           // stream connections in all, default 100000
	MaxConnsPerIP  int           // default 1000; an IPv6 /64 counts as one address; loopback and Trusted are exempt
	HeaderTimeout  time.Duration // for a message to be complete once it has begun, default 10 s
	IdleTimeout    time.Duration // after which a flow without traffic is closed, default 10 min
	HandshakeLimit time.Duration // for the TLS and WebSocket handshakes, default 5 s
	DialTimeout    time.Duration // default 5 s
	WriteTimeout   time.Duration // for the peer to take what waits to be written, default 10 s
	WriteQueue     int           // octets waiting for one connection, default 1 MiB
	WriteTotal     int           // octets waiting for all connections together, default 256 MiB; beyond it, connections with more than 64 KiB waiting are closed
	// Known reports whether a datagram comes from a sender that is served before others
	// under overload. It must be quick. nil = all senders are alike.
	Known func(from netip.AddrPort, b []byte) bool
	// Sieve configures the filter that the kernel applies to the UDP sockets under
	// heavy overload; nil = no filter. Listeners with Trusted addresses have none.
	Sieve *sieve.Config
	// Keep reports whether an accepted connection must stay open when MaxConns is
	// reached and a new one needs room; nil = all stay open.
	Keep func(Flow) bool
	Tap  func(Packet) // sees every message in and out; must not keep its Bytes
}

// withDefaults replaces zero values by the defaults.
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

// Packet is what a Tap sees. Messages that were read together, and those sent while
// they are handled, have the same Time: that of the read.
type Packet struct {
	Time  time.Time
	Out   bool
	Loop  int // the loop that reads or sends it, so that a tap can keep data per loop and so per core
	Flow  Flow
	Bytes []byte
}
