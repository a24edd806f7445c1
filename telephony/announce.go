package telephony

import (
	"errors"
	"os"
	"path/filepath"

	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/content"
	"tandem/telephony/outcome"
	"tandem/telephony/q850"
	"tandem/telephony/rights"
	"tandem/telephony/routing"
)

// reasons are the files in Config.Announcements, by the cause of a failure. A cause
// that is not among them, or has no file, is told by "failed.wav", or not at all.
var reasons = map[q850.Cause]string{
	1: "unknown.wav", 3: "unknown.wav", 22: "unknown.wav", 28: "unknown.wav",
	17: "busy.wav", 18: "no-answer.wav", 19: "no-answer.wav", 20: "unreachable.wav", 27: "unreachable.wav",
	21: "refused.wav", 55: "not-allowed.wav", 57: "not-allowed.wav",
	34: "congestion.wav", 38: "congestion.wav", 41: "congestion.wav", 42: "congestion.wav", 47: "congestion.wav",
}

// announcement is the file that says why a call failed, "" when there is none.
func (x *Exchange) announcement(o outcome.Outcome) string {
	if x.cfg.Announcements == "" || o.Code < 400 || o.Code == 487 {
		return ""
	}
	name := reasons[causeOf(End{Code: o.Code, Reason: o.Reason})]
	for _, n := range []string{name, "failed.wav"} {
		if n == "" {
			continue
		}
		path := filepath.Join(x.cfg.Announcements, n)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// announce lets a caller hear why the call failed before he is told by the status: by
// early media, as networks do. It is false when he does not hear it, or has by now.
func (c *Call) announce(o outcome.Outcome) bool {
	user := c.caller.Who.User
	if c.farewell != nil || c.media == nil || c.callee != nil || c.origin != nil || c.errand != nil || c.caller.late || user == "" || !c.record.Answered.IsZero() {
		return false
	}
	file := c.x.announcement(o)
	if file == "" || !c.x.cfg.Router.May(user, rights.Announced) {
		return false
	}
	c.farewell = &o
	if err := c.saysEarly(file); err != nil {
		c.log.Warn("no announcement for a call that failed", "err", err)
		return false
	}
	c.cancelAll("")
	c.rounds = nil
	c.wait(0)
	return true
}

func (c *Call) saysEarly(file string) error {
	a := c.caller
	if c.media.Awaits(media.A) {
		answer, err := c.media.MakeAnswer(media.A, a.Want)
		if err != nil {
			return err
		}
		a.ours = answer
	}
	if a.ours == nil {
		return content.ErrNoDescription
	}
	early := content.Of(a.ours)
	early.Header = []byte("P-Early-Media: sendonly\r\n") // RFC 5009 §8
	if err := a.ring(183, early); err != nil {
		return err
	}
	_, err := c.media.Announce(media.A, file, 1)
	return err
}

// sayWhy makes a call of one that is refused, so that the caller hears why; where there
// is nothing to be heard it is refused at once.
func (x *Exchange) sayWhy(r *rtc.Request, route routing.Route, err error) error {
	var st *rtc.Status
	if !errors.As(err, &st) {
		return err
	}
	o := outcome.Outcome{Code: st.Code, Text: outcome.Text(st), Header: st.Header}
	if route.Caller.User == "" || x.announcement(o) == "" || !x.cfg.Router.May(route.Caller.User, rights.Announced) {
		x.turnedAway(r, route, o)
		return err
	}
	return x.receive(r, route, func(c *Call, invite *sip.Message) {
		if c.open(); c.over {
			return
		}
		lerr := c.listen()
		if lerr == nil {
			lerr = c.caller.takeOffer(invite)
		}
		if lerr != nil {
			o = outcome.Described(lerr)
		}
		c.refuse(o)
	})
}
