package dialog

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
	Flow  transport.Flow // the request goes by it while it lives, and so do later ones in the dialog
	Peer  string         // the gateway that the request, and later ones in the dialog, may reach; "" none
}

// hop is what tells the next hop of a request.
type hop struct {
	uri  []byte
	flow transport.Flow // instead of uri while it lives; the zero Flow is none
	peer string         // for Config.Permit
}

func (w *Way) hop() hop {
	h := hop{uri: []byte(w.URI), flow: w.Flow, peer: w.Peer}
	if len(w.Route) > 0 {
		if a, err := sip.ParseNameAddr([]byte(w.Route[0])); err == nil {
			h.uri = a.URI
		}
	}
	return h
}

// flows reports whether the flow decides.
func (ua *UA) flows(h hop) bool {
	return h.flow != (transport.Flow{}) && ua.cfg.Wire.Alive(h.flow)
}

// permit asks whether a message may go to an address. The error is a
// *rtc.Status.
func (ua *UA) permit(peer string, to netip.AddrPort) error {
	if ua.cfg.Permit == nil {
		return nil
	}
	err := ua.cfg.Permit(peer, to)
	if st := (*rtc.Status)(nil); err == nil || errors.As(err, &st) {
		return err
	}
	return &rtc.Status{Code: 403, Err: err}
}

// locate finds the places where a message of size octets goes that follows the
// URI of a hop, the best first, and calls got on the lane: at once for an
// address, later for a name. Places that Config.Permit refuses are left out;
// when it refuses all, that is the error.
func (ua *UA) locate(lane *transaction.Lane, h hop, size int, got func([]resolve.Candidate, error)) {
	uri, perr := sip.ParseURI(h.uri)
	if perr != nil {
		lane.After(0, func() { got(nil, fmt.Errorf("next hop: %w", perr)) })
		return
	}
	r := ua.cfg.Resolver
	if cands, ok := r.Numeric(nil, uri); ok {
		got(ua.permitted(h.peer, r.Large(cands, size)))
		return
	}
	r.Lookup(uri, func(cands []resolve.Candidate, err error) {
		if err == nil {
			cands, err = ua.permitted(h.peer, r.Large(cands, size))
		}
		lane.Do(func() { got(cands, err) })
	})
}

func (ua *UA) permitted(peer string, cands []resolve.Candidate) (list []resolve.Candidate, err error) {
	for _, c := range cands {
		if e := ua.permit(peer, c.Target.Addr); e != nil {
			err = e
			continue
		}
		list = append(list, c)
	}
	if len(list) > 0 {
		return list, nil
	}
	return nil, err
}
