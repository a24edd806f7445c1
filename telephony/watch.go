package telephony

import (
	"time"

	"tandem/telephony/cdr"
)

// Event is a change of a call that other rooms may want to know: presence,
// lamps, the API.
type Event struct {
	Kind   EventKind
	Time   time.Time
	Record *cdr.Record // of the call as it is now; shared, it must not be changed
}

// EventKind says what changed.
type EventKind uint8

// What happens to a call, in this order; Ended always comes last.
const (
	Started       EventKind = iota + 1
	CallerRings             // of a call that the server makes: A, who is called first
	CallerReached           // A has answered
	Ringing
	Answered
	Transferred // a party was replaced by another one; it may come again
	Ended
)

func (k EventKind) String() string {
	return [...]string{"", "started", "caller_rings", "caller_reached", "ringing", "answered", "transferred", "ended"}[k]
}

// Watch has f told of every change of every call, the changes of one call in
// order. f runs on the owners of calls: it must not block and must not call the
// exchange. Watch is called before the exchange serves.
func (x *Exchange) Watch(f func(Event)) { x.watchers = append(x.watchers, f) }

func (c *Call) tell(kind EventKind) {
	record := c.record.Clone()
	c.shown.Store(&record)
	e := Event{Kind: kind, Time: time.Now(), Record: &record}
	for _, f := range c.x.watchers {
		f(e)
	}
	if c.origin != nil && c.origin.Watch != nil {
		c.origin.Watch(e)
	}
}
