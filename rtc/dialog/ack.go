package dialog

import (
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// oweAck notes that a 2xx to our INVITE came.
func (s *Session) oweAck(seq uint32) { s.ack = ack{seq: seq, owed: true} }

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
	seq := s.ack.seq
	s.ua.pass(s.lane, s.hop(), func(dst, via []byte, _ transport.Flow) []byte {
		return s.AppendRequest(dst, "ACK", seq, via, nil, c)
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
func (s *Session) send(name string, method sip.Method, extra []byte, c Content, done func(*sip.Message, error)) *sending {
	seq := s.NextSeq()
	refresh := method == sip.INVITE || method == sip.UPDATE
	o := &sending{ua: s.ua, lane: s.lane, method: method, hop: s.hop()}
	o.write = func(dst, via []byte, f transport.Flow) []byte {
		lines := extra
		if refresh {
			lines = append(s.contactLine(f), extra...)
		}
		return s.AppendRequest(dst, name, seq, via, lines, c)
	}
	finished := false
	o.heard = func(f transport.Flow, m *sip.Message) {
		s.flow = f
		if m.StatusCode() < 200 {
			return
		}
		if finished {
			if method == sip.INVITE && s.ack.seq == seq {
				s.repeatAck()
			}
			return
		}
		finished = true
		if method == sip.INVITE && m.StatusCode() < 300 {
			s.oweAck(seq)
		}
		done(m, nil)
	}
	o.lost = func(err error) {
		if !finished {
			finished = true
			done(nil, err)
		}
	}
	o.begin()
	return o
}

// Send sends any other request in the dialog: INFO, REFER, NOTIFY, MESSAGE.
// done may be nil; it gets the final response or the error. A 481, a 408 or
// no response at all ends the session (RFC 3261 §12.2.1.2).
func (s *Session) Send(name string, c Content, done func(*sip.Message, error)) error {
	if s.over {
		return ErrState
	}
	s.send(name, methodOf(name), nil, c, func(m *sip.Message, err error) {
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

func methodOf(name string) sip.Method {
	switch name {
	case "INFO":
		return sip.INFO
	case "REFER":
		return sip.REFER
	case "NOTIFY":
		return sip.NOTIFY
	case "SUBSCRIBE":
		return sip.SUBSCRIBE
	case "MESSAGE":
		return sip.MESSAGE
	case "OPTIONS":
		return sip.OPTIONS
	}
	return sip.MethodOther
}
