package owner

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

// Crew lends goroutines to the owners of calls. A goroutine that has worked for
// one call goes on with the next: its stack has grown by then, and to grow it
// anew for each event costs a twelfth of a call.
type Crew struct {
	next chan *Inbox   // to one that waits
	over chan struct{} // closed when there will be no further work
	all  sync.WaitGroup
	busy sync.WaitGroup // owners at work

	mu      sync.Mutex
	waiting int
}

// NewCrew makes a crew; its goroutines are started as they are needed.
func NewCrew() *Crew { return &Crew{next: make(chan *Inbox), over: make(chan struct{})} }

// serve has the events of an inbox dealt with. It does not wait.
func (c *Crew) serve(b *Inbox) {
	c.busy.Add(1)
	select {
	case c.next <- b:
	default:
		c.all.Go(func() { c.work(b) })
	}
}

func (c *Crew) work(b *Inbox) {
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
func (c *Crew) wait(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && c.waiting >= crewWaits {
		return false
	}
	c.waiting += n
	return true
}

// End waits until all events are dealt with, and ends the goroutines. Nothing is
// served after it.
func (c *Crew) End() {
	c.busy.Wait()
	close(c.over)
	c.all.Wait()
}
