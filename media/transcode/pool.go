package transcode

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is a set of workers that serve paths.
type Pool struct {
	epoch   time.Time // times are distances from it
	workers []*worker

	mu    sync.Mutex // guards the number of paths of each worker
	late  atomic.Uint64
	ticks atomic.Uint64
	busy  atomic.Int64
}

// NewPool makes a pool; workers 0 is one per core.
func NewPool(workers int) *Pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := &Pool{epoch: time.Now()}
	for range workers {
		p.workers = append(p.workers, &worker{pool: p, wake: make(chan struct{}, 1)})
	}
	return p
}

// Run serves until ctx ends.
func (p *Pool) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, w := range p.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
	return ctx.Err()
}

// Add makes a path and starts serving it.
func (p *Pool) Add(o Options) (*Path, error) {
	path, err := newPath(o)
	if err != nil {
		return nil, fmt.Errorf("making a conversion path: %w", err)
	}
	path.pool = p
	p.mu.Lock()
	w := p.workers[0]
	for _, other := range p.workers[1:] {
		if other.paths < w.paths {
			w = other
		}
	}
	w.paths++
	p.mu.Unlock()
	path.worker = w
	if o.Tap != nil {
		path.rouse()
	}
	return path, nil
}

// remove forgets a path.
func (p *Pool) remove(w *worker) {
	p.mu.Lock()
	w.paths--
	p.mu.Unlock()
}

// PoolStats is the state of a pool.
type PoolStats struct {
	Paths     int           // made and not closed
	Active    int           // paths not at rest
	Ticks     uint64        // how often paths were served
	LateTicks uint64        // ticks more than 10 ms late: the pool is overloaded
	Busy      time.Duration // time workers spent serving
}

// Stats returns the figures since the start.
func (p *Pool) Stats() PoolStats {
	s := PoolStats{Ticks: p.ticks.Load(), LateTicks: p.late.Load(), Busy: time.Duration(p.busy.Load())}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		s.Paths += w.paths
		s.Active += int(w.active.Load())
	}
	return s
}
