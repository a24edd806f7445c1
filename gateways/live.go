package gateways

import "sync/atomic"

// State is whether a trunk takes calls.
type State uint32

// The states.
const (
	Up       State = iota
	Degraded       // takes calls, but others are tried first
	Down           // does not answer; tried only when nothing else is left
	Draining       // keeps its calls and takes no new ones
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
	health atomic.Uint32 // Up, Degraded or Down
	admin  atomic.Uint32 // Up, Draining, Disabled or Removed: stronger than health
}

func (l *live) state() State {
	if a := State(l.admin.Load()); a != Up {
		return a
	}
	return State(l.health.Load())
}

// State of the trunk now.
func (t *Trunk) State() State { return t.live.state() }

// Seize takes one of the trunk's channels for a call; it fails when all are
// taken or the trunk takes no calls. Release gives it back, once.
func (t *Trunk) Seize() bool {
	for {
		n, limit := t.live.calls.Load(), t.live.limit.Load()
		if limit > 0 && n >= limit || t.live.state() >= Draining {
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
