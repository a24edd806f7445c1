package dialog

import (
	"errors"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// Incoming is a request of the peer that waits for our answer.
type Incoming struct {
	*sip.Message // as long as the request is unanswered
	Session      *Session

	tx       *transaction.Server
	answered bool
	first    bool // it began the dialog
	offers   bool // an UPDATE whose offer waits for our answer
}

// invited takes an INVITE that begins a dialog.
func (ua *UA) invited(tx *transaction.Server, m *sip.Message) {
	tag := ua.tag(m)
	if lines := ua.unsupported(m); lines != nil {
		ua.answer(tx, m, 420, tag, lines)
		return
	}
	s := &Session{ua: ua, contactUser: ua.cfg.User}
	d, err := NewServer(tx, m, tag, s)
	if err != nil {
		ua.answer(tx, m, 400, tag, nil)
		return
	}
	s.Dialog = d
	in := &Incoming{Message: tx.Keep(), Session: s, tx: tx, first: true}
	s.in, s.answering = in, in
	if !ua.enter(tx, m, s) {
		return
	}
	tx.User = in
	s.learn(m)
	s.offerIn = len(m.Body()) > 0
	if lines := s.tooShort(m); lines != nil {
		in.refuse(422, lines)
		return
	}
	if ua.cfg.Incoming == nil {
		in.refuse(480, nil)
		return
	}
	ua.cfg.Incoming(s, in)
}

// enter puts a new dialog into the table or answers why it cannot.
func (ua *UA) enter(tx *transaction.Server, m *sip.Message, s *Session) bool {
	err := ua.cfg.Table.Add(s.Dialog)
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrKnown): // RFC 3261 §8.2.2.2: it came by two ways
		ua.answer(tx, m, 482, s.id.Local, nil)
	default:
		ua.answer(tx, m, 503, s.id.Local, []byte("Retry-After: 5\r\n"))
	}
	return false
}

// Answered reports whether a final response was sent.
func (in *Incoming) Answered() bool { return in.answered }

// Respond answers the request. For INVITE a provisional code is sent
// unreliably unless the peer requires otherwise; see Session.Ring. A 2xx to
// INVITE is repeated until its ACK comes. A second final answer is ignored.
func (in *Incoming) Respond(code int, c Content) {
	if in.answered {
		return
	}
	s := in.Session
	if in.Method() == sip.INVITE {
		in.respondInvite(code, c, false)
		return
	}
	in.answered = code >= 200
	header := c.Header
	if in.Method() == sip.UPDATE && code >= 200 {
		header = append(s.answerUpdate(in, code), header...)
	}
	in.send(code, header, c)
}

// send writes and sends a response and returns its octets.
func (in *Incoming) send(code int, header []byte, c Content) []byte {
	b := sip.AppendResponse(nil, in.Message, sip.Response{Code: code, ToTag: in.Session.id.Local,
		Header: header, ContentType: c.Type, Body: c.Body})
	in.tx.Respond(code, b)
	return b
}

// refuse rejects the INVITE that began the dialog, which ends it.
func (in *Incoming) refuse(code int, header []byte) {
	in.respondInvite(code, Content{Header: header}, false)
}

// canceled: RFC 3261 §9.2.
func (in *Incoming) canceled(m *sip.Message) {
	if in.answered {
		return
	}
	in.answered = true
	s := in.Session
	s.closed(in)
	in.send(487, nil, Content{})
	if in.first {
		s.end(End{Remote: true, Reason: "cancel", Message: m})
	}
}
