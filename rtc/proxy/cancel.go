package proxy

import (
	"bytes"
	"time"

	"tandem/rtc/sip"
)

// cancel cancels all branches for the caller (RFC 3261 §16.10). Their responses then
// decide: usually 487, but a 200 that crossed the CANCEL is relayed.
func (f *forward) cancel(reason []byte) {
	if f.s.Final() || f.phase == hungUp {
		return
	}
	f.close(hungUp)
	f.p.count(countedCancelled)
	f.abandon(bytes.Clone(reason))
	if f.pending == 0 {
		f.settle()
	}
}

// abandon starts no more branches and cancels those under way. A non-INVITE cannot be
// cancelled (§9.1): its branches end by themselves.
func (f *forward) abandon(reason []byte) {
	f.close(closed)
	for i := range f.branches {
		b := &f.branches[i]
		switch {
		case b.state == idle:
			b.state = ended
		case b.state == locating && f.plan.method == sip.INVITE:
			f.end(i, 487)
		case b.state == active && f.plan.method == sip.INVITE:
			b.timerC.Stop()
			b.timerC = nil
			b.client.Cancel(reason)
		}
	}
}

// armTimerC starts timer C (§16.6 step 11, §16.8), which ends a call that rings
// forever. A provisional response does not reset the timer; when it fires, it checks
// how long ago the last one came.
func (f *forward) armTimerC(i int) {
	b := &f.branches[i]
	b.deadline = time.Now().Add(f.p.cfg.TimerC)
	b.timerC = f.lane.After(f.p.cfg.TimerC, func() { f.timerC(i) })
}

func (f *forward) timerC(i int) {
	b := &f.branches[i]
	if b.state != active || b.timerC == nil {
		return
	}
	if left := time.Until(b.deadline); left > 0 {
		b.timerC = f.lane.After(left, func() { f.timerC(i) })
		return
	}
	b.timerC, b.state = nil, overdue
	b.client.Cancel(nil) // the 487, or a timeout, ends the branch
}
