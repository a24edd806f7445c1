package telephony

import (
	"time"

	"tandem/media"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// pageRing is how long a phone may take to answer a page by itself.
const pageRing = 10 * time.Second

// page answers the caller and has the phones of a group answer by themselves: they
// hear him, and he does not hear them. It ends when he hangs up.
func (c *Call) page(invite *sip.Message) {
	c.alone(invite, func() {
		room := "page " + c.id // nobody can dial it
		seat, err := c.x.rooms.Enter(room, c.media, media.A)
		if err != nil {
			c.log.Warn("no seat for a page", "err", err)
			c.end(End{By: "server", Code: 503, Text: err.Error()})
			return
		}
		c.seats[media.A] = seat
		for _, route := range c.route.Paged {
			if p := c.x.pageOne(c, route, room); p != nil {
				c.paged = append(c.paged, p)
			}
		}
		c.tell(Changed)
	})
}

// paging reports whether the call is that of who speaks in a page, or of who hears it.
func (c *Call) paging() bool {
	return c.route.Code.Kind == feature.Paging || c.origin != nil && c.origin.room != ""
}

// pageOne begins the call to one phone; nil when there are too many calls.
func (x *Exchange) pageOne(home *Call, route routing.Route, room string) *Call {
	p := x.newCall(route)
	p.origin = &origin{Options: Options{Payer: route.Payer, Ring: pageRing}, room: room, begun: func(error) {}}
	p.record = recordOf(route, p.id, "", time.Now())
	p.caller = &leg{c: p, side: media.A} // nobody yet
	p.log = x.cfg.Log.With("call", p.id, "for", home.id)
	if !x.enter(p) {
		return nil
	}
	p.box.Must(func() {
		p.tell(Started)
		p.dial()
	})
	return p
}

// listens seats the phone that has answered, which is not heard.
func (c *Call) listens(l *leg) {
	seat, err := c.x.rooms.Enter(c.origin.room, c.media, media.A)
	if err != nil {
		c.refuse(outcome.Outcome{Code: 503, Text: err.Error()})
		return
	}
	seat.Mute(true)
	c.seats[media.A] = seat
	c.note(cdr.CallerReached, l.name())
	c.record.Answered = time.Now()
	c.tell(Answered)
}
