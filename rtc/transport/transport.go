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
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/sip"
)

// Handler receives messages and the end of flows. m (and its bytes) is valid
// until Message returns. err is what Parse or Frame refused; m then holds what
// was understood. Message runs on a reader loop: it must not block.
// FlowClosed is called once for each connection a Flow was given out for.
type Handler interface {
	Message(out Sink, f Flow, m *sip.Message, err *sip.Error)
	FlowClosed(f Flow)
}

// Sink takes outgoing messages. b is copied or written before Send returns.
// fail may be nil; otherwise it is told, at most once and from another
// goroutine, when the message could not be sent.
type Sink interface {
	Send(f Flow, b []byte, fail Failer)
}

// Failer is told that a message it sent did not leave.
type Failer interface{ SendFailed(err error) }

// Transport is a set of listeners and the connections opened through it.
type Transport struct {
	cfg       Config
	listeners []*Listener
	loops     []*udpLoop
	conns     table
	count     [protos]counters // of streams, and of what is sent outside loops
	panics    panicLog
	failures  failures
	ctx       context.Context
	cancel    context.CancelFunc
	start     time.Time
	large     chan struct{} // a place for each message longer than MaxMessage
	owed      atomic.Int64  // octets waiting for peers that do not read as fast as they are written to

	mu       sync.Mutex // guards below
	ended    bool
	draining atomic.Bool
	work     sync.WaitGroup
}

// New binds all listeners; the error names the address and the remedy.
func New(cfg Config) (*Transport, error) {
	if cfg.Handler == nil {
		return nil, errors.New("starting the transport: no handler")
	}
	t := &Transport{cfg: cfg.withDefaults(), start: time.Now(), large: make(chan struct{}, largeAtOnce)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.conns.init(t.cfg)
	t.failures.t = t
	t.panics.log = t.cfg.Log
	for _, lc := range cfg.Listen {
		l, err := t.bind(lc)
		if err != nil {
			t.cancel()
			for _, l := range t.listeners {
				l.close()
			}
			return nil, err
		}
		t.listeners = append(t.listeners, l)
	}
	for _, l := range t.listeners {
		for i := range l.socks {
			t.loops = append(t.loops, newUDPLoop(l, i))
		}
	}
	return t, nil
}

// Run serves until ctx ends, then closes all. Every goroutine it started has
// ended when it returns.
func (t *Transport) Run(ctx context.Context) error {
	for _, u := range t.loops {
		t.spawn(u.run)
	}
	for _, l := range t.listeners {
		if l.proto.Stream() {
			t.spawn(l.accept)
		}
	}
	<-ctx.Done()
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.cancel()
	for _, l := range t.listeners {
		l.close()
	}
	for _, c := range t.conns.all() {
		c.close(errStopped)
	}
	t.work.Wait()
	return nil
}

// spawn starts a goroutine that Run waits for; false when Run is ending.
func (t *Transport) spawn(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.work.Go(f)
	return true
}

// Drain stops accepting new connections (UDP goes on).
func (t *Transport) Drain() {
	t.draining.Store(true)
	for _, l := range t.listeners {
		if l.ln != nil {
			l.ln.Close()
		}
	}
}

// Listeners in the order of the configuration.
func (t *Transport) Listeners() []*Listener { return t.listeners }

var (
	errStopped = errors.New("the transport has stopped")
	errNoFlow  = errors.New("no flow to send by")
	errEmpty   = errors.New("nothing to send")
)
