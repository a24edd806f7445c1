package telephony

import (
	"context"
	"strconv"
	"time"

	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/conference"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
	"tandem/telephony/parking"
)

// parkings is how often a party waits: after each time who parked it is called.
const parkings = 3

// Why a call is not parked.
var (
	errSlot   = &rtc.Status{Code: 486, Reason: "Slot Taken"}
	errNotNow = &rtc.Status{Code: 403, Reason: "Not Now"}
)

// Park has one of the parties of a call, "caller" or "callee", leave it; the other
// waits in a slot, 1 to 999 or 0 for any, until somebody dials *5 and the slot. It
// returns the slot; ctx bounds the wait. The error is a *rtc.Status.
func (c *Call) Park(ctx context.Context, by string, slot int) (int, error) {
	type answer struct {
		slot int
		err  error
	}
	done := make(chan answer, 1)
	if !c.box.Must(func() {
		c.whenIdle(func() {
			l := c.callee
			if by == "caller" {
				l = c.caller
			}
			if c.parked != nil {
				done <- answer{0, errNotNow}
				return
			}
			n, err := c.park(l, slot)
			if err == nil {
				l.bye(nil)
			}
			done <- answer{n, err}
		})
	}) {
		return 0, &rtc.Status{Code: 481}
	}
	select {
	case a := <-done:
		return a.slot, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// parkBy parks the other party on behalf of a leg that has sent a REFER to the code.
func (c *Call) parkBy(l *leg, in *dialog.Incoming, slot int) {
	if c.busy {
		l.deny(in, &rtc.Status{Code: 491})
		return
	}
	if slot > parking.Slots || slot != 0 && c.x.lot.At(slot) != nil {
		l.deny(in, errSlot)
		return
	}
	var told *refer.Referral
	err := dialog.ErrState
	l.do(func(*dialog.Session) { told, err = refer.Accept(in) })
	if err != nil {
		return
	}
	code, text := 200, ""
	n, err := c.park(l, slot)
	switch {
	case err != nil:
		code = 486
	case slot == 0: // which one it did not know
		text = "Waits in Slot " + strconv.Itoa(n)
	}
	l.do(func(*dialog.Session) { told.Finish(code, text) })
	if code == 200 {
		l.bye(nil)
	}
}

// park has a leg leave the call, whose other party waits, in another slot than before if
// it did.
func (c *Call) park(l *leg, slot int) (int, error) {
	stays := c.other(l)
	if c.over || l == nil || stays == nil || stays.session == nil || c.record.Answered.IsZero() || c.transfer != nil || c.paging() {
		return 0, errNotNow
	}
	n := c.x.lot.Put(slot, c)
	if n == 0 {
		return 0, errSlot
	}
	c.unpark()
	c.disperse()
	gone := c.vacate(l)
	gone.Who = l.Who
	c.waitsIn(n, gone, 1)
	return n, nil
}

// waitsIn has the party on the other side of an empty place wait in a slot, for the n-th
// time.
func (c *Call) waitsIn(slot int, empty *leg, n int) {
	p := &parked{slot: slot, empty: empty, times: n}
	p.limit = time.AfterFunc(c.x.cfg.ParkTime, func() {
		c.box.Must(func() {
			if c.parked == p && !c.over {
				c.forgotten(p)
			}
		})
	})
	c.parked = p
	c.entertain(c.other(empty))
	c.note(cdr.Parked, empty.Who.Address()+" in slot "+strconv.Itoa(slot))
	c.tell(Changed)
}

// forgotten calls who parked a call that nobody has retrieved.
func (c *Call) forgotten(p *parked) {
	c.unpark()
	c.media.Stop(c.other(p.empty).side)
	if !c.recall(&transfer{by: p.empty, parked: p}) {
		c.end(End{By: "server", Code: 200, Text: "nobody retrieved the parked call"})
	}
}

// parkAgain has a party wait on whom nobody has taken back, as often as it may. It is
// false when that was the last time.
func (c *Call) parkAgain(p *parked) bool {
	if p == nil || p.times >= parkings {
		return false
	}
	slot := c.x.lot.Put(p.slot, c)
	if slot == 0 {
		slot = c.x.lot.Put(0, c)
	}
	if slot == 0 {
		return false
	}
	c.waitsIn(slot, p.empty, p.times+1)
	return true
}

// parked is a call one party of which waits.
type parked struct {
	slot  int
	empty *leg // the place of who comes; whose it was
	times int  // that it waits
	limit *time.Timer
}

// nobody is the leg of a side where nobody is.
func (c *Call) nobody(side media.Which) *leg {
	l := &leg{c: c, side: side}
	l.at.Store(c)
	return l
}

// single reports whether there is one party only, who is asked about its own offers.
func (c *Call) single() bool {
	return c.parked != nil || c.seats != [2]*conference.Seat{} || c.route.Code.Kind != feature.None || c.transfer != nil && c.transfer.gone
}

// unpark frees the slot.
func (c *Call) unpark() {
	if c.parked != nil {
		c.parked.limit.Stop()
		c.x.lot.Free(c.parked.slot, c)
		c.parked = nil
	}
}

// entertain lets a party that waits hear music, or a tone.
func (c *Call) entertain(l *leg) {
	if c.x.cfg.Music != "" {
		c.music(l)
	} else if err := c.media.Tone(l.side, c.x.cfg.Country, sound.Waiting, 0); err != nil {
		c.log.Warn("no tone for who waits", "leg", l.callID, "err", err)
	}
}

// retrieve answers the caller and gives it to the call in a slot.
func (c *Call) retrieve(invite *sip.Message) {
	slot, _ := strconv.Atoi(c.route.Code.Arg)
	home := c.x.lot.At(slot)
	if home == nil {
		c.refuse(outcome.Outcome{Code: 404, Text: "no call is parked in slot " + c.route.Code.Arg})
		return
	}
	c.alone(invite, func() {
		c.give(c.caller, home, End{By: "retrieval", Code: 200, Text: "joined with call " + home.id}, home.retrieved)
	})
}

// retrieved joins the party that waits with a leg that another call gave.
func (c *Call) retrieved(l *leg, from *media.Session) {
	if c.over || c.parked == nil {
		from.Close()
		l.release()
		l.bye(outcome.ReasonLine(`SIP;cause=481;text="The call is not there any more"`))
		return
	}
	side := c.parked.empty.side
	c.unpark()
	before, err := c.take(side, l, from)
	if err != nil {
		c.log.Warn("a parked call is not retrieved", "leg", l.callID, "err", err)
		c.end(End{By: "server", Code: 500, Text: err.Error()})
		return
	}
	before.bye(nil)
	before.release()
	stays := c.other(l)
	c.media.Stop(stays.side)
	c.recordByPolicy()
	c.note(cdr.Retrieved, l.Who.Address())
	c.tell(Transferred)
	c.introduce(l, stays)
	c.whenIdle(func() { c.introduce(stays, l) })
}
