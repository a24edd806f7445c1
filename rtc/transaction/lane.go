package transaction

import (
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Lane serialises one share of all conversations.
type Lane struct {
	l     *Layer
	index uint16

	mu  sync.Mutex
	out transport.Sink // of the reader loop now on the lane; nil: what is sent leaves at once

	// What every request needs stands together: lanes go from core to core, and
	// each cache line of theirs is a wait.
	slots   []slot // client transactions, by the number in their branch
	free    []uint32
	txs     serverTable
	key     []byte // scratch: key of the request at hand
	current int64  // last tick told
	told    int64  // of servers, what the layer knows

	// Gauges, written on the lane, read by anybody.
	timers    atomic.Int32
	servers   atomic.Int64
	waiting   atomic.Int64 // server transactions without final response
	clients   atomic.Int64
	absorbing atomic.Int64

	past  absorber
	wheel [wheelSize]*Timer
	due   *Timer // expired, about to be told

	scratch []byte      // scratch: message being built
	parsed  sip.Message // scratch: own bytes read again; never held over a call to the TU
}

func (ln *Lane) init(l *Layer, i int) {
	ln.l, ln.index = l, uint16(i)
	ln.past.ln = ln
	ln.past.ring.Limit(l.cfg.AbsorbBytes / l.cfg.Lanes)
}

func (ln *Lane) enter(out transport.Sink) {
	ln.mu.Lock()
	ln.out = out
}

func (ln *Lane) leave() {
	ln.out = nil
	ln.mu.Unlock()
}

// Do runs f on the lane, from any goroutine that is not on a lane. What f sends leaves at once.
func (ln *Lane) Do(f func()) {
	ln.enter(nil)
	defer ln.leave()
	f()
}

// Together is Lane.Do for many messages on many lanes: what is sent within do
// leaves together, when f has returned.
func (l *Layer) Together(f func(do func(*Lane, func()))) {
	w, ok := l.wire.(interface{ Together(func(transport.Sink)) })
	if !ok { // the fake of a test
		f(func(ln *Lane, g func()) { ln.Do(g) })
		return
	}
	w.Together(func(out transport.Sink) {
		f(func(ln *Lane, g func()) {
			ln.enter(out)
			defer ln.leave()
			g()
		})
	})
}

// Send sends bytes that belong to no transaction (ACK to 2xx, stateless
// forwards). Only on the lane.
func (ln *Lane) Send(f transport.Flow, b []byte) { ln.send(f, b, nil) }

func (ln *Lane) send(f transport.Flow, b []byte, fail transport.Failer) {
	if ln.out != nil {
		ln.out.Send(f, b, fail)
		return
	}
	ln.l.wire.Send(f, b, fail)
}

// After calls f on the lane after d, on the wheel (resolution 50 ms). Only on the lane.
func (ln *Lane) After(d time.Duration, f func()) *Timer {
	t := new(Timer)
	ln.Start(t, d, f)
	return t
}

// Start is After with a timer that the caller has; one that runs begins anew.
func (ln *Lane) Start(t *Timer, d time.Duration, f func()) {
	t.owner = call(f)
	ln.arm(t, ln.l.now()+d)
}

// slot is one place for a client transaction. Its number and generation stand
// in the branch, so a response finds its transaction without a map, and a late
// one is told from the slot's next tenant.
type slot struct {
	c   *Client
	gen uint32
}

// occupy gives c a slot.
func (ln *Lane) occupy(c *Client) {
	if n := len(ln.free); n > 0 {
		c.slot = ln.free[n-1]
		ln.free = ln.free[:n-1]
	} else {
		c.slot = uint32(len(ln.slots))
		ln.slots = append(ln.slots, slot{})
	}
	s := &ln.slots[c.slot]
	s.c, c.gen = c, s.gen
	ln.clients.Add(1)
}

// vacate frees c's slot.
func (ln *Lane) vacate(c *Client) {
	if c.slot == noSlot {
		return
	}
	s := &ln.slots[c.slot]
	if s.c != c {
		return
	}
	s.c = nil
	s.gen++
	ln.free = append(ln.free, c.slot)
	ln.clients.Add(-1)
}

func (ln *Lane) insert(tx *serverTx) {
	ln.txs.insert(tx)
	ln.count(1)
	ln.waiting.Add(1)
}

func (ln *Lane) remove(tx *serverTx) {
	if ln.txs.remove(tx) {
		ln.count(-1)
	}
}

// count adds n to the server transactions. What all lanes have is told now and
// then only: a number changed with every request would go from core to core.
func (ln *Lane) count(n int64) {
	more := ln.servers.Add(n) - ln.told
	if more >= ln.l.grain || -more >= ln.l.grain {
		ln.told += more
		ln.l.servers.Add(more)
	}
}
