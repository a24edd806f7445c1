// Package events is what goes on in the server, as it is told to others: a
// bounded ring of the newest events, which any number of readers follow at their
// own pace. Who falls behind is told that events were missed.
//
// It keeps nothing on disk; what must arrive goes through package outbox.
package events

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/cmd/tandem/api/access"
)

// Event is one thing that happened, as it is told.
type Event struct {
	ID       string          `json:"id" doc:"Unique; the same wherever and how often the event is told"`
	Type     string          `json:"type" doc:"What happened" example:"user.changed"`
	Time     time.Time       `json:"time"`
	Resource string          `json:"resource" doc:"What it is about: a path below /api/v1" example:"users/sip:alice@example.com"`
	Data     json.RawMessage `json:"data,omitempty" doc:"More, by type; of a change before and after, secrets masked"`

	Scope access.Scope `json:"-"` // who may see it
	// Later makes Data when somebody reads the event. It may be called by several at
	// a time; nil: Data is what it is.
	Later func() json.RawMessage `json:"-"`
}

// Filled is the event with its Data.
func (e Event) Filled() Event {
	if e.Later != nil {
		e.Data, e.Later = e.Later(), nil
	}
	return e
}

// Matches tells whether the type of an event is one of patterns: "user.changed",
// "user.*" or "*". No patterns: every type.
func Matches(patterns []string, kind string) bool {
	for _, p := range patterns {
		if p == "*" || p == kind {
			return true
		}
		if family, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(kind, family) {
			return true
		}
	}
	return len(patterns) == 0
}

// Ring holds the newest events. Its size is bounded in events and octets.
type Ring struct {
	run                  string // of this process, part of every ID
	maxEvents, maxOctets int
	stamped              atomic.Uint64

	mu     sync.Mutex
	events []Event // oldest first
	octets int
	last   uint64        // place of the newest event, 0 before the first
	news   chan struct{} // closed by the next event; nil while nobody waits
}

// New makes a ring of at most so many events and octets.
func New(maxEvents, maxOctets int) *Ring {
	return &Ring{run: strconv.FormatInt(time.Now().UnixMilli(), 36), maxEvents: maxEvents, maxOctets: maxOctets}
}

// Stamp gives an event its ID and time. What must be on disk before the event is
// told is written between Stamp and Publish.
func (r *Ring) Stamp(e Event) Event {
	e.ID = r.run + "-" + strconv.FormatUint(r.stamped.Add(1), 10)
	e.Time = time.Now().Round(0)
	return e
}

// Publish shows an event to all readers. It does not wait for them.
func (r *Ring) Publish(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.octets += e.size()
	r.last++
	for len(r.events) > r.maxEvents || r.octets > r.maxOctets && len(r.events) > 1 {
		r.octets -= r.events[0].size()
		r.events[0] = Event{}
		r.events = r.events[1:]
	}
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

// Settle makes the data of all events. What it is made of can be collected then: small
// parts of thousands of calls, each of which keeps the memory around it.
func (r *Ring) Settle() {
	r.mu.Lock()
	events, first := slices.Clone(r.events), r.first()
	r.mu.Unlock()
	for i := range events { // readers do not wait for this
		e := events[i].Filled()
		text := e.ID + e.Type + e.Resource
		e.ID, text = text[:len(e.ID)], text[len(e.ID):]
		e.Type, e.Resource = text[:len(e.Type)], text[len(e.Type):]
		events[i] = e
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := min(r.first()-first, uint64(len(events)))
	for i := range events[gone:] {
		r.octets += events[gone:][i].size() - r.events[i].size()
		r.events[i] = events[gone:][i]
	}
}

// first is the place of the oldest event.
func (r *Ring) first() uint64 { return r.last - uint64(len(r.events)) + 1 }

// size is about what an event holds in memory.
func (e *Event) size() int {
	n := len(e.Data) + len(e.Resource) + len(e.Type) + 128
	if e.Later != nil {
		n += 1024
	}
	return n
}
