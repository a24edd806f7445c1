package telephony

import (
	"context"
	"fmt"
	"time"

	"tandem/telephony/routing"
)

// Play calls one party and plays WAV files to it, one after the other; then the call
// ends. It is Connect without B: what is said there holds here, and the record is
// that of a call to the party. A call whose files were all played to the end has
// status 200 and the text "everything was played".
func (x *Exchange) Play(ctx context.Context, to string, files []string, o Options) (*Call, error) {
	route, err := x.cfg.Router.Toward(o.Payer, to)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", to, err)
	}
	if err := route.Through(o.Trunk); err != nil {
		return nil, err
	}
	route.Caller = o.ShowA.party(routing.Route{Called: o.Payer}, x.cfg.Domain)
	c := x.newCall(route)
	c.origin = &origin{Options: o, play: &files}
	c.record = recordOf(route, c.id, "", time.Now())
	c.record.From, c.record.Payer = o.Payer, o.Payer
	return x.launch(ctx, c)
}

// hears begins to play to the party who has answered first, or to try its trunk.
func (c *Call) hears() {
	c.record.Answered = time.Now()
	c.tell(Answered)
	if c.origin.trial != nil {
		c.origin.trial.begin(c)
		return
	}
	c.playNext()
}

// playNext plays the next file, or ends the call when all were played.
func (c *Call) playNext() {
	left := *c.origin.play
	if len(left) == 0 {
		c.end(End{By: "server", Code: 200, Text: "everything was played"})
		return
	}
	*c.origin.play = left[1:]
	if _, err := c.media.Announce(c.origin.to, left[0], 1); err != nil {
		c.log.Error("sound not played", "err", err)
		c.end(End{By: "server", Code: 500, Text: "the sound cannot be played"})
	}
}
