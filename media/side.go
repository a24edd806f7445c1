package media

import (
	"cmp"
	"errors"
	"fmt"

	"tandem/media/negotiation"
	"tandem/media/relay"
	"tandem/media/relay/ports"
	"tandem/media/sdp"
	"tandem/media/transport"
)

// side is one end of a session as the call layer sees it: the state of its negotiation.
// The bridge carries its media. Guarded by Session.ctl.
type side struct {
	session *Session
	which   Which
	iface   string // the network of its ports
	negotiation.Side
}

// other returns the side that this one talks to; for a branch, that of its session.
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
		d.freshKeys() // an offer of our own may be answered by another party than before
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
	// Another branch may accept a line that this one refused, but not one we did not
	// offer.
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

// answerAgain writes another answer to the last answered offer.
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

// refused ends the current exchange.
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

// discard closes the transports of m-lines that are no longer needed.
func (d *side) discard(useless func(i int) bool) { d.session.bridge.Discard(d.which, useless) }

// on reports whether the side agreed to an m-line.
func (d *side) on(i int) bool { return d.session.bridge.On(i, d.which) }

// standing returns what was agreed with this side for an m-line. Plain media stays
// plain if the other side is protected, because then it was wanted.
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

// carry opens what the plan of an m-line needs and returns what its description says
// about it.
func (d *side) carry(i int, kind string, p negotiation.Plan) (c negotiation.Carriage, err error) {
	b := d.session.bridge
	if err := b.Line(i, kind); err != nil || p.Off {
		return c, err
	}
	w, err := b.Carry(i, d.which, transport.Needs{Interface: d.iface, RTP: p.RTP, ICE: p.ICE, OnePort: p.OnePort, Near: d.anySocket()}, p.Bundle)
	if errors.Is(err, ports.ErrNone) {
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

// anySocket returns a socket of the session or of the one it rings for, so that all
// share a worker.
func (d *side) anySocket() *relay.Socket {
	return cmp.Or(d.session.bridge.Socket(), d.other().session.bridge.Socket())
}

// freshKeys makes new keys of ours when another party is, or may be, behind the dialog:
// the new party does not know the counters of the old keys, and the party before it
// knows the keys.
func (d *side) freshKeys() { d.session.bridge.FreshKeys(d.which) }
