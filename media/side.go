package media

import (
	"cmp"
	"fmt"

	"tandem/media/negotiation"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/transport"
)

// side is one end of a session as the call layer sees it: what was negotiated with
// it, and the legs by which that is carried. Guarded by Session.ctl.
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
	d.session.begun()
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
	d.session.discard(d.which, func(i int, l *leg) bool { return !l.on && (i >= len(lines) || lines[i].Port == 0) })
	return text, nil
}

func (d *side) takeAnswer(desc *sdp.Description) error {
	another, err := d.TakeAnswer(desc)
	if err != nil {
		return err
	}
	// What they refused another branch may take yet; what we did not offer, none.
	d.session.discard(d.which, func(i int, _ *leg) bool { return !d.Told(i) })
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
	d.session.discard(d.which, func(i int, _ *leg) bool { return i >= len(agreed) || !agreed[i].Enabled })
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
	d.session.forgo(d.which)
	d.session.discard(d.which, untried)
}

// connect puts what the side agreed to into force.
func (d *side) connect(another bool) error {
	return d.session.connect(d.which, d.Agreed(), d.Near, another)
}

// legs are both ends of an m-line, as this side sees it; either may be nil.
func (d *side) legs(i int) (own, far *leg) {
	o := d.other()
	return d.session.leg(i, d.which), o.session.leg(i, o.which)
}

// standing is what was agreed with this side for an m-line. Plain media is kept plain
// where the other side is not, for then somebody wanted it so.
func (d *side) standing(i int) negotiation.Standing {
	l, o := d.legs(i)
	if l == nil || l.way.Asked() == "" {
		return negotiation.Standing{}
	}
	s := negotiation.Standing{Security: l.way.Asked(), ICE: l.agreed.ICE.Ufrag != "", Mux: l.agreed.Mux}
	if s.Security == SecurityNone && (o == nil || o.way.Asked() == SecurityNone) {
		s.Security = SecurityAsOther
	}
	return s
}

// carry has an m-line carried as planned and tells what its description says of that.
func (d *side) carry(i int, kind string, p negotiation.Plan) (c negotiation.Carriage, err error) {
	st, err := d.session.stream(i, kind)
	if err != nil || p.Off {
		return c, err
	}
	w, err := d.session.way(st, d.which, transport.Needs{Interface: d.iface, RTP: p.RTP, ICE: p.ICE, OnePort: p.OnePort, Near: d.anySocket()}, p.Bundle)
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
		home := w.lock()
		c.ICE, err = w.ICE(p.Theirs, p.Mux)
		home.mu.Unlock()
	}
	return c, err
}

// anySocket is a socket of the session or of the one it rings for, so that all share a
// worker.
func (d *side) anySocket() *relay.Socket {
	return cmp.Or(d.session.anySocket(), d.other().session.anySocket())
}

// freshKeys has our keys made anew where another party came behind the dialog, or
// may come: it knows nothing of the counters the old ones are used with, and the
// party before it knows the keys.
func (d *side) freshKeys() {
	for _, st := range d.session.streams {
		if l := st.legs[d.which]; l != nil {
			l.way.FreshKeys()
		}
	}
}
