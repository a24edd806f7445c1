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

	under atomic.Int64 // NOTIFYs under way
	most  int64        // of them; more wait
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
		full := q.under.Load() >= q.most
		q.waiting.Store(full)
		if full && q.under.Load() < q.most { // answered meanwhile
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
func (q *queue) answered() {
	if q.under.Add(-1) < q.most && q.waiting.Load() {
		q.mu.Lock()
		q.waiting.Store(false)
		q.mu.Unlock()
		q.cond.Broadcast()
	}
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
