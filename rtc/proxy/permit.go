package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// standing says how far a request may be relayed. A mark can grant the middle two.
type standing uint8

const (
	stranger standing = iota // only to users of ours
	inDialog                 // anywhere but to peers: its dialog began here
	withPeer                 // also to next hops of static routes: its dialog is with one of them
	known                    // the same as withPeer: the gate knows the sender
)

// standing returns how far a request may be relayed. The requests of a peer go to users
// of ours; they go to others only within a dialog or with the right of transit.
func (pl *plan) standing() standing {
	if pl.from == nil || pl.from.Peer != "" && !pl.from.Rights.Has(rtc.Transit) {
		return pl.mark
	}
	return known
}

var errDenied = &rtc.Status{Code: 403, Reason: "Relaying denied"}

// permit checks whether a copy may go to an address. No copy goes to a gateway: only
// the call layer sends there. The next hop of a static route is allowed to a request
// that the route has chosen, or whose standing is sufficient. A binding must not lead
// to a peer, because users choose their bindings; it may if its REGISTER came from the
// same address.
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

// permitPlace is permit for an address that a name or number led to. If the
// configuration did not choose it, a user did.
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

// permitName checks before a name is looked up, so that a gateway is recognized even
// while its addresses are unknown.
func (p *Proxy) permitName(pl *plan, t *target, uri sip.URI) error {
	peer := ""
	switch {
	case t.by == routed:
		peer = t.route.peerName()
	case pl.mark == withPeer:
		return nil // permit checks the address
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

// denied returns the refusal. A request that passed the gate as one of a dialog is
// challenged instead: some phones lose the mark.
func (p *Proxy) denied(r *rtc.Request, pl *plan, err error) *rtc.Status {
	m := r.Message
	if p.cfg.Demand != nil && pl.from == nil && m.ToTag() != nil && pl.method != sip.ACK {
		return p.cfg.Demand(r)
	}
	p.count(countedDenied)
	level := slog.LevelWarn
	if pl.method == sip.ACK { // a refused INVITE always brings an ACK
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

// denied ends branch i, whose destination is not allowed. If the destination is a
// binding, that is not the sender's fault: the device counts as unreachable.
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
	if st.Header != nil && !f.s.Final() { // a challenge, which only the sender can answer
		f.respond(st.Code, st.Reason, st.Header)
		f.abandon(nil)
	}
}
