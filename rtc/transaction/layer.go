package transaction

import (
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Layer matches messages to transactions. It is the transport's Handler.
type Layer struct {
	cfg       Config
	log       *slog.Logger
	tu        TU
	wire      wire
	lanes     []Lane
	laneMask  uint64
	start     time.Time
	branches  maphash.Seed // of the check in every branch: none of an earlier process matches
	laneSeed  maphash.Seed
	keySeed   maphash.Seed
	tagSeed   maphash.Seed
	stateless [256]bool // by method
	buffers   bufferPools

	pressure atomic.Uint64 // float64 bits, renewed once a tick
	resting  atomic.Bool   // the clock stands still, see clock.go
	grain    int64         // how many server transactions a lane makes or ends before it tells servers
	servers  atomic.Int64

	retransmitted, shed, timeouts, malformed atomic.Uint64

	errands  errands
	failMu   sync.Mutex
	failures []failure
	wake     chan struct{} // there are failures
	rouse    chan struct{} // the clock is to go on
}

// wire is what the layer needs of the transport; tests put a fake here because
// sockets do not live in virtual time.
type wire interface {
	Send(f transport.Flow, b []byte, fail transport.Failer)
	Flow(to transport.Target) (transport.Flow, error)
	IsLocal(host []byte, port uint16) bool
	Proto(f transport.Flow) transport.Proto
	Alive(f transport.Flow) bool
	Listener(f transport.Flow) *transport.Listener
}

type transportWire struct{ *transport.Transport }

func (transportWire) Proto(f transport.Flow) transport.Proto        { return f.Proto() }
func (transportWire) Alive(f transport.Flow) bool                   { return f.Alive() }
func (transportWire) Listener(f transport.Flow) *transport.Listener { return f.Listener() }

// New makes a layer. SetTU and SetTransport come before the first message.
func New(cfg Config) *Layer {
	cfg.fill()
	l := &Layer{
		cfg:      cfg,
		log:      cfg.Log,
		lanes:    make([]Lane, cfg.Lanes),
		laneMask: uint64(cfg.Lanes - 1),
		grain:    int64(1 + cfg.MaxServer/(64*cfg.Lanes)), // together they leave out a sixty-fourth of MaxServer at most
		start:    time.Now(),
		branches: maphash.MakeSeed(),
		laneSeed: maphash.MakeSeed(),
		keySeed:  maphash.MakeSeed(),
		tagSeed:  maphash.MakeSeed(),
		wake:     make(chan struct{}, 1),
		rouse:    make(chan struct{}, 1),
	}
	for _, m := range cfg.Stateless {
		l.stateless[m] = m != sip.INVITE // an INVITE without a machine could not absorb its ACK
	}
	for i := range l.lanes {
		l.lanes[i].init(l, i)
	}
	return l
}

// SetTU names the user of the layer.
func (l *Layer) SetTU(tu TU) { l.tu = tu }

// SetTransport names the transport messages leave by.
func (l *Layer) SetTransport(t *transport.Transport) { l.wire = transportWire{t} }

// now is the time on the layer's clock.
func (l *Layer) now() time.Duration { return time.Since(l.start) }

// Message implements transport.Handler: it answers what is malformed, matches
// retransmissions, ACK, CANCEL and responses, and gives the rest to the TU.
func (l *Layer) Message(out transport.Sink, f transport.Flow, m *sip.Message, err *sip.Error) {
	if err == nil {
		err = m.Check()
	}
	switch {
	case err != nil:
		l.refuse(out, f, m, err)
	case m.IsRequest():
		ln := l.Lane(m.CallID())
		ln.enter(out)
		defer ln.leave()
		ln.request(f, m)
	default:
		l.response(out, f, m)
	}
}

// FlowClosed implements transport.Handler. It ends no transaction: the peer may
// answer by a new connection (RFC 3261 §18.2.2), and what was not sent is told
// by its Failer. A TU that is a FlowWatcher hears of it.
func (l *Layer) FlowClosed(f transport.Flow) {
	if w, ok := l.tu.(FlowWatcher); ok {
		w.FlowClosed(f)
	}
}

// Lane of a Call-ID.
func (l *Layer) Lane(callID []byte) *Lane {
	return &l.lanes[maphash.Bytes(l.laneSeed, callID)&l.laneMask]
}

// Active reports how many server transactions still wait for their final
// response (for draining).
func (l *Layer) Active() int {
	n := int64(0)
	for i := range l.lanes {
		n += l.lanes[i].waiting.Load()
	}
	return int(n)
}

// Stats reads the gauges and counters.
func (l *Layer) Stats() Stats {
	var servers, clients, absorbing int64
	for i := range l.lanes {
		servers += l.lanes[i].servers.Load()
		clients += l.lanes[i].clients.Load()
		absorbing += l.lanes[i].absorbing.Load()
	}
	return Stats{
		Server:        int(servers),
		Client:        int(clients),
		Absorbing:     int(absorbing),
		Retransmitted: l.retransmitted.Load(),
		Shed:          l.shed.Load(),
		Timeouts:      l.timeouts.Load(),
		Malformed:     l.malformed.Load(),
	}
}
