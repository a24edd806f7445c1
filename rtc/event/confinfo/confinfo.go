// Package confinfo tells who is in a conference: the event package conference and its
// document (RFC 4575).
//
// It keeps the seats of each conference, as it is told of them by call. Only who sits
// in a conference may know who else does, and no longer than he does: nobody learns
// here what somebody is doing who does not let him know.
package confinfo

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
)

// Type is the media type of the document.
const Type = "application/conference-info+xml"

// Name of the event package.
const Name = "conference"

// interval is the least time between two NOTIFYs (RFC 4575 §3.9).
const interval = 5 * time.Second

// Seat is the place of one device in a conference.
type Seat struct {
	Room    rtc.AOR // address of the conference
	ID      string  // names the seat
	User    rtc.AOR // who sits there, "" for somebody from outside
	Address string  // as others may know it, "" when they may not
	Name    string  // the same
	Called  bool    // the server called the device; else that called the conference
	Muted   bool    // it is not heard
	Held    bool    // it does not listen
}

// Board keeps who sits where.
type Board struct {
	n  *event.Notifier
	mu sync.Mutex
	// Guarded by mu:
	calls map[string][]Seat  // those of each call
	rooms map[rtc.AOR][]Seat // by when they were taken
}

// New makes a board and adds the event package to n. resource finds the conference
// that an address means.
func New(n *event.Notifier, resource func(address rtc.AOR) (rtc.AOR, bool)) *Board {
	b := &Board{n: n, calls: make(map[string][]Seat), rooms: make(map[rtc.AOR][]Seat)}
	n.Add(event.Package{Name: Name, Types: []string{Type}, Interval: interval, Resource: resource, Authorise: b.authorise,
		Focus:    true,
		Document: func(q event.Query) event.Document { return document(q.Resource, b.in(q.Resource)) }})
	return b
}

func (b *Board) in(room rtc.AOR) []Seat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.rooms[room])
}

// authorise lets those know who sit there. A conference ends with the server: who watched
// it before a restart is told that it is over, not that he may not know.
func (b *Board) authorise(a event.Ask) (event.Grant, error) {
	seats := b.in(a.Resource)
	if a.Message == nil && len(seats) == 0 {
		return event.Grant{Rejected: "noresource"}, nil
	}
	if !a.Proved || a.Watcher == "" || !slices.ContainsFunc(seats, func(s Seat) bool { return s.User == a.Watcher }) {
		return event.Grant{}, &rtc.Status{Code: 403, Reason: "Not in This Conference"}
	}
	return event.Grant{}, nil
}

// Set tells the seats that the parties of a call have now; none when it has ended.
// It does not wait.
func (b *Board) Set(call string, seats []Seat) {
	b.mu.Lock()
	old := b.calls[call]
	if slices.Equal(old, seats) {
		b.mu.Unlock()
		return
	}
	if b.calls[call] = seats; len(seats) == 0 {
		delete(b.calls, call)
	}
	changed := make(map[rtc.AOR]bool) // rooms; true: nobody is left
	for _, s := range old {
		if !slices.ContainsFunc(seats, s.same) {
			b.rooms[s.Room] = slices.DeleteFunc(b.rooms[s.Room], s.same)
			if changed[s.Room] = len(b.rooms[s.Room]) == 0; changed[s.Room] {
				delete(b.rooms, s.Room)
			}
		}
	}
	for _, s := range seats {
		list := b.rooms[s.Room]
		if i := slices.IndexFunc(list, s.same); i >= 0 {
			list[i] = s
		} else {
			b.rooms[s.Room] = append(list, s)
		}
		changed[s.Room] = false
	}
	b.mu.Unlock()
	for room, over := range changed {
		if over {
			b.n.EndAll(room, Name, "noresource")
			continue
		}
		b.n.Reauthorise(room, Name) // of those who left
		b.n.Changed(room, Name)
	}
}

func (s Seat) same(o Seat) bool { return s.Room == o.Room && s.ID == o.ID }

// document is always whole. A user with several devices is one user with several
// endpoints; nobody has another's entity (RFC 4575 §5.6).
func document(room rtc.AOR, seats []Seat) event.Document {
	var b bytes.Buffer
	text := func(s string) { _ = xml.EscapeText(&b, []byte(s)) } // a buffer takes everything
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" version="`)
	count := b.Len()
	b.WriteString(`" state="full" entity="`)
	text(string(room))
	b.WriteString(`"><conference-description><conf-uris><entry><uri>`)
	text(string(room))
	b.WriteString(`</uri><purpose>participation</purpose></entry></conf-uris></conference-description>`)
	users := byUser(seats)
	fmt.Fprintf(&b, `<conference-state><user-count>%d</user-count><active>true</active></conference-state><users>`, len(users))
	for _, u := range users {
		b.WriteString(`<user entity="`)
		text(entity(u[0]))
		b.WriteString(`" state="full">`)
		if u[0].Name != "" {
			b.WriteString(`<display-text>`)
			text(u[0].Name)
			b.WriteString(`</display-text>`)
		}
		for _, s := range u {
			endpoint(&b, s)
		}
		b.WriteString(`</user>`)
	}
	b.WriteString(`</users></conference-info>` + "\n")
	return event.Document{Type: Type, Body: b.Bytes(), Count: count, First: 1}
}

func endpoint(b *bytes.Buffer, s Seat) {
	status, way, method := "connected", "sendrecv", "dialed-in"
	switch {
	case s.Held:
		status, way = "on-hold", "inactive"
	case s.Muted:
		status, way = "muted-via-focus", "recvonly"
	}
	if s.Called {
		method = "dialed-out"
	}
	fmt.Fprintf(b, `<endpoint entity="%s" state="full"><status>%s</status><joining-method>%s</joining-method><media id="1"><type>audio</type><status>%s</status></media></endpoint>`,
		name(s.ID), status, method, way)
}

// byUser puts the seats of a user together, those of nobody known each alone.
func byUser(seats []Seat) (users [][]Seat) {
	for _, s := range seats {
		i := slices.IndexFunc(users, func(u []Seat) bool { return entity(u[0]) == entity(s) })
		if i < 0 {
			users = append(users, []Seat{s})
		} else {
			users[i] = append(users[i], s)
		}
	}
	return users
}

// entity names a user; one who is not to be known is told from others alone.
func entity(s Seat) string {
	if s.Address == "" {
		return "sip:anonymous-" + name(s.ID) + "@anonymous.invalid"
	}
	return s.Address
}

// name is a name of XML, and part of an address.
func name(id string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return "e" + strconv.FormatUint(h.Sum64(), 36)
}
