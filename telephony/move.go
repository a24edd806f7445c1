package telephony

import (
	"tandem/media"
	"tandem/rtc/dialog"
	"tandem/telephony/owner"
)

// Legs move between calls: transfer, pickup, park and retrieval are all one call
// that gives a leg away and another one that takes it. The leg keeps its dialog,
// and its ports and o= line (media.Session.Adopt); what it says later is told to
// the call that it is in then.
//
//	c.box.must(func() {                       // by the owner of the call it is in
//		c.give(l, to, End{…}, func(l *leg, from *media.Session) {
//			to.take(media.B, l, from)         // by the owner of the other call
//		})
//	})

// post has the owner of the call that the leg is in do f, as inbox.post does.
func (l *leg) post(f func(c *Call)) bool { return l.put(f, (*owner.Inbox).Post) }

// must is post for what the call cannot do without.
func (l *leg) must(f func(c *Call)) bool { return l.put(f, (*owner.Inbox).Must) }

// put finds the leg's call again when the leg has moved before its owner came to
// the event.
func (l *leg) put(f func(c *Call), into func(*owner.Inbox, func()) bool) bool {
	for {
		c := l.at.Load()
		if into(&c.box, func() {
			if l.at.Load() != c {
				l.must(f)
				return
			}
			f(c)
		}) {
			return true
		}
		if l.at.Load() == c {
			return false
		}
	}
}

// give gives a leg that is up to another call and ends this one, the leg's other
// side with it. then is done by the other call's owner, who takes the leg; when
// that call has ended meanwhile, so does the leg. It runs on the owner, and not
// while an offer is being carried across (see whenIdle).
func (c *Call) give(l *leg, to *Call, e End, then func(l *leg, from *media.Session)) {
	from := c.media
	c.measure(from.Report())
	c.media = nil
	gone := &leg{c: c, side: l.side}
	if l == c.caller {
		c.caller = gone
	} else {
		c.callee = gone
	}
	l.c = to
	l.at.Store(to)
	if !to.box.Must(func() { then(l, from) }) {
		l.drop()
		l.bye(nil)
		from.Close()
	}
	c.end(e)
}

// take puts a leg that another call gave into the place of a side, which is left
// to the caller to end, and closes the media session it comes from. Both sides are
// then told what has changed for them.
func (c *Call) take(side media.Which, l *leg, from *media.Session) (before *leg, err error) {
	defer from.Close()
	if c.over {
		err = dialog.ErrState
	} else {
		err = c.media.Adopt(side, from, l.side)
	}
	if err != nil {
		l.release()
		l.bye(nil)
		return nil, err
	}
	l.side = side
	if side == media.A {
		before, c.caller = c.caller, l
	} else {
		before, c.callee = c.callee, l
	}
	c.record.CallIDs[side] = l.callID
	return before, nil
}

// vacate has a leg leave the call, with nobody in its place. Whom it has put on hold, as
// phones do before they send somebody on, is offered sound again: there is nobody left
// who would take him back.
func (c *Call) vacate(l *leg) (empty *leg) {
	empty = c.nobody(l.side)
	if l == c.caller {
		c.caller = empty
	} else {
		c.callee = empty
	}
	l.release()
	if !l.onHold || l.holding { // with music he has not noticed
		return empty
	}
	if err := c.media.Vacate(l.side); err != nil {
		c.log.Warn("a place in a call is not free", "leg", l.callID, "err", err)
		return empty
	}
	stays := c.other(empty)
	c.whenIdle(func() { c.renew(stays, nil) })
	c.whenIdle(func() { c.resume(stays) })
	return empty
}

// whenIdle does f when no offer is being carried across.
func (c *Call) whenIdle(f func()) {
	if c.busy {
		c.later = append(c.later, f)
		return
	}
	f()
}

// idle says that an offer has been carried across, and goes on with what waited.
func (c *Call) idle() {
	c.busy = false
	for len(c.later) > 0 && !c.busy && !c.over {
		f := c.later[0]
		c.later = c.later[1:]
		f()
	}
}
