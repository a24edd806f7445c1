package dialog

import "tandem/rtc/sip"

// Update sends an UPDATE (RFC 3311), before or after the answer: with an offer
// in c, or without to refresh. done as for Reinvite.
func (s *Session) Update(c Content, done func(*sip.Message, error)) error {
	if done == nil {
		done = func(*sip.Message, error) {}
	}
	return s.update(c, 0, done)
}

func (s *Session) update(c Content, glares int, done func(*sip.Message, error)) error {
	if s.over {
		return ErrState
	}
	offering := len(c.Body) > 0
	if offering && (s.offerOut || s.offerIn || s.inviting != nil) { // RFC 3311 §5.1
		return ErrPending
	}
	if offering {
		s.offerOut = true
	}
	s.send("UPDATE", s.refreshLines(), c, func(m *sip.Message, err error) {
		if offering {
			s.offerOut = false
		}
		if s.over {
			done(nil, ErrState)
			return
		}
		if again := func(n int) error { return s.update(c, n, done) }; s.renegotiated("UPDATE", c, m, err, glares, done, again) {
			done(m, nil)
		}
	})
	return nil
}

// updated takes the peer's UPDATE (RFC 3311 §5.2).
func (s *Session) updated(in *Incoming) {
	offers := len(in.Body()) > 0
	switch {
	case offers && s.offerOut:
		in.Respond(491, Content{})
		return
	case offers && s.offerIn:
		in.Respond(500, Content{Header: s.soon()})
		return
	}
	if lines := s.tooShort(in.Message); lines != nil {
		in.Respond(422, Content{Header: lines})
		return
	}
	if !offers { // it only refreshes
		in.Respond(200, Content{})
		return
	}
	s.offerIn, in.offers = true, true
	s.hand(in)
}

// answerUpdate does what goes with the final answer to an UPDATE and returns
// its header lines.
func (s *Session) answerUpdate(in *Incoming, code int) []byte {
	if in.offers {
		s.offerIn = false
	}
	if code >= 300 {
		return nil
	}
	s.retarget(in.Message)
	lines := s.dialogLines(in)
	if s.State() == Confirmed { // RFC 4028 §10: no timer before the session
		lines = append(lines, s.negotiated(in.Message)...)
	}
	return lines
}
