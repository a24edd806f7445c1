package telephony

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"tandem/gateways/dialect"
	"tandem/media"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/conference"
	"tandem/telephony/content"
	"tandem/telephony/diversion"
	"tandem/telephony/guard"
	"tandem/telephony/outcome"
	"tandem/telephony/owner"
	"tandem/telephony/routing"
)

// completedElsewhere keeps phones from showing a call that another device
// answered as missed (RFC 3326 §2).
const completedElsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// Call is one call led through the server. All below box belongs to its owner.
type Call struct {
	x   *Exchange
	id  string
	log *slog.Logger
	box owner.Inbox

	shown atomic.Pointer[shown]

	caller   *leg
	ringing  []*leg // INVITEs of ours without a final response
	callee   *leg   // who answered
	route    routing.Route
	onward   dialog.Onward  // what INVITEs of ours take along
	rounds   routing.Rounds // still to be tried
	turn     int            // the round at hand
	patience *time.Timer    // with it
	asking   int            // the turn that waits for DNS; 0: none does
	toned    bool           // the caller hears ringback from here
	alerted  bool           // a phone, since the call was sent on last
	media    *media.Session
	record   cdr.Record
	best     outcome.Outcome // of the attempts that failed
	toll     *guard.Toll     // counts it while nobody bears it, see admit; nil: nobody counts it
	limit    *time.Timer

	place    *sip.Part           // where the caller of an emergency call is
	passed   []byte              // header lines of the caller for those called
	kept     bool                // the record's row is on disk
	waiting  func()              // goes on once it is
	origin   *origin             // of a call that the server makes
	busy     bool                // an offer is being carried across
	later    []func()            // what waits until it is
	transfer *transfer           // under way, of one of its parties
	errand   *errand             // what it is for, when that is the transfer of another call
	parked   *parked             // one of its parties waits in a slot
	seats    [2]*conference.Seat // of the sides in a conference
	keys     [2]keys             // pressed lately, by side
	farewell *outcome.Outcome    // follows when the caller has heard why the call failed
	tape     *tape               // it is recorded
	tapes    int                 // recordings so far
	waits    time.Time           // since then a side is on hold; zero: none is
	paged    []*Call             // the phones that hear the caller of a page

	stopAsking context.CancelFunc // of DNS; nil: it has not been asked
	over       bool
}

// ID names the call in logs, traces, records and the API.
func (c *Call) ID() string { return c.id }

// Record is what is known of the call, as of its last event. It is shared and
// must not be changed.
func (c *Call) Record() cdr.Record { return *c.shown.Load().record }

// begin takes the caller's offer and rings the first destinations.
func (c *Call) begin(invite *sip.Message) {
	if c.open(); c.over { // the store takes no more
		return
	}
	c.passed = content.Passed(invite)
	if c.route.Emergency {
		c.place = content.Place(invite)
		c.note(cdr.Emergency, c.route.Number)
	}
	err := c.listen()
	if err == nil {
		err = c.caller.takeOffer(invite)
	}
	if err != nil {
		c.refuse(outcome.Described(err))
		return
	}
	c.limit = time.AfterFunc(c.x.cfg.RingTime, func() { c.box.Must(c.unanswered) })
	c.noteHops(0)
	c.next()
}

// listen opens the call's media.
func (c *Call) listen() (err error) {
	c.media, err = c.x.cfg.Media.Open(c.id, media.Options{Handle: func(e media.Event) { c.box.Post(func() { c.heard(e) }) }})
	if err != nil {
		c.log.Error("no media session", "err", err)
	}
	return err
}

// next rings the destinations of the next round; when there are none left the
// caller gets the best of the final responses.
func (c *Call) next() {
	for len(c.ringing) == 0 && c.callee == nil && !c.over {
		if o := c.admit(); o.Code != 0 {
			c.refuse(o)
			return
		}
		if c.route.Ask {
			c.lookUp()
		}
		if c.asking == c.turn && c.asking != 0 {
			return
		}
		round, ok := c.rounds.Next()
		if !ok {
			if c.divert(c.best.Diversion(c.alerted), "") {
				continue
			}
			c.refuse(c.best.OrElse(480, "nobody can be reached"))
			return
		}
		onward, ok := c.onward.Share(len(round.To))
		if !ok { // RFC 5393 §5.3.3
			c.refuse(outcome.Outcome{Code: 440, Text: "the call would ring too many devices"})
			return
		}
		c.wait(round.Patience)
		c.restart()
		for _, d := range round.To {
			if o := c.ringBy(d, onward); o.Code != 0 {
				c.best = c.best.Or(o)
			}
		}
		c.tell(Changed)
	}
}

