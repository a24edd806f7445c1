package telephony

import (
	"tandem/gateways/dialect"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// Manner is how a phone is spoken to. The zero value is that of a phone of which
// nothing is known.
type Manner struct {
	Caller  dialect.CallerID // the header that tells who calls; "" when From alone does
	Display Display
	Shape   uac.Shape // how requests to it are written
}

// Display is how a phone is told in mid-call whom it speaks with now.
type Display string

// The ways of telling.
const (
	ByOffer  Display = ""       // by a re-INVITE
	ByUpdate Display = "update" // by UPDATE without an offer, where the phone allows it
	Silently Display = "never"  // not at all
)

// manner of the phone that a leg leads to.
func (l *leg) manner(x *Exchange) Manner {
	if l.Phone == "" || x.cfg.Manner == nil {
		return Manner{}
	}
	return x.cfg.Manner(l.Phone)
}

// introduce tells a leg whom it speaks with now, with an offer of what fits, or
// without one where its phone wants that and the sound needs none. A trunk is only
// told what it must know.
func (c *Call) introduce(l, to *leg) {
	if c.over || l.session == nil || l.Trunk != nil && !c.media.NeedsOffer(l.side) {
		return
	}
	manner := l.manner(c.x)
	header := to.Who.Connected(manner.Caller)
	if l.Trunk != nil {
		header = nil
	}
	switch {
	case c.media.NeedsOffer(l.side) || manner.Display == ByOffer:
		c.renew(l, header)
	case manner.Display == ByUpdate && len(header) > 0:
		c.showBy(l, header)
	}
}

// showBy sends an UPDATE, and what a phone is told that does not allow any.
func (c *Call) showBy(l *leg, header []byte) {
	updates := false
	l.do(func(s *dialog.Session) { updates = s.Updates() })
	if !updates {
		c.renew(l, header)
		return
	}
	l.ask(func(s *dialog.Session, heard func(*sip.Message, error)) error {
		return s.Update(dialog.Content{Header: header}, heard)
	}, func(_ *sip.Message, err error) {
		if err != nil {
			c.log.Info("a phone is not told whom it speaks with", "leg", l.callID, "err", err)
		}
	})
}
