package telephony

import (
	"context"
	"time"

	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/trial"
)

// TrialOptions say how a trunk is tried.
type TrialOptions struct {
	Payer rtc.AOR       // the user whose rights and limits count; "" is the default policy
	Ring  time.Duration // how long it may ring, 0 = 30 s
	Talk  time.Duration // how long both sides are heard once it is answered, 0 = 5 s
}

// Trial is what came of a call by which a trunk was tried.
type Trial struct {
	Record cdr.Record
	trial.Result
}

// tryout is what a call has in addition that tries a trunk.
type tryout struct {
	talk time.Duration
	ear  trial.Ear
}

// Try calls a number by one trunk, whatever its prefixes, priority and health, plays a
// tone and listens. It uses the rights and the limits of a payer like any call, and is
// in the records. It returns when the call has ended; ctx ends it. The error is a
// *rtc.Status when the call may not be made; a call that is not answered is none.
func (x *Exchange) Try(ctx context.Context, trunk, number string, o TrialOptions) (Trial, error) {
	if o.Ring <= 0 {
		o.Ring = 30 * time.Second
	}
	if o.Talk <= 0 {
		o.Talk = 5 * time.Second
	}
	route, err := x.cfg.Router.By(o.Payer, trunk, number)
	if err != nil {
		return Trial{}, err
	}
	ended := make(chan *cdr.Record, 1)
	c := x.newCall(route)
	t := &tryout{talk: min(o.Talk, trial.Longest)}
	c.origin = &origin{trial: t, Options: Options{Payer: o.Payer, Ring: o.Ring, Watch: func(e Event) {
		if e.Kind == Ended {
			ended <- e.Record
		}
	}}}
	c.record = recordOf(route, c.id, "", time.Now())
	c.record.From, c.record.Payer, c.record.Trunk = route.Caller.User, o.Payer, trunk
	if _, err := x.launch(ctx, c); err != nil && len(c.Record().Tried) == 0 {
		return Trial{}, err
	}
	select {
	case r := <-ended:
		return t.result(r), nil
	case <-ctx.Done():
		c.Hangup("server")
		return t.result(<-ended), nil
	}
}

// begin begins to play and to listen to the party who has answered.
func (t *tryout) begin(c *Call) {
	err := c.media.Play(media.A, trial.Tone)
	if err == nil {
		_, err = c.media.Listen(media.A, sound.Rate, t.ear.Hear)
	}
	if err != nil {
		c.log.Error("a trunk cannot be tried", "trunk", c.caller.TrunkName(), "err", err)
		c.end(End{By: "server", Code: 500, Text: "no sound goes to the trunk: " + err.Error()})
		return
	}
	c.limit = time.AfterFunc(t.talk, func() {
		c.box.Must(func() { c.end(End{By: "server", Code: 200, Text: "the trial is over"}) })
	})
}

func (t *tryout) result(r *cdr.Record) Trial { return Trial{*r, t.ear.Result()} }
