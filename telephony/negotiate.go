package telephony

import (
	"bytes"
	"cmp"
	"errors"
	"strings"
	"time"

	"tandem/media/dtmf"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/content"
	"tandem/telephony/outcome"
)

// requested takes a request in a leg's dialog.
func (c *Call) requested(l *leg, in *dialog.Incoming) {
	switch in.Method() {
	case sip.INVITE, sip.UPDATE, sip.PRACK:
		c.renegotiate(l, in)
	case sip.INFO:
		c.info(l, in)
	case sip.MESSAGE, sip.NOTIFY:
		c.pass(l, in)
	case sip.REFER:
		c.referred(l, in)
	default:
		l.respond(in, 405, dialog.Content{Header: []byte("Allow: " + allow + "\r\n")})
	}
}

func (c *Call) other(l *leg) *leg {
	if l == c.caller {
		return c.callee
	}
	return c.caller
}

// renegotiate carries an offer made in one dialog across to the other and the
// answer back.
func (c *Call) renegotiate(l *leg, in *dialog.Incoming) {
	body := content.Description(in.Message)
	other := c.other(l)
	switch {
	case c.over:
		l.respond(in, 481, dialog.Content{})
	case c.record.Answered.IsZero():
		c.early(l, in, body)
	case c.busy:
		l.respond(in, 491, dialog.Content{})
	case body == nil:
		c.offerAgain(l, in)
	case c.single(): // there is nobody to ask
		c.answerAlone(l, in, body)
	case bytes.Equal(body, l.theirs): // it refreshes the session timer, RFC 4028 §9
		l.respond(in, 200, content.Of(l.ours))
	case c.x.cfg.Music != "" && holds(body) != l.holding:
		c.holdOrResume(l, in, body)
	default:
		c.busy = true
		offer, err := c.media.Offer(l.side, body, other.Want)
		if err != nil {
			c.idle()
			l.refuse(in, err)
			return
		}
		other.reinvite(content.Of(offer), func(m *sip.Message, err error) { c.renegotiated(l, in, body, offer, m, err) })
	}
}

// early answers an offer made before the call is answered (UPDATE, PRACK): it is a
// matter of one leg, for the other side may be several phones. What does not fit when
// one has answered is mended then.
func (c *Call) early(l *leg, in *dialog.Incoming, offer []byte) {
	switch {
	case l == c.caller && offer != nil:
		c.answerAlone(l, in, offer)
	case l.branch != nil && offer != nil:
		err := l.branch.TakeOffer(offer)
		var answer []byte
		if err == nil {
			answer, err = l.branch.MakeAnswer(l.Want)
		}
		if err != nil {
			l.branch.Refused()
			l.refuse(in, err)
			return
		}
		l.says(offer)
		l.ours = answer
		l.respond(in, 200, content.Of(answer))
	default:
		l.respond(in, 491, dialog.Content{})
	}
}

// renegotiated takes the other side's answer.
func (c *Call) renegotiated(l *leg, in *dialog.Incoming, theirs, offer []byte, m *sip.Message, err error) {
	defer c.idle()
	if c.over {
		return
	}
	other := c.other(l)
	if err == nil && m.StatusCode() < 300 {
		body := content.Description(m)
		var answer []byte
		if answer, err = c.media.Answer(other.side, body, l.Want); err == nil {
			held := l.holds()
			l.says(theirs)
			other.says(body)
			l.ours, other.ours = answer, offer
			l.respond(in, 200, content.Of(answer))
			if l.holds() != held {
				c.tell(Changed)
			}
			return
		}
		c.log.Warn("the answer to a new offer is not usable", "leg", other.callID, "err", err)
	}
	c.media.Refused(l.side)
	c.media.Refused(other.side)
	code := 488
	switch {
	case errors.Is(err, dialog.ErrPending):
		code = 491
	case err == nil && m.StatusCode() >= 400:
		code = m.StatusCode()
	}
	if code == 481 || code == 408 { // said of the other dialog, not of this one
		code = 500
	}
	l.respond(in, code, dialog.Content{})
}

// refuse answers an offer that cannot be used.
func (l *leg) refuse(in *dialog.Incoming, err error) {
	o := outcome.Described(err)
	l.respond(in, o.Code, dialog.Content{Header: o.Lines(l.c.x.cfg.Domain)})
}

// offerAgain answers a re-INVITE without offer by an offer of our own, of what
// the other side has agreed to already (RFC 3261 §14.2).
func (c *Call) offerAgain(l *leg, in *dialog.Incoming) {
	offer, err := c.media.MakeOffer(l.side, l.Want)
	if err != nil {
		l.respond(in, 488, dialog.Content{})
		return
	}
	l.late, l.ours = true, offer
	l.respond(in, 200, content.Of(offer))
}

// acked is told of the ACK to a 200 of ours; it holds the answer when the 200
// held the offer.
func (c *Call) acked(l *leg, body []byte) {
	switch {
	case c.over:
		return
	case !l.late:
		c.correct(l)
		return
	}
	l.late = false
	if len(body) == 0 {
		c.end(End{By: "server", Code: 488, Text: "the ACK has no answer", Reason: `SIP;cause=488;text="No answer in ACK"`})
		return
	}
	if err := c.media.TakeAnswer(l.side, body); err != nil {
		c.log.Warn("the answer in an ACK is not usable", "leg", l.callID, "err", err)
		c.end(End{By: "server", Code: 488, Text: err.Error(), Reason: `SIP;cause=488;text="Answer not usable"`})
		return
	}
	l.says(body)
	if c.x.cfg.Music != "" {
		c.held(l)
	}
	c.countHold(time.Now())
}