// ring sends an INVITE to a destination. The outcome's code is 0 when it is on
// its way.
func (c *Call) ring(d routing.Destination, onward dialog.Onward) outcome.Outcome {
	if d.Payer == "" {
		d.Payer = c.route.Payer
	}
	l := &leg{c: c, side: media.B, Destination: d, callID: rand.Text(), onward: onward, began: time.Now(), group: c.route.Group()}
	if o := l.seize(); o.Code != 0 {
		return o
	}
	offer, err := l.offer()
	if err != nil {
		l.drop()
		return outcome.Described(err)
	}
	if err := l.invite(offer); err != nil {
		l.drop()
		return outcome.Outcome{Code: 503, Text: err.Error()}
	}
	c.ringing = append(c.ringing, l)
	c.tries(l)
	c.log.LogAttrs(context.Background(), slog.LevelDebug, "ringing",
		slog.String("leg", l.callID), slog.String("trunk", d.TrunkName()), slog.String("aor", d.Way.URI))
	return outcome.Outcome{}
}

// progressed passes a provisional response on to the caller.
func (c *Call) progressed(l *leg, early *dialog.Session, code int, body []byte) {
	if c.over || c.callee != nil || !slices.Contains(c.ringing, l) {
		return
	}
	if c.dialling() {
		c.dialled(l, body)
		return
	}
	news := EventKind(0)
	if l.early != early && early != nil {
		l.early, news = early, Changed // lamps show by what it can be picked up
	}
	l.rang = l.rang || code == 180 || code == 183
	c.alerted = c.alerted || l.rang
	if c.record.Ringing.IsZero() {
		c.record.Ringing, news = time.Now(), Ringing
	}
	if news != 0 {
		c.tell(news)
	}
	if e := c.errand; e != nil {
		e.home.box.Post(func() { e.home.rang(code) })
	}
	ignored := l.Trunk != nil && l.Trunk.Speaks().Early == dialect.EarlyIgnore
	if body == nil || ignored {
		if ignored && body != nil {
			code = 180 // the phone makes the ringing tone that the network's sound would have been
		}
		_ = c.caller.ring(code, dialog.Content{})
		c.ringAlone()
		return
	}
	answer, err := l.hear(body)
	if err != nil {
		c.log.Warn("early media is not usable", "leg", l.callID, "err", err)
	}
	if answer == nil { // the caller has its answer, or has offered nothing
		if c.origin != nil && err == nil {
			c.media.Stop(media.A)
		}
		_ = c.caller.ring(180, dialog.Content{})
		return
	}
	_ = c.caller.ring(183, content.Of(answer))
}

// answered joins the caller with the leg that was answered first.
func (c *Call) answered(l *leg, s *dialog.Session, body []byte) {
	l.session = s
	if c.over || c.callee != nil || c.farewell != nil {
		l.bye(outcome.ReasonLine(completedElsewhere))
		return
	}
	c.tried(l, outcome.Outcome{Code: 200})
	if c.dialling() {
		c.reached(l, body)
		return
	}
	c.callee = l
	c.record.CallIDs[1] = l.callID
	if l.Trunk != nil {
		c.record.Trunk = l.Trunk.Name
	}
	if l.Payer != "" {
		c.record.Payer = l.Payer
	}
	c.chosen(l)
	text, err := l.choose(body)
	if err != nil {
		c.log.Warn("answer not usable", "leg", l.callID, "err", err)
		c.refuse(outcome.Described(err))
		return
	}
	c.whenKept(func() { c.connect(text) })
}

// chosen ends the ringing: one has answered.
func (c *Call) chosen(l *leg) {
	for _, o := range c.ringing {
		if o != l {
			o.cancel(completedElsewhere)
			o.drop()
		}
	}
	c.ringing = nil
	c.limit.Stop()
}

// connect answers the caller, who has waited until the record was on disk.
func (c *Call) connect(text []byte) {
	if c.over {
		return
	}
	c.bear(c.callee)
	if c.errand != nil { // a caller who waits as well has handed the call over
		c.record.Answered = time.Now()
		c.tell(Answered)
		c.deliver(c.callee)
		return
	}
	if c.origin != nil {
		c.join()
	} else if err := c.caller.accept(c.told(text)); err != nil { // the caller has given up meanwhile
		c.end(End{By: c.caller.name(), Code: 487})
		return
	}
	c.record.Answered = time.Now()
	c.recordByPolicy()
	c.log.Info("call answered", "leg", c.callee.callID, "trunk", c.callee.TrunkName(), "dur", c.record.Answered.Sub(c.record.Started))
	c.tell(Answered)
}

// told is the description for the caller's 200, and who has answered: after forwarding
// or pickup that is not who was called. A trunk is told no names of the house.
func (c *Call) told(text []byte) dialog.Content {
	answer := content.Of(text)
	if c.caller.Trunk == nil {
		answer.Header = c.callee.Who.Connected(c.caller.manner(c.x).Caller)
	}
	return answer
}

