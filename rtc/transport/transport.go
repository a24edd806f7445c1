// Package transport carries SIP messages over UDP, TCP, TLS, WS and WSS
// (RFC 3261 §18, RFC 5626 keep-alive, RFC 5923 reuse, RFC 7118).
//
// It owns the sockets and the flows. A reader loop parses a message in place
// and hands it to the Handler inline; what the handler sends while it runs is
// batched by the loop's Sink and leaves when the batch ends. A handler must
// never block. Responses leave by the flow their request came by.
//
// It does not know transactions, routing or DNS: destinations are addresses.
package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"time"

	"tandem/rtc/sip"
)

// Proto is a SIP transport protocol.
type Proto uint8

// The transports, in Via spelling: UDP, TCP, TLS, WS, WSS.
const (
	UDP Proto = iota + 1
	TCP
	TLS
	WS
	WSS
)

func (p Proto) String() string { panic("unwritten") } // "UDP"…
func (p Proto) Param() string  { panic("unwritten") } // "udp"…, as in ;transport=
func (p Proto) Secure() bool   { return p == TLS || p == WSS }
func (p Proto) Stream() bool   { return p != UDP }

// ParseProto reads either spelling, case-insensitively.
func ParseProto(s []byte) (Proto, bool) { panic("unwritten") }

// Listen describes one listening address.
type Listen struct {
	Proto     Proto
	Addr      netip.AddrPort // port 0 picks one
	Advertise string         // host or host:port put into Via, Record-Route and Path; "" = Addr
	TLS       *tls.Config    // TLS and WSS; its GetCertificate makes reload possible
	Origins   []string       // WS and WSS: allowed Origin hosts; empty = same host only, "*" = any
	Trusted   []netip.Prefix // requests from these addresses need no credentials
	Loops     int            // UDP reader loops (SO_REUSEPORT sockets); 0 = GOMAXPROCS
}

// Config is all a Transport needs. Zero limits take the defaults.
type Config struct {
	Listen         []Listen
	Handler        Handler
	Log            *slog.Logger
	ClientTLS      *tls.Config   // for connections we open
	MaxMessage     int           // octets, default 65535
	MaxConns       int           // stream connections in all, default 100000
	MaxConnsPerIP  int           // default 1000 (loopback and Trusted exempt)
	HeaderTimeout  time.Duration // a begun message must be complete within, default 10 s
	IdleTimeout    time.Duration // a flow without traffic closes after, default 10 min
	HandshakeLimit time.Duration // TLS and WebSocket handshake, default 5 s
	DialTimeout    time.Duration // default 5 s
	WriteQueue     int           // octets waiting for one connection, default 1 MiB
	Tap            func(Packet)  // sees every message in and out; must not keep Bytes
}

// Packet is what a Tap sees.
type Packet struct {
	Time  time.Time
	Out   bool
	Flow  Flow
	Bytes []byte
}

// Handler receives messages and the end of flows. m (and its bytes) is valid
// until Message returns. err is what Parse or Frame refused; m then holds what
// was understood. Message runs on a reader loop: it must not block.
type Handler interface {
	Message(out Sink, f Flow, m *sip.Message, err *sip.Error)
	FlowClosed(f Flow)
}

// Sink takes outgoing messages. b is copied or written before Send returns.
// fail may be nil; otherwise it is told, at most once and from another
// goroutine or from a later point of the loop, when the message could not be sent.
type Sink interface {
	Send(f Flow, b []byte, fail Failer)
}

// Failer is told that a message it sent did not leave.
type Failer interface{ SendFailed(err error) }

// Flow is a way to one peer: a listener's UDP socket and a remote address, or a
// connection. It is comparable, small, and stays safe to use after the
// connection has gone (sending fails). The zero Flow is no flow.
type Flow struct {
	l      *Listener
	conn   *conn
	Remote netip.AddrPort
}

type conn struct{} // to be written: a stream connection

func (f Flow) IsZero() bool              { panic("unwritten") }
func (f Flow) Proto() Proto              { panic("unwritten") }
func (f Flow) Listener() *Listener       { panic("unwritten") } // for connections we opened: the listener whose address they advertise
func (f Flow) Alive() bool               { panic("unwritten") } // UDP: always
func (f Flow) String() string            { panic("unwritten") } // "udp 127.0.0.1:5060 192.0.2.1:5060", parsed again by Transport.ParseFlow
func (f Flow) ID() uint64                { panic("unwritten") } // of a connection: unique in this process, for flow tokens; 0 for UDP
func (f Flow) TLS() *tls.ConnectionState { panic("unwritten") } // nil when not TLS
func (f Flow) Trusted() bool             { panic("unwritten") } // Remote in the listener's Trusted

// Listener is one listening address.
type Listener struct{}

func (l *Listener) Proto() Proto         { panic("unwritten") }
func (l *Listener) Addr() netip.AddrPort { panic("unwritten") } // as bound
func (l *Listener) SentBy() []byte       { panic("unwritten") } // "host:port" for Via and URIs, IPv6 in brackets

// Target is where a new request goes.
type Target struct {
	Proto      Proto
	Addr       netip.AddrPort
	ServerName string    // for TLS verification
	Via        *Listener // leave by this listener; nil = one of Proto and address family
}

// Transport is a set of listeners and the connections opened through it.
type Transport struct{}

// New binds all listeners; the error names the address and the remedy.
func New(cfg Config) (*Transport, error) { panic("unwritten") }

// Run serves until ctx ends, then closes all. Every goroutine it started has
// ended when it returns.
func (t *Transport) Run(ctx context.Context) error { panic("unwritten") }

// Drain stops accepting new connections (UDP goes on).
func (t *Transport) Drain() { panic("unwritten") }

// Listeners in the order of the configuration.
func (t *Transport) Listeners() []*Listener { panic("unwritten") }

// Flow finds or begins a way to a target: a UDP socket, a live connection to
// the same address (RFC 5923), or a connection being dialled, whose messages wait and whose
// failure is told to their Failer. It does not block.
func (t *Transport) Flow(to Target) (Flow, error) { panic("unwritten") }

// FlowByID finds a live connection by Flow.ID.
func (t *Transport) FlowByID(id uint64) (Flow, bool) { panic("unwritten") }

// ParseFlow revives a UDP flow from Flow.String (after a restart); connections
// do not survive: false.
func (t *Transport) ParseFlow(s string) (Flow, bool) { panic("unwritten") }

// IsLocal reports whether host:port (port 0 = default of the scheme) is one of
// our listeners' bound or advertised addresses.
func (t *Transport) IsLocal(host []byte, port uint16) bool { panic("unwritten") }

// Send sends outside any reader loop, at once.
func (t *Transport) Send(f Flow, b []byte, fail Failer) { panic("unwritten") }

// Stats are counters since start.
type Stats struct {
	In, Out, Malformed, Dropped, KeepAlives map[Proto]uint64
	Conns                                   int
}

func (t *Transport) Stats() Stats { panic("unwritten") }
