package bridge

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"tandem/media/loop"
	"tandem/media/quality"
	"tandem/media/relay"
	"tandem/media/rewrite"
	"tandem/media/sdp"
	"tandem/media/transport"
)

// Way is a transport and the legs that use it: one, or several when m-lines are
// bundled. Guarded by Bridge.mu.
type Way struct {
	transport.Transport
	home  atomic.Pointer[Bridge] // see lock
	legs  []*leg
	first [1]*leg
	which Which
}

// open opens ports for a side.
func (b *Bridge) open(as Which, n transport.Needs) (*Way, error) {
	w := &Way{which: as}
	w.home.Store(b)
	w.legs = w.first[:0] // one leg, as usual, needs no further memory
	n.End = b.place(as)
	return w, w.Open(b.plant.Host, w, n)
}

// Carry returns a side's transport for an m-line, which Line has made, or opens one.
// bundle is the index of the m-line whose transport it shares, -1 for none. A second
// transport waits beside the first until it is agreed to, since the exchange may be
// refused. ports.ErrNone: no port is left.
func (b *Bridge) Carry(i int, as Which, n transport.Needs, bundle int) (*Way, error) {
	st := b.streams[i]
	l := st.legs[as]
	var first *Way // of the bundle
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

// Socket returns a socket of the bridge, so that all sockets of a call share a worker;
// nil when there is none.
func (b *Bridge) Socket() *relay.Socket {
	for _, st := range b.streams {
		for _, l := range st.legs {
			if l != nil && l.way.Socket() != nil {
				return l.way.Socket()
			}
		}
	}
	return nil
}

// place identifies a side of the bridge among the sides of all bridges.
func (b *Bridge) place(w Which) loop.End { return loop.End{Session: b.serial, B: w == B} }

// bridge returns the bridge to which the transport belongs. It does not change while
// its mu is held, nor during a call of its owner.
func (w *Way) bridge() *Bridge { return w.home.Load() }

// lock locks mu of the transport's bridge, even if the transport moves meanwhile.
func (w *Way) lock() *Bridge {
	for {
		b := w.home.Load()
		b.mu.Lock()
		if b == w.home.Load() {
			return b
		}
		b.mu.Unlock()
	}
}

// move gives the transport to a side of another bridge, without its legs. The caller
// holds mu of the bridge that it leaves.
func (w *Way) move(to *Bridge, as Which) {
	w.legs = w.first[:0]
	w.which = as
	w.home.Store(to)
	w.Move(to.place(as))
}

// Lock is lock, for what the transport does by itself.
func (w *Way) Lock() (unlock func()) { return w.lock().mu.Unlock }

// Changing makes all packets of the transport come to the bridge again.
func (w *Way) Changing() { w.unfollow() }

// Logger returns the bridge's logger, for this side.
func (w *Way) Logger() *slog.Logger { return w.bridge().logger().With("side", w.which) }

// ICE is Transport.ICE.
func (w *Way) ICE(theirs sdp.ICE, mux bool) (sdp.ICE, error) {
	b := w.lock()
	defer b.mu.Unlock()
	return w.Transport.ICE(theirs, mux)
}

// Secured reports the outcome of a handshake.
func (w *Way) Secured(err error) {
	b := w.bridge()
	switch {
	case b.closed:
	case err != nil:
		b.owner.Post(Event{Kind: EventSecurity, Side: w.which, Err: err})
	default:
		b.owner.Post(Event{Kind: EventSecure, Side: w.which})
	}
}

// lead returns the leg whose agreement applies to the transport: the first that carries
// anything.
func (w *Way) lead() *leg {
	for _, l := range w.legs {
		if l.on {
			return l
		}
	}
	return w.legs[0]
}

// heard returns when something last came from this side, on any leg.
func (w *Way) heard() (at time.Time) {
	for _, l := range w.legs {
		at = latest(at, l.heard)
	}
	return at
}

// renew starts new streams on a transport, with another SSRC: a receiver that joins
// later with the same key does not know how often the sequence numbers have wrapped,
// and with another SSRC neither counters nor key stream are those of before (RFC 3711
// §3.3.1, §9.1).
func (w *Way) renew() {
	for _, l := range w.legs {
		if l.audio {
			l.rewrite = *rewrite.New(rand.Uint32())
			l.rewrite.Mark = true
			l.source = source{}
		}
	}
}

// Receive takes every datagram of this transport, on the loop of its worker.
func (w *Way) Receive(socket *relay.Socket, b []byte, from netip.AddrPort, at time.Time) {
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

// datagram passes data that is not RTP (UDPTL) between the sides unchanged.
func (w *Way) datagram(b []byte, from netip.AddrPort, at time.Time) {
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

// rtp opens, checks and routes one RTP packet.
func (w *Way) rtp(b []byte, from netip.AddrPort, at time.Time) {
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
		w.bridge().owner.Post(Event{Kind: EventLatched, Side: w.which, Line: l.stream.index, Addr: w.To()})
	}
	l.receive(b, at)
}

// legOf returns the leg to which a payload number belongs, on a transport that several
// legs share.
func (w *Way) legOf(pt uint8) *leg {
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

// rtcp takes reports. Those for audio end here; those for other media pass.
func (w *Way) rtcp(b []byte, socket *relay.Socket, from netip.AddrPort, at time.Time) {
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
