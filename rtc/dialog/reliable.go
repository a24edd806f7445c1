package dialog

import (
	"math/rand/v2"
	"strconv"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// reliable is the state of provisional responses we send reliably (RFC 3262 §3).
type reliable struct {
	rseq  uint32
	sent  *provisional // waits for its PRACK
	queue []provisional
	then  func() // the 2xx that waits for the PRACK
	timer transaction.Timer
	again transaction.Timer // repeats the last unreliable one
}

type provisional struct {
	in    *Incoming
	code  int
	c     Content
	rseq  uint32
	bytes []byte
	wait  time.Duration
	spent time.Duration
}

// maxQueued provisional responses wait behind an unacknowledged one; further
// ones are dropped, they only inform.
const maxQueued = 8

func (r *reliable) stop() {
	r.timer.Stop()
	r.again.Stop()
	r.queue, r.then = nil, nil // sent stays: its PRACK may still come
}

// open reports whether a response waits for its PRACK and others for it.
func (r *reliable) open() bool { return r.sent != nil && !r.sent.in.answered }

func (r *reliable) holdsAnswer() bool { return r.open() && len(r.sent.c.Body) > 0 }

func (s *Session) ringReliably(in *Incoming, code int, c Content) {
	p := provisional{in: in, code: code, c: c}
	if s.rel.open() { // RFC 3262 §3: one at a time until the first is acknowledged
		if len(s.rel.queue) < maxQueued {
			s.rel.queue = append(s.rel.queue, p)
		}
		return
	}
	s.launch(&p)
}

func (s *Session) launch(p *provisional) {
	r := &s.rel
	if r.rseq == 0 {
		r.rseq = 1 + rand.Uint32N(1<<31-1-1000) // 1 to 2^31-1, with room to count
	} else {
		r.rseq++
	}
	p.rseq, p.wait = r.rseq, s.ua.cfg.T1
	header := append(s.dialogLines(p.in), "Require: 100rel\r\nRSeq: "...)
	header = strconv.AppendUint(header, uint64(p.rseq), 10)
	header = append(append(header, "\r\n"...), p.c.Header...)
	if len(p.c.Body) > 0 {
		s.last = Content{Type: p.c.Type, Body: p.c.Body}
		s.offerOut = !s.offerIn && len(p.in.Body()) == 0
		s.offerIn = false
	}
	p.bytes = p.in.send(p.code, header, p.c)
	r.sent = p
	r.again.Stop()
	s.lane.Start(&r.timer, p.wait, s.repeatReliable)
}

func (s *Session) repeatReliable() {
	p := s.rel.sent
	if p == nil || p.in.answered {
		return
	}
	p.spent += p.wait
	if p.spent >= 64*s.ua.cfg.T1 { // RFC 3262 §3: reject the request
		s.ua.cfg.Log.Warn("no PRACK to our response", "call_id", s.id.CallID)
		p.in.reject(504, Content{})
		return
	}
	p.in.tx.Respond(p.code, p.bytes)
	p.wait = min(2*p.wait, 64*s.ua.cfg.T1-p.spent)
	s.lane.Start(&s.rel.timer, p.wait, s.repeatReliable)
}

// pracked takes the peer's PRACK (RFC 3262 §3).
func (s *Session) pracked(in *Incoming) {
	p := s.rel.sent
	if p == nil || !p.matches(in.Message) {
		in.Respond(481, Content{})
		return
	}
	s.rel.timer.Stop()
	s.rel.sent = nil
	if s.offerOut && !p.in.answered && len(p.c.Body) > 0 { // ours was in the response, this is the answer
		s.offerOut = false
		in.Respond(200, Content{})
		if s.Events.Acked != nil {
			s.Events.Acked(s, in.Message)
		}
	} else if len(in.Body()) > 0 { // a new offer
		s.hand(in)
	} else {
		in.Respond(200, Content{})
	}
	if then := s.rel.then; then != nil {
		s.rel.then = nil
		then()
		return
	}
	if p.in.answered || s.rel.sent != nil {
		return
	}
	if len(s.rel.queue) > 0 {
		next := s.rel.queue[0]
		s.rel.queue = s.rel.queue[1:]
		s.launch(&next)
		return
	}
	s.lane.Start(&s.rel.again, ringEvery, func() { // RFC 3261 §13.3.1.1
		if !p.in.answered {
			s.ringReliably(p.in, p.code, Content{Header: p.c.Header})
		}
	})
}

// matches reports whether a PRACK is for the response (RFC 3262 §7.2).
func (p *provisional) matches(m *sip.Message) bool {
	seq, _ := p.in.CSeq()
	a, b, method, ok := m.RAck()
	return ok && a == p.rseq && b == seq && string(method) == "INVITE"
}
