package media

import (
	"cmp"
	"errors"
	"fmt"

	"tandem/media/negotiation"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/transport"
)

// side is one end of a session as the call layer sees it: what was negotiated with
// it. What carries that is the bridge's. Guarded by Session.ctl.
type side struct {
	session *Session
	which   Which
	iface   string // where its ports are, or are to be
	negotiation.Side
}

// other is the side this one talks to; that of a branch is its session's.
func (d *side) other() *side {
	s := d.session
	if s.root != nil {
		s = s.root
	}
	return s.sides[d.which.Other()]
}

func (d *side) begin(want Want) error {
	in, err := d.session.server.c.network(want.Interface, d.Near)
	if err != nil {
		return err
	}
	d.Begin(in.Advertise, want)
	d.iface = in.Name
	d.session.bridge.Begun()
	return nil
}

func (d *side) takeOffer(desc *sdp.Description) error {
	if err := d.begin(d.Want()); err != nil {
		return err
	}
	another, err := d.TakeOffer(desc)
	if another {
		d.freshKeys()
	}
	return err
}

func (d *side) makeOffer(want Want) ([]byte, error) {
	if err := d.begin(want); err != nil {
		return nil, err
	}
	o := d.other()
	if !o.Awaits() {
		d.freshKeys() // an offer of our own: whoever answers it may be another than before
	}
	text, lines, err := d.Offer(&o.Side, d.standing, d.carry)
	if err != nil {
		return nil, fmt.Errorf("side %s: %w", d.which, err)
	}
	d.discard(func(i int) bool { return !d.on(i) && (i >= len(lines) || lines[i].Port == 0) })
	return text, nil
}

func (d *side) takeAnswer(desc *sdp.Description) error {
	another, err := d.TakeAnswer(desc)
	if err != nil {
		return err
	}
	// What they refused another branch may take yet; what we did not offer, none.
	d.discard(func(i int) bool { return !d.Told(i) })
	return d.connect(another)
}

func (d *side) makeAnswer(want Want) ([]byte, error) {
	if !d.Awaits() {
		return nil, fmt.Errorf("side %s has offered nothing that could be answered", d.which)
	}
	if err := d.begin(want); err != nil {
		return nil, err
	}
	text, err := d.Answer(&d.other().Side, d.carry)
	if err != nil {
		return nil, err
	}
	agreed := d.Agreed()
	d.discard(func(i int) bool { return i >= len(agreed) || !agreed[i].Enabled })
	if err := d.connect(false); err != nil {
		return nil, err
	}
	return text, nil
}

// answerAgain writes another answer to the offer answered last.
func (d *side) answerAgain(want Want) ([]byte, error) {
	if err := d.Reopen(); err != nil {
		return nil, fmt.Errorf("answering side %s again: %w", d.which, err)
	}
	text, err := d.makeAnswer(want)
	if err != nil {
		d.Refused()
	}
	return text, err
}

// refused forgets the exchange under way.
func (d *side) refused() {
	d.Refused()
	b := d.session.bridge
	b.Forgo(d.which)
	d.discard(func(i int) bool { return !b.Tried(i, d.which) })
}

// connect puts what the side agreed to into force.
func (d *side) connect(another bool) error {
	return d.session.bridge.Connect(d.which, d.Agreed(), d.Near, another)
}

// discard closes what carries m-lines of the side that are of no more use.
func (d *side) discard(useless func(i int) bool) { d.session.bridge.Discard(d.which, useless) }

// on says whether the side has an m-line that it agreed to.
func (d *side) on(i int) bool { return d.session.bridge.On(i, d.which) }

// standing is what was agreed with this side for an m-line. Plain media is kept plain
// where the other side is not, for then somebody wanted it so.
func (d *side) standing(i int) (s negotiation.Standing) {
	s.Security, s.ICE, s.Mux = d.session.bridge.Standing(i, d.which)
	if s.Security == "" {
		return negotiation.Standing{}
	}
	if s.Security == SecurityNone {
		o := d.other()
		way := o.session.bridge.Way(i, o.which)
		if way == nil || way.Asked() == SecurityNone {
			s.Security = SecurityAsOther
		}
	}
	return s
}

// carry has an m-line carried as planned and tells what its description says of that.
func (d *side) carry(i int, kind string, p negotiation.Plan) (c negotiation.Carriage, err error) {
	b := d.session.bridge
	if err := b.Line(i, kind); err != nil || p.Off {
		return c, err
	}
	w, err := b.Carry(i, d.which, transport.Needs{Interface: d.iface, RTP: p.RTP, ICE: p.ICE, OnePort: p.OnePort, Near: d.anySocket()}, p.Bundle)
	if errors.Is(err, relay.ErrPorts) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return c, err
	}
	c.Addr, c.RTCPPort = w.Advertised(), w.RTCPPort(p.Mux)
	switch p.Security {
	case SecuritySDES, SecurityOptional:
		if c.Keys, err = w.Keys(); err != nil {
			return c, err
		}
	case SecurityDTLS:
		c.Fingerprint = w.Fingerprint()
	}
	if p.ICE {
		c.ICE, err = w.ICE(p.Theirs, p.Mux)
	}
	return c, err
}

// anySocket is a socket of the session or of the one it rings for, so that all share a
// worker.
func (d *side) anySocket() *relay.Socket {
	return cmp.Or(d.session.bridge.Socket(), d.other().session.bridge.Socket())
}

// freshKeys has our keys made anew where another party came behind the dialog, or
// may come: it knows nothing of the counters the old ones are used with, and the
// party before it knows the keys.
func (d *side) freshKeys() { d.session.bridge.FreshKeys(d.which) }
