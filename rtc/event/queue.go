package event

import (
	"context"
	"sync"
	"sync/atomic"
)

// queue holds the topics that have something to send. A topic is in it at most
// once, so it is bounded by their number.
type queue struct {
	mu      sync.Mutex
	cond    sync.Cond
	list    []*topic
	head    int
	closed  bool
	waiting atomic.Bool // workers wait for NOTIFYs under way to be answered

	// young are the NOTIFYs without an answer that were sent in each of the last
	// ticks: those that a receiver may still have to take in. Older ones do not
	// hold others up; their receivers may be gone.
	young [youth]atomic.Int64
	turn  atomic.Uint32 // ticks so far
	most  int64         // of young ones; more wait
}

// youth is how many ticks a NOTIFY is young: until it is sent a second time.
const youth = 5

func (q *queue) underWay() (n int64) {
	for i := range q.young {
		n += q.young[i].Load()
	}
	return n
}

// sent counts a NOTIFY, and returns what answered wants to know.
func (q *queue) sent() (turn uint32) {
	turn = q.turn.Load()
	q.young[turn%youth].Add(1)
	return turn
}

// age ends a tick.
func (q *queue) age() {
	turn := q.turn.Load() + 1
	q.young[turn%youth].Store(0)
	q.turn.Store(turn)
	q.wake()
}

func (q *queue) wake() {
	if q.waiting.Load() {
		q.mu.Lock()
		q.waiting.Store(false)
		q.mu.Unlock()
		q.cond.Broadcast()
	}
}

func (q *queue) init(most int) {
	q.cond.L = &q.mu
	q.most = int64(most)
}

// put enters a topic that wake returned.
func (q *queue) put(t *topic) {
	if t == nil {
		return
	}
	q.mu.Lock()
	q.list = append(q.list, t)
	q.mu.Unlock()
	q.cond.Signal()
}

// take waits for a topic; nil when the queue is closed.
func (q *queue) take() *topic {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		full := q.underWay() >= q.most
		q.waiting.Store(full)
		if full && q.underWay() < q.most { // answered meanwhile
			continue
		}
		switch {
		case q.closed:
			return nil
		case !full && q.head < len(q.list):
			t := q.list[q.head]
			q.list[q.head] = nil
			if q.head++; q.head == len(q.list) {
				q.list, q.head = q.list[:0], 0
			}
			return t
		}
		q.cond.Wait()
	}
}

// answered counts a NOTIFY that is not under way any more.
func (q *queue) answered(turn uint32) {
	if q.turn.Load()-turn < youth {
		q.young[turn%youth].Add(-1)
	}
	q.wake()
}

// closeWith ends take when ctx does; the returned function ends that.
func (q *queue) closeWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		q.mu.Lock()
		q.closed = true
		q.mu.Unlock()
		q.cond.Broadcast()
	})
}
