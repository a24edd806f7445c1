// Package transport carries SIP messages over UDP, TCP, TLS, WS and WSS (RFC 3261 §18,
// RFC 5626 keep-alive, RFC 5923 reuse, RFC 7118).
//
// It owns the sockets and the flows. A reader loop parses a message in place and calls
// the Handler inline. What the handler sends while it runs is collected by the loop's
// Sink and sent when the batch ends. A handler must never block. Responses leave by the
// flow of their request.
//
// It knows nothing of transactions, routing or DNS: destinations are addresses.
package transport

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/sip"
)

// Handler receives messages and the end of flows. m and its bytes are valid until
// Message returns. err is the error of Parse or Frame; m then holds what was
// understood. Message runs on a reader loop: it must not block. FlowClosed is called
// once for each connection for which a Flow was given out.
type Handler interface {
	Message(out Sink, f Flow, m *sip.Message, err *sip.Error)
	FlowClosed(f Flow)
}

// Succeeder is a Handler that knows the 200s to crowds of its own requests by their
// bytes: Success reports whether it took one; if not, Message has it. It runs as Message
// does.
type Succeeder interface {
	Success(out Sink, b []byte) bool
}

// Sink takes outgoing messages. b is copied or written before Send returns. fail may be
// nil; otherwise it is called at most once, from another goroutine, when the message
// could not be sent.
type Sink interface {
	Send(f Flow, b []byte, fail Failer)
}

// Failer is called when a message it sent was not transmitted.
type Failer interface{ SendFailed(err error) }

// Transport is a set of listeners and the connections opened through it.
type Transport struct {
	cfg       Config
	succeeder Succeeder // the handler, nil when it is none
	listeners []*Listener
	loops     []*udpLoop
	conns     table
	count     [protos]counters // for streams, and for what is sent outside the loops
	panics    panicLog
	failures  failures
	ctx       context.Context
	cancel    context.CancelFunc
	start     time.Time
	large     chan struct{} // holds a token for each message longer than MaxMessage
	owed      atomic.Int64  // octets that wait because peers read more slowly than we write

	mu    sync.Mutex // guards the fields below
	ended bool
	work  sync.WaitGroup
}

// New binds all listeners. The error names the address and how to fix the problem.
func New(cfg Config) (*Transport, error) {
	if cfg.Handler == nil {
		return nil, errors.New("starting the transport: no handler")
	}
	t := &Transport{cfg: cfg.withDefaults(), start: time.Now(), large: make(chan struct{}, largeAtOnce)}
	t.succeeder, _ = cfg.Handler.(Succeeder)
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

// Run serves until ctx ends, then closes everything. All goroutines it started have
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

// spawn starts a goroutine that Run waits for; it returns false when Run is ending.
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
	for _, l := range t.listeners {
		if l.ln != nil {
			l.ln.Close()
		}
	}
}

// Listeners returns the listeners in the order of the configuration.
func (t *Transport) Listeners() []*Listener { return t.listeners }

var (
	errStopped = errors.New("the transport has stopped")
	errNoFlow  = errors.New("no flow to send by")
	errEmpty   = errors.New("nothing to send")
)
