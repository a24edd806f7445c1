// Package negotiation decides what each side of a call is offered and answered: the
// codecs, the direction, and how each m-line is carried. It keeps what a side has said
// and agreed to (RFC 3264). It has no ports: its caller provides them (Carry).
package negotiation

import (
	"errors"
	"fmt"
	"net/netip"

	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// Side is what one side of a call has offered and agreed to. Methods that read another
// side do not change it. It is not safe for concurrent use.
type Side struct {
	Near netip.Addr // source of its signalling; invalid when unknown

	agent   *exchange.Agent
	want    Want              // as last requested
	pending *sdp.Description  // its offer, not answered yet
	agreed  []exchange.Agreed // by m-line; nil before the first answer
	asked   bool              // agreed is our answer to an offer of the side
}

// Begin prepares an exchange. own is the address for o=; want says how the next
// description is written.
func (d *Side) Begin(own netip.Addr, want Want) {
	if d.agent == nil {
		d.agent = exchange.NewAgent(own)
	}
	d.want = want
}

// Begun reports whether anything was offered to the side or by it.
func (d *Side) Begun() bool { return d.agent != nil }

// Want returns the last want.
func (d *Side) Want() Want { return d.want }

// Awaits reports whether an offer of the side is unanswered.
func (d *Side) Awaits() bool { return d.pending != nil }

// Agreed returns what was agreed, by m-line; nil before the first answer.
func (d *Side) Agreed() []exchange.Agreed { return d.agreed }

// Told reports whether m-line i was on in the last description sent to the side.
func (d *Side) Told(i int) bool {
	told := d.agent.Local().Media
	return i < len(told) && told[i].Port != 0
}

// Unprotected returns the error for an offer that takes protection away, or nil when
// the side's last answer was wanted plain.
func (d *Side) Unprotected() error {
	if d.want.plain() {
		return nil
	}
	return d.agent.Unprotected()
}

// known returns the last description of a side, offered or agreed; nil when there is
// none.
func (d *Side) known() *sdp.Description {
	if d.pending != nil {
		return d.pending
	}
	if d.agent == nil {
		return nil
	}
	return d.agent.Remote()
}

// TakeOffer takes an offer of the side, after Begin. another reports that it comes from
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

// Offer writes an offer to the side, after Begin, based on the last description of the
// far side. It also returns the lines that it wrote.
func (d *Side) Offer(far *Side, standing func(i int) Standing, carry Carry) ([]byte, []exchange.Line, error) {
	if d.pending == nil {
		d.agent.Rollback() // the last offer is void
	}
	base := far.known()
	media := d.mirror(base)
	lines := make([]exchange.Line, 0, len(media))
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
		if base == nil { // nobody is there who would have it otherwise
			line.Direction = sdp.SendRecv
		}
		lines = append(lines, line)
	}
	d.agent.Pass(session(base))
	for n := len(lines) - 1; n >= max(len(d.agreed), 1) && lines[n].Port == 0; n-- {
		lines = lines[:n] // a line that the side never knew need not be shown
	}
	if _, err := d.agent.Offer(lines); err != nil {
		return nil, nil, fmt.Errorf("writing the offer: %w", err)
	}
	return d.agent.Text(), lines, nil
}

// mirror returns what to offer to the side: what the far side said; without a far side
// what this side said itself, or else audio.
func (d *Side) mirror(far *sdp.Description) []sdp.Media {
	if far != nil {
		return far.Media
	}
	if own := d.agent.Remote(); own != nil {
		return own.Media
	}
	return []sdp.Media{{Kind: "audio", Port: 1, Proto: "RTP/AVP", Direction: sdp.SendRecv}}
}

// spoken returns the codecs that a side agreed to for an m-line.
func (d *Side) spoken(i int) []sdp.Codec {
	if i >= len(d.agreed) || !d.agreed[i].Enabled || d.agreed[i].Kind != "audio" {
		return nil
	}
	return route.Plain(d.agreed[i].Codecs)
}

// TakeAnswer takes the answer to the last offer. another reports that it comes from
// another party than before, such as another branch of a fork.
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

// Answer writes the answer to the last offer, after Begin, with what the far side
// agreed to, or without regard to the far side if it has agreed to nothing.
func (d *Side) Answer(far *Side, carry Carry) ([]byte, error) {
	lines := make([]exchange.Line, 0, len(d.pending.Media))
	for i := range d.pending.Media {
		theirs := &d.pending.Media[i]
		var other *exchange.Agreed
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

// Reopen marks the last answered offer as unanswered, so that it can be answered again
// (RFC 3261 §13.2.2.4); Refused undoes that.
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

// Refused ends the current exchange: the side's offer was refused, or ours was. What
// was agreed before stays (RFC 3264 §8).
func (d *Side) Refused() {
	if d.agent != nil {
		d.agent.Rollback()
	}
	d.pending = nil
}

// located replaces a host name in c= by the source of the signalling. Asking DNS would
// delay the call, and the few devices that write a name write their own.
func (d *Side) located(agreed []exchange.Agreed) []exchange.Agreed {
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
