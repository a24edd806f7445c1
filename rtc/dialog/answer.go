package dialog

import (
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// ringEvery is how often an unanswered INVITE gets another provisional
// response, so that proxies on the way keep waiting (RFC 3261 §13.3.1.1).
const ringEvery = time.Minute

// Ring sends a provisional response (101 to 199) to the INVITE the session
// began with. rel asks for a reliable one (RFC 3262), which the peer gets when
// it understands them; reliable ones wait for each other. A session
// description goes only by a reliable one or is repeated in the 2xx.
func (s *Session) Ring(code int, c Content, rel bool) error {
	if s.in == nil || s.in.answered || code <= 100 || code > 199 {
		return ErrState
	}
	s.in.respondInvite(code, c, rel)
	return nil
}

// Accept answers the INVITE the session began with by 200. While a reliable
// provisional response with a session description waits for its PRACK, the 200
// waits, too (RFC 3262 §3).
func (s *Session) Accept(c Content) error {
	if s.in == nil || s.in.answered {
		return ErrState
	}
	s.in.respondInvite(200, c, false)
	return nil
}

// Reject answers the INVITE the session began with by a code of 300 or more.
func (s *Session) Reject(code int, c Content) error {
	if s.in == nil || s.in.answered || code < 300 {
		return ErrState
	}
	s.in.respondInvite(code, c, false)
	return nil
}

func (in *Incoming) respondInvite(code int, c Content, rel bool) {
	switch {
	case code < 200:
		in.progress(code, c, rel)
	case code < 300:
		in.accept(code, c)
	default:
		in.reject(code, c)
	}
}

func (in *Incoming) progress(code int, c Content, rel bool) {
	s := in.Session
	required := in.HasToken(sip.HdrRequire, "100rel")
	if required || (rel && in.HasToken(sip.HdrSupported, "100rel")) {
		s.ringReliably(in, code, c)
		return
	}
	header := append(s.dialogLines(in), c.Header...)
	b := in.send(code, header, c)
	s.rel.again.Stop()
	var repeat func()
	repeat = func() {
		if !in.answered {
			in.tx.Respond(code, b)
			s.lane.Start(&s.rel.again, ringEvery, repeat)
		}
	}
	s.lane.Start(&s.rel.again, ringEvery, repeat)
}

// dialogLines are the header lines of a response that makes or keeps the
// dialog: Contact, Allow, Supported (RFC 3261 §13.3.1).
func (s *Session) dialogLines(in *Incoming) []byte {
	lines := s.contact().Append(make([]byte, 0, 384), s.ua.client.Wire(), in.tx.Flow())
	return append(append(lines, s.ua.allow...), s.ua.ableReliably...)
}

func (in *Incoming) accept(code int, c Content) {
	s := in.Session
	if s.rel.holdsAnswer() {
		s.rel.then = func() { in.accept(code, c) }
		return
	}
	if in.answered {
		return
	}
	in.answered = true
	in.expiry.Stop()
	s.rel.stop()
	s.answering = nil
	s.retarget(in.Message) // RFC 6141 §4.5: a refresh holds once it is accepted
	header := append(s.dialogLines(in), s.negotiated(in.Message)...)
	if len(c.Body) > 0 {
		s.last = Content{Type: c.Type, Body: c.Body}
		s.offerOut = !s.offerIn && len(in.Body()) == 0 // the answer comes in the ACK
	}
	s.offerIn = false
	b := in.send(code, append(header, c.Header...), c)
	seq, _ := in.CSeq()
	s.Confirm()
	s.accepted = &acceptance{s: s, in: in, seq: seq, code: code, bytes: b, wait: s.ua.cfg.T1}
	s.accepted.arm()
}

func (in *Incoming) reject(code int, c Content) {
	s := in.Session
	in.answered = true
	in.expiry.Stop()
	s.closed(in)
	in.send(code, c.Header, c)
	if in.first {
		s.end(End{Reason: "rejected"})
	}
}

// closed forgets an INVITE of the peer that was refused or canceled. One that
// came while another is open changes nothing.
func (s *Session) closed(in *Incoming) {
	if s.answering == in {
		s.answering, s.offerIn = nil, false
		s.rel.stop()
	}
}

// acceptance is a 2xx of ours that is repeated until its ACK comes
// (RFC 3261 §13.3.1.4); the transaction layer does not, as it may come from
// another place.
type acceptance struct {
	s     *Session
	in    *Incoming
	seq   uint32
	code  int
	bytes []byte
	wait  time.Duration
	spent time.Duration
	timer transaction.Timer
}

func (a *acceptance) arm() { a.s.lane.Start(&a.timer, a.wait, a.again) }

func (a *acceptance) again() {
	cfg := &a.s.ua.cfg
	a.spent += a.wait
	if a.spent >= 64*cfg.T1 {
		a.s.accepted = nil
		a.s.ua.cfg.Log.Warn("no ACK to our answer", "call_id", a.s.id.CallID)
		a.s.hangUp(nil, End{Reason: "no ack"})
		return
	}
	a.in.tx.Respond(a.code, a.bytes)
	a.wait = min(2*a.wait, cfg.T2, 64*cfg.T1-a.spent)
	a.arm()
}

// acked takes an ACK to a 2xx of ours; others are of no interest.
func (s *Session) acked(m *sip.Message) {
	seq, _ := m.CSeq()
	a := s.accepted
	if a == nil || a.seq != seq {
		return
	}
	a.timer.Stop()
	s.accepted = nil
	s.offerOut = false
	if s.over {
		return
	}
	if s.byeWaits {
		s.hangUp(s.byeHeader, End{Reason: "bye"})
		return
	}
	if s.Events.Acked != nil {
		s.Events.Acked(s, m)
	}
}
