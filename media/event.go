package media

import (
	"net/netip"
	"sync"
	"time"

	"tandem/media/dtmf"
)

// Event is something the call layer may want to know of a session. Exactly one
// of the pointers and flags is meant, by Kind.
type Event struct {
	Kind EventKind
	Side Which
	// Branch is the name of the branch it is about; "" for a side proper, which a
	// branch that is heard is.
	Branch string
	Line   int           // m-line, from 0
	Key    dtmf.Event    // EventKey
	For    time.Duration // EventOneWay, EventIdle: how long nothing came
	Addr   netip.AddrPort
	Err    error // EventSecurity, EventRecording
}

// EventKind names what happened.
type EventKind uint8

const (
	EventKey       EventKind = iota + 1 // a key was pressed by Side
	EventOneWay                         // nothing heard from Side though it should send
	EventHeard                          // Side is heard (again)
	EventIdle                           // no side sends anything: after Config.Idle where one should, else Config.Held
	EventLatched                        // Side's packets come from Addr, not from where it said
	EventSecure                         // Side's media is protected (DTLS done)
	EventSecurity                       // Side's media could not be protected: Err
	EventConsent                        // Side's ICE consent stopped
	EventPlayed                         // what was played to Side ended
	EventRecording                      // the recording stopped by itself: Err
)

func (k EventKind) String() string {
	names := [...]string{"", "key", "one-way", "heard", "idle", "latched", "secure", "security failed", "consent lost", "played", "recording stopped"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

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

// post tells the listener, in order. It may be called with bridge.mu held: it
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
