// Package reginfo tells where a user is registered: the event package reg and
// its document (RFC 3680), made of the bindings in rtc/location.
package reginfo

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/location"
)

// Type is the media type of the document.
const Type = "application/reginfo+xml"

// Name of the event package.
const Name = "reg"

// Package is the event package, for Add. Only the user himself may subscribe. It
// watches l for n.
//
// The first document of a subscription, and of each refresh, has all contacts; later ones
// have those of which something has changed, and once those that are no more, and why
// (RFC 3680 §4.7.2).
func Package(n *event.Notifier, l *location.Location) event.Package {
	ends := event.NewEndings()
	l.Watch(func(aor rtc.AOR, old, now []location.Binding, by location.Cause) {
		if same(old, now) {
			return
		}
		for i := range old {
			if b := &old[i]; find(now, b) < 0 && len(n.Watchers(aor, Name)) > 0 {
				ends.Add(aor, id(b), why(b, by, time.Now()))
			}
		}
		n.Changed(aor, Name)
	})
	return event.Package{Name: Name, Types: []string{Type}, Authorise: event.Owner,
		Document: func(q event.Query) event.Document { return whole(&state{q.Resource, l.Bindings(q.Resource)}) },
		Difference: func(old, now event.Document) (event.Document, bool) {
			return partial(old.Source.(*state), now.Source.(*state), ends), true
		}}
}

// same reports whether two lists differ in nothing but time and order: a refresh puts its
// contact before the others.
func same(a, b []location.Binding) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !alike(&a[i], &b[i]) && !slices.ContainsFunc(b, func(x location.Binding) bool { return alike(&a[i], &x) }) {
			return false
		}
	}
	return true
}

func alike(a, b *location.Binding) bool {
	return a.Contact == b.Contact && a.CallID == b.CallID && a.RegID == b.RegID
}

// find is where a contact stands in a list, -1 for nowhere. It is the same as long as its
// id is.
func find(list []location.Binding, b *location.Binding) int {
	for i := range list {
		if x := &list[i]; x.URI == b.URI && x.Instance == b.Instance && x.RegID == b.RegID {
			return i
		}
	}
	return -1
}

// why is the event by which a contact ended (RFC 3680 §4.7.1).
func why(b *location.Binding, by location.Cause, now time.Time) string {
	switch {
	case !b.Expires.After(now):
		return "expired"
	case by == location.Rejected:
		return "rejected"
	case by == location.Asked:
		return "unregistered"
	}
	return "deactivated"
}

// id is the same for a contact as long as it is there.
func id(b *location.Binding) string {
	return "c" + hash(b.URI+" "+b.Instance+" "+strconv.Itoa(int(b.RegID)))
}

// state is what a document was made of.
type state struct {
	aor  rtc.AOR
	list []location.Binding
}

// whole lists all contacts. Where there are none, whoever asks sees no registration that
// has ended (RFC 3680 §4.7.1).
func whole(s *state) event.Document {
	w := s.begin("full", "init")
	for i := range s.list {
		w.contact(s.aor, &s.list[i], "active", "registered")
	}
	return w.end(s)
}

// partial lists the contacts of which something has changed, and those that have ended.
func partial(old, now *state, ends *event.Endings) event.Document {
	w := now.begin("partial", "terminated")
	for i := range now.list {
		b, event := &now.list[i], "registered"
		if at := find(old.list, b); at >= 0 {
			if alike(&old.list[at], b) {
				continue
			}
			event = "refreshed"
		}
		w.contact(now.aor, b, "active", event)
	}
	for i := range old.list {
		if b := &old.list[i]; find(now.list, b) < 0 {
			w.contact(now.aor, b, "terminated", cmp.Or(ends.Of(now.aor, id(b)), "expired"))
		}
	}
	return w.end(now)
}

// writer writes a document.
type writer struct {
	bytes.Buffer
	count int // see event.Document
}

// begin begins a document; none is the state of a registration without contacts.
func (s *state) begin(how, none string) *writer {
	w := new(writer)
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="`)
	w.count = w.Len()
	state := "active"
	if len(s.list) == 0 {
		state = none
	}
	w.WriteString(`" state="` + how + `"><registration aor="`)
	w.text(string(s.aor))
	fmt.Fprintf(w, `" id="r%s" state="%s">`, hash(string(s.aor)), state)
	return w
}

func (w *writer) text(s string) { _ = xml.EscapeText(&w.Buffer, []byte(s)) } // a buffer takes everything

func (w *writer) contact(aor rtc.AOR, c *location.Binding, state, event string) {
	fmt.Fprintf(w, `<contact id="%s" state="%s" event="%s"`, id(c), state, event)
	if c.Q < 1000 {
		fmt.Fprintf(w, ` q="%d.%03d"`, c.Q/1000, c.Q%1000)
	}
	w.WriteString(` callid="`)
	w.text(c.CallID)
	fmt.Fprintf(w, `" cseq="%d"><uri>`, c.CSeq)
	w.text(c.URI)
	w.WriteString(`</uri>`)
	if c.Instance != "" {
		w.WriteString(`<unknown-param name="+sip.instance">`)
		w.text(`"` + c.Instance + `"`)
		w.WriteString(`</unknown-param><gr:pub-gruu uri="`)
		w.text(string(location.AppendPublic(nil, aor, c.Instance))) // RFC 5628
		w.WriteString(`"/>`)
	}
	w.WriteString(`</contact>`)
}

func (w *writer) end(s *state) event.Document {
	w.WriteString(`</registration></reginfo>`)
	return event.Document{Type: Type, Body: w.Bytes(), Count: w.count, Source: s}
}

func hash(s string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return strings.ToLower(fmt.Sprintf("%x", h.Sum64()))
}
