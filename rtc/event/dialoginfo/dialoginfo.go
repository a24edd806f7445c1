// Package dialoginfo tells what the line of a user does: the event package
// dialog (RFC 4235), by which the lamps of other phones are lit.
//
// It keeps the calls of each line while they last, as it is told of them. A
// document has a dialog element for each of them, the most urgent first: some phones
// read no other. While the line does nothing it has one that is over: some phones leave
// a lamp as it was when there is none.
package dialoginfo

import (
	"bytes"
	"encoding/xml"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
)

// Type is the media type of the document.
const Type = "application/dialog-info+xml"

// Name of the event package.
const Name = "dialog"

// State of a call (RFC 4235 §3.7.1).
type State uint8

// The states, the later the further along.
const (
	Terminated State = iota
	Trying
	Early
	Confirmed
)

func (s State) String() string { return [...]string{"terminated", "trying", "early", "confirmed"}[s] }

// Call is one call of a line.
type Call struct {
	ID string // names the call
	// CallID and the tags name the dialog as the line's device has it, for Replaces
	// (RFC 3891); "" while they are not known.
	CallID, LocalTag, RemoteTag string
	Caller                      bool // the line made the call
	State                       State
	Held                        bool
	Remote                      string // URI of the other party, "" when it may not be told
	Display                     string // its name
}

// Board keeps what lines do.
type Board struct {
	n  *event.Notifier
	mu sync.Mutex
	m  map[rtc.AOR][]Call
}

// Lines are lines of others than users: what is watched there is known elsewhere.
type Lines struct {
	// Resource finds the line, or else the user, that an address means.
	Resource func(address rtc.AOR) (rtc.AOR, bool)
	// Authorise is asked who may watch one of these lines; mine is false for others.
	Authorise func(a event.Ask) (g event.Grant, mine bool, err error)
	// Line is what one of these lines does; mine is false for others.
	Line func(line rtc.AOR) (c Call, mine bool)
}

// New makes a board and adds the event package to n. authorise says who may watch
// a line; in the view hidden it always seems to be idle. others are lines besides those of
// users.
func New(n *event.Notifier, authorise func(event.Ask) (event.Grant, error), hidden string, others Lines) *Board {
	b := &Board{n: n, m: make(map[rtc.AOR][]Call)}
	n.Add(event.Package{Name: Name, Types: []string{Type}, Interval: time.Second, Resource: others.Resource,
		Authorise: func(a event.Ask) (event.Grant, error) {
			if others.Authorise != nil {
				if g, mine, err := others.Authorise(a); mine {
					return g, err
				}
			}
			return authorise(a)
		},
		Document: func(q event.Query) event.Document {
			if others.Line != nil {
				if call, mine := others.Line(q.Resource); mine {
					return document(q.Resource, []Call{call})
				}
			}
			if q.View == hidden {
				return document(q.Resource, nil)
			}
			return document(q.Resource, b.line(q.Resource))
		}})
	return b
}

// Set tells what a call of a line does; one that is Terminated is forgotten.
func (b *Board) Set(line rtc.AOR, c Call) {
	b.mu.Lock()
	list := slices.Clone(b.m[line])
	i := slices.IndexFunc(list, func(x Call) bool { return x.ID == c.ID })
	switch {
	case c.State == Terminated && i >= 0:
		list = slices.Delete(list, i, i+1)
	case c.State == Terminated:
	case i >= 0:
		list[i] = c
	default:
		list = append(list, c)
	}
	if b.m[line] = list; len(list) == 0 {
		delete(b.m, line)
	}
	b.mu.Unlock()
	b.n.Changed(line, Name)
}

// Calls is how many calls of a line are answered.
func (b *Board) Calls(line rtc.AOR) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.m[line] {
		if c.State == Confirmed {
			n++
		}
	}
	return n
}

// line are the calls of a line, the most urgent first; of equal ones that which came
// first.
func (b *Board) line(line rtc.AOR) []Call {
	b.mu.Lock()
	list := b.m[line] // replaced, never changed
	b.mu.Unlock()
	if len(list) < 2 {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(x, y Call) int { return y.urgency() - x.urgency() })
	return list
}

// urgency is higher for what a watcher should be shown first: a call that he may pick up,
// then one that goes on.
func (c *Call) urgency() int {
	switch {
	case c.State == Early && !c.Caller:
		return 4
	case c.State == Confirmed && !c.Held:
		return 3
	case c.State == Confirmed:
		return 2
	case c.State == Early:
		return 1
	}
	return 0
}

// most is how many octets of a document dialogs take: a datagram is cut by the network
// into few pieces only. What does not fit is not told; the first always is.
const most = 3 << 10

// document is always whole.
func document(line rtc.AOR, calls []Call) event.Document {
	var b writer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="`)
	count := b.Len()
	b.WriteString(`" state="full" entity="`)
	b.text(string(line))
	b.WriteString(`">`)
	if len(calls) == 0 {
		b.dialog(line, &Call{ID: "idle"})
	}
	for i := range calls {
		before := b.Len()
		if b.dialog(line, &calls[i]); i > 0 && b.Len() > most {
			b.Truncate(before)
			break
		}
	}
	b.WriteString(`</dialog-info>` + "\n")
	return event.Document{Type: Type, Body: b.Bytes(), Count: count}
}

// writer writes a document.
type writer struct{ bytes.Buffer }

func (b *writer) text(s string) { _ = xml.EscapeText(&b.Buffer, []byte(s)) } // a buffer takes everything

// dialog writes a call of a line.
func (b *writer) dialog(line rtc.AOR, c *Call) {
	b.WriteString(`<dialog id="` + id(c.ID) + `"`)
	for _, a := range [][2]string{{"call-id", c.CallID}, {"local-tag", c.LocalTag}, {"remote-tag", c.RemoteTag}} {
		if a[1] != "" {
			b.WriteString(` ` + a[0] + `="`)
			b.text(a[1])
			b.WriteString(`"`)
		}
	}
	if c.State != Terminated {
		direction := "recipient"
		if c.Caller {
			direction = "initiator"
		}
		b.WriteString(` direction="` + direction + `"`)
	}
	b.WriteString(`><state>` + c.State.String() + `</state>`)
	if c.State != Terminated {
		b.parties(line, c)
	}
	b.WriteString(`</dialog>`)
}

// parties writes whose call it is, and with whom.
func (b *writer) parties(line rtc.AOR, c *Call) {
	b.WriteString(`<local><identity>`)
	b.text(string(line))
	b.WriteString(`</identity><target uri="`)
	b.text(string(line))
	b.WriteString(`">`)
	if c.Held { // RFC 4235 §4.1.6; Polycom's lamp blinks by it
		b.WriteString(`<param pname="+sip.rendering" pvalue="no"/>`)
	}
	b.WriteString(`</target></local>`)
	if c.Remote == "" {
		return
	}
	b.WriteString(`<remote><identity`)
	if c.Display != "" {
		b.WriteString(` display="`)
		b.text(c.Display)
		b.WriteString(`"`)
	}
	b.WriteString(`>`)
	b.text(c.Remote)
	b.WriteString(`</identity><target uri="`)
	b.text(c.Remote)
	b.WriteString(`"/></remote>`)
}

// id is a name of XML.
func id(call string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(call))
	return "d" + strconv.FormatUint(h.Sum64(), 36)
}
