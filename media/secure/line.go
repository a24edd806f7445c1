package secure

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	queued    = 32   // datagrams waiting for the handshake
	maxRecord = 8192 // octets of a datagram; a longer one is not a handshake
	maxFed    = 512  // datagrams that a handshake may receive in all, with repetitions
	pathCheck = 10 * time.Millisecond
)

// line looks like a socket to the DTLS library: a bounded queue for input, and the
// owner's Send for output.
type line struct {
	send func(b []byte, to netip.AddrPort) error
	in   chan []byte
	done chan struct{}
	over <-chan struct{} // closed when the handshake has ended, with or without success

	mu      sync.Mutex
	gate    gate
	last    netip.AddrPort // where the last record came from
	expired chan struct{}  // closed when the read deadline has passed
	closed  bool
}

func newLine(send func([]byte, netip.AddrPort) error, active bool, over <-chan struct{}) *line {
	return &line{
		send: send, in: make(chan []byte, queued), done: make(chan struct{}), over: over,
		gate: gate{active: active}, expired: make(chan struct{}),
	}
}

// receive queues a copy of b if it contains well-formed records that may matter now,
// and if there is room.
func (l *line) receive(b []byte, from netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.in) == cap(l.in) || !l.gate.open(b) {
		return
	}
	l.last = from
	select {
	case l.in <- append([]byte(nil), b...):
	default:
	}
}

func (l *line) established() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate.established = true
}

// ReadFrom waits for the next datagram.
func (l *line) ReadFrom(p []byte) (int, net.Addr, error) {
	l.mu.Lock()
	expired := l.expired
	l.mu.Unlock()
	select {
	case <-l.done:
		return 0, nil, net.ErrClosed
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case b := <-l.in:
		return copy(p, b), somewhere{}, nil
	case <-l.done:
		return 0, nil, net.ErrClosed
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends. While a handshake has no path it waits for one: otherwise the library
// would assume that the flight was sent, and repeat it only when its timer fires. Any
// other error counts as loss, which DTLS handles.
func (l *line) WriteTo(p []byte, _ net.Addr) (int, error) {
	for {
		l.mu.Lock()
		to := l.last
		l.mu.Unlock()
		if err := l.send(p, to); !errors.Is(err, ErrNoPath) {
			return len(p), nil
		}
		wait := time.NewTimer(pathCheck)
		select {
		case <-l.over:
			wait.Stop()
			return 0, net.ErrClosed
		case <-wait.C:
		}
	}
}

// Close ends reading and writing.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
	return nil
}

// SetReadDeadline ends a waiting read at t. The library uses past times, to interrupt,
// and zero.
func (l *line) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	past := !t.IsZero() && !t.After(time.Now())
	select {
	case <-l.expired:
		if !past {
			l.expired = make(chan struct{})
		}
	default:
		if past {
			close(l.expired)
		}
	}
	return nil
}

// SetDeadline is SetReadDeadline: writing only waits for a path.
func (l *line) SetDeadline(t time.Time) error { return l.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (l *line) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr has no meaning here: the owner has the socket.
func (l *line) LocalAddr() net.Addr { return somewhere{} }

// somewhere is the address of a far side that may move (ICE).
type somewhere struct{}

func (somewhere) Network() string { return "udp" }
func (somewhere) String() string  { return "far side" }
