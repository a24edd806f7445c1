package owner

import (
	"slices"
	"sync"
	"time"
)

const (
	// crewWaits is how many goroutines at most wait for calls that have events, and
	// crewRests how often those end that nobody has needed since the last time.
	crewWaits = 512
	crewRests = 10 * time.Second
)

// Crew lends goroutines to the owners of calls. A goroutine that has worked for
// one call goes on with the next: its stack has grown by then, and to grow it
// anew for each event costs a twelfth of a call. Who came last goes first: its stack
// is still in the cache, and those that are too many are left in peace and end.
type Crew struct {
	all  sync.WaitGroup
	busy sync.WaitGroup // owners at work

	mu      sync.Mutex
	waiting []chan *Inbox // where each that waits is given its next inbox
	spare   int           // the fewest that waited since the last sweep
	sweep   *time.Timer   // while any waits; nil: none does
	over    bool          // there will be no further work
}

// NewCrew makes a crew; its goroutines are started as they are needed.
func NewCrew() *Crew { return &Crew{} }

// serve has the events of an inbox dealt with. It does not wait.
func (c *Crew) serve(b *Inbox) {
	c.busy.Add(1)
	if next := c.free(); next != nil {
		next <- b // it has room for one
		return
	}
	c.all.Go(func() { c.work(b) })
}

// free takes one of those that wait; nil when none does.
func (c *Crew) free() chan *Inbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.waiting) - 1
	if n < 0 {
		return nil
	}
	next := c.waiting[n]
	c.waiting, c.spare = c.waiting[:n], min(c.spare, n)
	return next
}

func (c *Crew) work(b *Inbox) {
	next := make(chan *Inbox, 1)
	for b != nil {
		b.work()
		c.busy.Done()
		if !c.wait(next) {
			return
		}
		b = <-next // nil once it is closed
	}
}

// wait puts a goroutine among those that wait; false when there are enough.
func (c *Crew) wait(next chan *Inbox) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || len(c.waiting) >= crewWaits {
		return false
	}
	c.waiting = append(c.waiting, next)
	if c.sweep == nil {
		c.spare = 0
		c.sweep = time.AfterFunc(crewRests, c.dismiss)
	}
	return true
}

// dismiss ends the goroutines that have waited since the last sweep.
func (c *Crew) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, next := range c.waiting[:c.spare] {
		close(next)
	}
	c.waiting = slices.Delete(c.waiting, 0, c.spare)
	c.spare = len(c.waiting)
	if c.sweep = nil; c.spare > 0 && !c.over {
		c.sweep = time.AfterFunc(crewRests, c.dismiss)
	}
}

// End waits until all events are dealt with, and ends the goroutines. Nothing is
// served after it.
func (c *Crew) End() {
	c.busy.Wait()
	c.mu.Lock()
	c.over, c.spare = true, len(c.waiting)
	if c.sweep != nil {
		c.sweep.Stop()
	}
	c.mu.Unlock()
	c.dismiss()
	c.all.Wait()
}
