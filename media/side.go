package media

import (
	"fmt"
	"net/netip"
	"time"

	"tandem/media/route"
	"tandem/media/sdp"
)

// Side is one end of a session as the call layer sees it. Guarded by
// Session.ctl.
type Side struct {
	session *Session
	which   Which
	agent   *sdp.Agent
	want    Want             // as last asked
	near    netip.Addr       // where its signalling comes from
	iface   string           // where its ports are, or are to be
	pending *sdp.Description // their offer, not answered yet
	agreed  []sdp.Agreed     // by m-line; nil before any answer
	asked   bool             // agreed is our answer to an offer of theirs
}

// other is the side this one talks to; that of a branch is its session's.
func (d *Side) other() *Side {
	s := d.session
	if s.root != nil {
		s = s.root
	}
	return s.sides[d.which.Other()]
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

func (d *Side) begin(want Want) error {
	in, err := d.session.server.c.network(want.Interface, d.near)
	if err != nil {
		return err
	}
	if d.agent == nil {
		d.agent = sdp.NewAgent(in.Advertise)
	}
	d.want, d.iface = want, in.Name
	d.session.mu.Lock()
	d.session.signalled = time.Now()
	d.session.mu.Unlock()
	return nil
}

func (d *Side) takeOffer(desc *sdp.Description) error {
	if err := d.begin(d.want); err != nil {
		return err
	}
	before := d.agent.Remote()
	if err := d.agent.TakeOffer(desc); err != nil {
		return err
	}
	goodKeys(desc)
	d.choose(desc)
	if before != nil && !before.Origin.Same(desc.Origin) {
		d.freshKeys()
	}
	d.pending = desc
	return nil
}

func (d *Side) makeOffer(want Want) ([]byte, error) {
	if err := d.begin(want); err != nil {
		return nil, err
	}
	if d.pending == nil {
		d.agent.Rollback() // what was offered before is not
	}
	if d.other().pending == nil {
		d.freshKeys() // an offer of our own: whoever answers it may be another than before
	}
	base := d.other().known()
	var media []sdp.Media
	if base != nil {
		media = base.Media
	} else if local := d.agent.Remote(); local != nil {
		media = local.Media // a re-offer of a side that stands alone
	} else {
		media = []sdp.Media{{Kind: "audio", Port: 1, Proto: "RTP/AVP", Direction: sdp.SendRecv}}
	}
	lines := make([]sdp.Line, 0, len(media))
	for i := range media {
		line, err := d.line(i, &media[i], true)
		if err != nil {
			return nil, err
		}
		if media[i].Port == 0 && !media[i].BundleOnly() || line.Aside && base == nil {
			line.Port = 0
		} else if line.Kind == "audio" && !line.Aside {
			line.Codecs = offerCodecs(keeping(want, d.spoken(i), media[i].Codecs), media[i].Codecs, base == nil)
		}
		if base != nil && line.Port != 0 && !line.Aside {
			passOn(&line, &media[i])
		}
		lines = append(lines, line)
	}
	d.agent.Pass(session(base))
	for n := len(lines) - 1; n >= max(len(d.agreed), 1) && lines[n].Port == 0; n-- {
		lines = lines[:n] // of no use to who never knew it
	}
	if _, err := d.agent.Offer(lines); err != nil {
		return nil, fmt.Errorf("writing the offer to side %s: %w", d.which, err)
	}
	d.unused(func(i int, l *leg) bool { return !l.on && (i >= len(lines) || lines[i].Port == 0) })
	return d.agent.Text(), nil
}

// spoken are the codecs a side agreed to for an m-line.
func (d *Side) spoken(i int) []sdp.Codec {
	if i >= len(d.agreed) || !d.agreed[i].Enabled || d.agreed[i].Kind != "audio" {
		return nil
	}
	return route.Plain(d.agreed[i].Codecs)
}

func (d *Side) takeAnswer(desc *sdp.Description) error {
	if d.agent == nil {
		return &sdp.Error{Reason: "an answer came from a side that was offered nothing", Status: 400}
	}
	goodKeys(desc)
	before := d.agent.Remote()
	agreed, err := d.agent.TakeAnswer(desc)
	if err != nil {
		return err
	}
	another := before != nil && !before.Origin.Same(desc.Origin) // as another branch of a fork
	d.agreed, d.asked = d.located(agreed), false
	// What they refused another branch may take yet; what we did not offer, none.
	ours := d.agent.Local().Media
	d.unused(func(i int, _ *leg) bool { return i >= len(ours) || ours[i].Port == 0 })
	return d.session.connect(d, another)
}

func (d *Side) makeAnswer(want Want) ([]byte, error) {
	if d.pending == nil {
		return nil, fmt.Errorf("side %s has offered nothing that could be answered", d.which)
	}
	if err := d.begin(want); err != nil {
		return nil, err
	}
	other := d.other()
	lines := make([]sdp.Line, 0, len(d.pending.Media))
	for i := range d.pending.Media {
		theirs := &d.pending.Media[i]
		var far *sdp.Agreed
		if i < len(other.agreed) {
			far = &other.agreed[i]
		}
		if theirs.Port == 0 && !theirs.BundleOnly() || far != nil && !far.Enabled || far == nil && other.agreed != nil {
			lines = append(lines, sdp.Line{Kind: theirs.Kind, Proto: theirs.Proto, Formats: theirs.Formats, MID: theirs.MID})
			if _, err := d.session.stream(i, theirs.Kind); err != nil { // later ones keep their place
				return nil, err
			}
			continue
		}
		line, err := d.answerLine(i, theirs, far)
		if err != nil {
			return nil, err
		}
		if far != nil && line.Port != 0 && !line.Aside {
			passOn(&line, far.Media)
		}
		lines = append(lines, line)
	}
	d.agent.Pass(session(other.known()))
	_, agreed, err := d.agent.Answer(lines)
	if err != nil {
		return nil, err
	}
	d.pending, d.agreed, d.asked = nil, d.located(agreed), true
	d.unused(func(i int, _ *leg) bool { return i >= len(agreed) || !agreed[i].Enabled })
	if err := d.session.connect(d, false); err != nil {
		return nil, err
	}
	return d.agent.Text(), nil
}

// answerAgain writes another answer to the offer answered last.
func (d *Side) answerAgain(want Want) ([]byte, error) {
	if d.agent == nil || d.pending != nil {
		return nil, fmt.Errorf("side %s was not answered yet", d.which)
	}
	if err := d.agent.Reopen(); err != nil {
		return nil, fmt.Errorf("answering side %s again: %w", d.which, err)
	}
	d.pending = d.agent.Remote()
	text, err := d.makeAnswer(want)
	if err != nil {
		d.agent.Rollback()
		d.pending = nil
	}
	return text, err
}

// refused forgets the exchange under way.
func (d *Side) refused() {
	if d.agent != nil {
		d.agent.Rollback()
	}
	d.pending = nil
	d.session.forgo(d.which)
	d.unused(untried)
}

// legs are both ends of an m-line, as this side sees it; either may be nil.
func (d *Side) legs(i int) (own, far *leg) {
	o := d.other()
	if i < len(d.session.streams) {
		own = d.session.streams[i].legs[d.which]
	}
	if i < len(o.session.streams) {
		far = o.session.streams[i].legs[o.which]
	}
	return own, far
}

// located puts the host signalling came from in the place of a name in c=. To
// ask DNS would make a call wait, and those few devices that write a name write
// their own.
func (d *Side) located(agreed []sdp.Agreed) []sdp.Agreed {
	for i := range agreed {
		a := &agreed[i]
		if a.RemoteHost == "" || a.Remote.IsValid() || !d.near.IsValid() || !a.Enabled {
			continue
		}
		a.Remote = netip.AddrPortFrom(d.near, uint16(a.Media.Port))
		a.RemoteRTCP = netip.AddrPortFrom(d.near, uint16(a.Media.RTCPPort))
	}
	return agreed
}

func (d *Side) answerLine(i int, theirs *sdp.Media, far *sdp.Agreed) (sdp.Line, error) {
	if aside(theirs) {
		if far == nil {
			return asideLine(&sdp.Media{Kind: theirs.Kind, Proto: theirs.Proto, Formats: theirs.Formats, MID: theirs.MID}), nil
		}
		_, err := d.session.stream(i, theirs.Kind)
		return asideLine(far.Media), err
	}
	line, err := d.line(i, theirs, false)
	if err != nil {
		return line, err
	}
	line.Direction = sdp.SendRecv
	if far != nil {
		line.Direction = mirrored(far.Media)
		line.Codecs = far2near(theirs, far)
	}
	if theirs.Kind == "audio" && theirs.RTP() {
		line.Codecs = answerCodecs(d.want, theirs.Codecs, far)
		if len(line.Codecs) == 0 {
			line.Port = 0 // to name none would be to take all
		}
	} else if far == nil {
		line.Port = 0 // nobody to send it to
	}
	return line, nil
}

// mirrored is the direction to show one side when the other showed m: what the
// other sends we send on. A hold in any of its forms shows as a direction.
func mirrored(m *sdp.Media) sdp.Direction {
	if m == nil {
		return sdp.SendRecv
	}
	switch {
	case m.Hold() && m.Direction == sdp.SendRecv:
		return sdp.SendOnly // c=0.0.0.0 with a=sendrecv (RFC 2543 §B.5)
	case m.Hold() && m.Direction == sdp.RecvOnly:
		return sdp.Inactive
	}
	return m.Direction
}
