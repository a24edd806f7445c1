package telephony

import (
	"bytes"
	"strings"
	"sync/atomic"
	"time"

	"tandem/gateways/dialect"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/content"
	"tandem/telephony/feature"
	"tandem/telephony/identity"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// leg is the dialog of a call with one device or gateway. Its fields belong to
// the call's owner; its dialog to the lane, which the methods enter.
type leg struct {
	c                   *Call                // whose leg it is, for the owner; see move.go
	at                  atomic.Pointer[Call] // the same, for the lane
	side                media.Which
	routing.Destination // where it leads; of the caller's leg only whom

	callID     string
	session    *dialog.Session // the caller's from the start, others' once they are answered
	call       *dialog.Call    // of the legs we began
	onward     dialog.Onward   // of the legs we began
	branch     *media.Branch   // of the legs we began, until one is answered
	began      time.Time       // when the first of its ways was tried, of the legs we began
	rang       bool            // its phone has rung
	seized     bool            // it has a channel of its trunk, or bears what the call counts as
	late       bool            // its INVITE had no offer: ours is in the 200, the answer in the ACK
	appearance int             // of its shared line, that its INVITE names; 0 for none
	group      rtc.AOR         // whose member it is called as, or picked up from; "" for none
	holding    bool            // it has put the other side on hold, which hears music
	early      *dialog.Session // while it rings: the dialog made last
	theirs     []byte          // the description they sent last, see says
	onHold     bool            // it says that the other side is
	ours       []byte          // the one we sent last
}

func (l *leg) name() string {
	if l == l.c.caller {
		return "caller"
	}
	return "callee"
}

// do enters the leg's lane. It is false when there is no dialog yet.
func (l *leg) do(f func(s *dialog.Session)) bool {
	if l.session == nil {
		return false
	}
	l.session.Do(func() { f(l.session) })
	return true
}

// ring passes a provisional response to the caller.
func (l *leg) ring(code int, body dialog.Content) (err error) {
	l.do(func(s *dialog.Session) { err = s.Ring(code, body, len(body.Body) > 0) })
	return err
}

// accept answers the caller. The error says that the caller has gone.
func (l *leg) accept(body dialog.Content) (err error) {
	l.do(func(s *dialog.Session) { err = s.Accept(body) })
	return err
}

func (l *leg) reject(o outcome.Outcome) {
	l.do(func(s *dialog.Session) { _ = s.Reject(o.Code, dialog.Content{Header: o.Lines(l.c.x.cfg.Domain)}) })
}

// bye ends the leg when it has not ended yet.
func (l *leg) bye(header []byte) {
	l.do(func(s *dialog.Session) { s.Bye(header) })
}

// cancel gives up a leg of ours that is not answered.
func (l *leg) cancel(reason string) {
	var value []byte
	if reason != "" {
		value = []byte(reason)
	}
	l.call.Do(func() { l.call.Cancel(value) })
}

// respond answers a request in the leg's dialog.
func (l *leg) respond(in *dialog.Incoming, code int, body dialog.Content) {
	in.Session.Do(func() { in.Respond(code, body) }) // one of several, before the answer
}

// invite calls the leg's destination with an offer.
func (l *leg) invite(offer []byte) (err error) {
	inv := l.request(offer)
	inv.Events, inv.Own = events(), l
	l.at.Store(l.c)
	l.call, err = l.c.x.ua.Invite(inv)
	return err
}

// events are the callbacks of all legs, which run on the lane of the leg.
func events() dialog.Events {
	return dialog.Events{
		Progress: func(call *dialog.Call, s *dialog.Session, m *sip.Message) {
			l := call.User.(*leg)
			l.observe(m, nil)
			code, body := m.StatusCode(), content.Copy(m)
			l.post(func(c *Call) { c.progressed(l, s, code, body) })
		},
		Answered: func(s *dialog.Session, m *sip.Message) {
			l := s.User.(*leg)
			l.observe(m, nil)
			body := content.Copy(m)
			l.must(func(c *Call) { c.answered(l, s, body) })
		},
		Failed: func(call *dialog.Call, m *sip.Message, err error) {
			l := call.User.(*leg)
			l.observe(m, err)
			o := outcome.Of(m, err)
			if m == nil && o.Code == 403 && l.Trunk == nil { // no fault of the caller's: its device may not be reached there
				o.Code = 480
			}
			l.must(func(c *Call) { c.failed(l, o) })
		},
		Request: func(s *dialog.Session, in *dialog.Incoming) {
			l := s.User.(*leg)
			if !l.post(func(c *Call) { c.requested(l, in) }) {
				in.Respond(503, dialog.Content{Header: []byte("Retry-After: 1\r\n")})
			}
		},
		Acked: func(s *dialog.Session, m *sip.Message) {
			l, body := s.User.(*leg), bytes.Clone(m.Body())
			l.post(func(c *Call) { c.acked(l, body) })
		},
		FlowClosed: func(s *dialog.Session) { s.User.(*leg).lost(s) },
		Ended: func(s *dialog.Session, e dialog.End) {
			l, reason := s.User.(*leg), reasonOf(e)
			e.Message = nil // it does not last
			l.must(func(c *Call) {
				if s == l.session {
					c.left(l, e, reason)
				}
			})
		},
	}
}

// reasonOf is the Reason that came with the BYE or CANCEL of a leg.
func reasonOf(e dialog.End) string {
	if e.Message == nil {
		return ""
	}
	return strings.TrimSpace(string(e.Message.Get(sip.HdrReason)))
}

// request is the INVITE to the leg's destination.
func (l *leg) request(offer []byte) dialog.Invite {
	c := l.c
	inv := dialog.Invite{
		Way:     l.Way,
		Onward:  l.onward,
		Auth:    c.x.logins.Of(l.Trunk),
		From:    c.route.Caller.From(l.Trunk, c.x.cfg.Domain),
		CallID:  l.callID,
		Content: content.Located(offer, c.place),
	}
	if c.origin != nil && c.origin.seatIn != "" { // RFC 4579 §5.2
		inv.User, inv.Focus = feature.Room(c.origin.seatIn), true
	}
	inv.Reliable = l.Trunk == nil || l.Trunk.Speaks().Reliable == dialect.On // each leg acknowledges its own
	chain, target := c.route.Chain, l.Way.URI
	if l.Trunk == nil {
		chain, target = chain.Shown(), l.Who.URI
	}
	inv.Header = append(c.route.Caller.Identity(l.Trunk, c.x.cfg.Domain), identity.Diverted(chain.Lines(target), l.Trunk)...)
	if l.Phone != "" {
		manner := l.manner(c.x)
		inv.Header, inv.Shape = append(inv.Header, c.route.Caller.IdentityTo(manner.Caller)...), manner.Shape
		inv.Header = append(inv.Header, l.place()...)
	}
	inv.Header = append(append(inv.Header, c.passed...), content.Geolocation(c.route.Location, c.passed)...)
	if c.route.Auto && l.Trunk == nil {
		inv.Header = append(inv.Header, content.AutoAnswer...)
	}
	return inv
}
