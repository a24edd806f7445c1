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
	Degraded       // it failed lately: others are tried first
	Down           // it does not answer, or asked for a pause: tried only when nothing else is left
	Draining       // disabled, and calls are still under way
	Disabled       // takes no calls
	Removed        // is no more
)

func (s State) String() string {
	return [...]string{"up", "degraded", "down", "draining", "disabled", "removed"}[s]
}

// live is what changes about a trunk while its configuration stays. All versions
// of a trunk share it, so a call that began under an older one is still counted.
type live struct {
	calls  atomic.Int64  // under way
	limit  atomic.Int64  // of calls, 0 = none
	admin  atomic.Uint32 // Up, Disabled or Removed: stronger than health
	health atomic.Uint32 // Up, Degraded or Down

	mu    sync.Mutex
	seen  health
	since time.Time // the state is what it is
	why   string
	tell  func(State, string) // of a new state of health
}

func (l *live) state() State {
	switch State(l.admin.Load()) {
	case Removed:
		return Removed
	case Disabled:
		if l.calls.Load() > 0 {
			return Draining
		}
		return Disabled
	}
	return State(l.health.Load())
}

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
// taken or the trunk takes no calls. Release gives it back, once.
func (t *Trunk) Seize() bool {
	for {
		n, limit := t.live.calls.Load(), t.live.limit.Load()
		if limit > 0 && n >= limit || State(t.live.admin.Load()) != Up {
			return false
		}
		if t.live.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives back what Seize took.
func (t *Trunk) Release() { t.live.calls.Add(-1) }

// Calls is how many channels are taken.
func (t *Trunk) Calls() int { return int(t.live.calls.Load()) }
