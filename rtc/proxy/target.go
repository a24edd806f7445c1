package proxy

import (
	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
)

// target is one place that a request may be sent to.
type target struct {
	reach.Way // URI "" keeps the request's Request-URI
	by        chooser
	hop       string // URI that determines the next hop; "" = the copy's Request-URI
	route     *route // the route that chose it, nil unless routed
	hunt      *Hunt  // the search it belongs to, or nil
}

// chooser says who chose a target.
type chooser uint8

const (
	relayed chooser = iota // the sender, by Request-URI or Route
	device                 // a user, by a binding
	routed                 // the configuration, by a static route
)

// alternates reports whether only one of two targets is tried at a time: the ways to
// one device, the next hops of one route, the servers of one service.
func (t *target) alternates(o *target) bool {
	return t.by == o.by && (t.hunt != nil && t.hunt == o.hunt || t.by == routed || t.by == device && t.Instance != "" && t.Instance == o.Instance)
}

// targets determines where the request goes (RFC 3261 §16.5).
func (p *Proxy) targets(r *rtc.Request, pl *plan, f *forward) error {
	switch {
	case p.intrudes(r, pl):
		return p.denied(r, pl, nil)
	case pl.guide == byLost && pl.next == nil:
		return p.movedTargets(r, pl, f)
	case pl.guide == byLost:
		return &rtc.Status{Code: 430}
	case pl.next != nil: // a Route that is not ours: the only target is the Request-URI
		if pl.standing() == stranger {
			return p.denied(r, pl, nil)
		}
		f.add(target{hop: string(pl.next), Way: reach.Way{URI: pl.ruri, Flow: pl.flow, Sticky: pl.flow != noFlow}})
		return nil
	case pl.flow != noFlow: // we issued the token, so the sender got it from us
		f.add(target{Way: reach.Way{URI: pl.ruri, Flow: pl.flow, Sticky: true}})
		return nil
	case pl.uri.Kind == sip.URITel:
		return p.numberTargets(pl, f)
	case p.isOurs(pl.uri):
		return p.localTargets(r, pl, f)
	}
	// A request by our Record-Route goes to the Contact of its dialog. In a new
	// request, a Route of ours is only the outbound proxy from a phone's settings.
	if inDialog := pl.guide != byItself && r.Message.ToTag() != nil; !inDialog {
		if route := p.Routes().find(r.MethodName(), pl.uri); route != nil {
			return p.routeTargets(r, pl, f, route)
		}
	}
	// No open relay: only known senders, and requests of dialogs that began here, may
	// reach places that are not ours. This includes ACKs: an ACK cannot be challenged,
	// so one that has lost our mark is dropped unless its sender is trusted.
	if pl.standing() == stranger {
		return p.denied(r, pl, nil)
	}
	f.add(target{Way: reach.Way{URI: pl.ruri}})
	return nil
}

// intrudes reports whether a request passed the gate as one of a dialog, by its To tag
// or as an ACK, but belongs to no dialog that began here. An ACK may lack the mark when
// it has a token of ours.
func (p *Proxy) intrudes(r *rtc.Request, pl *plan) bool {
	if pl.from != nil || pl.mark != stranger {
		return false
	}
	if pl.method == sip.ACK {
		return pl.flow == noFlow
	}
	return r.Message.ToTag() != nil
}

// localTargets returns the bindings of a user of ours, or the static route when the
// address has no user.
func (p *Proxy) localTargets(r *rtc.Request, pl *plan, f *forward) error {
	if pl.uri.User == nil {
		return &rtc.Status{Code: 404}
	}
	if p.cfg.Hunt != nil {
		if h, err := p.cfg.Hunt(r, pl.uri); h != nil || err != nil {
			if err == nil {
				p.huntTargets(f, h)
			}
			return err
		}
	}
	aor, instance, known := p.find(pl.uri)
	if known {
		return p.deviceTargets(pl, f, aor, instance)
	}
	if route := p.Routes().find(r.MethodName(), pl.uri); route != nil {
		return p.routeTargets(r, pl, f, route)
	}
	return &rtc.Status{Code: 404}
}

// find returns the user whom a SIP URI of ours names, and the instance when it is a
// GRUU.
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

// deviceTargets adds the bindings of a user.
func (p *Proxy) deviceTargets(pl *plan, f *forward, aor rtc.AOR, instance string) error {
	w := getWork()
	w.ways = p.cfg.Reach.Append(w.ways[:0], aor, reach.Want{
		Secure: pl.uri.Kind == sip.URISIPS, Instance: instance, Max: p.cfg.MaxForks})
	for i := range w.ways {
		f.addDevice(w.ways[i])
	}
	w.put()
	if len(f.branches) == 0 {
		return &rtc.Status{Code: 480}
	}
	return nil
}

// numberTargets adds the devices of the user who has the number in a tel URI.
func (p *Proxy) numberTargets(pl *plan, f *forward) error {
	var buf [64]byte
	if aor, ok := p.users.Resolve(rtc.AOR(pl.uri.AppendAOR(buf[:0]))); ok {
		return p.deviceTargets(pl, f, aor, "")
	}
	return &rtc.Status{Code: 404}
}

// routeTargets adds the next hops of a static route, to be tried one after the other;
// those that have recently failed to answer come last.
func (p *Proxy) routeTargets(r *rtc.Request, pl *plan, f *forward, c *route) error {
	if pl.standing() < withPeer {
		return p.denied(r, pl, nil)
	}
	spare := false
	add := func(h hop) {
		f.add(target{Way: reach.Way{URI: pl.ruri, Spare: spare}, by: routed, hop: h.raw, route: c})
		spare = true
	}
	var down [8]int
	last := down[:0]
	for i, h := range c.hops {
		if len(c.hops) > 1 && p.res.Down(h.uri) {
			last = append(last, i)
		} else {
			add(h)
		}
	}
	for _, i := range last {
		add(c.hops[i])
	}
	return nil
}
