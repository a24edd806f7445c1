// Package realtime is for tests whose peer is a real program, which runs in real
// time: they measure, and judge the machine before they judge what was measured.
// Everything else is tested on a virtual clock.
package realtime

import (
	"sync/atomic"
	"time"
)

// Pace watches whether this machine has time for what runs in real time on it:
// a goroutine that wants to run every few milliseconds, as a phone's audio does,
// notes how much too late it was woken.
type Pace struct {
	stop, done chan struct{}
	worst      atomic.Int64
}

// beat is how often it wants to run. A packet of audio is twice as long.
const beat = 10 * time.Millisecond

// Tolerable is by how much a phone may be woken too late without being heard to
// stumble: the least that jitter buffers hold.
const Tolerable = 20 * time.Millisecond

// Watch begins.
func Watch() *Pace {
	p := &Pace{stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *Pace) run() {
	defer close(p.done)
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for due := time.Now().Add(beat); ; {
		select {
		case <-p.stop:
			return
		case <-timer.C:
			now := time.Now()
			p.note(now.Sub(due))
			due = now.Add(beat)
			timer.Reset(beat)
		}
	}
}

func (p *Pace) note(late time.Duration) {
	if int64(late) > p.worst.Load() {
		p.worst.Store(int64(late))
	}
}

// Worst is by how much it was woken too late, at most, so far.
func (p *Pace) Worst() time.Duration { return time.Duration(p.worst.Load()) }

// End ends the watch and returns Worst.
func (p *Pace) End() time.Duration {
	close(p.stop)
	<-p.done
	return p.Worst()
}
