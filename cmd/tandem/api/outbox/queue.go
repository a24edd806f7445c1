package outbox

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// queue is what waits for one hook. All of it is guarded by Outbox.mu.
type queue struct {
	hook Hook
	wake chan struct{} // something may be due sooner than was thought
	stop func()        // ends its workers; nil while there are none

	count, octets int  // deliveries, those being stored included, and their bodies
	full          bool // it overflowed, and is not half empty yet
	lanes         map[string]*lane
	due           dueLanes // those that no worker has

	busy     int       // deliveries under way
	failures int       // times in a row that the hook did not take anything
	paused   time.Time // until then nothing is tried

	delivered, failed, missed uint64
	took                      time.Time // when it last took one
	fault                     string    // why it does not answer, "" when it does
}

// lane is what waits for one hook about one resource, in order.
type lane struct {
	resource string
	waiting  []Delivery
	due      time.Time // of the first one
	tries    int       // of the first one
	fault    string    // why it was refused, "" before it was
}

func newQueue(h Hook) *queue {
	return &queue{hook: h, wake: make(chan struct{}, 1), lanes: map[string]*lane{}}
}

// overflows tells whether there is no room for one more. Once it was full there is
// none until half of it is free.
func (q *queue) overflows(octets int) bool {
	if q.full {
		q.full = q.count > maxPending/2 || q.octets > maxOctets/2
		return q.full
	}
	return q.count >= maxPending || q.octets+octets > maxOctets
}

func (q *queue) take(octets int) { q.count, q.octets = q.count+1, q.octets+octets }
func (q *queue) give(octets int) { q.count, q.octets = q.count-1, q.octets-octets }

// push adds a delivery that is on disk.
func (q *queue) push(d Delivery) {
	l := q.lanes[d.Resource]
	if l == nil {
		l = &lane{resource: d.Resource, due: d.Created}
		q.lanes[d.Resource] = l
		l.waiting = append(l.waiting, d)
		heap.Push(&q.due, l)
	} else {
		l.waiting = append(l.waiting, d)
	}
	q.ring()
}

func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// far is how long to wait when nothing is due: until the next wake.
const far = time.Hour

// next takes the lane whose first delivery is due, with it, or tells how long there
// is none.
// While the hook does not answer, one delivery at a time finds out whether it does.
func (q *queue) next(now time.Time) (*lane, Delivery, time.Duration) {
	if wait := q.paused.Sub(now); wait > 0 {
		return nil, Delivery{}, wait
	}
	if len(q.due) == 0 || q.failures > 0 && q.busy > 0 {
		return nil, Delivery{}, far
	}
	if wait := q.due[0].due.Sub(now); wait > 0 {
		return nil, Delivery{}, wait
	}
	q.busy++
	l := heap.Pop(&q.due).(*lane)
	if len(q.due) > 0 {
		q.ring() // for another worker
	}
	return l, l.waiting[0], 0
}

// back puts a lane back when its first delivery was taken (or given up), or is to
// be tried again.
func (q *queue) back(l *lane, gone bool) {
	q.busy--
	if gone {
		q.give(l.waiting[0].Size)
		l.waiting = l.waiting[1:]
		l.tries, l.fault = 0, ""
	}
	if len(l.waiting) == 0 {
		delete(q.lanes, l.resource)
	} else {
		if gone {
			l.due = l.waiting[0].Created
		}
		heap.Push(&q.due, l)
	}
	q.ring()
}

// backOff is the pause after so many failures: a second, doubled up to ten minutes,
// with a tenth more or less, so that hooks are not all asked at once.
func backOff(failures int) time.Duration {
	d := min(time.Second<<min(failures-1, 20), 10*time.Minute)
	return d - d/10 + rand.N(d/5)
}

// trouble is why the hook takes nothing, or not all that waits; "" when it is well.
func (q *queue) trouble() string {
	if q.fault != "" {
		return q.fault
	}
	for _, l := range q.lanes { // any of them
		if l.fault != "" {
			return l.resource + ": " + l.fault
		}
	}
	return ""
}

// oldest is when the oldest delivery was made, the zero time when there is none.
func (q *queue) oldest() (t time.Time) {
	for _, l := range q.lanes {
		if c := l.waiting[0].Created; t.IsZero() || c.Before(t) {
			t = c
		}
	}
	return t
}

// dueLanes is a heap: what is due first, and of those what was put first.
type dueLanes []*lane

func (d dueLanes) Len() int { return len(d) }
func (d dueLanes) Less(i, j int) bool {
	if !d[i].due.Equal(d[j].due) {
		return d[i].due.Before(d[j].due)
	}
	return d[i].waiting[0].ID < d[j].waiting[0].ID
}
func (d dueLanes) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
}
func (d *dueLanes) Push(x any) {
	l := x.(*lane)
	*d = append(*d, l)
}
func (d *dueLanes) Pop() any {
	old := *d
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return l
}
