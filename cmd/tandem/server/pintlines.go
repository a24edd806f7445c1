package server

import (
	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/event/dialoginfo"
)

// pintLines has requests for services watched by the event package dialog (RFC 4235), at
// the Contact of the answer to their INVITE, by who asked for them.
func (s *Server) pintLines() dialoginfo.Lines {
	find := func(line rtc.AOR) (pint.Session, bool) {
		if line.Domain() != s.begun.Domains[0] {
			return pint.Session{}, false
		}
		return s.pint.executive.Session(line.User())
	}
	return dialoginfo.Lines{
		Resource: func(address rtc.AOR) (rtc.AOR, bool) {
			if session, ok := s.pint.executive.Session(address.User()); ok {
				return s.pintLine(session.ID), true
			}
			return users{s.directory, s}.Resolve(address)
		},
		Authorise: func(a event.Ask) (event.Grant, bool, error) {
			session, mine := find(a.Resource)
			if mine && (!a.Proved || a.Watcher != session.By) {
				return event.Grant{}, true, &rtc.Status{Code: 404} // who guesses learns nothing
			}
			return event.Grant{}, mine, nil
		},
		Line: func(line rtc.AOR) (dialoginfo.Call, bool) {
			session, mine := find(line)
			return s.shownDialog(&session), mine
		},
	}
}

// pintLine is the address at which a request is watched.
func (s *Server) pintLine(id string) rtc.AOR { return rtc.AOR("sip:" + id + "@" + s.begun.Domains[0]) }

// shownDialog is a request as the one call of a line.
func (s *Server) shownDialog(session *pint.Session) dialoginfo.Call {
	c := dialoginfo.Call{ID: session.ID, Caller: true, State: dialoginfo.Trying, Remote: session.A.Address}
	switch number, err := session.A.Dial(s.begun.PINT.PhoneContexts()); {
	case err != nil || number == "":
	case number[0] == '+':
		c.Remote = "tel:" + number
	default: // a tel URI would need a context
		c.Remote = "sip:" + number + "@" + s.begun.Domains[0]
	}
	switch {
	case session.State == pint.Joining:
		c.State = dialoginfo.Early
	case session.State == pint.Connected:
		c.State = dialoginfo.Confirmed
	case session.State.Final():
		c.State = dialoginfo.Terminated
	}
	return c
}
