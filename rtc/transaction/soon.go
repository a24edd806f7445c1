package transaction

import "sync"

// errands are what waits to be done on lanes.
type errands struct {
	mu      sync.Mutex
	waiting []errand
	spare   []errand // of the round before, used again
	under   bool     // a goroutine does them
}

type errand struct {
	lane *Lane
	f    func()
}

// Soon is Lane.Do for what comes in crowds, such as the answers to what one
// commit has written: f runs on the lane by another goroutine, with all that
// was put meanwhile, and what they send leaves together. A system call for each
// would cost more than most of them. They are done in the order of Soon.
func (ln *Lane) Soon(f func()) {
	e := &ln.l.errands
	e.mu.Lock()
	e.waiting = append(e.waiting, errand{ln, f})
	idle := !e.under
	e.under = true
	e.mu.Unlock()
	if idle {
		go ln.l.runErrands()
	}
}

// runErrands does them until none waits.
func (l *Layer) runErrands() {
	for list := l.errands.take(); len(list) > 0; list = l.errands.take() {
		l.Together(func(do func(*Lane, func())) {
			for i := range list {
				do(list[i].lane, list[i].f)
			}
		})
	}
}

// take returns all that waits; after nothing, the next errand needs a goroutine.
func (e *errands) take() []errand {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.spare)
	list := e.waiting
	e.waiting, e.spare = e.spare[:0], list
	e.under = len(list) > 0
	return list
}
