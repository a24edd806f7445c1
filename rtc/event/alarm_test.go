package event

import (
	"math"
	"testing"
	"time"
)

func TestAlarm(t *testing.T) {
	const now = 1_000_000
	rings := func(a *alarm, when int64) bool {
		a.by(when)
		select {
		case <-a.bell:
			return true
		default:
			return false
		}
	}
	a := newAlarm()
	if rings(a, now) {
		t.Error("it ticks from the start, and is rung")
	}
	a.open()
	if !rings(a, now+int64(time.Hour/time.Millisecond)) {
		t.Error("what was entered while others look is missed")
	}
	if wait := a.sleep(now+5000, now); wait != 5*time.Second || rings(a, now+5000) || !rings(a, now+4999) || !rings(a, 0) {
		t.Errorf("it sleeps %s, or hears of what is later, or misses what is sooner", wait)
	}
	if wait := a.sleep(math.MaxInt64, now); wait != longestSleep || !rings(a, now) {
		t.Errorf("with nothing due it sleeps %s", wait)
	}
	for _, first := range []int64{0, now - 1, now, now + 99} {
		if wait := a.sleep(first, now); wait != tick || rings(a, 0) {
			t.Errorf("%d is due at %d: it sleeps %s", first, now, wait)
		}
	}
}

// While NOTIFYs are under way the clock ticks; when all are answered it sleeps, and
// what is due later is done in time nevertheless.
func TestIdleNotifierSleeps(t *testing.T) {
	run(t, func(b *bench) {
		b.begin("Event: weather;min-rate=0.1") // its NOTIFY is answered
		b.Sleep(2 * time.Second)
		if b.n.alarm.at.Load() == 0 {
			t.Error("nothing is under way or due, and it ticks")
		}
		if at, _ := b.told(21 * time.Second); !near(at, 2*time.Second, 8*time.Second, 18*time.Second) {
			t.Errorf("told after %v", at)
		}
		b.board.set("sip:bob@pbx.test", "snow")
		b.n.Changed("sip:bob@pbx.test", "weather") // and is not answered
		b.Sleep(time.Second / 4)
		if b.n.alarm.at.Load() != 0 {
			t.Error("a NOTIFY is under way, and it sleeps")
		}
	})
}
