package transaction

import (
	"context"
	"math"
	"time"
)

// Run turns the timer wheels until ctx ends, and measures the pressure once a
// tick. While there is neither a timer nor pressure the clock rests: an idle
// server is not woken. Who sets a timer, or asks to be admitted, starts it again.
func (l *Layer) Run(ctx context.Context) error {
	beat := time.NewTimer(l.rest())
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			l.turn()
			if !l.pause() {
				beat.Reset(l.rest())
			}
		case <-l.rouse:
			l.measure()
			beat.Reset(l.rest())
		case <-l.wake:
			l.deliverFailures()
		case <-ctx.Done():
			return nil
		}
	}
}

// rest of the present tick. The beats fall on whole ticks of the layer's clock,
// or each timer would be late by the difference.
func (l *Layer) rest() time.Duration { return tick - l.now()%tick }

// pause stops the clock when it has nothing to do. Whoever sets a timer counts it
// first and looks at resting then, so one of the two sees the other.
func (l *Layer) pause() bool {
	if l.busy() {
		return false
	}
	l.resting.Store(true)
	return !l.busy() || !l.resting.CompareAndSwap(true, false) // somebody has roused it already
}

func (l *Layer) busy() bool {
	if l.pressure.Load() != 0 {
		return true
	}
	for i := range l.lanes {
		if l.lanes[i].timers.Load() > 0 {
			return true
		}
	}
	return false
}

// goOn starts a clock that rests.
func (l *Layer) goOn() {
	if l.resting.Load() {
		l.wind()
	}
}

func (l *Layer) wind() {
	if l.resting.CompareAndSwap(true, false) {
		l.rouse <- struct{}{} // there is room: Run takes it before it rests again
	}
}

// turn brings every lane that has timers to the present tick.
func (l *Layer) turn() {
	l.measure()
	now := int64(l.now() / tick)
	for i := range l.lanes {
		if ln := &l.lanes[i]; ln.timers.Load() > 0 {
			ln.advance(now)
		}
	}
}

// measure asks for the pressure.
func (l *Layer) measure() {
	if l.cfg.Pressure != nil {
		l.pressure.Store(math.Float64bits(l.cfg.Pressure()))
	}
}
