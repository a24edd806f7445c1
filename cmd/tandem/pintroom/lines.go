package pintroom

import (
	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/event/dialoginfo"
)

// Lines has requests for services watched by the event package dialog (RFC 4235), at the
// Contact of the answer to their INVITE, by who asked for them.
type Lines struct {
	Session  func(id string) (pint.Session, bool)  // one that has not ended
	Users    func(address rtc.AOR) (rtc.AOR, bool) // lines that are no request's
	Contexts map[string]string                     // private phone-contexts
	Domain   string                                // the default one
}

// Lines are those of requests, besides those of users.
func (l Lines) Lines() dialoginfo.Lines {
	find := func(line rtc.AOR) (pint.Session, bool) {
		if line.Domain() != l.Domain {
			return pint.Session{}, false
		}
		return l.Session(line.User())
	}
	return dialoginfo.Lines{
		Resource: func(address rtc.AOR) (rtc.AOR, bool) {
			if session, ok := l.Session(address.User()); ok {
				return l.At(session.ID), true
			}
			return l.Users(address)
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
			return l.shown(&session), mine
		},
	}
}

// At is the address at which a request is watched.
func (l Lines) At(id string) rtc.AOR { return rtc.AOR("sip:" + id + "@" + l.Domain) }

// shown is a request as the one call of a line.
func (l Lines) shown(session *pint.Session) dialoginfo.Call {
	c := dialoginfo.Call{ID: session.ID, Caller: true, State: dialoginfo.Trying, Remote: session.A.Address}
	switch number, err := session.A.Dial(l.Contexts); {
	case err != nil || number == "":
	case number[0] == '+':
		c.Remote = "tel:" + number
	default: // a tel URI would need a context
		c.Remote = "sip:" + number + "@" + l.Domain
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
