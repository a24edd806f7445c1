package transport

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// failures tells Failers about messages that were not sent. It uses a goroutine, which
// ends when there are none left, because the sender may hold locks that the Failer
// needs.
type failures struct {
	t       *Transport
	mu      sync.Mutex
	waiting []failure
	running bool
}

type failure struct {
	to  Failer
	err error
}

// add queues err for to. After Run has ended nothing is reported any more.
func (f *failures) add(to Failer, err error) {
	if to == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, failure{to, err})
	if !f.running {
		f.running = f.t.spawn(f.tell)
	}
}

func (f *failures) tell() {
	for {
		f.mu.Lock()
		batch := f.waiting
		f.waiting = nil
		f.running = len(batch) > 0
		f.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, x := range batch {
			f.tellOne(x)
		}
	}
}

func (f *failures) tellOne(x failure) {
	defer f.t.panics.recovered()
	x.to.SendFailed(x.err)
}

// panicLog recovers from the panic of a handler and logs it: the first one with its
// stack, later ones at most once a second.
type panicLog struct {
	log   *slog.Logger
	count atomic.Uint64
	last  atomic.Int64 // Unix seconds
}

// recovered is deferred around each call of a handler.
func (p *panicLog) recovered() {
	r := recover()
	if r == nil {
		return
	}
	n := p.count.Add(1)
	now := time.Now().Unix()
	switch {
	case n == 1:
		p.last.Store(now)
		p.log.Error("message handler panicked", "err", r, "stack", string(debug.Stack()))
	case p.last.Swap(now) != now:
		p.log.Error("message handler panicked again", "err", r, "count", n)
	}
}
