package event

import (
	"context"
	"sync"
	"sync/atomic"

	"tandem/rtc/transaction"
)

// queue holds what workers do: the SUBSCRIBEs that can be answered, and the topics that
// have something to send. A topic is in it at most once, so it is bounded by their number;
// what is to be answered is bounded by the transactions of the layer.
type queue struct {
	mu      sync.Mutex
	cond    sync.Cond
	answers []answer
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
	alarm *alarm        // has them age
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
	q.alarm.by(0)
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

func (q *queue) init(most int, a *alarm) {
	q.cond.L = &q.mu
	q.most, q.alarm = int64(most), a
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

// answer is a SUBSCRIBE whose subscription is on disk.
type answer struct {
	lane *transaction.Lane
	send func()
}

// later enters an answer.
func (q *queue) later(a answer) {
	q.mu.Lock()
	q.answers = append(q.answers, a)
	q.mu.Unlock()
	q.cond.Signal()
}

// round is what a worker does before what it sent leaves.
const round = 32

// take waits for answers, of which it appends some to to, or else topics; false
// when the queue is closed.
func (q *queue) take(to []answer) ([]answer, bool) {
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
			return to, false
		case len(q.answers) > 0:
			n := min(len(q.answers), round)
			to = append(to, q.answers[:n]...)
			rest := copy(q.answers, q.answers[n:])
			clear(q.answers[rest:])
			q.answers = q.answers[:rest]
			return to, true
		case !full && q.head < len(q.list):
			return to, true
		}
		q.cond.Wait()
	}
}

// topic takes one out, nil when there is none or too much is under way.
func (q *queue) topic() *topic {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.head == len(q.list) || q.underWay() >= q.most {
		return nil
	}
	t := q.list[q.head]
	q.list[q.head] = nil
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return t
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
