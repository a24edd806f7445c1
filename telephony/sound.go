package telephony

import (
	"net/netip"
	"strings"

	"tandem/media"
	"tandem/rtc/sip"
	"tandem/telephony/content"
	"tandem/telephony/outcome"
)

// takeOffer takes the description in the caller's INVITE. Without one the call
// begins with an offer of ours in the 200 (RFC 3261 §13.2.1).
func (l *leg) takeOffer(m *sip.Message) error {
	body := content.Description(m)
	l.Want.Tones = l.tones(nil)
	l.c.media.Near(l.side, m.Source.Addr())
	if body == nil {
		l.late = true
		return nil
	}
	l.says(body)
	return l.c.media.TakeOffer(l.side, body)
}

// offer opens the sound of a leg of ours and writes the offer to it, after what
// the caller offered.
func (l *leg) offer() (text []byte, err error) {
	if l.branch, err = l.c.media.Branch(l.callID); err != nil {
		return nil, err
	}
	if near := l.near(); near.IsValid() {
		l.branch.Near(near)
	}
	l.Want.Tones = l.tones(l.c.caller)
	l.ours, err = l.branch.MakeOffer(l.Want)
	return l.ours, err
}

// tones says where keys of a leg that knows no events are listened for, when it speaks
// with another one, nil while that is not known.
func (l *leg) tones(other *leg) media.Tones {
	switch {
	case l.keysByInfo():
		return media.TonesIgnored
	case other != nil && other.keysByInfo(), l.c.x.cfg.Recordings != "" && l.mayRecord():
		return media.TonesHeard
	}
	return media.TonesConverted
}

// near is where the leg's signalling goes, as far as that is known without asking
// a name server.
func (l *leg) near() netip.Addr {
	if from := l.Way.Flow.Remote; from.IsValid() {
		return from.Addr()
	}
	uri, err := sip.ParseURI([]byte(l.Way.URI))
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(strings.Trim(string(uri.Host), "[]"))
	return addr
}

// hear takes what a leg of ours has said, see content.Copy, and has the caller hear it. The text
// is the answer to the caller's offer, nil when the caller has one already.
func (l *leg) hear(body []byte) (toCaller []byte, err error) {
	if len(body) == 0 {
		if l.theirs == nil {
			return nil, content.ErrNoDescription
		}
		return nil, nil // it came with a provisional response and still holds
	}
	a := l.c.caller
	a.Want.Tones = a.tones(l)
	if toCaller, err = l.branch.Answer(body, a.Want); err != nil {
		return nil, err
	}
	l.c.hush()
	l.says(body)
	if toCaller != nil {
		a.ours = toCaller
	}
	return toCaller, nil
}

// ringAlone lets the caller hear ringback when its phone does not make the tone
// itself: it has heard early media before, of a phone that does not ring any more
// (RFC 3960 §3.2).
func (c *Call) ringAlone() {
	if c.toned || c.origin != nil || c.caller.ours == nil || c.media.Heard() != nil {
		return
	}
	c.toned = true
	c.ringback(c.caller)
}

// hush ends that tone.
func (c *Call) hush() {
	if c.toned {
		c.toned = false
		c.media.Stop(media.A)
	}
}

// choose takes the answer of the leg that was answered for good, and returns
// the description for the caller's 200.
func (l *leg) choose(body []byte) (toCaller []byte, err error) {
	c := l.c
	if _, err := l.hear(body); err != nil {
		return nil, err
	}
	if err := l.branch.Choose(); err != nil {
		return nil, err
	}
	c.hush()
	a := c.caller
	if a.late {
		a.ours, err = c.media.MakeOffer(media.A, a.Want)
	}
	return a.ours, err
}

// drop frees what a leg of ours that was not answered has taken.
func (l *leg) drop() {
	l.release()
	if l.branch != nil {
		l.branch.Drop()
	}
}

// wider are the codecs that are offered in addition, and converted, to a phone that
// takes none of those the other side has.
var wider = []string{"opus", "G722", "PCMU", "PCMA"}

// ringWider calls a phone again that has refused what it was offered, with all that can
// be converted. It is not done at once: most phones have a codec of the caller's, and
// some would choose another one.
func (c *Call) ringWider(l *leg, o outcome.Outcome) bool {
	if o.Code != 488 && o.Code != 606 || l.Trunk != nil || len(l.Want.Add) > 0 || c.farewell != nil || !c.media.Converts(media.A) {
		return false
	}
	d := l.Destination
	d.Want.Add = wider
	if c.ring(d, l.onward).Code != 0 {
		return false
	}
	c.tell(Changed)
	return true
}
