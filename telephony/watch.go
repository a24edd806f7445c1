package telephony

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/identity"
)

// Event is a change of a call that other rooms may want to know: presence,
// lamps, the API.
type Event struct {
	Kind   EventKind
	Time   time.Time
	Record *cdr.Record // of the call as it is now; shared, it must not be changed
	// Parties are the users and numbers that take part now. Who was among them
	// before and is not any more has left: that dialog is over. None are there when
	// the call has ended.
	Parties []Party
	Slot    string // in which one of them is parked, "" when none is
}

// EventKind says what changed.
type EventKind uint8

// What happens to a call, in this order, Changed at any time in between. Ended
// always comes last.
const (
	Started       EventKind = iota + 1
	CallerRings             // of a call that the server makes: A, who is called first
	CallerReached           // A has answered
	Ringing                 // the first phone rings
	Answered
	Transferred // a party was replaced by another one; it may come again
	Changed     // other parties ring or talk, or one is on hold: see Parties
	Ended
)

func (k EventKind) String() string {
	return [...]string{"", "started", "caller_rings", "caller_reached", "ringing", "answered", "transferred", "changed", "ended"}[k]
}

// Party is one who takes part in a call, with one device or, while they ring, with
// several. It is what a lamp shows (RFC 4235).
type Party struct {
	User   rtc.AOR // "" for a number outside
	CallID string  // of the dialog with the device; of the first that rings
	// LocalTag and RemoteTag are the tags of that dialog as the device has them, for
	// Replaces (RFC 3891); "" until the device has said that it rings.
	LocalTag, RemoteTag string
	Initiator           bool // the party called; else it was called
	State               PartyState
	Remote              string // address of the other side, "sip:…" or "tel:+…"
	RemoteName          string
	Held                bool    // the device has put the other side on hold
	Appearance          int     // of a shared line, that the device has named; 0 for none
	Group               rtc.AOR // the ring group as one of whose members it was called, "" for none
	Seat                Seat    // in a conference
}

// Seat is the place of a party in a conference, the zero value for none.
type Seat struct {
	Room    string
	Address string // of the party, as others there may know it; "" when they may not
	Name    string // the same
	Called  bool   // by the server; else the party called the conference
	Muted   bool
}

// PartyState is how far a party's dialog is.
type PartyState string

// The states, in the words of RFC 4235 §3.7.1.
const (
	Early     PartyState = "early"
	Confirmed PartyState = "confirmed"
)

// Watch has f told of every change of every call, the changes of one call in
// order. f runs on the owners of calls: it must not block and must not call the
// exchange. Watch is called before the exchange serves.
func (x *Exchange) Watch(f func(Event)) { x.watchers = append(x.watchers, f) }

// shown is what others see of a call. It is not changed.
type shown struct {
	record  *cdr.Record
	parties []Party
}

func (c *Call) tell(kind EventKind) {
	now := time.Now()
	c.countHold(now)
	record := c.record // its lists are not changed either, see tried
	e := Event{Kind: kind, Time: now, Record: &record, Parties: c.parties()}
	c.shown.Store(&shown{e.Record, e.Parties})
	if c.parked != nil && !c.over {
		e.Slot = strconv.Itoa(c.parked.slot)
	}
	for _, f := range c.x.watchers {
		f(e)
	}
	if c.origin != nil && c.origin.Watch != nil {
		c.origin.Watch(e)
	}
}

// parties are those that take part now.
func (c *Call) parties() (list []Party) {
	if c.over {
		return nil
	}
	var room [4]*leg
	called := room[:0]
	if c.callee != nil && c.callee.callID != "" {
		called = append(called, c.callee)
	}
	called = append(called, c.ringing...)
	caller := Early
	if !c.record.Answered.IsZero() {
		caller = Confirmed
	}
	list = make([]Party, 0, 1+len(called))
	if c.caller.callID != "" { // else nobody has that place yet, or any more
		with := c.route.Party()
		switch {
		case len(called) > 0:
			with = called[0].Who
		case c.origin != nil: // the route may still be that to the caller
			with = c.origin.toB.Party()
		}
		list = append(list, c.caller.party(caller, with, true))
	}
	for i, l := range called {
		same := func(o *leg) bool { return o.Who.Address() == l.Who.Address() }
		if !slices.ContainsFunc(called[:i], same) { // several devices of a user are one party
			state := Early
			if l == c.callee && caller == Confirmed {
				state = Confirmed
			}
			list = append(list, l.party(state, c.route.Caller, false))
		}
	}
	return list
}

// roomOf is the conference in which a leg of the call is shown, "" for none. Anybody may
// ask.
func (c *Call) roomOf(l *leg) string {
	for _, p := range c.shown.Load().parties {
		if p.CallID == l.callID {
			return p.Seat.Room
		}
	}
	return ""
}

// party is how a leg is shown.
func (l *leg) party(state PartyState, with identity.Party, initiator bool) Party {
	p := Party{User: l.Who.User, CallID: l.callID, Initiator: initiator, State: state, Remote: with.Address(), RemoteName: with.Name, Appearance: l.appearance, Group: l.group,
		Held: state == Confirmed && l.holds()}
	if with.Private {
		p.Remote, p.RemoteName = "sip:anonymous@anonymous.invalid", "Anonymous"
	}
	if s := cmp.Or(l.session, l.early); s != nil {
		p.LocalTag, p.RemoteTag = s.ID().Remote, s.ID().Local
	}
	if s := l.c.seats[l.side]; s != nil && state == Confirmed {
		p.Seat = Seat{Room: s.Room(), Called: l != l.c.caller || l.c.origin != nil, Muted: s.Muted()}
		if !l.Who.Private {
			p.Seat.Address, p.Seat.Name = l.Who.Address(), l.Who.Name
		}
	}
	return p
}
