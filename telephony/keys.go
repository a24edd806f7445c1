package telephony

import (
	"slices"
	"time"

	"tandem/gateways/dialect"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

// keys are what a party has pressed lately.
type keys struct {
	last byte
	at   time.Time
}

// within is how long the keys of a code may take.
const within = 3 * time.Second

// pressed is told of a key that came with the sound of a side. The relay passes it on
// by itself, but for a trunk that wants INFO.
func (c *Call) pressed(side media.Which, key dtmf.Event) {
	l := c.at(side)
	if c.over || l == nil {
		return
	}
	if other := c.at(side.Other()); other != nil && other.keysByInfo() {
		c.press(other.side, key)
	}
	c.command(l, key)
}

// command does what a party wants by keys: *1 begins or ends a recording of the call.
func (c *Call) command(l *leg, key dtmf.Event) {
	before, digit := c.keys[l.side], key.Digit()
	c.keys[l.side] = keys{digit, time.Now()}
	if digit != '1' || before.last != '*' || time.Since(before.at) > within || c.record.Answered.IsZero() {
		return
	}
	if err := c.recordBy(l, c.tape == nil); err != nil {
		c.log.Info("a recording by key is refused", "leg", l.callID, "aor", string(l.Who.User), "err", err)
	}
}

// at is the leg of a side; before the answer that whose early media the caller hears, nil
// for none.
func (c *Call) at(side media.Which) *leg {
	switch {
	case side == media.A:
		return c.caller
	case c.callee != nil || c.media == nil:
		return c.callee
	}
	heard := c.media.Heard()
	if i := slices.IndexFunc(c.ringing, func(l *leg) bool { return l.branch == heard }); heard != nil && i >= 0 {
		return c.ringing[i]
	}
	return nil
}

// press lets a side have a key that did not come with sound, or is not to go with it.
func (c *Call) press(side media.Which, key dtmf.Event) {
	l := c.at(side)
	if l == nil || !l.keysByInfo() {
		if err := c.media.Press(side, key); err != nil {
			c.log.Warn("a key does not go across", "err", err)
		}
		return
	}
	const kind = "application/dtmf-relay"
	body, err := dtmf.WriteBody(kind, key)
	if err != nil {
		c.log.Warn("a key does not go across", "leg", l.callID, "err", err)
		return
	}
	l.send("INFO", dialog.Content{Type: kind, Body: body}, func(m *sip.Message, err error) {
		if err != nil || m.StatusCode() >= 300 {
			c.log.Warn("a key was not taken", "leg", l.callID, "err", err)
		}
	})
}

// keysByInfo reports whether the leg's trunk reads keys in INFO alone.
func (l *leg) keysByInfo() bool { return l.Trunk != nil && l.Trunk.Speaks().Keys == dialect.KeysInfo }
