package proxy

import (
	"context"
	"log/slog"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
)

// target is one place a request may be sent to.
type target struct {
	reach.Way        // URI "" keeps the request's Request-URI
	hop       string // URI that tells the next hop; "" = the copy's Request-URI
	bound     bool   // a binding
	foreign   bool   // next hop outside the trust domain of RFC 3325
	peer      bool   // next hop of a static route
	barred    bool   // not to the next hops of static routes: its user chose where
}

// targets finds out where the request goes (RFC 3261 §16.5).
func (p *Proxy) targets(r *rtc.Request, pl *plan, f *forward) error {
	switch {
	case p.intrudes(r, pl):
		return p.denied(r, pl)
	case pl.deadFlow:
		return &rtc.Status{Code: 430} // RFC 5626 §5.3.1
	case pl.next != nil: // a Route of somebody else: the set is the Request-URI
		if err := p.mayRelay(r, pl, pl.next); err != nil {
			return err
		}
		f.add(target{hop: string(pl.next), Way: reach.Way{URI: pl.ruri, Flow: pl.flow, Sticky: pl.flow != noFlow}})
		return nil
	case pl.flow != noFlow: // the token is ours, so somebody got it from us
		if !pl.identified && pl.grant != grantFull && p.Routes().peers.at(pl.flow.Remote) && pl.method != sip.ACK {
			return p.denied(r, pl) // the token may be of another call
		}
		f.add(target{Way: reach.Way{URI: pl.ruri, Flow: pl.flow, Sticky: true}})
		return nil
	case pl.uri.Kind == sip.URITel:
		return p.numberTargets(r, pl, f)
	case p.isOurs(pl.uri):
		return p.localTargets(r, pl, f)
	}
	// What comes by our Record-Route goes to the Contact of its dialog; a Route of
	// ours on a new request is only the outbound proxy of a phone's settings.
	if inDialog := pl.ours && r.Message.ToTag() != nil; !inDialog {
		if route := p.Routes().find(r.MethodName(), pl.uri, nil, false); route != nil {
			return p.routeTargets(r, pl, f, route, nil)
		}
	}
	if err := p.mayRelay(r, pl, nil); err != nil {
		return err
	}
	f.add(target{Way: reach.Way{URI: pl.ruri}, peer: p.Routes().peers.lead(pl.uri)})
	return nil
}

// intrudes reports whether a request came past the gate as one of a dialog, by
// its To tag or as an ACK, but is of none that began here. An ACK may lack the
// mark when it has a token of ours.
func (p *Proxy) intrudes(r *rtc.Request, pl *plan) bool {
	if pl.identified || pl.grant != grantNone {
		return false
	}
	if pl.method == sip.ACK {
		return pl.flow == noFlow
	}
	return r.Message.ToTag() != nil
}

// mayRelay keeps the relay closed: only who is known, or whose dialog began
// here, may use us to reach places that are not ours. An ACK is no exception: it
// cannot be asked for credentials, so one that has lost our mark is dropped
// unless its sender is trusted.
func (p *Proxy) mayRelay(r *rtc.Request, pl *plan, next []byte) error {
	if pl.identified || pl.grant == grantFull {
		return nil
	}
	to := pl.uri
	if next != nil {
		u, err := sip.ParseURI(next)
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Route"}
		}
		to = u
	}
	if pl.grant == grantPlain && !p.Routes().peers.lead(to) {
		pl.barred = true
		return nil
	}
	return p.denied(r, pl)
}

// denied refuses. A request that was let pass as one of a dialog is asked for
// credentials instead: some phones lose the mark.
func (p *Proxy) denied(r *rtc.Request, pl *plan) error {
	m := r.Message
	if p.cfg.Demand != nil && m.ToTag() != nil && pl.method != sip.ACK {
		return p.cfg.Demand(r)
	}
	p.count().denied.Add(1)
	level := slog.LevelWarn
	if pl.method == sip.ACK { // to each refusal there is one
		level = slog.LevelDebug
	}
	p.log.Log(context.Background(), level, "relaying denied", "call_id", string(m.CallID()), "method", string(m.MethodName()),
		"peer", pl.in.Remote.String(), "aor", string(m.RequestURI()))
	return &rtc.Status{Code: 403, Reason: "Relaying denied"}
}

// localTargets are the bindings of a user of ours, else the static route for the number.
func (p *Proxy) localTargets(r *rtc.Request, pl *plan, f *forward) error {
	if pl.uri.User == nil {
		return &rtc.Status{Code: 404}
	}
	aor, instance, known := p.find(pl.uri)
	if !known {
		return p.numberTargets(r, pl, f)
	}
	p.bindings(pl, f, aor, instance)
	if len(f.branches) == 0 {
		return &rtc.Status{Code: 480}
	}
	return nil
}

// find returns the user a SIP URI of ours means, and the instance when it is a GRUU.
func (p *Proxy) find(u sip.URI) (aor rtc.AOR, instance string, ok bool) {
	gr, isGRUU := u.Param("gr")
	if isGRUU && len(gr) == 0 && p.cfg.TempGRUU != nil { // RFC 5627 §3.1.2
		return p.cfg.TempGRUU(u)
	}
	if !p.users.Domain(u.Host) { // one of our addresses
		u.Host = []byte(p.cfg.Domain)
	}
	u.Port = 0
	var buf [128]byte
	aor, ok = p.users.Resolve(rtc.AOR(u.AppendAOR(buf[:0])))
	if isGRUU {
		instance = string(sip.AppendUnescaped(nil, gr))
	}
	return aor, instance, ok
}

// bindings adds what a user has registered.
func (p *Proxy) bindings(pl *plan, f *forward, aor rtc.AOR, instance string) {
	w := getWork()
	w.ways = p.cfg.Reach.Append(w.ways[:0], aor, reach.Want{
		Secure: pl.uri.Kind == sip.URISIPS, Instance: instance, Max: p.cfg.MaxForks})
	for i := range w.ways {
		f.addBinding(w.ways[i])
	}
	w.put()
}

// numberTargets sends a number nobody here has to the static route for it.
func (p *Proxy) numberTargets(r *rtc.Request, pl *plan, f *forward) error {
	var buf [64]byte
	number := numberOf(pl.uri, buf[:])
	if pl.uri.Kind == sip.URITel && number != nil {
		if aor, ok := p.users.Resolve(rtc.AOR("tel:" + string(number))); ok {
			if p.bindings(pl, f, aor, ""); len(f.branches) == 0 {
				return &rtc.Status{Code: 480}
			}
			return nil
		}
	}
	route := p.Routes().find(r.MethodName(), pl.uri, number, true)
	if route == nil {
		return &rtc.Status{Code: 404}
	}
	return p.routeTargets(r, pl, f, route, number)
}

// routeTargets are the next hops of a static route, one after the other.
func (p *Proxy) routeTargets(r *rtc.Request, pl *plan, f *forward, c *route, number []byte) error {
	if !pl.identified && pl.grant != grantFull {
		return p.denied(r, pl)
	}
	for i, h := range c.hops {
		uri := c.target(pl.uri, number, h)
		if uri == "" {
			uri = pl.ruri
		}
		f.add(target{Way: reach.Way{URI: uri, Instance: "\x00route", Spare: i > 0}, hop: h.raw, foreign: !c.Trusted, peer: true})
	}
	return nil
}
