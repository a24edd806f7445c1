package transaction

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

func TestAfterAndStop(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		ln := w.l.Lane([]byte("x"))
		var never, moved *Timer
		ln.Do(func() {
			ln.After(0, func() { w.note("0") })
			ln.After(120*ms, func() {
				w.note("120 ms")
				moved.Stop() // of the same tick, not told yet
			})
			moved = ln.After(120*ms, func() { w.note("stopped too late") })
			never = ln.After(sec, func() { w.note("stopped") })
			ln.After(3*time.Minute, func() { w.note("3 min") }) // more than a turn of the wheel
			ln.After(sec, func() {
				ln.After(sec, func() { w.note("2 s") })
			})
		})
		ln.Do(func() { never.Stop(); never.Stop(); (*Timer)(nil).Stop() })
		w.play(nil, 4*time.Minute)
		w.want("50ms 0", "150ms 120 ms", "2s 2 s", "3m0s 3 min")
		if n := ln.timers.Load(); n != 0 {
			t.Errorf("%d timers left", n)
		}
	})
}

// A lane that had no timers for long starts afresh.
func TestWheelAfterAPause(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		ln := w.l.Lane([]byte("x"))
		time.Sleep(10 * time.Minute)
		ln.Do(func() { ln.After(100*ms, func() { w.note("first") }) })
		w.play(nil, 11*time.Minute)
		w.want("10m0.1s first")
	})
}

// A lane whose turn did not come for more than a turn of the wheel tells every
// timer that is due, once, and no other.
func TestWheelAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, start: time.Now()}
		w.l = New(Config{})
		ln := w.l.Lane([]byte("x"))
		ln.Do(func() {
			for i := range 9 {
				ln.After(time.Duration(i+1)*40*sec, func() { w.note("timer %d", i+1) })
			}
		})
		time.Sleep(5 * time.Minute)
		w.l.turn()
		w.l.turn()
		time.Sleep(20 * sec)
		w.l.turn()
		if len(w.log) != 8 || !slices.Contains(w.log, "5m0s timer 1") || w.log[7] != "5m20s timer 8" || ln.timers.Load() != 1 {
			t.Errorf("%d timers left, told %q", ln.timers.Load(), w.log)
		}
	})
}

// gate is a user that finds out whether two requests of one Call-ID are ever
// inside at once.
type gate struct {
	world
	inside map[string]int // by Call-ID, guarded by nothing but the lane
	total  map[string]int
}

func (g *gate) Request(s *Server, m *sip.Message) {
	id := string(m.CallID())
	g.inside[id]++
	if g.inside[id] != 1 {
		g.t.Errorf("%d requests of %s at once", g.inside[id], id)
	}
	g.total[id]++
	s.Respond(200, reply(200))
	g.inside[id]--
}

// Messages of one Call-ID that come by two sockets never run at once; under
// -race the plain map below is the witness.
func TestLaneKeepsOthersOut(t *testing.T) {
	g := &gate{inside: map[string]int{}, total: map[string]int{}}
	g.t, g.bytes, g.dead, g.start = t, map[string][]byte{}, nil, time.Now()
	l := New(Config{})
	l.wire = &g.world
	l.SetTU(g)
	const each = 500
	var wg sync.WaitGroup
	for loop := range 4 {
		wg.Go(func() {
			for i := range each {
				text := request("MESSAGE", fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK%d-%d;rport", loop, i))
				var m sip.Message
				err := m.Parse([]byte(text))
				l.Message(&g.world, udp(), &m, err)
			}
		})
	}
	wg.Go(func() {
		ln := l.Lane([]byte("call-1"))
		for range each {
			ln.Do(func() { g.total["call-1"]++ })
		}
	})
	wg.Wait()
	if n := g.total["call-1"]; n != 5*each {
		t.Errorf("%d turns, want %d", n, 5*each)
	}
}

// A transport that reports a failure within Send, from every lane, while Run
// delivers: nobody waits for anybody for ever.
func TestSynchronousFailuresDoNotBlock(t *testing.T) {
	in(t, Config{Lanes: 4}, func(t *testing.T, w *world) {
		w.fail = fmt.Errorf("no route")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 50 {
					ln := w.l.Lane(fmt.Appendf(nil, "%d-%d", i, j))
					ln.Do(func() {
						c := ln.Client(sip.MESSAGE, w)
						c.Send(tcp(), []byte("MESSAGE sip:a@b SIP/2.0\r\n\r\n"))
					})
				}
			})
		}
		wg.Wait()
		w.play(nil, sec)
		if n := w.l.Stats().Client; n != 0 {
			t.Errorf("%d clients left", n)
		}
	})
}

// A user that panics costs its own request, no more.
func TestPanicsOfTheUser(t *testing.T) {
	in(t, Config{Lanes: 1}, func(t *testing.T, w *world) {
		w.onRequest = func(*Server, *sip.Message) { panic("on purpose") }
		for _, method := range []string{"INVITE", "MESSAGE", "REGISTER", "BYE"} {
			func() {
				defer func() { recover() }() // as the transport does
				come(udp(), method)(w)
			}()
		}
		come(udp(), "ACK")(w)
		w.onRequest = nil
		ln := &w.l.lanes[0]
		ln.Do(func() {
			ln.After(sec, func() { w.note("last") })
			ln.After(sec, func() { panic("on purpose") })
			ln.After(sec, func() { w.note("first") })
		})
		w.play(nil, 60*sec)
		w.want("0s < INVITE", "0s > 500", "0s < MESSAGE", "0s > 500", "0s < REGISTER", "0s > 500", "0s < BYE", "0s > 500", "1s last", "1.05s first")
		w.idle()
	})
}

func TestFlowClosedIsPassedOn(t *testing.T) {
	l := New(Config{})
	l.SetTU(&relay{})
	l.FlowClosed(tcp()) // not a watcher
	w := &watcher{}
	l.SetTU(w)
	l.FlowClosed(tcp())
	if w.closed != tcp() {
		t.Errorf("told of %v", w.closed)
	}
}

type watcher struct {
	relay
	closed transport.Flow
}

func (w *watcher) FlowClosed(f transport.Flow) { w.closed = f }

var _ transport.Sink = (*world)(nil)