// failed takes the final response of a destination, or the lack of one.
func (c *Call) failed(l *leg, o outcome.Outcome) {
	at := slices.Index(c.ringing, l)
	if at < 0 || c.over {
		return
	}
	c.ringing = slices.Delete(c.ringing, at, at+1)
	l.drop()
	c.tried(l, o)
	if c.ringWider(l, o) {
		return
	}
	if o.Global() && c.others(l) {
		c.best = c.best.Or(outcome.Outcome{Code: 486, Text: o.Text})
	} else {
		c.best = c.best.Or(o)
	}
	c.log.Info("destination failed", "leg", l.callID, "trunk", l.TrunkName(), "code", o.Code, "err", o.Text)
	if o.Deflected() && l.Who.User == c.route.Rings.AOR && c.route.Rings.AOR != "" && c.divert(diversion.Deflection, o.Contact) {
		c.cancelAll("")
		c.next()
		return
	}
	if c.redirected(l, o) {
		c.next()
		return
	}
	if c.route.Emergency {
		c.next() // whatever the reason
		return
	}
	if c.ringSpare(l, o) {
		return
	}
	switch {
	case o.Global() && c.others(l): // they have not declined
		c.cancelOf(l.Who.User)
	case o.Global():
		c.rounds = nil
		c.cancelAll("")
	case (l.Trunk != nil || l.Instead) && (!o.GoesOn(!c.record.Ringing.IsZero()) || c.late()):
		c.giveUp(l)
	}
	if len(c.ringing) > 0 {
		c.tell(Changed) // one of them rings no longer
		if c.alerted {
			c.ringAlone()
		}
	}
	c.next()
}

// left ends the call when one of its legs has ended; reason is what came with its BYE.
func (c *Call) left(l *leg, e dialog.End, reason string) {
	switch {
	case c.over:
	case c.seats[media.A] != nil && c.seats[media.B] != nil && (l == c.caller || l == c.callee): // the other one talks on with the rest
		c.leaves(l)
	case c.transfer != nil && l == c.transfer.by: // RFC 5589 §6.1: it need not wait
		c.transfer.gone = true
		l.release()
	case l == c.caller && c.errand != nil && c.callee == nil: // it has handed the call over
		l.release()
	case l == c.caller && c.record.Answered.IsZero():
		c.end(End{By: l.name(), Code: 487})
	case l != c.caller && l != c.callee:
	case e.Remote && e.Reason == "bye":
		c.end(End{By: l.name(), Code: 200, Reason: reason})
	default: // "expired", "no ack", "lost"
		text := "the " + l.name() + " does not answer any more (" + e.Reason + ")"
		c.end(End{By: "server", Code: 408, Text: text, Reason: `SIP;cause=408;text="No answer from the other side"`})
	}
}

// refuse answers the caller by a final response other than 2xx.
func (c *Call) refuse(o outcome.Outcome) {
	if c.over {
		return
	}
	if c.announce(o) {
		return
	}
	c.caller.reject(o)
	c.end(End{Code: o.Code, Text: o.Text, Reason: c.because(o)})
}

// cleared is the Reason of a call that is ended by who may end it: gateways want to know
// (RFC 3326, Q.850 §2.2.7).
const cleared = `Q.850;cause=16;text="Normal call clearing"`

// heard is told what happens to the sound.
func (c *Call) heard(e media.Event) {
	switch e.Kind {
	case media.EventIdle:
		c.log.Warn("no sound from either side", "dur", e.For)
		c.end(End{By: "server", Code: 408, Text: "no media", Reason: `SIP;cause=408;text="No media from either side"`})
	case media.EventPlayed:
		switch {
		case c.over:
		case c.farewell != nil:
			c.refuse(*c.farewell)
		case c.origin != nil && c.origin.play != nil:
			c.playNext()
		case e.Side == media.A:
			c.resume(c.caller)
		default:
			c.resume(c.callee)
		}
	case media.EventKey:
		c.pressed(e.Side, e.Key)
	case media.EventSecurity:
		c.log.Warn("media cannot be protected", "leg", e.Side.String(), "err", e.Err)
		c.end(End{By: "server", Code: 488, Text: "media security failed"})
	case media.EventOneWay:
		c.log.Warn("one-way audio", "leg", e.Side.String(), "peer", e.Addr.String(), "dur", e.For)
	}
}

// End says how a call ended.
type End struct {
	By     string // "caller", "callee", "server", an administrator; "" when it was refused
	Code   int    // SIP status: 200 after a conversation
	Text   string
	Reason string // value of a Reason header for the legs that are still up
}
