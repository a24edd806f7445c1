// Package appearance shows phones that share a line what it does: the event packages
// call-info and line-seize of Broadsoft's shared call appearances, which Polycom's and
// Cisco's phones speak. A line has a few appearances, each for one call. A phone seizes
// one before it dials; one that does not gets the first that is free.
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
	"tandem/rtc/sip"
)

// Names of the event packages.
const (
	CallInfo  = "call-info"
	LineSeize = "line-seize"
)

// Most is how many appearances a line has.
const Most = 8

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

// appearance is one place for a call.
type appearance struct {
	state State
	by    string // the call, or the subscription that has seized it
	uri   string // of the other party
}

// Board keeps what shared lines do. It is safe for concurrent use.
type Board struct {
	changed func(line rtc.AOR) // tells who watches
	shared  func(line rtc.AOR) bool

	mu    sync.Mutex
	lines map[rtc.AOR]*[Most]appearance
}

// New makes a Board. shared tells lines that several phones have; changed is told of
// each change.
func New(shared func(rtc.AOR) bool, changed func(rtc.AOR)) *Board {
	return &Board{changed: changed, shared: shared, lines: make(map[rtc.AOR]*[Most]appearance)}
}

// Set tells what a call of a line does; the URI is of the other party. A call that is
// Idle has ended. One that begins takes the appearance that its line has seized, else
// the first that is free.
func (b *Board) Set(line rtc.AOR, call string, s State, uri string) {
	if !b.shared(line) {
		return
	}
	b.mu.Lock()
	l := b.line(line)
	i := find(l, func(a *appearance) bool { return a.by == call })
	if i < 0 && s == Progressing {
		i = find(l, func(a *appearance) bool { return a.state == Seized })
	}
	if i < 0 && s != Idle {
		i = find(l, func(a *appearance) bool { return a.by == "" })
	}
	now := appearance{s, call, uri}
	if s == Idle {
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

// seize takes an appearance for a subscription: the one wanted, 1 or more, or any when
// that is 0. It is false when it is not free.
func (b *Board) seize(line rtc.AOR, by string, want int) bool {
	b.mu.Lock()
	l := b.line(line)
	i := find(l, func(a *appearance) bool { return a.by == by })
	again := i >= 0
	switch {
	case again:
	case want > Most:
	case want > 0:
		if l[want-1].by == "" {
			i = want - 1
		}
	default:
		i = find(l, func(a *appearance) bool { return a.by == "" })
	}
	if i >= 0 && !again {
		l[i] = appearance{state: Seized, by: by}
	}
	b.tidy(line, l)
	b.mu.Unlock()
	if i >= 0 && !again {
		b.changed(line)
	}
	return i >= 0
}

// release gives up what a subscription has seized and no call has taken.
func (b *Board) release(line rtc.AOR, by string) {
	b.mu.Lock()
	l := b.line(line)
	i := find(l, func(a *appearance) bool { return a.state == Seized && a.by == by })
	if i >= 0 {
		l[i] = appearance{}
	}
	b.tidy(line, l)
	b.mu.Unlock()
	if i >= 0 {
		b.changed(line)
	}
}

func (b *Board) line(line rtc.AOR) *[Most]appearance {
	l := b.lines[line]
	if l == nil {
		l = new([Most]appearance)
		b.lines[line] = l
	}
	return l
}

// tidy forgets a line that does nothing.
func (b *Board) tidy(line rtc.AOR, l *[Most]appearance) {
	if *l == ([Most]appearance{}) {
		delete(b.lines, line)
	}
}

func find(l *[Most]appearance, fits func(*appearance) bool) int {
	for i := range l {
		if fits(&l[i]) {
			return i
		}
	}
	return -1
}

// document is the Call-Info of a line: its appearances that do something, and idle for
// all others.
func (b *Board) document(line rtc.AOR, only string) event.Document {
	b.mu.Lock()
	defer b.mu.Unlock()
	var h bytes.Buffer
	h.WriteString("Call-Info: ")
	if l := b.lines[line]; l != nil {
		for i, a := range l {
			if a.by == "" || only != "" && a.by != only {
				continue
			}
			fmt.Fprintf(&h, "<%s>;appearance-index=%d;appearance-state=%s", line, i+1, a.state)
			if a.uri != "" {
				fmt.Fprintf(&h, `;appearance-uri="<%s>"`, a.uri)
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
	by := string(a.Message.CallID())
	if !b.seize(a.Resource, by, wanted(a.Message)) {
		return event.Grant{}, &rtc.Status{Code: 480, Reason: "Appearance Taken"}
	}
	return event.Grant{View: by}, nil
}

// wanted is the appearance that a message names, 0 for any.
func wanted(m *sip.Message) int {
	_, value, ok := bytes.Cut(m.Get(sip.HdrCallInfo), []byte("appearance-index="))
	if !ok {
		return 0
	}
	end := 0
	for end < len(value) && value[end] >= '0' && value[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(value[:end]))
	if err != nil {
		return 0
	}
	return n
}

// Ended is told of subscriptions that end: what one has seized is free again.
func (b *Board) Ended(c event.Change) {
	if c.Package == LineSeize && c.State == event.Terminated {
		b.release(c.Resource, c.CallID)
	}
}
