package transport

import (
	"sync"
	"time"
)

// batch is the Sink of one reader loop. Datagrams wait in the slots of an outbox,
// octets in the queues of their connections; flush sends them all.
type batch struct {
	t     *Transport
	lane  int       // which of a listener's sockets it uses
	boxes []*outbox // one for each socket in use; UDP loops only
	dirty []*conn   // connections that must be flushed
	slots bool      // datagrams are collected in boxes
	now   time.Time // when the messages being handled arrived; one clock reading for each message would cost too much
}

// Send implements Sink.
func (s *batch) Send(f Flow, b []byte, fail Failer) {
	switch {
	case f.conn != nil && len(b) > 0:
		if f.conn.send(b, fail) {
			s.dirty = append(s.dirty, f.conn)
		}
	case f.l != nil && len(b) > 0 && s.slots:
		s.box(f.l).add(f.Remote, b, fail)
	default:
		s.t.Send(f, b, fail)
		return
	}
	if s.t.cfg.Tap != nil {
		s.t.tap(s.lane, s.now, true, f, b)
	}
}

// box returns an outbox for the listener. Any of its sockets will do; the loop uses its
// own.
func (s *batch) box(l *Listener) *outbox {
	sock := l.socks[s.lane%len(l.socks)]
	for _, o := range s.boxes {
		if o.sock == sock {
			return o
		}
	}
	o := newOutbox(s.t, sock)
	s.boxes = append(s.boxes, o)
	return o
}

// flush sends everything that was collected.
func (s *batch) flush() {
	for _, o := range s.boxes {
		if o.n > 0 {
			o.flush()
		}
	}
	for i, c := range s.dirty {
		c.link.flush()
		s.dirty[i] = nil
	}
	s.dirty = s.dirty[:0]
}

// batches is a pool for Together.
var batches = sync.Pool{New: func() any { return new(batch) }}

// Together calls f and then sends everything that f gave to its Sink: many datagrams
// with few system calls.
func (t *Transport) Together(f func(out Sink)) {
	b := batches.Get().(*batch)
	if b.t != t {
		*b = batch{t: t, slots: true}
	}
	b.now = time.Now()
	f(b)
	b.flush()
	batches.Put(b)
}

// Send sends a message at once, from outside the reader loops.
func (t *Transport) Send(f Flow, b []byte, fail Failer) {
	switch {
	case f.IsZero():
		t.failures.add(fail, errNoFlow)
		return
	case len(b) == 0:
		t.failures.add(fail, errEmpty)
		return
	}
	if t.cfg.Tap != nil {
		t.tap(0, time.Now(), true, f, b) // before the peer can answer
	}
	if f.conn != nil {
		if f.conn.send(b, fail) {
			f.conn.link.flush()
		}
		return
	}
	sock := f.l.socks[0]
	o := sock.spare.Get().(*outbox)
	o.add(f.Remote, b, fail)
	o.flush()
	sock.spare.Put(o)
}

func (t *Transport) tap(loop int, now time.Time, out bool, f Flow, b []byte) {
	defer t.panics.recovered()
	t.cfg.Tap(Packet{Time: now, Out: out, Loop: loop, Flow: f, Bytes: b})
}
