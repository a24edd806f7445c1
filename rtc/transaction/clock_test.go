package transaction

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc/sip"
)

// A server with nothing to do is not woken: the clock looks at the pressure with
// every beat.
func TestIdleClockRests(t *testing.T) {
	var beats atomic.Int64
	in(t, Config{Pressure: func() float64 { beats.Add(1); return 0 }}, func(t *testing.T, w *world) {
		w.onRequest = func(s *Server, _ *sip.Message) { s.Respond(200, reply(200)) }
		for range 3 {
			w.sleepTo(time.Since(w.start) + time.Hour)
			before := beats.Load()
			w.take(udp(), request("MESSAGE", fmt.Sprintf("Call-ID: %d", before)))
			time.Sleep(time.Minute)
			if n := beats.Load() - before; n < 32*20 { // its response is kept for 32 s
				t.Errorf("%d beats while there was something to do", n)
			}
			before = beats.Load()
			time.Sleep(time.Hour)
			if n := beats.Load() - before; n != 0 {
				t.Errorf("%d beats in an idle hour", n)
			}
		}
		w.idle()
	})
}

// The pressure is seen from the first request on, also of requests that need no
// timer, and until it is over.
func TestPressureAfterRest(t *testing.T) {
	var pressure atomic.Int64
	in(t, Config{Pressure: func() float64 { return float64(pressure.Load()) }}, func(t *testing.T, w *world) {
		w.sleepTo(time.Hour)
		pressure.Store(1)
		w.take(udp(), request("REGISTER", "Call-ID: first"))
		synctest.Wait()
		w.take(udp(), request("REGISTER", "Call-ID: second"))
		w.sleepTo(2 * time.Hour)
		pressure.Store(0)
		w.sleepTo(2*time.Hour + 2*tick)
		w.take(udp(), request("REGISTER", "Call-ID: third"))
		w.want("1h0m0s < REGISTER", "1h0m0s > 503", "2h0m0.1s < REGISTER")
	})
}

// No timer is forgotten that is set in the moment in which the clock comes to
// rest. The bubble ends in a deadlock if one is.
func TestTimerSetAtRest(t *testing.T) {
	in(t, Config{Lanes: 4}, func(t *testing.T, w *world) {
		var all sync.WaitGroup
		for i := range 4 {
			ln := &w.l.lanes[i]
			random := rand.New(rand.NewPCG(1, uint64(i)))
			all.Go(func() {
				for range 1000 {
					time.Sleep(time.Duration(random.IntN(3)) * tick) // the clock beats in the same moments
					told := make(chan struct{})
					var set, rung time.Time
					wait := time.Duration(random.IntN(3)) * tick
					ln.Do(func() {
						set = time.Now()
						ln.After(wait, func() { rung = time.Now(); close(told) })
					})
					<-told
					if late := rung.Sub(set) - wait; late < 0 || late > tick {
						t.Errorf("a timer of %v rang %v late", wait, late)
					}
				}
			})
		}
		all.Wait()
	})
}
