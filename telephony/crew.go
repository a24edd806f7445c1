package telephony

import (
	"sync"
	"time"
)

const (
	// crewWaits is how many goroutines at most wait for the next call that has
	// events, and crewRests how long one does before it ends.
	crewWaits = 64
	crewRests = 10 * time.Second
)

// crew lends goroutines to the owners of calls. A goroutine that has worked for
// one call goes on with the next: its stack has grown by then, and to grow it
// anew for each event costs a twelfth of a call.
type crew struct {
	next chan *inbox   // to one that waits
	over chan struct{} // closed when there will be no further work
	all  sync.WaitGroup
	busy sync.WaitGroup // owners at work

	mu      sync.Mutex
	waiting int
}

func newCrew() *crew { return &crew{next: make(chan *inbox), over: make(chan struct{})} }

// serve has the events of an inbox dealt with. It does not wait.
func (c *crew) serve(b *inbox) {
	c.busy.Add(1)
	select {
	case c.next <- b:
	default:
		c.all.Go(func() { c.work(b) })
	}
}

func (c *crew) work(b *inbox) {
	rest := time.NewTimer(crewRests)
	defer rest.Stop()
	for {
		b.work()
		c.busy.Done()
		if !c.wait(1) {
			return
		}
		rest.Reset(crewRests)
		select {
		case b = <-c.next:
			c.wait(-1)
		case <-rest.C:
			c.wait(-1)
			return
		case <-c.over:
			return
		}
	}
}

// wait counts those who wait; false when there are enough.
func (c *crew) wait(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && c.waiting >= crewWaits {
		return false
	}
	c.waiting += n
	return true
}

// end waits until all events are dealt with, and ends the goroutines. Nothing is
// served after it.
func (c *crew) end() {
	c.busy.Wait()
	close(c.over)
	c.all.Wait()
}
