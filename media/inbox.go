package media

import "sync"

// maxEvents bounds what waits for one session's listener; keys come at ten a
// second at most, so only a listener that is stuck loses any.
const maxEvents = 256

// inbox holds what was posted to a session until its goroutines, which are
// there only while there is something, have dealt with it. The listener has one
// of its own: should it block, the session's own work goes on, and so does all
// of other sessions.
type inbox struct {
	mu      sync.Mutex
	events  []Event
	telling bool
	dropped uint64
	tasks   []func()
	working bool
}

// post tells the listener, in order. It may be called with the lock of the bridge held: it
// never waits.
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

// later has work of the session done that may wait, for a lock or a disk, where
// its caller must not. None is ever dropped: there is one for each leg and each
// source played, at most.
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
