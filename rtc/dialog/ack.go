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
		return s.appendRequest(dst, "ACK", seq, t.Via, auth, c)
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

// begin sends a request in the dialog; heard gets its responses.
func (d *Dialog) begin(method string, extra []byte, c Content, heard func(*uac.Sending, *sip.Message), lost func(error)) *uac.Sending {
	uri, _ := d.path()
	return d.ua.client.Start(uac.Request{
		Lane: d.lane, Method: method, URI: uri, Body: c.Body, Hop: d.hop(), Seq: d.nextSeq(), Next: d.nextSeq, Auth: d.auth,
		Write: func(dst []byte, t uac.Try) []byte {
			lines := append(t.Auth[:len(t.Auth):len(t.Auth)], extra...)
			if refreshes(method) {
				lines = d.contact().Append(lines, d.ua.client.Wire(), t.Flow)
			}
			return d.appendRequest(dst, method, t.Seq, t.Via, lines, c)
		},
		Heard: func(o *uac.Sending, f transport.Flow, m *sip.Message) {
			d.follow(f)
			heard(o, m)
		},
		Lost: func(_ *uac.Sending, err error) { lost(err) },
	})
}

// send sends a request in the dialog but INVITE; done gets the final response.
func (d *Dialog) send(method string, extra []byte, c Content, done func(*sip.Message, error)) *uac.Sending {
	return d.begin(method, extra, c, func(_ *uac.Sending, m *sip.Message) {
		if m.StatusCode() >= 200 {
			done(m, nil)
		}
	}, func(err error) { done(nil, err) })
}

// sendInvite sends a re-INVITE; done gets its first final response.
func (s *Session) sendInvite(c Content, done func(*sip.Message, error)) *uac.Sending {
	finished := false
	return s.begin("INVITE", s.refreshLines(), c, func(o *uac.Sending, m *sip.Message) {
		code := m.StatusCode()
		switch {
		case code < 200:
		case !finished:
			finished = true
			if code < 300 {
				s.oweAck(o)
			}
			done(m, nil)
		case s.ack.seq == o.Seq():
			s.repeatAck()
		case code < 300: // from a next hop that was left for another one, which refused
			s.oweAck(o)
			_ = s.Ack(Content{})
		}
	}, func(err error) {
		if !finished {
			finished = true
			done(nil, err)
		}
	})
}

// Send sends a request of the call: INFO, MESSAGE, a NOTIFY that belongs to no
// subscription. done may be nil; it gets the final response or the error. A
// response that says that the peer has no such call, or none at all, ends the
// session (RFC 5057).
func (s *Session) Send(method string, c Content, done func(*sip.Message, error)) error {
	if s.over {
		return ErrState
	}
	s.Dialog.Send(s, method, c, done)
	return nil
}
