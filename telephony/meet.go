package telephony

import (
	"context"

	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/feature"
)

// meet answers the caller and seats him in a conference.
func (c *Call) meet(invite *sip.Message) {
	c.caller.do(func(s *dialog.Session) { s.Focus(feature.Room(c.route.Code.Arg)) })
	c.alone(invite, func() {
		seat, err := c.x.rooms.Enter(c.route.Code.Arg, c.media, media.A)
		if err != nil {
			c.log.Warn("no seat in a conference", "err", err)
			c.end(End{By: "server", Code: 503, Text: err.Error()})
			return
		}
		c.seats[media.A] = seat
		c.note(cdr.Joined, "conference "+seat.Room())
		c.recordByPolicy()
		c.tell(Changed)
	})
}

// Confer takes both parties of a call into a conference, whose number is room, where
// others can join them. Each may leave by itself then. ctx bounds the wait. The error is
// a *rtc.Status.
func (c *Call) Confer(ctx context.Context, room string) error {
	return c.ask(ctx, func() error {
		if err := c.conferable(room); err != nil {
			return err
		}
		for _, l := range []*leg{c.caller, c.callee} {
			if err := c.sit(l, room); err != nil {
				return err
			}
		}
		c.tell(Changed)
		return nil
	})
}

func (c *Call) conferable(room string) error {
	code, ok := feature.Read(feature.Room(room))
	switch {
	case !ok || code.Kind != feature.Conference || code.Arg != room:
		return &rtc.Status{Code: 404, Reason: "No Conference Number"}
	case c.record.Answered.IsZero() || c.single() || c.transfer != nil || c.busy || c.callee == nil:
		return errNotNow
	}
	return nil
}

// sit seats a leg of a call in a conference.
func (c *Call) sit(l *leg, room string) error {
	seat, err := c.x.rooms.Enter(room, c.media, l.side)
	if err != nil {
		c.log.Warn("no seat in a conference", "leg", l.callID, "err", err)
		return &rtc.Status{Code: 503, Reason: "No Seat", Err: err}
	}
	if old := c.seats[l.side]; old != nil { // it goes from one conference to another
		old.Leave()
		c.note(cdr.Left, l.Who.Address())
		if err := seat.Hear(); err != nil {
			c.log.Warn("a conference is not heard", "leg", l.callID, "err", err)
		}
	}
	c.seats[l.side] = seat
	l.do(func(s *dialog.Session) { s.Focus(feature.Room(room)) })
	c.note(cdr.Joined, l.Who.Address()+" conference "+room)
	return nil
}

// conferBy takes the other party of a leg into a conference, on behalf of that leg,
// which has sent a REFER to the conference's code (RFC 4579 §5.6), and leaves the call. It
// reports whether that was done.
func (c *Call) conferBy(l *leg, in *dialog.Incoming, room string) bool {
	stays := c.other(l)
	err := c.conferable(room)
	var told *refer.Referral
	if err == nil {
		err = dialog.ErrState
		l.do(func(*dialog.Session) { told, err = refer.Accept(in) })
	}
	if err != nil {
		l.deny(in, err)
		return false
	}
	code := 200
	if err := c.sit(stays, room); err != nil {
		code = 503
	}
	l.do(func(*dialog.Session) { told.Finish(code, "") })
	if code == 200 {
		c.leaves(l)
	}
	return code == 200
}

// bringBy takes the other party of another call of a leg's into the conference that the
// leg is in, on behalf of the leg, which has sent a REFER there that replaces its part in
// the other call, and leaves both calls. It is conferBy with the calls exchanged.
func (c *Call) bringBy(l *leg, in *dialog.Incoming, other *leg) {
	room := c.seats[l.side].Room()
	var told *refer.Referral
	err := dialog.ErrState
	l.do(func(*dialog.Session) { told, err = refer.Accept(in) })
	if err != nil {
		l.deny(in, err)
		return
	}
	brought := func(code int) {
		l.must(func(c *Call) {
			l.do(func(*dialog.Session) { told.Finish(code, "") })
			if code == 200 {
				c.consulted(l)
			}
		})
	}
	if !other.must(func(second *Call) {
		if err := second.conferable(room); err != nil || second.sit(second.other(other), room) != nil {
			brought(503)
			return
		}
		brought(200)
		second.leaves(other)
	}) {
		brought(481)
	}
}

// consulted ends the part of a leg that has dialled a conference to send another party
// there, which is seated.
func (c *Call) consulted(l *leg) {
	switch {
	case c.over:
	case c.seats[l.side] != nil && c.seats[l.side.Other()] != nil:
		c.leaves(l)
	default:
		c.end(End{By: "transfer", Code: 200, Text: "sent another party to the conference"})
	}
}

// leaves takes a party out of a call whose other party is in a conference, and goes on
// there.
func (c *Call) leaves(l *leg) {
	if s := c.seats[l.side]; s != nil {
		s.Leave()
		c.seats[l.side] = nil
	}
	c.note(cdr.Left, l.Who.Address())
	empty := c.vacate(l)
	switch t := c.transfer; {
	case t == nil:
	case t.by == l:
		t.by, t.gone, t.recalls = empty, true, true
	default: // it was to be sent on
		c.abandon()
	}
	l.bye(nil)
	c.tell(Changed)
}

// Kick has a party, "caller" or "callee", leave the call: both go when it is one of two.
// ctx bounds the wait. The error is a *rtc.Status.
func (c *Call) Kick(ctx context.Context, party, who string) error {
	return c.ask(ctx, func() error {
		l := c.partyOf(party)
		if l == nil || l.session == nil {
			return &rtc.Status{Code: 404, Reason: "No Such Party"}
		}
		if c.seats[media.A] != nil && c.seats[media.B] != nil {
			c.leaves(l)
			return nil
		}
		c.end(End{By: who, Code: 200, Text: "hung up by " + who, Reason: cleared})
		return nil
	})
}

// partyOf is a leg by its name, "caller" or "callee".
func (c *Call) partyOf(name string) *leg {
	if name == "caller" {
		return c.caller
	}
	return c.callee
}

// Mute leaves what a party, "caller" or "callee", says out of the conference it is in, or
// has it heard again. ctx bounds the wait. The error is a *rtc.Status: it is in none.
func (c *Call) Mute(ctx context.Context, party string, on bool) error {
	return c.ask(ctx, func() error {
		l := c.partyOf(party)
		if l == nil || c.seats[l.side] == nil {
			return &rtc.Status{Code: 404, Reason: "Not in a Conference"}
		}
		seat := c.seats[l.side]
		seat.Mute(on)
		what := cdr.Unmuted
		if on {
			what = cdr.Muted
		}
		c.note(what, "conference "+seat.Room())
		c.tell(Changed)
		return nil
	})
}

// ask has the owner do f, and waits for it.
func (c *Call) ask(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	if !c.box.Must(func() {
		if c.over {
			done <- &rtc.Status{Code: 481}
			return
		}
		done <- f()
	}) {
		return &rtc.Status{Code: 481}
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
