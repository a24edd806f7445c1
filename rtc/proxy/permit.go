package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// standing is how far a request may be relayed. Marks grant the middle ones.
type standing uint8

const (
	stranger standing = iota // to users of ours alone
	inDialog                 // anywhere but to peers: its dialog began here
	withPeer                 // to next hops of static routes, too: its dialog is with one
	known                    // the same: the gate knows the sender
)

// standing of a request. A peer's own requests go to users of ours, and on to
// others only in a dialog or with the right of transit.
func (pl *plan) standing() standing {
	if pl.from == nil || pl.from.Peer != "" && !pl.from.Rights.Has(rtc.Transit) {
		return pl.mark
	}
	return known
}

var errDenied = &rtc.Status{Code: 403, Reason: "Relaying denied"}

// permit asks whether a copy may go to an address. No copy reaches a gateway:
// calls do so by the call layer. The next hop of a static route is reached by
// the route's decision, and by whose standing is enough. Where a binding leads
// is its user's choice, so it leads to no peer, unless its REGISTER came from
// that very address.
func (p *Proxy) permit(pl *plan, t *target, to netip.AddrPort) error {
	peer := p.peers.At(to)
	switch {
	case peer == nil, t.by == device && same(t.From, to):
		return nil
	case t.by == routed:
		return p.peers.Permit(t.route.peerName(), to)
	case t.by == device || !peer.Gateway && pl.standing() < withPeer:
		return errDenied
	}
	return p.peers.Permit("", to)
}

// permitPlace is permit for an address to which a name or number led: what the
// configuration did not choose, a user did.
func (p *Proxy) permitPlace(pl *plan, t *target, to netip.AddrPort) error {
	by := pl.in.Remote
	switch t.by {
	case routed:
		return p.permit(pl, t, to)
	case device:
		by = t.From
	}
	if err := p.peers.Chosen(by, to); err != nil {
		return err
	}
	return p.permit(pl, t, to)
}

// permitName asks before a name is looked up, so that a gateway is known also
// while its addresses are not.
func (p *Proxy) permitName(pl *plan, t *target, uri sip.URI) error {
	peer := ""
	switch {
	case t.by == routed:
		peer = t.route.peerName()
	case pl.mark == withPeer:
		return nil // permit knows whose it is
	}
	maddr, _ := uri.Param("maddr")
	if err := p.peers.PermitHost(peer, maddr); err != nil {
		return err
	}
	return p.peers.PermitHost(peer, uri.Host)
}

func same(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().Unmap() == b.Addr().Unmap()
}

// denied refuses. A request that was let pass as one of a dialog is asked for
// credentials instead: some phones lose the mark.
func (p *Proxy) denied(r *rtc.Request, pl *plan, err error) *rtc.Status {
	m := r.Message
	if p.cfg.Demand != nil && pl.from == nil && m.ToTag() != nil && pl.method != sip.ACK {
		return p.cfg.Demand(r)
	}
	p.count(countedDenied)
	level := slog.LevelWarn
	if pl.method == sip.ACK { // to each refusal there is one
		level = slog.LevelDebug
	}
	var st *rtc.Status
	if !errors.As(err, &st) {
		st = errDenied
	}
	p.log.Log(context.Background(), level, "relaying denied", "call_id", string(m.CallID()), "method", string(m.MethodName()),
		"peer", pl.in.Remote.String(), "aor", string(m.RequestURI()), "err", st.Err)
	return st
}

// denied ends branch i, which may not go where it leads. Where a binding leads is
// no fault of the sender's: its device is not to be reached.
func (f *forward) denied(i int, err error) {
	m := f.request()
	if f.branches[i].by == device {
		f.p.count(countedDenied)
		f.p.log.Warn("binding leads where users' requests may not go", "call_id", string(m.CallID()), "method", string(m.MethodName()),
			"aor", string(m.RequestURI()), "peer", f.branches[i].URI, "err", err)
		f.end(i, 480)
		return
	}
	st := f.p.denied(&rtc.Request{Message: m, Tx: f.s}, &f.plan, err)
	f.end(i, st.Code)
	if st.Header != nil && !f.s.Final() { // a challenge: only the sender can go on
		f.respond(st.Code, st.Reason, st.Header)
		f.abandon(nil)
	}
}
