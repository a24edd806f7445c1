package dialog

import (
	"errors"
	"strconv"
	"time"

	"tandem/rtc/sip"
)

// maxGlare is how often a re-INVITE or UPDATE is tried again after 491.
const maxGlare = 8

// Reinvite renegotiates (RFC 3261 §14): c holds the offer, or none to be
// offered. done may be nil; it gets the final response or the error, and when
// the 2xx holds an offer it must call Ack. After a 491 the request is repeated
// by itself. ErrPending means that something else is being negotiated.
func (s *Session) Reinvite(c Content, done func(*sip.Message, error)) error {
	if done == nil {
		done = func(*sip.Message, error) {}
	}
	return s.reinvite(c, 0, done)
}

func (s *Session) reinvite(c Content, glares int, done func(*sip.Message, error)) error {
	if s.over || s.State() != Confirmed {
		return ErrState
	}
	if s.busy() || s.offerOut || s.offerIn {
		return ErrPending
	}
	offering := len(c.Body) > 0
	s.offerOut = offering
	s.inviting = s.sendInvite(c, func(m *sip.Message, err error) {
		s.inviting = nil
		s.offerOut = false
		if s.over {
			if s.ack.owed { // it crossed our BYE
				_ = s.Ack(Content{})
			}
			done(nil, ErrState)
			return
		}
		if again := func(n int) error { return s.reinvite(c, n, done) }; !s.renegotiated("INVITE", c, m, err, glares, done, again) {
			return
		}
		s.offerIn = !offering && len(m.Body()) > 0
		done(m, nil)
		s.ackUnlessAnswering()
	})
	return nil
}

// renegotiated does what the final answer to a re-INVITE or UPDATE with content c
// asks for. It reports whether that was accepted; otherwise done has been told, or
// will be when the request was repeated after a 491.
func (s *Session) renegotiated(method string, c Content, m *sip.Message, err error, glares int, done func(*sip.Message, error), again func(n int) error) bool {
	switch {
	case err == nil && m.StatusCode() == 491 && glares < maxGlare:
		s.afterGlare(glares+1, done, again)
		return false
	case err != nil || m.StatusCode() >= 300:
		done(m, err)
		s.judge(s, method, m, err)
		return false
	}
	s.retarget(m)
	s.learn(m)
	s.agreed(m)
	if len(c.Body) > 0 {
		s.last = Content{Type: c.Type, Body: c.Body}
	}
	return true
}

// afterGlare tries for the n-th time again, after the delay of RFC 3261 §14.1,
// what met a request of the peer.
func (s *Session) afterGlare(n int, done func(*sip.Message, error), again func(n int) error) {
	s.lane.After(s.glareDelay(), func() {
		err := again(n)
		switch {
		case err == nil:
		case errors.Is(err, ErrPending) && n < maxGlare:
			s.afterGlare(n+1, done, again)
		default:
			done(nil, err)
		}
	})
}

// busy reports whether an INVITE is in progress in either direction
// (RFC 3261 §14.1).
func (s *Session) busy() bool {
	return s.inviting != nil || s.answering != nil || s.accepted != nil || s.ack.owed
}

// glareDelay is how long to wait after 491: the owner of the Call-ID 2.1 to 4
// seconds, the other 0 to 2, in steps of 10 ms (RFC 3261 §14.1).
func (s *Session) glareDelay() time.Duration {
	if s.called {
		return time.Duration(s.ua.cfg.Random(201)) * 10 * time.Millisecond
	}
	return 2100*time.Millisecond + time.Duration(s.ua.cfg.Random(191))*10*time.Millisecond
}

// reinvited takes the peer's re-INVITE (RFC 3261 §14.2).
func (s *Session) reinvited(in *Incoming) {
	switch {
	case s.answering != nil || s.accepted != nil:
		in.Respond(500, Content{Header: s.soon()})
		return
	case s.inviting != nil || s.ack.owed || s.offerOut:
		in.Respond(491, Content{})
		return
	case s.offerIn:
		in.Respond(500, Content{Header: s.soon()})
		return
	}
	if lines := s.tooShort(in.Message); lines != nil {
		in.Respond(422, Content{Header: lines})
		return
	}
	in.Message = in.tx.Keep()
	in.tx.User = canceler{in}
	s.answering = in
	s.offerIn = len(in.Body()) > 0
	s.hand(in)
}

// soon is a Retry-After of 0 to 10 seconds.
func (s *Session) soon() []byte {
	return append(strconv.AppendInt([]byte("Retry-After: "), int64(s.ua.cfg.Random(11)), 10), "\r\n"...)
}
