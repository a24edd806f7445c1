package gateways

import (
	"sync"
	"sync/atomic"
	"time"
)

// State is whether a trunk takes calls.
type State uint32

// The states.
const (
	Up       State = iota
	Degraded       // something speaks against it: others are tried first
	Down           // it does not answer, or asked for a pause: tried only when nothing else is left, in a pause not at all
	Draining       // takes no new calls; those under way go on
	Disabled       // takes no calls, and is neither asked nor registered with
	Removed        // is no more
)

func (s State) String() string {
	return [...]string{"up", "degraded", "down", "draining", "disabled", "removed"}[s]
}

// Direction of a call, as seen from this server.
type Direction uint8

// The directions.
const (
	Out Direction = iota
	In
)

// live is what changes about a trunk while its configuration stays. All versions
// of a trunk share it, so a call that began under an older one is still counted.
type live struct {
	calls  atomic.Uint64 // under way: those in, above 32 bits of those out
	admin  atomic.Uint32 // Up, Draining, Disabled or Removed: stronger than health
	health atomic.Uint32 // Up, Degraded or Down
	paused atomic.Int64  // until when it wants no call, unix ms; 0: it does
	pace   [2]pace       // by direction

	changes *atomic.Uint64 // counts those of states: of admin and health

	mu    sync.Mutex
	seen  health
	since time.Time // the state is what it is
	why   string
	tell  func(State, string) // of a new state of health
}

func (l *live) state() State {
	if admin := State(l.admin.Load()); admin != Up {
		if admin == Disabled && l.calls.Load() > 0 {
			return Draining
		}
		return admin
	}
	return State(l.health.Load())
}

// set gives one of admin and health a state. Who counts the changes then sees it.
func (l *live) set(which *atomic.Uint32, s State) {
	if State(which.Swap(uint32(s))) != s {
		l.changes.Add(1)
	}
}

// resting reports whether the trunk asked to be left alone until after now, in
// unix ms.
func (l *live) resting(now int64) bool { return l.paused.Load() > now }

// State of the trunk now.
func (t *Trunk) State() State { return t.live.state() }

// Health is how the trunk does, whether it is disabled or not; since when, zero
// for ever; and why, for people.
func (t *Trunk) Health() (s State, since time.Time, why string) {
	t.live.mu.Lock()
	defer t.live.mu.Unlock()
	return State(t.live.health.Load()), t.live.since, t.live.why
}

// Seize takes one of the trunk's channels for a call; it fails when all are
// taken, when too many calls began this second, or when the trunk takes no calls.
// Release gives it back, once.
func (t *Trunk) Seize(d Direction) bool {
	for {
		was := t.live.calls.Load()
		if !t.roomBeside(was, d) || State(t.live.admin.Load()) != Up {
			return false
		}
		if t.live.calls.CompareAndSwap(was, was+one(d)) {
			break
		}
	}
	rate := t.Rate
	if d == In {
		rate = t.RateIn
	}
	if !t.live.pace[d].take(time.Now().UnixNano(), rate) {
		t.Release(d)
		return false
	}
	return true
}

// full reports whether no channel is free for a call.
func (t *Trunk) full(d Direction) bool { return !t.roomBeside(t.live.calls.Load(), d) }

// roomBeside reports whether there is a channel for one call more beside calls, which
// counts as live does.
func (t *Trunk) roomBeside(calls uint64, d Direction) bool {
	in, out := calls>>32, calls&0xffffffff
	return room(t.Channels, in+out) && (d != In || room(t.ChannelsIn, in)) && (d != Out || room(t.ChannelsOut, out))
}

func room(limit int, n uint64) bool { return limit == 0 || n < uint64(limit) }

func one(d Direction) uint64 {
	if d == In {
		return 1 << 32
	}
	return 1
}

// Release gives back what Seize took.
func (t *Trunk) Release(d Direction) { t.live.calls.Add(-one(d)) }

// Calls is how many channels are taken.
func (t *Trunk) Calls() int {
	n := t.live.calls.Load()
	return int(n>>32 + n&0xffffffff)
}

// pace bounds how many calls begin in a second: it holds when the next one may
// begin if all had come evenly (the generic cell rate algorithm).
type pace struct{ next atomic.Int64 } // unix ns

// take is for one call; rate is of a second, 0 without limit. As many as are
// allowed in a second may come at once.
func (p *pace) take(now int64, rate int) bool {
	if rate <= 0 {
		return true
	}
	step := int64(time.Second) / int64(rate)
	for {
		next := p.next.Load()
		at := max(next, now)
		if at-now > int64(time.Second)-step {
			return false
		}
		if p.next.CompareAndSwap(next, at+step) {
			return true
		}
	}
}

// Force takes a channel for an emergency call, whatever the limits and the state:
// the gateway itself may still refuse. Release gives it back, once.
func (t *Trunk) Force(d Direction) { t.live.calls.Add(one(d)) }
