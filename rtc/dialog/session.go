package dialog

import (
	"bytes"
	"context"
	"log/slog"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Events tell the user of a call what happens. They run on the call's lane and
// must not block; messages are valid until they return. Each may be nil.
type Events struct {
	// Progress is a provisional response to our INVITE (not 100, not a
	// repetition); s is nil when it made no dialog. One that carries an offer
	// (our INVITE had none, the response is reliable) must be answered by s.Prack.
	Progress func(c *Call, s *Session, m *sip.Message)
	// Answered is the 2xx that won. When our INVITE had no offer, the 2xx's
	// must be answered by s.Ack; else the ACK is sent when Answered returns.
	Answered func(s *Session, m *sip.Message)
	// Failed ends a call of ours that was not answered: m is the final
	// response or nil, then err says why.
	Failed func(c *Call, m *sip.Message, err error)
	// Request is a request in the dialog that the user answers by
	// in.Respond: re-INVITE, UPDATE and PRACK with a body, INFO, REFER…
	// nil: what holds an offer gets 488, the others 405.
	Request func(s *Session, in *Incoming)
	// Acked: the ACK to a 2xx of ours came; it holds the answer when the 2xx
	// held the offer.
	Acked func(s *Session, m *sip.Message)
	// FlowClosed: the connection that the session is stuck to has closed. The
	// user may find another one for the peer (Stick) or end the call; else
	// requests go where the target points.
	FlowClosed func(s *Session)
	// Ended is the last event of a session.
	Ended func(s *Session, e End)
}

// End says why a session ended.
type End struct {
	Remote  bool         // the peer ended it
	Reason  string       // "bye", "cancel", "rejected", "forked", "expired", "no ack", "no prack", "lost"
	Message *sip.Message // the BYE or CANCEL when there was one
}

// Session is a call's dialog, on either side. Its methods may be called only
// on its lane.
type Session struct {
	*Dialog
	Events Events
	User   any // the user's own, until the session has ended

	call *Call     // of an INVITE of ours
	in   *Incoming // the INVITE that began it, when it came from the peer

	over      bool // Ended was told
	unlisted  bool // the table had no room
	described bool // a provisional response to our INVITE had a session description
	shown     bool // the user of a call of ours was told of it
	byeWaits  bool // Bye was called before the ACK came
	byeHeader []byte

	offerOut bool // an offer of ours has no answer yet
	offerIn  bool // an offer of the peer has no answer from us yet

	inviting  *uac.Sending // our INVITE that has no final response yet
	answering *Incoming
	accepted  *acceptance // our 2xx that waits for its ACK
	ack       ack
	last      Content // our last description, repeated by a refreshing re-INVITE

	peerUpdates bool // the peer allows UPDATE (RFC 3311)
	timer       expiry
	rel         reliable // what we sent
	rseq        uint32   // of the last reliable response we took
}

// ack is the last ACK we sent, or owe, for a 2xx.
type ack struct {
	seq   uint32
	auth  []byte // lines with the credentials of the INVITE
	owed  bool
	flow  transport.Flow
	bytes []byte
}

// Session is the call that the dialog is used for, nil for none. Only on its lane.
func (d *Dialog) Session() *Session {
	for _, u := range d.usages {
		if s, ok := u.(*Session); ok {
			return s
		}
	}
	return nil
}

// Call the session came of; nil when the peer called.
func (s *Session) Call() *Call { return s.call }

// Do runs f on the session's lane, from any goroutine that is not on a lane.
func (s *Session) Do(f func()) { s.lane.Do(f) }

// Takes implements Usage: what no subscription takes belongs to the call.
func (s *Session) Takes(*sip.Message) bool { return true }

// Gone implements Usage.
func (s *Session) Gone(*sip.Message, error) {
	if s.call != nil && s.State() == Early { // how that ends its INVITE is told
		return
	}
	s.hangUp(nil, End{Remote: true, Reason: "lost"})
}

// FlowClosed implements FlowUser.
func (s *Session) FlowClosed(transport.Flow) {
	if s.Events.FlowClosed != nil {
		s.Events.FlowClosed(s)
	}
}

// Request implements Usage.
func (s *Session) Request(r *rtc.Request) {
	if r.Method() == sip.ACK {
		s.acked(r.Message)
		return
	}
	s.learn(r.Message)
	in := &Incoming{Message: r.Message, Session: s, Identity: r.Identity, tx: r.Tx}
	switch r.Method() {
	case sip.INVITE:
		s.reinvited(in)
	case sip.BYE:
		s.byed(in)
	case sip.UPDATE:
		s.updated(in)
	case sip.PRACK:
		s.pracked(in)
	default:
		s.hand(in)
	}
}

// hand gives a request to the user.
func (s *Session) hand(in *Incoming) {
	switch {
	case s.Events.Request != nil:
		in.Message = in.tx.Keep()
		s.Events.Request(s, in)
	case in.Method() == sip.INVITE || in.Method() == sip.UPDATE || in.Method() == sip.PRACK:
		in.Respond(488, Content{}) // an offer nobody can judge
	default:
		in.Respond(405, Content{Header: s.ua.allow})
	}
}

// learn takes what a message tells of the peer's abilities.
func (s *Session) learn(m *sip.Message) {
	if m.Has(sip.HdrAllow) {
		s.peerUpdates = m.HasToken(sip.HdrAllow, "UPDATE")
		return
	}
	if a, ok := m.FirstAddr(sip.HdrContact); ok { // RFC 3840 §10.1; Polycom's have it instead of Allow
		if list, ok := a.Param("methods"); ok {
			s.peerUpdates = bytes.Contains(list, []byte("UPDATE"))
		}
	}
}

// Updates reports whether the peer allows UPDATE (RFC 3311). Only on the lane.
func (s *Session) Updates() bool { return s.peerUpdates }

// end tells the user, once. The dialog ends unless it has other usages.
func (s *Session) end(e End) {
	if s.over {
		return
	}
	s.over = true
	s.Detach(s)
	s.timer.stop()
	s.rel.stop()
	s.ua.cfg.Log.LogAttrs(context.Background(), slog.LevelDebug, "session ended",
		slog.String("call_id", s.id.CallID), slog.String("reason", e.Reason), slog.Bool("remote", e.Remote))
	if s.Events.Ended != nil {
		s.Events.Ended(s, e)
	}
	s.shed()
}

// shed lets go of what an ended session needs no more: its transactions, and with
// them the session, are known for half a minute, and a busy server has thousands
// of those.
func (s *Session) shed() {
	s.Events, s.last, s.User = Events{}, Content{}, nil
	s.timer, s.rel = expiry{}, reliable{sent: s.rel.sent} // they are stopped
	if s.in != nil && s.in.answered {
		s.in.tx.Release()
		s.in.tx.User, s.in.Message = nil, nil // there is nothing to cancel
	}
	if c := s.call; c != nil && c.winner == s { // all that comes now is the 2xx of a late branch
		c.inv.Events, c.inv.Content, c.inv.Own, c.User = Events{}, Content{}, nil, nil
	}
}

// contactLine is our Contact for a flow.
func (s *Session) contactLine(f transport.Flow) []byte {
	return s.contact().Append(nil, s.ua.client.Wire(), f)
}
