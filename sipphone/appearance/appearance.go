// Package appearance shows phones that share a line what it does: the event packages
// call-info and line-seize of Broadsoft's shared call appearances, which Polycom's and
// Cisco's phones speak. A line has a few appearances, each for one call. A phone seizes
// one before it dials; one that does not gets the first that is free. A call on hold at
// one may be taken up at any phone of the line.
//
// It keeps what calls it is told of, and leads none.
package appearance

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
)

// Names of the event packages.
const (
	CallInfo  = "call-info"
	LineSeize = "line-seize"
)

// most is how many appearances a line has.
const most = 8

// seizeTime is for how long a phone has a line seized before it dials.
const seizeTime = 15 * time.Second

// State of an appearance, in the words of the header.
type State string

// The states.
const (
	Idle        State = "idle"
	Seized      State = "seized"
	Progressing State = "progressing" // the line calls
	Alerting    State = "alerting"    // it is called
	Active      State = "active"
	Held        State = "held"
)

// Call is what a call does at a line.
type Call struct {
	ID     string
	State  State
	URI    string // of the other party, "" when it is not known yet
	Index  int    // the appearance it wants, 0 for any
	Dialog Dialog
}

// Dialog is that of a phone with this server, by the tags as the phone has them.
type Dialog struct{ CallID, Local, Remote string }

// appearance is one place for a call.
type appearance struct {
	Call
	by string // the call, or the subscription that has seized it
}

// Board keeps what shared lines do. It is safe for concurrent use.
type Board struct {
	changed func(line rtc.AOR) // tells who watches
	shared  func(line rtc.AOR) bool

	mu    sync.Mutex
	lines map[rtc.AOR]*[most]appearance
}

// New makes a Board. shared tells lines that several phones have; changed is told of
// each change.
func New(shared func(rtc.AOR) bool, changed func(rtc.AOR)) *Board {
	return &Board{changed: changed, shared: shared, lines: make(map[rtc.AOR]*[most]appearance)}
}

// Set tells what a call of a line does. A call that is Idle has ended. One that begins
// takes the appearance that it wants, else the one that its line has seized, else the
// first that is free.
func (b *Board) Set(line rtc.AOR, c Call) {
	if !b.shared(line) {
		return
	}
	b.mu.Lock()
	l := b.line(line)
	i := b.find(l, c)
	now := appearance{c, c.ID}
	if c.State == Idle {
		now = appearance{}
	}
	changed := i >= 0 && l[i] != now
	if changed {
		l[i] = now
	}
	b.tidy(line, l)
	b.mu.Unlock()
	if changed {
		b.changed(line)
	}
}

// find is the appearance of a call, -1 for none, under the lock.
func (b *Board) find(l *[most]appearance, c Call) int {
	free := func(a *appearance) bool { return a.by == "" }
	seized := func(a *appearance) bool { return a.State == Seized }
	i := find(l, func(a *appearance) bool { return a.by == c.ID })
	if i < 0 && c.State == Progressing {
		if n := c.Index; n > 0 && n <= most && (free(&l[n-1]) || seized(&l[n-1])) {
			return n - 1
		}
		i = find(l, seized)
	}
	if i < 0 && c.State != Idle {
		i = find(l, free)
	}
	return i
}

// Place gives a call an appearance of a line at which it is about to ring, and tells
// which: 0 when the line is not shared, or has none free.
func (b *Board) Place(line rtc.AOR, call string) int {
	if !b.shared(line) {
		return 0
	}
	b.mu.Lock()
	l := b.line(line)
	i := b.find(l, Call{ID: call, State: Alerting})
	begins := i >= 0 && l[i].by == ""
	if begins {
		l[i] = appearance{Call{ID: call, State: Alerting}, call}
	}
	b.tidy(line, l)
	b.mu.Unlock()
	if begins {
		b.changed(line)
	}
	return i + 1
}

// At is the call at an appearance; false when nothing is there.
func (b *Board) At(line rtc.AOR, index int) (Call, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[line]
	if l == nil || index < 1 || index > most || l[index-1].by == "" {
		return Call{}, false
	}
	return l[index-1].Call, true
}

