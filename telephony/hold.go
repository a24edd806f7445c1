package telephony

import (
	"tandem/media/sdp"
	"tandem/rtc/dialog"
	"tandem/telephony/content"
)

// Hold is carried across as any other offer, unless there is music for who waits.
// Then it is the holder's matter alone: the other side keeps what it has agreed to
// and hears the music. Carriers that end calls over a hold see none.

// holds reports whether who wrote a description does not want to hear us: sendonly,
// inactive, or the null address of RFC 2543.
func holds(text []byte) bool {
	if !sdp.MayHold(text) {
		return false
	}
	d, err := sdp.Parse(text)
	if err != nil {
		return false
	}
	for i := range d.Media {
		if m := &d.Media[i]; m.Kind == "audio" && m.Port != 0 {
			return m.Hold()
		}
	}
	return false
}

// says notes the description that a leg has sent last.
func (l *leg) says(text []byte) { l.theirs, l.onHold = text, holds(text) }

// holds reports whether the leg has put the other one on hold.
func (l *leg) holds() bool { return l != nil && l.onHold }

// holdOrResume answers an offer that begins or ends a hold.
func (c *Call) holdOrResume(l *leg, in *dialog.Incoming, offer []byte) {
	if c.answerAlone(l, in, offer) {
		c.held(l)
		c.correct(c.other(l))
		c.tell(Changed)
	}
}

// answerAlone answers an offer of a leg without asking the other side.
func (c *Call) answerAlone(l *leg, in *dialog.Incoming, offer []byte) bool {
	err := c.media.TakeOffer(l.side, offer)
	var answer []byte
	if err == nil {
		answer, err = c.media.MakeAnswer(l.side, l.Want)
	}
	if err != nil {
		c.media.Refused(l.side)
		l.refuse(in, err)
		return false
	}
	l.says(offer)
	l.ours = answer
	l.respond(in, 200, content.Of(answer))
	return true
}

// held notes by what it has said last whether a leg holds the other one, which hears
// music meanwhile.
func (c *Call) held(l *leg) {
	now, other := l.holds(), c.other(l)
	switch {
	case now == l.holding || other == nil:
	case now:
		l.holding = true
		c.music(other)
	default:
		l.holding = false
		c.media.Stop(other.side)
		if other.holding {
			c.music(l)
		}
	}
}

// music lets a leg hear the music of those who wait.
func (c *Call) music(l *leg) {
	if l.holding { // it does not want to hear anything
		return
	}
	if _, err := c.media.Announce(l.side, c.x.cfg.Music, 0); err != nil {
		c.log.Warn("no music on hold", "leg", l.callID, "err", err)
	}
}
