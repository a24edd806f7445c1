package dialog

import (
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// oweAck notes that a 2xx to our INVITE came. The ACK has the INVITE's
// credentials (RFC 3261 §13.2.2.4).
func (s *Session) oweAck(o *uac.Sending) { s.ack = ack{seq: o.Seq(), auth: o.Auth(), owed: true} }

// Ack acknowledges a 2xx that held an offer; c is the answer. It is needed
// only then: other 2xx are acknowledged without the user.
func (s *Session) Ack(c Content) error {
	if !s.ack.owed {
		return ErrState
	}
	s.ack.owed = false
	s.offerIn = false
	if len(c.Body) > 0 {
		s.last = Content{Type: c.Type, Body: c.Body}
	}
	seq, auth := s.ack.seq, s.ack.auth
	s.ua.client.Pass(s.lane, s.hop(), func(dst []byte, t uac.Try) []byte {
		return s.AppendRequest(dst, "ACK", seq, t.Via, auth, c)
	}, func(f transport.Flow, b []byte) {
		if s.ack.seq == seq {
			s.ack.flow, s.ack.bytes = f, b // RFC 3261 §13.2.2.4: kept for repetitions
		}
	})
	return nil
}

// repeatAck answers a repeated 2xx.
func (s *Session) repeatAck() {
	if s.ack.bytes != nil {
		s.lane.Send(s.ack.flow, s.ack.bytes)
	}
}

// ackUnlessAnswering acknowledges a 2xx whose ACK carries no answer.
func (s *Session) ackUnlessAnswering() {
	if s.ack.owed && !s.offerIn {
		_ = s.Ack(Content{})
	}
}

// send sends a request in the dialog; done gets the final response.
func (s *Session) send(method string, extra []byte, c Content, done func(*sip.Message, error)) *uac.Sending {
	m := sip.MethodOf([]byte(method))
	r := exchange{s: s, invite: m == sip.INVITE, done: done}
	refresh := m == sip.INVITE || m == sip.UPDATE
	uri, _ := s.path()
	return s.ua.client.Start(uac.Request{
		Lane: s.lane, Method: method, URI: uri, Body: c.Body, Hop: s.hop(), Seq: s.NextSeq(), Next: s.NextSeq, Auth: s.auth,
		Write: func(dst []byte, t uac.Try) []byte {
			lines := append(t.Auth[:len(t.Auth):len(t.Auth)], extra...)
			if refresh {
				lines = append(s.contactLine(t.Flow), lines...)
			}
			return s.AppendRequest(dst, method, t.Seq, t.Via, lines, c)
		},
		Heard: r.heard, Lost: r.lost,
	})
}

// exchange is a request in the dialog that has no final response yet, or of an
// INVITE had its first.
type exchange struct {
	s        *Session
	invite   bool
	finished bool
	done     func(*sip.Message, error)
}

func (x *exchange) heard(o *uac.Sending, f transport.Flow, m *sip.Message) {
	s := x.s
	s.flow = f
	code := m.StatusCode()
	switch {
	case code < 200:
	case !x.finished:
		x.finished = true
		if x.invite && code < 300 {
			s.oweAck(o)
		}
		x.done(m, nil)
	case x.invite && s.ack.seq == o.Seq():
		s.repeatAck()
	case x.invite && code < 300: // from a next hop that was left for another one, which refused
		s.oweAck(o)
		_ = s.Ack(Content{})
	}
}

func (x *exchange) lost(_ *uac.Sending, err error) {
	if !x.finished {
		x.finished = true
		x.done(nil, err)
	}
}

// Send sends any other request in the dialog: INFO, REFER, NOTIFY, MESSAGE.
// done may be nil; it gets the final response or the error. A 481, a 408 or
// no response at all ends the session (RFC 3261 §12.2.1.2).
func (s *Session) Send(name string, c Content, done func(*sip.Message, error)) error {
	if s.over {
		return ErrState
	}
	s.send(name, nil, c, func(m *sip.Message, err error) {
		if done != nil {
			done(m, err)
		}
		s.judge(m, err)
	})
	return nil
}

// judge ends the session when a response says that the peer has none.
func (s *Session) judge(m *sip.Message, err error) {
	if err != nil || m.StatusCode() == 481 || m.StatusCode() == 408 {
		s.hangUp(nil, End{Remote: true, Reason: "lost"})
	}
}
