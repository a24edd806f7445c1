package owner

import (
	"testing"
	"testing/synctest"
	"time"
)

// A goroutine goes on with the next call; those that a burst needed end when nobody has
// needed them for a while, and all do when no calls are left.
func TestCrewAfterBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCrew()
		begun := 0 // all of it is over when the bubble rests
		waiting := func() int {
			synctest.Wait()
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.waiting)
		}
		one := Inbox{Crew: c}
		hold := make(chan struct{})
		for range 300 {
			b := Inbox{Crew: c}
			b.Must(func() { <-hold })
		}
		close(hold)
		if n := waiting(); n != 300 {
			t.Errorf("after 300 calls at a time %d goroutines wait", n)
		}
		for range 30 {
			one.Must(func() { begun++ })
			time.Sleep(time.Second)
		}
		if n := waiting(); n != 1 || begun != 30 {
			t.Errorf("%d goroutines wait though one is needed; %d of 30 events were dealt with", n, begun)
		}
		time.Sleep(3 * crewRests)
		if n := waiting(); n != 0 {
			t.Errorf("%d goroutines wait for nobody", n)
		}
		c.all.Wait() // a goroutine that has not ended would stop the clock for good
		one.Must(func() { begun++ })
		c.End()
		if begun != 31 {
			t.Errorf("%d of 31 events were dealt with", begun)
		}
	})
}
