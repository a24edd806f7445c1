package media

import (
	"context"
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
	Line int           // m-line, from 0
	Key  dtmf.Event    // EventKey
	For  time.Duration // EventOneWay, EventIdle: how long nothing came
	Addr netip.AddrPort
	Err  error // EventSecurity, EventRecording

	task func() // work of the session itself, that could not be done at once
}

// EventKind names what happened.
type EventKind uint8

const (
	EventKey       EventKind = iota + 1 // a key was pressed by Side
	EventOneWay                         // nothing heard from Side though it should send
	EventHeard                          // Side is heard (again)
	EventIdle                           // no side sends anything
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

// inbox holds a session's events until the dispatcher gives them out.
type inbox struct {
	mu      sync.Mutex
	events  []Event
	queued  bool
	dropped uint64
}

// dispatcher gives events to listeners outside all locks, in order for each
// session.
type dispatcher struct {
	mu    sync.Mutex
	ready []*Session
	wake  chan struct{}
}

func newDispatcher() *dispatcher { return &dispatcher{wake: make(chan struct{}, 1)} }

// post may be called with Session.mu held: it never waits.
func (d *dispatcher) post(s *Session, e Event) {
	s.inbox.mu.Lock()
	if len(s.inbox.events) >= maxEvents {
		s.inbox.dropped++
		s.inbox.mu.Unlock()
		return
	}
	s.inbox.events = append(s.inbox.events, e)
	first := !s.inbox.queued
	s.inbox.queued = true
	s.inbox.mu.Unlock()
	if !first {
		return
	}
	d.mu.Lock()
	d.ready = append(d.ready, s)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *dispatcher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		d.mu.Lock()
		ready := d.ready
		d.ready = nil
		d.mu.Unlock()
		for _, s := range ready {
			s.inbox.mu.Lock()
			events := s.inbox.events
			s.inbox.events, s.inbox.queued = nil, false
			s.inbox.mu.Unlock()
			for _, e := range events {
				if e.task != nil {
					e.task()
				} else {
					s.handle(e)
				}
			}
		}
	}
}
