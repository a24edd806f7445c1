package dialog

import (
	"errors"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Bye ends the session; header are further lines (Reason). A called side that
// still waits for the ACK to its 2xx says BYE when that has come
// (RFC 3261 §15); one that has not answered rejects instead.
func (s *Session) Bye(header []byte) {
	switch {
	case s.over:
	case s.in != nil && !s.in.answered:
		_ = s.Reject(480, Content{Header: header})
	case s.accepted != nil:
		s.byeWaits, s.byeHeader = true, header
	default:
		s.hangUp(header, End{Reason: "bye"})
	}
}

// hangUp sends a BYE and ends the session.
func (s *Session) hangUp(header []byte, e End) {
	if s.over {
		return
	}
	s.closeInvites()
	if s.ack.owed { // nobody is left to answer the offer
		_ = s.Ack(Content{})
	}
	s.sendBye(header)
	s.end(e)
}

// closeInvites ends whatever INVITE is open in the session, either way.
func (s *Session) closeInvites() {
	if open := s.answering; open != nil && !open.answered {
		open.answered = true
		open.send(487, nil, Content{})
	}
	s.answering = nil
	if s.accepted != nil {
		s.accepted.timer.Stop()
		s.accepted = nil
	}
	if s.inviting != nil {
		s.inviting.Cancel(nil)
	}
}

func (s *Session) sendBye(header []byte) {
	s.send("BYE", nil, Content{Header: header}, func(m *sip.Message, err error) {
		var refused *rtc.Status
		switch {
		case errors.As(err, &refused):
			s.ua.cfg.Log.Warn("BYE not sent", "call_id", s.id.CallID, "peer", string(s.Hop()), "err", err)
		case err != nil:
			s.ua.cfg.Log.Debug("BYE not answered", "call_id", s.id.CallID, "err", err)
		}
	})
}

// byed takes the peer's BYE: what is unanswered gets 487 (RFC 3261 §15.1.2).
func (s *Session) byed(in *Incoming) {
	in.Respond(200, Content{})
	s.closeInvites()
	s.end(End{Remote: true, Reason: "bye", Message: in.Message})
}
