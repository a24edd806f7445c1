// Package lamps shows what lines do while calls are led: to those who watch a line, as
// dialog-info, and to the phones that share one. It follows the events of calls, and
// knows besides users the ring groups, the lines of click-to-call and the places where
// calls are parked.
package lamps

import (
	"slices"
	"sync"
	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/event/dialoginfo"
	"tandem/rtc/presence"
	"tandem/sipphone/appearance"
	"tandem/telephony"
	"tandem/telephony/feature"
)

// Config is what lamps need of others.
type Config struct {
	Events    *event.Notifier
	Authorise func(event.Ask) (event.Grant, error) // who may watch a user
	Changed   func(user rtc.AOR)                   // is told when what a user's line does has changed
	Lines     dialoginfo.Lines                     // besides those of users
	Shared    func() *appearance.Board             // nil before there are phones
	Groups    Groups
	Domain    string // of the places to park
}

// Groups are the ring groups.
type Groups interface {
	// GroupAt finds the one that an address means.
	GroupAt(address rtc.AOR) (group rtc.AOR, ok bool)
	IsMember(group, user rtc.AOR) bool
}

// Lamps follow calls for the lines that take part in them.
type Lamps struct {
	c     Config
	board *dialoginfo.Board

	mu    sync.Mutex
	calls map[string][]lit // the lines of each call
}

// New makes the lamps, and adds their event package to the notifier.
func New(c Config) *Lamps {
	l := &Lamps{c: c, calls: make(map[string][]lit)}
	lines := c.Lines
	lines.Resource = func(address rtc.AOR) (rtc.AOR, bool) {
		if line, ok := c.Lines.Resource(address); ok {
			return line, true
		}
		if group, ok := c.Groups.GroupAt(address); ok {
			return group, true
		}
		return l.slot(address.User()), isSlot(address)
	}
	l.board = dialoginfo.New(c.Events, l.mayWatch, presence.Hidden, lines)
	return l
}

// Calls is how many calls a user's line takes part in.
func (l *Lamps) Calls(user rtc.AOR) int { return l.board.Calls(user) }

// isSlot reports whether an address is the code that retrieves a parked call.
func isSlot(address rtc.AOR) bool {
	code, ok := feature.Read(address.User())
	return ok && code.Kind == feature.Retrieve
}

// slot is the line of a place, by the code that retrieves from it: a place is the same
// in every domain.
func (l *Lamps) slot(code string) rtc.AOR { return rtc.AOR("sip:" + code + "@" + l.c.Domain) }

// mayWatch says who may watch a line. That something is parked, and not who, is for
// every user; what a ring group does is for its members, and for others as its rules say.
func (l *Lamps) mayWatch(a event.Ask) (event.Grant, error) {
	if isSlot(a.Resource) {
		if !a.Proved {
			return event.Grant{}, &rtc.Status{Code: 403}
		}
		return event.Grant{}, nil
	}
	if a.Proved && l.c.Groups.IsMember(a.Resource, a.Watcher) {
		return event.Grant{View: presence.Full}, nil
	}
	return l.c.Authorise(a)
}

// lit is a line that a call keeps lit.
type lit struct {
	line rtc.AOR
	id   string
}

// Follow takes an event of a call.
func (l *Lamps) Follow(e telephony.Event) {
	var now []lit
	for _, p := range e.Parties {
		if group := (lit{p.Group, e.Record.ID}); p.Group != "" && !slices.Contains(now, group) {
			now = append(now, group)
			l.board.Set(group.line, ofGroup(p, group.id))
		}
		if p.User == "" {
			continue
		}
		c := dialoginfo.Call{ID: e.Record.ID, CallID: p.CallID, LocalTag: p.LocalTag, RemoteTag: p.RemoteTag, Caller: p.Initiator,
			State: dialoginfo.Early, Held: p.Held, Remote: p.Remote, Display: p.RemoteName}
		switch {
		case p.State == telephony.Confirmed:
			c.State = dialoginfo.Confirmed
		case p.Initiator && e.Record.Ringing.IsZero():
			c.State = dialoginfo.Trying
		}
		if p.Initiator {
			c.ID += " caller"
		}
		now = append(now, lit{p.User, c.ID})
		l.board.Set(p.User, c)
		l.c.Shared().Set(p.User, appearanceOf(p, c))
		l.c.Changed(p.User)
	}
	if e.Slot != "" { // the lamp of the place where a party is parked
		slot := lit{l.slot("*5" + e.Slot), e.Record.ID}
		now = append(now, slot)
		l.board.Set(slot.line, dialoginfo.Call{ID: slot.id, State: dialoginfo.Confirmed})
	}
	for _, x := range l.left(e.Record.ID, now) {
		l.board.Set(x.line, dialoginfo.Call{ID: x.id})
		l.c.Shared().Set(x.line, appearance.Call{ID: x.id, State: appearance.Idle})
		l.c.Changed(x.line)
	}
}

// ofGroup is the call of a member as one of his ring group. While it rings it may be
// taken by the dialog with the first phone.
func ofGroup(p telephony.Party, id string) dialoginfo.Call {
	c := dialoginfo.Call{ID: id, State: dialoginfo.Early, Held: p.Held, Remote: p.Remote, Display: p.RemoteName}
	if p.State == telephony.Confirmed {
		c.State = dialoginfo.Confirmed
		return c
	}
	c.CallID, c.LocalTag, c.RemoteTag = p.CallID, p.LocalTag, p.RemoteTag
	return c
}

// keep notes a line that a call is about to light.
func (l *Lamps) keep(call string, x lit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.calls[call], x) {
		l.calls[call] = append(l.calls[call], x)
	}
}

// left notes who takes part in a call, and returns those who do not any more.
func (l *Lamps) left(call string, now []lit) (gone []lit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.calls[call] {
		if !slices.Contains(now, x) {
			gone = append(gone, x)
		}
	}
	if l.calls[call] = now; len(now) == 0 {
		delete(l.calls, call)
	}
	return gone
}
