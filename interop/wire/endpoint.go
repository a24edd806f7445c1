package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// ErrQuiet is nothing fitting heard in time.
var ErrQuiet = errors.New("nothing came")

// Bounds of one endpoint.
const (
	maxQueue   = 1024
	maxRecords = 4096
	maxMessage = 1 << 20
)

// Endpoint sends and receives as one device. Close ends it.
type Endpoint struct {
	Proto string         // UDP, TCP or TLS, as it stands in Via
	Local netip.AddrPort // of the socket
	To    netip.AddrPort // where Send sends

	tls  *tls.Config // of a listening endpoint that uses TLS
	out  flow
	in   chan *Message
	stop chan struct{}
	work sync.WaitGroup
	shut []func()
	once sync.Once

	mu       sync.Mutex
	records  []Record
	answered map[string][]byte // what was replied to a request, for its repetition
	aside    []*Message        // read while waiting for something else
}

// Record is one message that went over the wire.
type Record struct {
	At    time.Time
	Sent  bool
	Peer  string // where to or from
	Proto string
	Bytes []byte
	Fault string // why it could not be read
}

// flow is one way messages go.
type flow interface {
	write([]byte) error
	peer() string
	proto() string // as Record has it
}

func newEndpoint(proto string, to netip.AddrPort) *Endpoint {
	return &Endpoint{Proto: proto, To: to, in: make(chan *Message, maxQueue), stop: make(chan struct{}), answered: map[string][]byte{}}
}

// Open opens a device's socket toward a server. proto is UDP, TCP or TLS; local
// is the address to use, with port 0 for any; config is for TLS alone.
func Open(ctx context.Context, proto string, local netip.Addr, to netip.AddrPort, config *tls.Config) (*Endpoint, error) {
	e := newEndpoint(strings.ToUpper(proto), to)
	switch e.Proto {
	case "UDP":
		if err := e.listenUDP(netip.AddrPortFrom(local, 0)); err != nil {
			return nil, err
		}
	case "TCP", "TLS":
		c, err := dial(ctx, local, to)
		if err != nil {
			return nil, err
		}
		if e.Proto == "TLS" {
			if c, err = secured(ctx, c, to, config); err != nil {
				return nil, err
			}
		}
		e.Local = c.LocalAddr().(*net.TCPAddr).AddrPort()
		e.serve(c)
	default:
		return nil, fmt.Errorf("%q is not a transport; use UDP, TCP or TLS", proto)
	}
	return e, nil
}

// Listen opens a device that others reach at one port over UDP and TCP, as a
// gateway. It sends over UDP.
func Listen(local, to netip.AddrPort) (*Endpoint, error) { return listen("UDP", local, to) }

// ListenTCP opens one that sends over TCP, once Connect has connected it.
func ListenTCP(local netip.AddrPort) (*Endpoint, error) {
	return listen("TCP", local, netip.AddrPort{})
}

// ListenTLS is ListenTCP over TLS. The configuration is for both directions: it has a
// certificate, and says whom to trust.
func ListenTLS(local netip.AddrPort, config *tls.Config) (*Endpoint, error) {
	return listenWith("TLS", local, netip.AddrPort{}, config)
}

func listen(proto string, local, to netip.AddrPort) (*Endpoint, error) {
	return listenWith(proto, local, to, nil)
}

func listenWith(proto string, local, to netip.AddrPort, config *tls.Config) (*Endpoint, error) {
	for try := 1; ; try++ {
		e := newEndpoint(proto, to)
		e.tls = config
		if err := e.listenUDP(local); err != nil {
			return nil, err
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(e.Local))
		if err == nil {
			e.shut = append(e.shut, func() { _ = l.Close() })
			e.work.Go(func() { e.accept(l) })
			return e, nil
		}
		e.Close()
		if local.Port() != 0 || try == 10 {
			return nil, fmt.Errorf("listening on %s: %w", e.Local, err)
		}
	}
}

func (e *Endpoint) listenUDP(local netip.AddrPort) error {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return fmt.Errorf("opening a UDP socket: %w", err)
	}
	_ = c.SetReadBuffer(1 << 20) // what the system grants will do
	e.Local = c.LocalAddr().(*net.UDPAddr).AddrPort()
	e.out = datagrams{c, e.To}
	e.shut = append(e.shut, func() { _ = c.Close() })
	e.work.Go(func() { e.readUDP(c) })
	return nil
}

// Close ends all sockets and waits for what reads them.
func (e *Endpoint) Close() {
	e.once.Do(func() {
		close(e.stop)
		e.mu.Lock()
		shut := e.shut
		e.shut = nil
		e.mu.Unlock()
		for _, f := range shut {
			f()
		}
		e.work.Wait()
	})
}

