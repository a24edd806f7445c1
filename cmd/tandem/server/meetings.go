package server

import (
	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/event/confinfo"
	"tandem/telephony"
	"tandem/telephony/feature"
)

// meetings follows calls for those who want to know who is in a conference.
type meetings struct {
	board  *confinfo.Board
	domain string
}

func newMeetings(n *event.Notifier, domain string) *meetings {
	m := &meetings{domain: domain}
	m.board = confinfo.New(n, func(address rtc.AOR) (rtc.AOR, bool) { return m.address(address.User()) })
	return m
}

// address is that of the conference which a code leads to, false for other codes.
func (m *meetings) address(code string) (rtc.AOR, bool) {
	c, ok := feature.Read(code)
	return rtc.AOR("sip:" + code + "@" + m.domain), ok && c.Kind == feature.Conference
}

// follow takes an event of a call.
func (m *meetings) follow(e telephony.Event) {
	var seats []confinfo.Seat
	for _, p := range e.Parties {
		if p.Seat.Room == "" { // nearly all
			continue
		}
		room, ok := m.address(feature.Room(p.Seat.Room))
		if !ok {
			continue
		}
		id := e.Record.ID
		if !p.Initiator {
			id += " called"
		}
		seats = append(seats, confinfo.Seat{Room: room, ID: id, User: p.User, Address: p.Seat.Address, Name: p.Seat.Name,
			Called: p.Seat.Called, Muted: p.Seat.Muted, Held: p.Held})
	}
	m.board.Set(e.Record.ID, seats)
}
