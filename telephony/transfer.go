package telephony

import (
	"errors"
	"strconv"
	"strings"

	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
)

// transfer is the replacement of one party of a call by another one. A REFER asks
// for it, or an administrator. We perform it ourselves, whatever the sides are: the
// one who stays sees new offers in its dialog, no REFER.
//
// The new party is called by a call of its own, the errand. When it answers, its
// leg is given to this call. Until then the transferor may stay or go.
type transfer struct {
	by        *leg            // who transfers
	told      *refer.Referral // nil when no phone asked for it
	errand    *Call           // that calls the new party
	to        string          // who is meant, for the record
	consulted bool            // the new party speaks with the transferor, or is rung by it
	rings     bool            // the new party's phone rings
	gone      bool            // the transferor has hung up
	recalls   bool            // the transferor is called back, since nobody took the call
	parked    *parked         // it is called because of this
}

// referred takes a REFER. It is answered when it is known whether the reference can
// be followed (RFC 3515 §2.4.2).
func (c *Call) referred(l *leg, in *dialog.Incoming) {
	target, err := refer.Read(in.Message)
	if err == nil {
		err = c.transferable(l, target)
	}
	if err == nil && target.Replaces != (refer.Replaced{}) {
		if d := c.x.dialogOf(target.Replaces); d != nil {
			c.consult(l, in, d)
			return
		} // of phones that speak with each other without us: the target's phone knows it
	}
	if err == nil && c.single() {
		err = errAlone
	}
	if err != nil {
		l.deny(in, err)
		return
	}
	route, err := c.x.cfg.Router.Refer(l.Who.User, c.other(l).Who.User, target)
	var errand *Call
	switch code := route.Code; {
	case err != nil:
	case code.Kind == feature.Park || code.Kind == feature.Retrieve:
		slot, _ := strconv.Atoi(code.Arg)
		c.parkBy(l, in, slot)
		return
	case code.Kind == feature.Conference:
		c.conferBy(l, in, code.Arg)
		return
	case code.Kind != feature.None:
		err = errCode
	default:
		errand, err = c.x.prepare(c, l, route, target.Replaces, string(in.Get(sip.HdrReferredBy)))
	}
	if err != nil {
		l.deny(in, err)
		return
	}
	if c.accept(l, in, errand, target.URI) {
		errand.box.Must(errand.run)
		return
	}
	errand.box.Must(func() { errand.end(End{By: "server", Code: 487}) })
}

// Why a transfer is refused.
var (
	errAlone = &rtc.Status{Code: 403, Reason: "No Other Party to Transfer"} // it is parked, or in a conference
	errCode  = &rtc.Status{Code: 403, Reason: "Nobody Is Transferred There"}
)

// transferable reports what stands against a transfer by a leg.
func (c *Call) transferable(l *leg, target refer.Target) error {
	switch {
	case c.over:
		return &rtc.Status{Code: 481}
	case c.transfer != nil:
		return &rtc.Status{Code: 491, Reason: "Transfer Under Way"}
	case c.record.Answered.IsZero() || c.other(l) == nil:
		return &rtc.Status{Code: 403, Reason: "Not Before the Answer"}
	case !strings.EqualFold(target.Method, "INVITE"):
		return &rtc.Status{Code: 403, Reason: "Only Calls Are Transferred"}
	}
	return nil
}

// deny answers a request by an error.
func (l *leg) deny(in *dialog.Incoming, err error) {
	var st *rtc.Status
	switch {
	case errors.Is(err, rtc.Next):
		st = &rtc.Status{Code: 403, Reason: "Not a Destination of This Server"}
	case !errors.As(err, &st):
		st = &rtc.Status{Code: 500}
	}
	l.c.log.Info("request refused", "leg", l.callID, "method", string(in.MethodName()), "code", st.Code, "err", err)
	header := append([]byte(nil), st.Header...)
	if st.Reason != "" && len(header) == 0 {
		header = outcome.Warning(l.c.x.cfg.Domain, st.Reason)
	}
	l.respond(in, st.Code, dialog.Content{Header: header})
}

// accept answers a REFER by 202 and begins the transfer. It is false when the
// transferor's dialog has ended meanwhile.
func (c *Call) accept(l *leg, in *dialog.Incoming, errand *Call, to string) bool {
	t := &transfer{by: l, errand: errand, to: to}
	err := dialog.ErrState
	l.do(func(*dialog.Session) { t.told, err = refer.Accept(in) })
	if err != nil {
		c.log.Warn("a REFER is not followed", "leg", l.callID, "err", err)
		return false
	}
	c.transfer = t
	c.note(cdr.Transferring, l.Who.Address())
	return true
}

// consult joins the other party of this call with that of another call of the same
// transferor: an attended transfer. d is the transferor's dialog in the other call.
func (c *Call) consult(l *leg, in *dialog.Incoming, d *dialog.Dialog) {
	other := legOf(d)
	if other == nil || other.at.Load() == c {
		l.deny(in, &rtc.Status{Code: 481, Reason: "No Such Call"})
		return
	}
	if !l.sameParty(other) {
		l.deny(in, &rtc.Status{Code: 403, Reason: "Another's Call"})
		return
	}
	second := other.at.Load()
	if c.seats[l.side] != nil {
		c.bringBy(l, in, other)
		return
	}
	if c.single() {
		l.deny(in, errAlone)
		return
	}
	if room := second.roomOf(other); room != "" {
		if c.conferBy(l, in, room) {
			other.must(func(second *Call) { second.consulted(other) })
		}
		return
	}
	if !c.accept(l, in, second, other.Who.Address()) {
		return
	}
	c.transfer.consulted = true
	if !other.must(func(second *Call) { second.surrender(other, c) }) {
		c.transferFailed(outcome.Outcome{Code: 481, Text: "the other call has ended"})
	}
}

