// Package events is what goes on in the server, as it is told to others: a
// bounded ring of the newest events, which any number of readers follow at their
// own pace. Who falls behind is told that events were missed.
//
// It keeps nothing on disk; what must arrive goes through package outbox.
package events

import (
	"encoding/json"
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
	places []Event // it grows to maxEvents places, and then goes round
	oldest int     // its place
	count  int     // of events
	octets int
	last   uint64        // number of the newest event, 0 before the first
	news   chan struct{} // closed by the next event; nil while nobody waits
}

// New makes a ring of at most so many events and octets.
func New(maxEvents, maxOctets int) *Ring {
	return &Ring{run: strconv.FormatInt(time.Now().UnixMilli(), 36), maxEvents: maxEvents, maxOctets: maxOctets}
}

// Stamp gives an event its ID and time. What must be on disk before the event is
// told is written between Stamp and Publish.
func (r *Ring) Stamp(e Event) Event {
	var room [48]byte
	e.ID = string(strconv.AppendUint(append(append(room[:0], r.run...), '-'), r.stamped.Add(1), 10))
	e.Time = time.Now().Round(0)
	return e
}

// Publish shows an event to all readers. It does not wait for them.
func (r *Ring) Publish(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == r.maxEvents {
		r.drop()
	}
	if r.count == len(r.places) {
		r.grow()
	}
	r.count++
	*r.at(r.count - 1) = e
	r.octets += e.size()
	r.last++
	for r.octets > r.maxOctets && r.count > 1 {
		r.drop()
	}
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

// at is the event that has so many before it.
func (r *Ring) at(i int) *Event { return &r.places[(r.oldest+i)%len(r.places)] }

func (r *Ring) drop() {
	e := r.at(0)
	r.octets -= e.size()
	*e = Event{}
	r.oldest = (r.oldest + 1) % len(r.places)
	r.count--
}

func (r *Ring) grow() {
	more := make([]Event, min(max(16, 2*len(r.places)), r.maxEvents))
	r.copy(more)
	r.places, r.oldest = more, 0
}

// copy copies the oldest events.
func (r *Ring) copy(to []Event) {
	for i := range min(len(to), r.count) {
		to[i] = *r.at(i)
	}
}

// Settle makes the data of all events. What it is made of can be collected then: small
// parts of thousands of calls, each of which keeps the memory around it.
func (r *Ring) Settle() {
	r.mu.Lock()
	events, first := make([]Event, r.count), r.first()
	r.copy(events)
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
		e := r.at(i)
		r.octets += events[gone:][i].size() - e.size()
		*e = events[gone:][i]
	}
}

// first is the number of the oldest event.
func (r *Ring) first() uint64 { return r.last - uint64(r.count) + 1 }

// size is about what an event holds in memory.
func (e *Event) size() int {
	n := len(e.Data) + len(e.Resource) + len(e.Type) + 128
	if e.Later != nil {
		n += 1024
	}
	return n
}