// seize takes an appearance for a subscription, and tells which: the one wanted, 1 or
// more, or any when that is 0. It is 0 when that is not free. One whose call is on hold stays as it is:
// the phone is about to take the call up.
func (b *Board) seize(line rtc.AOR, by string, want int) int {
	b.mu.Lock()
	l := b.line(line)
	i := find(l, func(a *appearance) bool { return a.by == by })
	again := i >= 0
	switch {
	case again:
	case want > most:
	case want > 0:
		switch a := &l[want-1]; {
		case a.by == "":
			i = want - 1
		case a.State == Held:
			i, again = want-1, true
		}
	default:
		i = find(l, func(a *appearance) bool { return a.by == "" })
	}
	if i >= 0 && !again {
		l[i] = appearance{Call{State: Seized}, by}
	}
	b.tidy(line, l)
	b.mu.Unlock()
	if i >= 0 && !again {
		b.changed(line)
	}
	return i + 1
}

// release gives up what a subscription has seized and no call has taken.
func (b *Board) release(line rtc.AOR, by string) {
	b.mu.Lock()
	l := b.line(line)
	i := find(l, func(a *appearance) bool { return a.State == Seized && a.by == by })
	if i >= 0 {
		l[i] = appearance{}
	}
	b.tidy(line, l)
	b.mu.Unlock()
	if i >= 0 {
		b.changed(line)
	}
}

func (b *Board) line(line rtc.AOR) *[most]appearance {
	l := b.lines[line]
	if l == nil {
		l = new([most]appearance)
		b.lines[line] = l
	}
	return l
}

// tidy forgets a line that does nothing.
func (b *Board) tidy(line rtc.AOR, l *[most]appearance) {
	if *l == ([most]appearance{}) {
		delete(b.lines, line)
	}
}

func find(l *[most]appearance, fits func(*appearance) bool) int {
	for i := range l {
		if fits(&l[i]) {
			return i
		}
	}
	return -1
}

// document is the Call-Info of a line: its appearances that do something, and idle for
// all others; or of one appearance alone.
func (b *Board) document(line rtc.AOR, only string) event.Document {
	b.mu.Lock()
	defer b.mu.Unlock()
	var h bytes.Buffer
	h.WriteString("Call-Info: ")
	if l := b.lines[line]; l != nil {
		for i, a := range l {
			if a.by == "" || only != "" && strconv.Itoa(i+1) != only {
				continue
			}
			fmt.Fprintf(&h, "<%s>;appearance-index=%d;appearance-state=%s", line, i+1, a.State)
			if a.URI != "" {
				fmt.Fprintf(&h, `;appearance-uri="<%s>"`, a.URI)
			}
			if only != "" {
				h.WriteString("\r\n")
				return event.Document{Header: h.Bytes()}
			}
			h.WriteString(",")
		}
	}
	fmt.Fprintf(&h, "<%s>;appearance-index=*;appearance-state=idle\r\n", line)
	return event.Document{Header: h.Bytes()}
}

// Packages are the event packages, for the notifier. Only the user of the line may
// subscribe: its phones are his.
func (b *Board) Packages() []event.Package {
	return []event.Package{
		{Name: CallInfo, Types: []string{""}, Authorise: event.Owner,
			Document: func(q event.Query) event.Document { return b.document(q.Resource, "") }},
		{Name: LineSeize, Types: []string{""}, Authorise: b.authorise,
			Expires: seizeTime, MinExpires: time.Second, MaxExpires: seizeTime,
			Document: func(q event.Query) event.Document { return b.document(q.Resource, q.View) }},
	}
}

// authorise seizes the appearance that a SUBSCRIBE names.
func (b *Board) authorise(a event.Ask) (event.Grant, error) {
	if _, err := event.Owner(a); err != nil {
		return event.Grant{}, err
	}
	if a.Message == nil { // of before a restart: the phone has dialled, or given up
		return event.Grant{Rejected: "giveup"}, nil
	}
	n := b.seize(a.Resource, string(a.Message.CallID()), a.Message.Appearance())
	if n == 0 {
		return event.Grant{}, &rtc.Status{Code: 480, Reason: "Appearance Taken"}
	}
	return event.Grant{View: strconv.Itoa(n)}, nil
}

// Ended is told of subscriptions that end: what one has seized is free again.
func (b *Board) Ended(c event.Change) {
	if c.Package == LineSeize && c.State == event.Terminated {
		b.release(c.Resource, c.CallID)
	}
}