// onClose has f called when the endpoint ends, or at once when it has.
func (e *Endpoint) onClose(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.stop:
		f()
	default:
		e.shut = append(e.shut, f)
	}
}

// Send sends bytes to the server as they are.
func (e *Endpoint) Send(b []byte) error {
	e.mu.Lock()
	out := e.out
	e.mu.Unlock()
	return e.write(out, b)
}

// Connect has an endpoint of ListenTCP or ListenTLS send to a server over a new
// connection, in the place of the one before. Nothing may be under way.
func (e *Endpoint) Connect(ctx context.Context, to netip.AddrPort) error {
	c, err := dial(ctx, e.Local.Addr(), to)
	if err != nil {
		return err
	}
	if e.tls != nil {
		if c, err = secured(ctx, c, to, e.tls); err != nil {
			return err
		}
	}
	s := e.serve(c)
	e.mu.Lock()
	before := e.out
	e.To, e.out = to, s
	e.mu.Unlock()
	if old, ok := before.(stream); ok {
		_ = old.conn.Close()
	}
	return nil
}

// secured puts TLS on a connection.
func secured(ctx context.Context, c net.Conn, to netip.AddrPort, config *tls.Config) (net.Conn, error) {
	s := tls.Client(c, config)
	if err := s.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS with %s: %w", to, err), c.Close())
	}
	return s, nil
}

// dial opens a connection from an address of ours.
func dial(ctx context.Context, local netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	c, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", to, err)
	}
	return c, nil
}

// Reply sends bytes back the way a request came, and again when the request
// comes again.
func (e *Endpoint) Reply(to *Message, b []byte) error {
	e.mu.Lock()
	e.answered[key(to)] = b
	e.mu.Unlock()
	return e.write(to.flow, b)
}

func (e *Endpoint) write(f flow, b []byte) error {
	e.keep(Record{At: time.Now(), Sent: true, Peer: f.peer(), Proto: f.proto(), Bytes: b})
	if err := f.write(b); err != nil {
		return fmt.Errorf("sending to %s: %w", f.peer(), err)
	}
	return nil
}

func (e *Endpoint) keep(r Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.records) < maxRecords {
		e.records = append(e.records, r)
	}
}

// Records are all messages so far, in their order.
func (e *Endpoint) Records() []Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Record(nil), e.records...)
}

// Forget drops what was recorded and has not been read, for the next user of
// a listening endpoint.
func (e *Endpoint) Forget() {
	for {
		select {
		case <-e.in:
			continue
		default:
		}
		break
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.records, e.aside, e.answered = nil, nil, map[string][]byte{}
}

// Next is the next message that fits; others wait for their turn. It returns
// ErrQuiet when ctx ends first. One goroutine may wait at a time.
func (e *Endpoint) Next(ctx context.Context, fits func(*Message) bool) (*Message, error) {
	for i, m := range e.aside {
		if fits(m) {
			e.aside = append(e.aside[:i:i], e.aside[i+1:]...)
			return m, nil
		}
	}
	for {
		select {
		case m := <-e.in:
			if fits(m) {
				return m, nil
			}
			if len(e.aside) < maxQueue {
				e.aside = append(e.aside, m)
			}
		case <-ctx.Done():
			return nil, ErrQuiet
		}
	}
}

// take hears one message.
func (e *Endpoint) take(b []byte, by flow) {
	r := Record{At: time.Now(), Peer: by.peer(), Proto: by.proto(), Bytes: b}
	m, err := Parse(b)
	if err != nil {
		r.Fault = err.Error()
	}
	e.keep(r)
	if err != nil {
		return
	}
	m.flow = by
	if m.IsRequest() {
		e.mu.Lock()
		again, repeated := e.answered[key(m)]
		if !repeated {
			e.answered[key(m)] = nil // seen
		}
		e.mu.Unlock()
		if repeated {
			if again != nil {
				_ = e.write(by, again) // the next repetition tries again
			}
			return
		}
	}
	select {
	case e.in <- m:
	default: // nobody reads; the record has it
	}
}

// key tells a request from others: RFC 3261 §17.2.3.
func key(m *Message) string {
	via := m.Values("Via")
	if len(via) == 0 {
		return ""
	}
	return m.Method() + " " + via[0] + " " + m.Get("CSeq")
}

// Unread is what could not be read as SIP, nil for nothing: a server that sends
// such a message has failed, whatever else came.
func (e *Endpoint) Unread() *Record {
	for _, r := range e.Records() {
		if r.Fault != "" {
			return &r
		}
	}
	return nil
}
