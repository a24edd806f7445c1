// Package subscription is a subscription as a usage of a dialog (RFC 6665): the
// Notifier's side and the Subscriber's. It keeps the state, the expiry and the
// order of NOTIFYs. Its user, an event package or a REFER, decides what is
// notified, to whom and why.
//
// All methods run on the dialog's lane, and so do the callbacks.
package subscription

import (
	"strconv"
	"time"

	"tandem/rtc/sip"
)

// Event names what is subscribed to: the package and the id of an Event header.
type Event struct{ Package, ID string }

// eventOf reads the Event header of a message.
func eventOf(m *sip.Message) Event {
	pkg, id := m.Event()
	return Event{string(pkg), string(id)}
}

// String is the value of the header.
func (e Event) String() string {
	if e.ID == "" {
		return e.Package
	}
	return e.Package + ";id=" + e.ID
}

// State of a subscription as a NOTIFY tells it (RFC 6665 §4.1.3).
type State struct {
	Name       string        // "active", "pending", "terminated"
	Expires    time.Duration // 0 = not said
	Reason     string        // of "terminated": "timeout", "noresource", "deactivated", …
	RetryAfter time.Duration
}

// stateOf reads the Subscription-State of a NOTIFY; false when it has none.
func stateOf(m *sip.Message) (State, bool) {
	p := sip.ParseParted(m.Get(sip.HdrSubscriptionState))
	seconds := func(name string) time.Duration {
		v, _ := p.Param(name)
		n, _ := sip.ParseUint(v, 1<<31-1)
		return time.Duration(n) * time.Second
	}
	reason, _ := p.Param("reason")
	return State{Name: string(p.Value), Expires: seconds("expires"), Reason: string(reason), RetryAfter: seconds("retry-after")}, len(p.Value) > 0
}

// String is the value of the header.
func (s State) String() string {
	v := s.Name
	if s.Expires > 0 || s.Name != "terminated" {
		v += ";expires=" + strconv.FormatInt(int64(s.Expires/time.Second), 10)
	}
	if s.Reason != "" {
		v += ";reason=" + s.Reason
	}
	if s.RetryAfter > 0 {
		v += ";retry-after=" + strconv.FormatInt(int64(s.RetryAfter/time.Second), 10)
	}
	return v
}
