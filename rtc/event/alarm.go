package event

import (
	"math"
	"sync/atomic"
	"time"
)

// tick is how often what is due is looked for, and how long a NOTIFY is young,
// while there is something to wait for.
const tick = 100 * time.Millisecond

// longestSleep is how long nobody looks when nothing is due: the clock may be set.
const longestSleep = 10 * time.Second

// alarm wakes who looks for what is due: every tick while NOTIFYs are under way or
// something is due soon, else when the first thing is. So a server in which nothing
// happens does nothing.
type alarm struct {
	bell chan struct{}
	at   atomic.Int64 // unix ms: who has something to do sooner rings; 0: nobody needs to
}

func newAlarm() *alarm { return &alarm{bell: make(chan struct{}, 1)} }

// by has somebody look when something is due.
func (a *alarm) by(when int64) {
	if when < a.at.Load() {
		select {
		case a.bell <- struct{}{}:
		default:
		}
	}
}

// open has everybody ring whose time is before the end of time, until the next
// sleep or tick: what is found out meanwhile may be out of date.
func (a *alarm) open() { a.at.Store(math.MaxInt64) }

// ticking says that the next look is in a tick, whoever rings.
func (a *alarm) ticking() { a.at.Store(0) }

// sleep says that the next look is when the first thing is due, but not sooner than
// in a tick. It returns how long that is from now.
func (a *alarm) sleep(first, now int64) time.Duration {
	wait := time.Duration(min(first-now, longestSleep.Milliseconds())) * time.Millisecond
	if wait <= tick {
		a.ticking()
		return tick
	}
	a.at.Store(first)
	return wait
}
