package uac

import (
	"errors"
	"fmt"
	"net/netip"

	"tandem/rtc"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Way says where a request that begins something goes.
type Way struct {
	URI   string         // Request-URI
	Route []string       // preloaded route set, name-addr with lr; the first tells the next hop
	Next  string         // URI of the next hop, which the request does not show; "" = Route or URI tells
	Flow  transport.Flow // the request goes by it while it lives, and so do later ones in the dialog
	Peer  string         // the gateway that the request, and later ones in the dialog, may reach; "" none
	By    netip.AddrPort // where the user was heard from who chose the URI, for Config.Chosen; the zero value: no user did
	Shape Shape          // how requests to it are written, those in the dialog too; nil: as they are
}

// Shape writes a request anew for a receiver that needs it in another form. It is
// called just before the request leaves by a protocol, must not block, and returns
// the message itself when nothing has to change.
type Shape func(p transport.Proto, message []byte) []byte

// of is the message in the form, by a flow.
func (s Shape) of(w Wire, f transport.Flow, message []byte) []byte {
	if s == nil {
		return message
	}
	p, _ := w.Local(f)
	return s(p, message)
}

// Hop is what tells the next hop of a request.
type Hop struct {
	URI  []byte
	Flow transport.Flow // instead of URI while it lives; the zero Flow is none
	Peer string         // for Config.Permit
	By   netip.AddrPort // for Config.Chosen

	Shape Shape // nil: as it is written
}

// Hop of the first request.
func (w *Way) Hop() Hop {
	h := Hop{URI: []byte(w.URI), Flow: w.Flow, Peer: w.Peer, By: w.By, Shape: w.Shape}
	switch {
	case w.Next != "":
		h.URI = []byte(w.Next)
	case len(w.Route) > 0:
		if a, err := sip.ParseNameAddr([]byte(w.Route[0])); err == nil {
			h.URI = a.URI
		}
	}
	return h
}

// flows reports whether the flow decides.
func (c *Client) flows(h Hop) bool {
	return h.Flow != (transport.Flow{}) && c.cfg.Wire.Alive(h.Flow)
}

// permit asks whether a message may go to an address. The error is a
// *rtc.Status.
func (c *Client) permit(peer string, to netip.AddrPort) error {
	if c.cfg.Permit == nil {
		return nil
	}
	return status(c.cfg.Permit(peer, to))
}

// status is err as a *rtc.Status.
func status(err error) error {
	if st := (*rtc.Status)(nil); err == nil || errors.As(err, &st) {
		return err
	}
	return &rtc.Status{Code: 403, Err: err}
}

// permitPlace asks whether a message may go to a place that the URI of a hop
// leads to.
func (c *Client) permitPlace(h Hop, to netip.AddrPort) error {
	if h.By.IsValid() && c.cfg.Chosen != nil {
		if err := status(c.cfg.Chosen(h.By, to)); err != nil {
			return err
		}
	}
	return c.permit(h.Peer, to)
}

// locate finds the places where a message of size octets goes that follows the
// URI of a hop, the best first, and calls got on the lane: at once for an
// address, later for a name. Places that Config refuses are left out; when it refuses all,
// that is the error.
func (c *Client) locate(lane *transaction.Lane, h Hop, size int, got func([]resolve.Candidate, error)) {
	uri, perr := sip.ParseURI(h.URI)
	if perr != nil {
		lane.After(0, func() { got(nil, fmt.Errorf("next hop: %w", perr)) })
		return
	}
	r := c.cfg.Resolver
	if cands, ok := r.Numeric(nil, uri); ok {
		got(c.permitted(h, r.Large(cands, size)))
		return
	}
	r.Lookup(uri, func(cands []resolve.Candidate, err error) {
		if err == nil {
			cands, err = c.permitted(h, r.Large(cands, size))
		}
		lane.Do(func() { got(cands, err) })
	})
}

func (c *Client) permitted(h Hop, cands []resolve.Candidate) (list []resolve.Candidate, err error) {
	for _, cand := range cands {
		if e := c.permitPlace(h, cand.Target.Addr); e != nil {
			err = e
			continue
		}
		list = append(list, cand)
	}
	if len(list) > 0 {
		return list, nil
	}
	return nil, err
}
