package telephony

import (
	"context"

	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
)

// meet answers the caller and seats him in a conference.
func (c *Call) meet(invite *sip.Message) {
	c.alone(invite, func() {
		seat, err := c.x.rooms.Enter(c.route.Code.Arg, c.media, media.A)
		if err != nil {
			c.log.Warn("no seat in a conference", "err", err)
			c.end(End{By: "server", Code: 503, Text: err.Error()})
			return
		}
		c.seat = seat
		c.note(cdr.Joined, "conference "+seat.Room())
		c.tell(Changed)
	})
}

// Mute leaves what the caller says out of the conference he is in, or has him heard
// again. ctx bounds the wait. The error is a *rtc.Status: he is in none.
func (c *Call) Mute(ctx context.Context, on bool) error {
	return c.ask(ctx, func() error {
		if c.seat == nil {
			return &rtc.Status{Code: 404, Reason: "Not in a Conference"}
		}
		c.seat.Mute(on)
		what := cdr.Unmuted
		if on {
			what = cdr.Muted
		}
		c.note(what, "conference "+c.seat.Room())
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
