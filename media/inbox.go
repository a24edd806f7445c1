package media

import "sync"

// maxEvents limits the events that wait for a session's listener. Keys come at most ten
// a second, so only a listener that is stuck loses events.
const maxEvents = 256

// inbox holds what was posted to a session until one of its two goroutines has handled
// it; they exist only while something waits. The listener has a goroutine of its own:
// if it blocks, the work of this session and of others goes on.
type inbox struct {
	mu      sync.Mutex
	events  []Event
	telling bool
	dropped uint64
	tasks   []func()
	working bool
}

// post queues an event for the listener. It may be called with the bridge's lock held:
// it never waits.
func (s *Session) post(e Event) {
	if s.handle == nil {
		return
	}
	b := &s.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) >= maxEvents {
		b.dropped++
		return
	}
	b.events = append(b.events, e)
	if !b.telling {
		b.telling = true
		go s.tell()
	}
}

func (s *Session) tell() {
	b := &s.inbox
	for {
		b.mu.Lock()
		events := b.events
		b.events = nil
		if len(events) == 0 || s.server.ended.Load() {
			b.telling = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		for _, e := range events {
			s.handle(e)
		}
	}
}

// later queues work of the session that may wait for a lock or a disk, where its caller
// must not wait. No work is dropped: there is at most one task for each leg and each
// source played.
func (s *Session) later(task func()) {
	b := &s.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tasks = append(b.tasks, task)
	if !b.working {
		b.working = true
		s.server.tasks.Go(s.work)
	}
}

func (s *Session) work() {
	b := &s.inbox
	for {
		b.mu.Lock()
		tasks := b.tasks
		b.tasks = nil
		if len(tasks) == 0 {
			b.working = false
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		for _, task := range tasks {
			task()
		}
	}
}