// correct sends a leg a new offer when its last answer does not fit what the
// other side has agreed to since: the caller was answered early, with what
// another device speaks.
func (c *Call) correct(l *leg) {
	if !c.busy && c.media.NeedsOffer(l.side) {
		c.renew(l, nil)
	}
}

// renew sends a leg a new offer, with header lines: what it was told last does not
// fit any more.
func (c *Call) renew(l *leg, header []byte) { c.tryRenew(l, header, 0) }

// pause is how long a peer has to finish what it is in the middle of, such as an ACK
// that is on its way.
const pause = 500 * time.Millisecond

func (c *Call) tryRenew(l *leg, header []byte, tries int) {
	offer, err := c.media.MakeOffer(l.side, l.Want)
	if err != nil {
		c.log.Warn("no new offer can be made", "leg", l.callID, "err", err)
		c.idle()
		return
	}
	c.busy = true
	body := content.Of(offer)
	body.Header = header
	l.reinvite(body, func(m *sip.Message, err error) {
		if c.over {
			return
		}
		if err == nil && m.StatusCode() < 300 {
			l.ours = offer
			l.says(content.Description(m))
			err = c.media.TakeAnswer(l.side, l.theirs)
		} else {
			c.media.Refused(l.side)
		}
		if errors.Is(err, dialog.ErrPending) && tries < 10 && l.after(pause, func(c *Call) { c.renewAgain(l, header, tries+1) }) {
			return // still busy: what waits for this offer comes after it
		}
		if err != nil {
			c.log.Warn("a new offer was not answered", "leg", l.callID, "err", err)
		}
		c.idle()
	})
}

func (c *Call) renewAgain(l *leg, header []byte, tries int) {
	if c.over || l != c.caller && l != c.callee {
		c.idle()
		return
	}
	c.tryRenew(l, header, tries)
}

// after does f as an event of the leg's call when d has passed. False when the leg's
// dialog has ended.
func (l *leg) after(d time.Duration, f func(c *Call)) bool {
	return l.do(func(s *dialog.Session) { s.Lane().After(d, func() { l.must(f) }) })
}

// info takes keys out of an INFO; any other goes to the other side.
func (c *Call) info(l *leg, in *dialog.Incoming) {
	key, err := dtmf.ReadBody(string(in.Get(sip.HdrContentType)), in.Body())
	switch {
	case c.over:
		l.respond(in, 481, dialog.Content{})
	case in.GetName("Record") != nil: // phones with a button for it
		if err := c.recordBy(l, strings.EqualFold(string(in.GetName("Record")), "on")); err != nil {
			l.deny(in, err)
			return
		}
		l.respond(in, 200, dialog.Content{})
	case err != nil:
		c.pass(l, in)
	default:
		c.press(l.side.Other(), key)
		c.command(l, key)
		l.respond(in, 200, dialog.Content{})
	}
}

// pass carries a request across as it is, and the response back.
func (c *Call) pass(l *leg, in *dialog.Incoming) {
	other := c.other(l)
	if c.over || other == nil {
		l.respond(in, 480, dialog.Content{})
		return
	}
	body := dialog.Content{Type: string(in.Get(sip.HdrContentType)), Body: in.Body()}
	if p := in.GetName("Info-Package"); p != nil {
		body.Header = append(append([]byte("Info-Package: "), p...), "\r\n"...)
	}
	other.send(string(in.MethodName()), body, func(m *sip.Message, err error) {
		code := 408
		if err == nil {
			code = m.StatusCode()
		}
		l.respond(in, code, dialog.Content{})
	})
}

// reinvite sends an offer in the leg's dialog; done is an event of the call.
func (l *leg) reinvite(c dialog.Content, done func(*sip.Message, error)) {
	l.ask(func(s *dialog.Session, heard func(*sip.Message, error)) error {
		return s.Reinvite(c, heard)
	}, done)
}

// send sends a request in the leg's dialog; done is an event of the call.
func (l *leg) send(method string, body dialog.Content, done func(*sip.Message, error)) {
	l.ask(func(s *dialog.Session, heard func(*sip.Message, error)) error {
		return s.Send(method, body, heard)
	}, done)
}

// ask sends a request in the leg's dialog, an early one while it rings; done is an event
// of the call the leg is in when the answer comes.
func (l *leg) ask(send func(s *dialog.Session, heard func(*sip.Message, error)) error, done func(*sip.Message, error)) {
	answered := func(m *sip.Message, err error) {
		if m != nil {
			m = m.Clone()
		}
		l.must(func(*Call) { done(m, err) })
	}
	s := cmp.Or(l.session, l.early)
	if s == nil {
		answered(nil, dialog.ErrState)
		return
	}
	s.Do(func() {
		if err := send(s, answered); err != nil {
			answered(nil, err)
		}
	})
}
