package telephony

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"tandem/rtc/dialog"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// lookEvery is how often a new connection of a phone is looked for.
const lookEvery = time.Second

// lost looks for a new connection of a phone whose own has closed. Sound may flow
// on meanwhile: a phone that changes networks registers again, and its calls go on.
// Nobody can connect to a browser, so that its tab has been closed when it does not
// come back in time; any other phone may still be reached where it said. It runs on
// the lane.
func (l *leg) lost(s *dialog.Session) {
	was, until := s.Flow(), time.Now().Add(l.at.Load().x.cfg.Reconnect)
	browser := was.Proto().Web()
	var look func()
	look = func() {
		if s.State() == dialog.Terminated || s.Flow() != was { // it has been heard by another one
			return
		}
		target := string(s.Target())
		late := !time.Now().Before(until)
		l.must(func(c *Call) {
			if flow, ok := l.newFlow(target); ok {
				c.log.Info("the call follows the phone to a new connection", "leg", l.callID, "peer", flow.Remote.String())
				s.Do(func() { s.Stick(flow) })
			} else if late && browser {
				c.deserted(l)
			}
		})
		if !late {
			s.Lane().After(lookEvery, look)
		}
	}
	s.Lane().After(lookEvery, look)
}

// newFlow is the connection by which the phone at a Contact is registered now.
func (l *leg) newFlow(contact string) (flow transport.Flow, ok bool) {
	x := l.c.x
	if x.cfg.Reach == nil || l.Who.User == "" {
		return flow, false
	}
	for _, w := range x.cfg.Reach.Ways(l.Who.User, reach.Want{Max: routing.MaxDevices}) {
		if !w.Flow.IsZero() && w.Flow.Alive() && sameAddress(w.URI, contact) {
			return w.Flow, true
		}
	}
	return flow, false
}

// sameAddress compares two Contacts of a phone, which may have different parameters.
func sameAddress(a, b string) bool {
	u, err := sip.ParseURI([]byte(a))
	v, err2 := sip.ParseURI([]byte(b))
	return err == nil && err2 == nil && bytes.Equal(u.User, v.User) && strings.EqualFold(string(u.Host), string(v.Host)) && u.Port == v.Port
}

// deserted ends what a phone took part in that is gone for good.
func (c *Call) deserted(l *leg) {
	switch {
	case c.over:
	case slices.Contains(c.ringing, l):
		l.cancel("")
		c.failed(l, outcome.Outcome{Code: 480, Text: "the phone's connection was lost"})
	case c.transfer != nil && l == c.transfer.by:
		l.bye(nil)
	case l == c.caller || l == c.callee:
		c.end(End{By: l.name(), Code: 408, Text: "the connection of the " + l.name() + " was lost", Reason: `SIP;cause=408;text="Connection lost"`})
	}
}
