package media

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/media/loop"
	"tandem/media/quality"
	"tandem/media/relay"
	"tandem/media/transport"
)

// way is a transport and the legs that use it: one; more when m-lines are bundled.
// Guarded by bridge.mu.
type way struct {
	transport.Transport
	home  atomic.Pointer[bridge] // see lock
	legs  []*leg
	first [1]*leg
	which Which
}

// open opens ports for a side. Called with ctl held.
func (b *bridge) open(as Which, n transport.Needs) (*way, error) {
	w := &way{which: as}
	w.home.Store(b)
	w.legs = w.first[:0] // one leg, nearly always, needs no memory elsewhere
	n.End = b.place(as)
	err := w.Open(b.plant.host, w, n)
	if errors.Is(err, relay.ErrPorts) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	return w, err
}

// way finds or makes a side's transport of a stream; bundle is the index of the stream
// whose it shares, -1 for none. Where there is one already, another waits beside it
// until it is agreed to: the exchange may yet be refused. Called with ctl held.
func (b *bridge) way(st *stream, as Which, n transport.Needs, bundle int) (*way, error) {
	l := st.legs[as]
	var first *way // of the bundle
	if bundle >= 0 && b.leg(bundle, as) != nil {
		first = b.leg(bundle, as).coming()
	}
	if l != nil {
		switch {
		case first == l.way, first == nil && l.way.Serves(n):
			l.wait(nil)
			return l.way, nil
		case first != nil:
			l.wait(first)
			return first, nil
		case l.next != nil && l.next.Serves(n) && l.alone(l.next):
			return l.next, nil
		}
	}
	w := first
	if w == nil {
		var err error
		if w, err = b.open(as, n); err != nil {
			return nil, err
		}
	}
	if l != nil {
		l.wait(w)
		return w, nil
	}
	l = &leg{stream: st, which: as}
	l.begin()
	b.mu.Lock()
	l.join(w)
	st.legs[as] = l
	b.mu.Unlock()
	return w, nil
}

// anySocket is a socket of the bridge, so that all share a worker; nil when there is
// none.
func (b *bridge) anySocket() *relay.Socket {
	for _, st := range b.streams {
		for _, l := range st.legs {
			if l != nil && l.way.Socket() != nil {
				return l.way.Socket()
			}
		}
	}
	return nil
}

// place is what a side of the bridge is called among those of all.
func (b *bridge) place(w Which) loop.End { return loop.End{Session: b.serial, B: w == B} }

// bridge is the one the transport carries media for. It stays the same while its mu
// or ctl is held.
func (w *way) bridge() *bridge { return w.home.Load() }

// lock takes mu of the transport's bridge, which may become another before that.
func (w *way) lock() *bridge {
	for {
		b := w.home.Load()
		b.mu.Lock()
		if b == w.home.Load() {
			return b
		}
		b.mu.Unlock()
	}
}

// move gives the transport to a side of another bridge, without its legs. Called with
// mu of the bridge it leaves held.
func (w *way) move(to *bridge, as Which) {
	w.legs = w.first[:0]
	w.which = as
	w.home.Store(to)
	w.Move(to.place(as))
}

// Lock is lock for what the transport does by itself.
func (w *way) Lock() (unlock func()) { return w.lock().mu.Unlock }

// Changing has the bridge look at all that comes and goes by the transport again.
func (w *way) Changing() { w.unfollow() }

// Logger is the bridge's, for this side.
func (w *way) Logger() *slog.Logger { return w.bridge().logger().With("side", w.which) }

// Secured tells of the outcome of a handshake.
func (w *way) Secured(err error) {
	b := w.bridge()
	switch {
	case b.closed:
	case err != nil:
		b.owner.post(Event{Kind: EventSecurity, Side: w.which, Err: err})
	default:
		b.owner.post(Event{Kind: EventSecure, Side: w.which})
	}
}

// lead is the leg whose agreement counts for the transport: the first that
// carries anything.
func (w *way) lead() *leg {
	for _, l := range w.legs {
		if l.on {
			return l
		}
	}
	return w.legs[0]
}

// heard is when something came last from this side, on any leg.
func (w *way) heard() (at time.Time) {
	for _, l := range w.legs {
		at = latest(at, l.heard)
	}
	return at
}

// renew begins the streams of a transport anew: who joins later with the same key
// does not know how often their sequence numbers have wrapped, and under another
// SSRC neither counters nor key stream are those of before (RFC 3711 §3.3.1, §9.1).
func (w *way) renew() {
	for _, l := range w.legs {
		if l.audio {
			l.rewrite = *relay.NewRewrite(rand.Uint32())
			l.rewrite.Mark = true
			l.source = source{}
		}
	}
}

// Receive takes every datagram of this transport, on its worker's loop.
func (w *way) Receive(socket *relay.Socket, b []byte, from netip.AddrPort, at time.Time) {
	home := w.lock()
	defer home.mu.Unlock()
	if home.closed || len(w.legs) == 0 {
		return
	}
	switch w.What(b, socket) {
	case transport.RTP:
		w.rtp(b, from, at)
	case transport.RTCP:
		w.rtcp(b, socket, from, at)
	case transport.Datagram:
		w.datagram(b, from, at)
	case transport.Check:
		w.TakeCheck(b, socket, from, at)
	case transport.Handshake:
		w.TakeHandshake(b, from)
	}
}

// datagram passes what is no RTP (UDPTL) between the sides as it is.
func (w *way) datagram(b []byte, from netip.AddrPort, at time.Time) {
	if !w.TakeDatagram(from, at) {
		return
	}
	l := w.legs[0]
	l.heard = at
	l.raw++
	if o := l.opposite(); o != nil && o.way.Raw() && o.way.Reachable() {
		_ = o.way.Write(b, o.way.To())
	}
}

// rtp opens, judges and routes one RTP packet.
func (w *way) rtp(b []byte, from netip.AddrPort, at time.Time) {
	if b = w.TakeRTP(b, from); b == nil {
		return
	}
	number := b[1] & 0x7f
	l := w.legOf(number)
	if l == nil || !l.on {
		return
	}
	good, moved := w.Believe(b, from, at, l.knows(number))
	if !good {
		return
	}
	if moved {
		w.bridge().owner.post(Event{Kind: EventLatched, Side: w.which, Line: l.stream.index, Addr: w.To()})
	}
	l.receive(b, at)
}

// legOf finds whose packet a payload number is, on a transport several legs
// share.
func (w *way) legOf(pt uint8) *leg {
	if len(w.legs) == 1 {
		return w.legs[0]
	}
	for _, l := range w.legs {
		for _, c := range l.agreed.Codecs {
			if c.Receive == pt {
				return l
			}
		}
	}
	return nil
}

// rtcp takes reports: for audio they end here, for other media they pass.
func (w *way) rtcp(b []byte, socket *relay.Socket, from netip.AddrPort, at time.Time) {
	if b = w.TakeRTCP(b, socket, from); b == nil {
		return
	}
	for _, l := range w.legs {
		switch o := l.opposite(); {
		case l.stream.kind == "audio":
			if r, err := quality.Feedback(b, &l.out, &l.in, at); err == nil && r.Valid {
				l.told(r, o)
			}
		case o != nil:
			o.way.SendRTCP(b)
			return
		}
	}
}
