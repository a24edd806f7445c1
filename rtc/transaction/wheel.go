package transaction

import "time"

// The wheel of a lane: 1,024 slots of 50 ms, so that 64*T1 (32 s) fits in one
// turn; longer timers are passed over until their tick comes.
const (
	tick      = 50 * time.Millisecond
	wheelSize = 1024
	wheelMask = wheelSize - 1
)

// Timer is one entry on the wheel.
type Timer struct {
	ln    *Lane
	next  *Timer
	back  **Timer // what points here; nil when not on the wheel
	at    int64   // tick
	owner expirer
}

// expirer is told when its timer's time has come, on the lane.
type expirer interface{ expire() }

type call func()

func (f call) expire() { f() }

// Stop removes it; safe on nil and when it has fired. Only on the lane.
func (t *Timer) Stop() {
	if t == nil || t.back == nil {
		return
	}
	t.unlink()
	t.ln.timers.Add(-1)
}

// due is the moment the timer was set for, rounded up to a tick. Machines count
// their next interval from it, so that rounding does not add up.
func (t *Timer) due() time.Duration { return time.Duration(t.at) * tick }

func (t *Timer) link(head **Timer) {
	t.next, t.back = *head, head
	if t.next != nil {
		t.next.back = &t.next
	}
	*head = t
}

func (t *Timer) unlink() {
	*t.back = t.next
	if t.next != nil {
		t.next.back = t.back
	}
	t.next, t.back = nil, nil
}

// arm sets t to the moment at of the layer's clock; a running one is moved. It
// never fires early and never in the tick being told.
func (ln *Lane) arm(t *Timer, at time.Duration) {
	t.Stop()
	t.ln = ln
	if ln.timers.Load() == 0 {
		// Nobody advanced the lane while it had no timers.
		ln.current = max(ln.current, int64(ln.l.now()/tick))
	}
	t.at = max(int64((at+tick-1)/tick), ln.current+1)
	t.link(&ln.wheel[t.at&wheelMask])
	ln.timers.Add(1)
	ln.l.goOn()
}

// advance tells every timer due up to the tick now.
func (ln *Lane) advance(now int64) {
	ln.enter(nil)
	defer ln.leave()
	defer ln.l.recovered() // what is due and was not told has its turn at the next tick
	// After a long stall one turn of the wheel visits every slot.
	for ln.current = max(ln.current, now-wheelSize); ln.current < now; {
		ln.current++
		ln.tell(&ln.wheel[ln.current&wheelMask])
	}
}

func (ln *Lane) tell(head **Timer) {
	// Due timers move to a list of their own first: those told may stop others
	// of the same tick, or set new ones in the same slot.
	for t := *head; t != nil; {
		next := t.next
		if t.at <= ln.current {
			t.unlink()
			t.link(&ln.due)
		}
		t = next
	}
	for ln.due != nil {
		t := ln.due
		t.Stop()
		t.owner.expire()
	}
}
