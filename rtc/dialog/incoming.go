package dialog

import (
	"errors"
	"time"

	"tandem/rtc"
	"tandem/rtc/digest"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/uac"
)

// Incoming is a request of the peer that waits for our answer.
type Incoming struct {
	*sip.Message // as long as the request is unanswered
	Session      *Session
	Identity     *rtc.Identity // of the sender, nil when unknown

	tx       *transaction.Server
	answered bool
	first    bool // it began the dialog
	offers   bool // an UPDATE whose offer waits for our answer
	expiry   *transaction.Timer
}

// Inbound says how a call that comes in is led.
type Inbound struct {
	Events Events
	User   string         // user part of our Contact, "" = the UA's
	Peer   string         // the gateway that requests in the dialog may reach, see Config.Permit
	Sticky bool           // requests in the dialog go by the flow the INVITE came by while it lives
	Auth   *digest.Client // answers challenges to requests in the dialog, nil: nobody
	Shape  uac.Shape      // how requests in the dialog are written, see Way.Shape
	// Contactless takes requests without a Contact, as RFC 2543 allowed and RFC 2848
	// prints them: then the dialog is sticky, and its target is what From names.
	Contactless bool
}

// Receive takes an INVITE that begins a dialog; it is called by the handler
// that decides about calls. The INVITE is answered by the methods of the
// Session. The error is a *rtc.Status: the INVITE was not taken, and that is
// the answer to it.
func (ua *UA) Receive(r *rtc.Request, how Inbound) (*Incoming, error) {
	if len(r.ToTag()) > 0 { // of a dialog, but of none of ours
		return nil, &rtc.Status{Code: 481}
	}
	if lines := ua.unsupported(r.Message); lines != nil {
		return nil, &rtc.Status{Code: 420, Header: lines}
	}
	d, err := ua.NewServer(r, how)
	if err != nil {
		return nil, err
	}
	s := &Session{Dialog: d, Events: how.Events}
	d.Attach(s)
	if lines := s.tooShort(r.Message); lines != nil {
		return nil, &rtc.Status{Code: 422, Header: lines}
	}
	if err := d.Enter(); err != nil {
		return nil, err
	}
	in := &Incoming{Message: r.Tx.Keep(), Session: s, Identity: r.Identity, tx: r.Tx, first: true}
	s.in, s.answering = in, in
	r.Tx.User = canceler{in}
	s.learn(r.Message)
	s.offerIn = len(r.Body()) > 0
	in.expires()
	return in, nil
}

// expires ends the invitation, unanswered, when its Expires says so (RFC 3261
// §13.3.1). None is asked for by 0: no answer could come in time.
func (in *Incoming) expires() {
	if seconds, ok := in.Expires(); ok && seconds > 0 {
		in.expiry = in.Session.lane.After(time.Duration(seconds)*time.Second, func() {
			in.withdrawn(End{Remote: true, Reason: "cancel"})
		})
	}
}

// Enter puts a new dialog into the table. The error is a *rtc.Status.
func (d *Dialog) Enter() error {
	err := d.ua.cfg.Table.Add(d)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrKnown): // RFC 3261 §8.2.2.2: it came by two ways
		return &rtc.Status{Code: 482, Err: err}
	}
	return &rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n"), Err: err}
}

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
	if code/100 == 2 && in.Method() != sip.UPDATE && refreshes(string(in.MethodName())) {
		s.retarget(in.Message)
		header = append(s.contactLine(in.tx.Flow()), header...)
	}
	in.send(code, header, c)
}

// send writes and sends a response and returns its octets.
func (in *Incoming) send(code int, header []byte, c Content) []byte {
	b := sip.AppendResponse(make([]byte, 0, 512+len(header)+len(c.Body)), in.Message, sip.Response{Code: code, ToTag: in.Session.id.Local,
		Header: header, ContentType: c.Type, Body: c.Body})
	in.tx.Respond(code, b)
	return b
}

// canceler makes the owner of an INVITE's transaction of it.
type canceler struct{ in *Incoming }

// Cancel implements rtc.Canceler.
func (c canceler) Cancel(m *sip.Message) { c.in.canceled(m) }

// canceled: RFC 3261 §9.2.
func (in *Incoming) canceled(m *sip.Message) {
	in.withdrawn(End{Remote: true, Reason: "cancel", Message: m})
}

// withdrawn ends an INVITE that its sender does not want answered any more.
func (in *Incoming) withdrawn(e End) {
	if in.answered {
		return
	}
	in.answered = true
	in.expiry.Stop()
	s := in.Session
	s.closed(in)
	in.send(487, nil, Content{})
	if in.first {
		s.end(e)
	}
}
