// Package negotiation decides what each side of a call is offered and answered: the
// codecs, the direction, and how each m-line is to be carried. It keeps what a side has
// said and agreed to (RFC 3264), and has no ports: whoever has them says what they are
// (Carry).
package negotiation

import (
	"errors"
	"fmt"
	"net/netip"

	"tandem/media/route"
	"tandem/media/sdp"
)

// Side is what one side of a call has offered and agreed to. Nothing that looks at
// both sides changes the other. Not safe for use by two goroutines.
type Side struct {
	Near netip.Addr // where its signalling comes from; invalid when not known

	agent   *sdp.Agent
	want    Want             // as last asked
	pending *sdp.Description // their offer, not answered yet
	agreed  []sdp.Agreed     // by m-line; nil before any answer
	asked   bool             // agreed is our answer to an offer of theirs
}

// Begin makes ready for an exchange. own is the address that o= shows; want is how
// what is written next is to be.
func (d *Side) Begin(own netip.Addr, want Want) {
	if d.agent == nil {
		d.agent = sdp.NewAgent(own)
	}
	d.want = want
}

// Begun says whether anything was offered to the side or by it.
func (d *Side) Begun() bool { return d.agent != nil }

// Want is as last asked.
func (d *Side) Want() Want { return d.want }

// Awaits says whether an offer of the side is not answered yet.
func (d *Side) Awaits() bool { return d.pending != nil }

// Agreed is what was agreed to, by m-line; nil before any answer.
func (d *Side) Agreed() []sdp.Agreed { return d.agreed }

// Told says whether m-line i of what the side was told last is on.
func (d *Side) Told(i int) bool {
	told := d.agent.Local().Media
	return i < len(told) && told[i].Port != 0
}

// Unprotected is the error an offer deserves that takes protection away, nil when the
// side's last answer was wanted plain.
func (d *Side) Unprotected() error {
	if d.want.plain() {
		return nil
	}
	return d.agent.Unprotected()
}

// known is what a side said last, offered or agreed: nil before anything.
func (d *Side) known() *sdp.Description {
	if d.pending != nil {
		return d.pending
	}
	if d.agent == nil {
		return nil
	}
	return d.agent.Remote()
}

// TakeOffer takes an offer of the side, after Begin. another says that it is of
// another party than before.
func (d *Side) TakeOffer(desc *sdp.Description) (another bool, err error) {
	before := d.agent.Remote()
	if err := d.agent.TakeOffer(desc); err != nil {
		return false, err
	}
	goodKeys(desc)
	d.choose(desc)
	d.pending = desc
	return before != nil && !before.Origin.Same(desc.Origin), nil
}

// Offer writes an offer to the side, after Begin, in the words of what the far side
// said last. It returns the lines it wrote, too.
func (d *Side) Offer(far *Side, standing func(i int) Standing, carry Carry) ([]byte, []sdp.Line, error) {
	if d.pending == nil {
		d.agent.Rollback() // what was offered before is not
	}
	base := far.known()
	media := d.mirror(base)
	lines := make([]sdp.Line, 0, len(media))
	for i := range media {
		m := &media[i]
		line, err := d.line(i, m, d.offering(m, standing(i)), true, carry)
		if err != nil {
			return nil, nil, err
		}
		if m.Port == 0 && !m.BundleOnly() || line.Aside && base == nil {
			line.Port = 0
		} else if line.Kind == "audio" && !line.Aside {
			line.Codecs = offerCodecs(keeping(d.want, d.spoken(i), m.Codecs), m.Codecs, base == nil)
		}
		if base != nil && line.Port != 0 && !line.Aside {
			passOn(&line, m)
		}
		lines = append(lines, line)
	}
	d.agent.Pass(session(base))
	for n := len(lines) - 1; n >= max(len(d.agreed), 1) && lines[n].Port == 0; n-- {
		lines = lines[:n] // of no use to who never knew it
	}
	if _, err := d.agent.Offer(lines); err != nil {
		return nil, nil, fmt.Errorf("writing the offer: %w", err)
	}
	return d.agent.Text(), lines, nil
}

// mirror is what to offer the side: what the far one said; of a side that stands alone
// what it said itself, or sound.
func (d *Side) mirror(far *sdp.Description) []sdp.Media {
	if far != nil {
		return far.Media
	}
	if own := d.agent.Remote(); own != nil {
		return own.Media
	}
	return []sdp.Media{{Kind: "audio", Port: 1, Proto: "RTP/AVP", Direction: sdp.SendRecv}}
}

// spoken are the codecs a side agreed to for an m-line.
func (d *Side) spoken(i int) []sdp.Codec {
	if i >= len(d.agreed) || !d.agreed[i].Enabled || d.agreed[i].Kind != "audio" {
		return nil
	}
	return route.Plain(d.agreed[i].Codecs)
}

// TakeAnswer takes the answer to the offer last written. another says that it is of
// another party than before, as another branch of a fork.
func (d *Side) TakeAnswer(desc *sdp.Description) (another bool, err error) {
	if d.agent == nil {
		return false, &sdp.Error{Reason: "an answer came from a side that was offered nothing", Status: 400}
	}
	goodKeys(desc)
	before := d.agent.Remote()
	agreed, err := d.agent.TakeAnswer(desc)
	if err != nil {
		return false, err
	}
	d.agreed, d.asked = d.located(agreed), false
	return before != nil && !before.Origin.Same(desc.Origin), nil
}

// Answer writes the answer to the offer last taken, after Begin, in what the far side
// agreed to; alone when that has agreed to nothing.
func (d *Side) Answer(far *Side, carry Carry) ([]byte, error) {
	lines := make([]sdp.Line, 0, len(d.pending.Media))
	for i := range d.pending.Media {
		theirs := &d.pending.Media[i]
		var other *sdp.Agreed
		if i < len(far.agreed) {
			other = &far.agreed[i]
		}
		line, err := d.answerLine(i, theirs, other, far.agreed != nil, carry)
		if err != nil {
			return nil, err
		}
		if other != nil && line.Port != 0 && !line.Aside {
			passOn(&line, other.Media)
		}
		lines = append(lines, line)
	}
	d.agent.Pass(session(far.known()))
	_, agreed, err := d.agent.Answer(lines)
	if err != nil {
		return nil, err
	}
	d.pending, d.agreed, d.asked = nil, d.located(agreed), true
	return d.agent.Text(), nil
}

// Reopen takes the offer answered last as not answered, so that it can be answered
// again (RFC 3261 §13.2.2.4); Refused takes that back.
func (d *Side) Reopen() error {
	if d.agent == nil || d.pending != nil {
		return errors.New("its offer was not answered yet")
	}
	if err := d.agent.Reopen(); err != nil {
		return err
	}
	d.pending = d.agent.Remote()
	return nil
}

// Refused forgets the exchange under way: its offer was refused, or ours was. What was
// agreed before stays (RFC 3264 §8).
func (d *Side) Refused() {
	if d.agent != nil {
		d.agent.Rollback()
	}
	d.pending = nil
}

// located puts the host signalling came from in the place of a name in c=. To
// ask DNS would make a call wait, and those few devices that write a name write
// their own.
func (d *Side) located(agreed []sdp.Agreed) []sdp.Agreed {
	for i := range agreed {
		a := &agreed[i]
		if a.RemoteHost == "" || a.Remote.IsValid() || !d.Near.IsValid() || !a.Enabled {
			continue
		}
		a.Remote = netip.AddrPortFrom(d.Near, uint16(a.Media.Port))
		a.RemoteRTCP = netip.AddrPortFrom(d.Near, uint16(a.Media.RTCPPort))
	}
	return agreed
}
