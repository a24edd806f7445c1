package telephony

import (
	"slices"
	"time"

	"tandem/media"
	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/outcome"
	"tandem/telephony/q850"
	"tandem/telephony/routing"
)

// open writes the record of a call that begins.
func (c *Call) open() {
	if c.x.waits(c) {
		return
	}
	err := c.x.cfg.Records.Put(c.record, func(err error) {
		c.box.Must(func() {
			if err != nil {
				c.unkept(err)
				return
			}
			c.kept = true
			c.begun(nil)
			if then := c.waiting; then != nil {
				c.waiting = nil
				then()
			}
		})
	})
	if err != nil {
		c.unkept(err)
	}
}

// unkept refuses a call that could not be recorded, unless it is for help.
func (c *Call) unkept(err error) {
	c.log.Error("call not recorded", "err", err)
	if c.route.Emergency {
		c.begun(nil)
		return
	}
	c.refuse(outcome.Outcome{Code: 503, Text: "the call cannot be recorded", Header: []byte("Retry-After: 10\r\n")})
}

// whenKept does f once the record is on disk, which it nearly always is long
// before somebody answers. A call for help does not wait for a disk.
func (c *Call) whenKept(f func()) {
	if c.kept || c.route.Emergency {
		f()
		return
	}
	c.waiting = f
}

// close writes the record of a call that has ended.
func (c *Call) close(e End) {
	r := &c.record
	r.State = cdr.Completed
	if r.Answered.IsZero() {
		r.State = cdr.Failed
		if e.Code < 300 { // somebody ended it while it rang
			e.Code = 480
		}
	}
	cause := causeOf(e)
	if e.Text == "" && (cause != q850.Normal || r.State == cdr.Failed) {
		e.Text = cause.Text()
	}
	r.Ended, r.EndedBy, r.Code, r.Text, r.Cause = time.Now(), e.By, e.Code, e.Text, int(cause)
	c.countHold(r.Ended)
	c.log.Info("call ended", "code", e.Code, "by", e.By, "dur", r.Talked(), "err", e.Text)
	lost := func(err error) {
		if err != nil {
			c.log.Error("the end of a call was not recorded", "err", err)
		}
	}
	lost(c.x.cfg.Records.Put(*r, lost))
}

// countHold adds to the record how long a side has been on hold, or in a parking
// slot, since the last change of the call.
func (c *Call) countHold(now time.Time) {
	if !c.waits.IsZero() {
		c.record.Held += now.Sub(c.waits)
		c.waits = time.Time{}
	}
	if !c.over && !c.record.Answered.IsZero() && (c.parked != nil || c.caller.holds() || c.callee.holds()) {
		c.waits = now
	}
}

// tries notes that a destination is tried.
func (c *Call) tries(l *leg) {
	c.record.Tried = append(c.record.Tried, cdr.Try{Trunk: l.TrunkName(), URI: l.Way.URI, CallID: l.callID, Began: time.Now()})
}

// tried notes the final response of a destination, in a new list: others have the one
// there was.
func (c *Call) tried(l *leg, o outcome.Outcome) {
	c.record.Tried = slices.Clone(c.record.Tried)
	for i := range c.record.Tried {
		if t := &c.record.Tried[i]; t.CallID == l.callID {
			t.Code, t.Cause, t.Text, t.Ended = o.Code, int(causeOf(End{Code: o.Code, Reason: o.Reason})), o.Text, time.Now()
		}
	}
}

// measure takes the figures of the sound into the record.
func (c *Call) measure(report media.Report) {
	if c.origin != nil && c.origin.trial != nil {
		c.origin.trial.ear.Note(report)
	}
	for _, s := range report.Streams {
		if s.Kind != "audio" {
			continue
		}
		for w, side := range s.Sides {
			in := side.Received
			h := cdr.Sound{Codec: side.Codec, Packets: in.Packets, Lost: in.Lost, Jitter: float64(in.Jitter.Microseconds()) / 1000}
			if in.MOS != nil {
				h.MOS = *in.MOS
			}
			c.record.Sides[w] = h
		}
		return
	}
}

// begun tells who had the server make the call that it has begun, or why not.
func (c *Call) begun(err error) {
	if c.origin != nil && c.origin.begun != nil {
		c.origin.begun(err)
		c.origin.begun = nil
	}
}

// note adds a step to the record's story.
func (c *Call) note(what cdr.What, who string) {
	if len(c.record.Story) < cdr.MaxStory {
		c.record.Story = append(c.record.Story, cdr.Step{At: time.Now(), What: what, Who: who})
	}
	c.log.Info("call goes on", "what", string(what), "aor", who)
}

// recordOf is the record of a call by a route, as it begins.
func recordOf(t routing.Route, id, callID string, now time.Time) cdr.Record {
	r := cdr.Record{ID: id, State: cdr.Open, From: t.Caller.User, Display: t.Caller.Name, To: t.Dialled, Number: t.Number,
		Called: t.Called, Payer: t.Payer, Kind: t.Kind, Started: now}
	r.CallIDs[0] = callID
	if t.Trunk != nil {
		r.Trunk = t.Trunk.Name
		if t.Caller.Number != "" {
			r.From = rtc.AOR("tel:" + t.Caller.Number)
		}
	}
	return r
}