// rang is told that the new party's phone rings.
func (c *Call) rang(code int) {
	t := c.transfer
	if t == nil {
		return
	}
	if t.told != nil {
		t.by.do(func(*dialog.Session) { t.told.Progress(code, "") })
	}
	t.rings = true
	if stays := c.other(t.by); c.seats[stays.side] == nil { // else it hears the conference until then
		c.ringback(stays)
	}
}

// ringback lets a leg hear the tone of a phone that rings.
func (c *Call) ringback(l *leg) {
	if err := c.media.Tone(l.side, c.x.cfg.Country, sound.Ringback, 0); err != nil {
		c.log.Warn("no ringback tone", "leg", l.callID, "err", err)
	}
}

// transferred puts the new party into the transferor's place.
func (c *Call) transferred(l *leg, from *media.Session) {
	t := c.transfer
	if c.over || t == nil {
		from.Close()
		l.release()
		l.bye(nil)
		return
	}
	c.whenIdle(func() { c.replace(t, l, from) })
}

func (c *Call) replace(t *transfer, l *leg, from *media.Session) {
	stays := c.other(t.by)
	c.disperse()
	by, err := c.take(t.by.side, l, from)
	if err != nil {
		c.transferFailed(outcome.Outcome{Code: 500, Text: err.Error()})
		return
	}
	c.transfer = nil
	c.media.Stop(stays.side)
	c.recordByPolicy()
	if l.Payer != "" {
		c.record.Payer = l.Payer
	}
	if l.Trunk != nil {
		c.record.Trunk = l.Trunk.Name
	}
	c.note(cdr.Transferred, l.Who.Address())
	t.finish(200)
	by.bye(nil)
	by.release()
	c.tell(Transferred)
	if t.consulted || c.media.NeedsOffer(l.side) { // who is called by us knows whom for
		c.introduce(l, stays)
	}
	c.whenIdle(func() { c.introduce(stays, l) })
}

// finish tells the transferor how it went.
func (t *transfer) finish(code int) {
	if t.told != nil {
		t.by.do(func(*dialog.Session) { t.told.Finish(code, "") })
	}
}

// transferFailed goes on with the transferor, if that is still there.
func (c *Call) transferFailed(o outcome.Outcome) {
	t := c.transfer
	if t == nil || c.over {
		return
	}
	c.transfer = nil
	t.finish(max(o.Code, 400))
	c.log.Info("transfer failed", "code", o.Code, "err", o.Text)
	c.note(cdr.TransferFailed, t.to)
	if c.seats[c.other(t.by).side] != nil { // who was to be sent on is still there
		c.tell(Changed)
		return
	}
	if t.gone {
		if !c.parkAgain(t.parked) && !c.recall(t) {
			c.end(End{By: "server", Code: 200, Text: "the transfer failed: " + o.Text, Reason: o.Reason})
		}
		return
	}
	c.media.Stop(c.other(t.by).side)
	if t.by.holding {
		c.music(c.other(t.by))
	}
}

// recall rings the transferor, who has hung up, when nobody has taken the call: who
// was sent on is not left alone. False when there is nobody to ring, or that was tried.
func (c *Call) recall(t *transfer) bool {
	user := t.by.Who.User
	if t.recalls || user == "" {
		return false
	}
	route, err := c.x.cfg.Router.Toward(user, string(user))
	var errand *Call
	if err == nil {
		errand, err = c.x.errand(c, t.by, route, nil)
	}
	if err != nil {
		c.log.Info("the transferor cannot be called back", "aor", string(user), "err", err)
		return false
	}
	c.transfer = &transfer{by: t.by, errand: errand, to: string(user), gone: true, recalls: true, parked: t.parked}
	c.note(cdr.Recalled, string(user))
	errand.box.Must(errand.run)
	return true
}

// abandon ends the errand of a call that ends.
func (c *Call) abandon() {
	if t := c.transfer; t != nil {
		c.transfer = nil
		t.finish(487)
		t.errand.box.Must(func() {
			if e := t.errand.errand; e != nil && e.home == c && !e.done {
				e.done = true
				t.errand.end(End{By: "caller", Code: 487})
			}
		})
	}
}

// dialogOf finds the dialog that a reference is to take over. Some phones name the
// tags the other way round.
func (x *Exchange) dialogOf(r refer.Replaced) *dialog.Dialog {
	d := x.ua.Table().Match([]byte(r.CallID), []byte(r.ToTag), []byte(r.FromTag))
	if d == nil {
		d = x.ua.Table().Match([]byte(r.CallID), []byte(r.FromTag), []byte(r.ToTag))
	}
	return d
}

// legOf is the leg of a dialog, nil when it is none, or has ended.
func legOf(d *dialog.Dialog) (l *leg) {
	d.Lane().Do(func() {
		if s := d.Session(); s != nil {
			l, _ = s.User.(*leg)
		}
	})
	return l
}

// sameParty reports whether two legs are of the same user, or the same trunk.
func (l *leg) sameParty(o *leg) bool {
	if l.Who.User != "" {
		return l.Who.User == o.Who.User
	}
	return l.Trunk != nil && l.Trunk == o.Trunk
}
