package dialog

import (
	"crypto/rand"
	"errors"
	"strconv"
	"time"

	"tandem/rtc/digest"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// maxForks is how many dialogs one INVITE of ours may make.
const maxForks = 32

// maxTries is how often one INVITE of ours is sent anew for a longer session
// interval.
const maxTries = 4

// Invite describes a call to make.
type Invite struct {
	Way
	From, To string         // name-addr without tag; To "" = <URI>
	CallID   string         // "" = made up, on Lane when that is given
	Reliable bool           // offer reliable provisional responses (RFC 3262) even if the UA does not
	User     string         // user part of our Contact, "" = the UA's
	Focus    bool           // our end is that of the conference that User names, see Dialog.Focus
	Onward   Onward         // of the INVITE that this call goes on from; zero: it begins here
	Auth     *digest.Client // answers challenges, in the dialogs too; nil: nobody
	Content
	Events Events
	Own    any               // becomes User of the call and of its sessions
	Lane   *transaction.Lane // the caller is on this lane and the call shall be, too
}

// Call is an INVITE of ours and what it became.
type Call struct {
	User any // the user's own

	ua     *UA
	lane   *transaction.Lane
	inv    Invite
	from   []byte // with tag
	seq    uint32
	tries  int
	out    *uac.Sending
	forks  []*Session // by their tags
	winner *Session
	se     uint32 // session interval asked for, seconds
	minSE  uint32

	canceled bool
	over     bool
	offering bool
}

// ErrNoDescription is why a call fails whose 2xx, and what came before it in
// the same dialog, has no session description. It has been acknowledged and
// ended (RFC 3261 §13.2.1).
var ErrNoDescription = errors.New("answered without a session description")

// ErrCanceled is why a call fails whose Cancel came too late for a 487.
var ErrCanceled = errors.New("canceled")

// Invite calls. Without a Lane the call begins a moment later on its own one
// and Invite may be called anywhere; ErrFull says that too many wait.
func (ua *UA) Invite(inv Invite) (*Call, error) {
	if inv.CallID == "" {
		inv.CallID = ua.callID(inv.Lane)
	}
	if inv.To == "" {
		inv.To = "<" + inv.URI + ">"
	}
	if inv.User == "" {
		inv.User = ua.cfg.User
	}
	c := &Call{
		User: inv.Own,
		ua:   ua,
		lane: ua.cfg.Layer.Lane([]byte(inv.CallID)),
		inv:  inv,
		from: uac.Tagged([]byte(inv.From), ua.newTag(inv.CallID)),
		seq:  1,
		se:   uint32(ua.cfg.SessionExpires / time.Second),
	}
	if inv.Lane != nil {
		if c.lane != inv.Lane {
			return nil, errors.New("the Call-ID given is not of the lane given")
		}
		c.begin()
		return c, nil
	}
	if !ua.Post(c.lane, c.begin) {
		return nil, ErrFull
	}
	return c, nil
}

// callID makes a Call-ID, one of the given lane when there is one.
func (ua *UA) callID(lane *transaction.Lane) string {
	for {
		id := rand.Text()
		if lane == nil || ua.cfg.Layer.Lane([]byte(id)) == lane {
			return id
		}
	}
}

// Lane of the call.
func (c *Call) Lane() *transaction.Lane { return c.lane }

// Do runs f on the call's lane, from any goroutine that is not on a lane.
func (c *Call) Do(f func()) { c.lane.Do(f) }

func (c *Call) begin() {
	if c.canceled {
		c.fail(nil, ErrCanceled)
		return
	}
	c.offering = len(c.inv.Body) > 0
	c.out = c.ua.client.Start(uac.Request{
		Lane: c.lane, Method: "INVITE", URI: []byte(c.inv.URI), Body: c.inv.Body, Hop: c.inv.Hop(), Seq: c.seq, Next: c.next, Auth: c.inv.Auth, First: true,
		Write: c.write, Heard: c.heard, Late: c.late, Lost: c.lost,
	})
}

// next takes the sequence number of a repetition with credentials: the
// dialogs of the challenged INVITE, if it made any, are over.
func (c *Call) next() uint32 {
	c.endForks(nil)
	c.forks = nil
	c.seq++
	return c.seq
}

func (c *Call) write(dst []byte, t uac.Try) []byte {
	uri, perr := sip.ParseURI([]byte(c.inv.URI))
	contact := uac.Contact{User: c.inv.User, Secure: perr == nil && uri.Kind == sip.URISIPS}
	if c.inv.Focus {
		contact.Params = isFocus
	}
	b := sip.Builder{Buf: dst}
	b.Request("INVITE", []byte(c.inv.URI))
	b.Header(sip.HdrVia, t.Via)
	for _, r := range c.inv.Route {
		b.HeaderString(sip.HdrRoute, r)
	}
	b.Buf = c.inv.Onward.append(b.Buf, c.ua.mark)
	b.Header(sip.HdrFrom, c.from)
	b.HeaderString(sip.HdrTo, c.inv.To)
	b.HeaderString(sip.HdrCallID, c.inv.CallID)
	b.HeaderString(sip.HdrCSeq, strconv.FormatUint(uint64(t.Seq), 10)+" INVITE")
	b.Buf = contact.Append(b.Buf, c.ua.client.Wire(), t.Flow)
	b.Raw(t.Auth)
	b.Raw(c.ua.allow)
	if c.ua.cfg.Reliable || c.inv.Reliable {
		b.Raw(c.ua.ableReliably)
	} else {
		b.Raw(c.ua.able)
	}
	if c.se > 0 {
		b.Raw(intervalLine(c.se, ""))
	}
	if c.minSE > 0 {
		b.HeaderString(sip.HdrMinSE, strconv.FormatUint(uint64(c.minSE), 10))
	}
	b.Raw(c.inv.Header)
	return b.Finish(c.inv.Type, c.inv.Body)
}

// Cancel gives the call up before it is answered. reason is a Reason header
// value or nil. Failed tells when it is over; a 2xx that crosses the CANCEL is
// acknowledged and ended.
func (c *Call) Cancel(reason []byte) {
	if c.over || c.winner != nil {
		return
	}
	c.canceled = true
	if c.out != nil {
		c.out.Cancel(reason)
	}
}

func (c *Call) heard(o *uac.Sending, f transport.Flow, m *sip.Message) {
	code := m.StatusCode()
	switch {
	case o != c.out && code >= 300: // of an INVITE that was sent anew since
	case code < 200:
		c.progress(f, m)
	case code < 300:
		c.answered(o, f, m)
	case code == 422 && c.longer(m):
	default:
		c.fail(m, nil)
	}
}

// late takes a 2xx of a next hop that was left: it is acknowledged and ended.
func (c *Call) late(o *uac.Sending, f transport.Flow, m *sip.Message) {
	switch s := c.fork(f, m); {
	case s == nil:
	case s.ack.seq == o.Seq():
		s.repeatAck()
	default:
		c.unwanted(o, s, m)
	}
}

func (c *Call) lost(o *uac.Sending, err error) {
	if o == c.out {
		c.fail(nil, err)
	}
}

func (c *Call) progress(f transport.Flow, m *sip.Message) {
	if c.over || c.winner != nil || m.StatusCode() == 100 {
		return
	}
	var s *Session
	rel := false
	if len(m.ToTag()) > 0 {
		s = c.fork(f, m)
	}
	if s != nil {
		var fresh bool
		if fresh, rel = s.reliableProgress(m); !fresh || s.over {
			return
		}
	}
	if s != nil && len(m.Body()) > 0 {
		s.described = true // by an early answer, which the 2xx should repeat and often does not
	}
	offered := rel && len(m.Body()) > 0
	if offered && c.offering {
		s.offerOut = false // it is the answer
	} else if offered {
		s.offerIn = true
	}
	if rel && !s.offerIn {
		s.prack(c.seq, Content{})
	}
	if s != nil {
		s.shown = true
	}
	if c.inv.Events.Progress != nil {
		c.inv.Events.Progress(c, s, m)
	}
}

// fork finds or makes the session of a response's To tag (RFC 3261 §13.2.2).
func (c *Call) fork(f transport.Flow, m *sip.Message) *Session {
	for _, s := range c.forks {
		if s.id.Remote == string(m.ToTag()) {
			s.follow(f)
			s.learn(m)
			return s
		}
	}
	if len(c.forks) >= maxForks {
		return nil
	}
	d, err := c.ua.newClient(c.lane, []byte(c.inv.URI), c.from, c.seq, m)
	if err != nil {
		return nil
	}
	d.flow, d.peer, d.auth, d.contactUser, d.focus, d.shape = f, c.inv.Peer, c.inv.Auth, c.inv.User, c.inv.Focus, c.inv.Shape
	d.sticky = c.ua.cfg.Sticky || c.inv.Flow != (transport.Flow{})
	s := &Session{Dialog: d, User: c.inv.Own, call: c, Events: c.inv.Events, offerOut: c.offering}
	d.Attach(s)
	s.last = Content{Type: c.inv.Type, Body: c.inv.Body}
	s.learn(m)
	s.unlisted = c.ua.cfg.Table.Add(d) != nil
	c.forks = append(c.forks, s)
	return s
}

// answered takes a 2xx: the first one wins, later ones of other branches are
// acknowledged and ended (RFC 3261 §13.2.2.4).
func (c *Call) answered(o *uac.Sending, f transport.Flow, m *sip.Message) {
	s := c.fork(f, m)
	switch {
	case s == nil:
		c.ua.cfg.Log.Warn("answer makes no dialog", "call_id", c.inv.CallID, "code", m.StatusCode())
		if c.winner == nil {
			c.fail(m, errNoContact)
		}
		return
	case s.State() == Confirmed || s.ack.seq == o.Seq(): // repeated
		s.repeatAck()
		return
	case c.over || c.canceled || c.winner != nil || s.over || s.unlisted:
		c.unwanted(o, s, m)
		return
	}
	if len(m.Body()) == 0 && !s.described {
		c.ua.cfg.Log.Warn("answer without session description", "call_id", c.inv.CallID, "peer", string(s.Hop()))
		c.unwanted(o, s, m)
		c.fail(nil, ErrNoDescription)
		return
	}
	c.winner = s
	s.setRoutes(m) // RFC 3261 §13.2.2.4: anew from the 2xx
	s.retarget(m)
	s.Confirm()
	s.oweAck(o)
	s.offerIn = !c.offering && len(m.Body()) > 0
	s.offerOut = false
	s.agreed(m)
	for _, o := range c.forks {
		if o != s {
			o.end(End{Reason: "forked"})
		}
	}
	if c.inv.Events.Answered != nil {
		c.inv.Events.Answered(s, m)
	}
	s.ackUnlessAnswering()
}

// unwanted acknowledges and ends a session that was answered too late, or
// that cannot be kept.
func (c *Call) unwanted(o *uac.Sending, s *Session, m *sip.Message) {
	s.setRoutes(m)
	s.retarget(m)
	s.Confirm()
	s.oweAck(o)
	if !s.shown {
		s.Events = Events{} // nobody has heard of it
	}
	_ = s.Ack(Content{})
	s.sendBye(nil)
	s.end(End{Reason: "forked"})
	switch {
	case c.canceled:
		c.fail(nil, ErrCanceled)
	case s.unlisted && c.winner == nil:
		c.fail(nil, ErrFull)
	}
}

// longer sends the INVITE again with the interval a 422 asks for (RFC 4028 §7.3).
func (c *Call) longer(m *sip.Message) bool {
	least := leadingNumber(m.Get(sip.HdrMinSE))
	if least <= c.se || c.tries >= maxTries || c.canceled || c.over {
		return false
	}
	c.tries++
	c.se, c.minSE = least, least
	c.seq++
	c.endForks(m)
	c.forks = nil
	c.begin()
	return true
}

func (c *Call) endForks(m *sip.Message) {
	for _, s := range c.forks {
		s.end(End{Remote: true, Reason: "rejected", Message: m})
	}
}

func (c *Call) fail(m *sip.Message, err error) {
	if c.over || c.winner != nil {
		return
	}
	c.over = true
	if c.canceled && m == nil {
		err = ErrCanceled
	}
	c.endForks(m)
	if c.inv.Events.Failed != nil {
		c.inv.Events.Failed(c, m, err)
	}
}
