package proxy

import (
	"strconv"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// firstForwards is put into a request without Max-Forwards (RFC 3261 §16.6 step 3).
const firstForwards = 70

// validate checks a request before anything is done with it (RFC 3261 §16.3).
// Its syntax was checked before.
func (p *Proxy) validate(r *rtc.Request, pl *plan) error {
	m := r.Message
	pl.in, pl.method, pl.from = r.Flow(), m.Method(), r.Identity
	u, err := m.Target()
	if err != nil {
		return &rtc.Status{Code: 400, Reason: "Bad Request-URI"}
	}
	if u.Kind == sip.URIOther { // step 2
		return &rtc.Status{Code: 416}
	}
	pl.uri = u
	if err := p.checkForwards(m, pl); err != nil {
		return err
	}
	pl.loop = p.loopHash(m)
	if p.looped(m, pl.loop) { // step 4
		p.count(countedLoops)
		p.log.Warn("loop detected", "call_id", string(m.CallID()), "method", string(m.MethodName()), "peer", pl.in.Remote.String())
		return &rtc.Status{Code: 482}
	}
	if pl.method != sip.ACK && m.Has(sip.HdrProxyRequire) { // step 5: we support no option that a proxy must
		if header := unsupported(m); header != nil {
			return &rtc.Status{Code: 420, Header: header}
		}
	}
	pl.breadth = unsaid
	if v := m.GetName("Max-Breadth"); v != nil {
		n, err := strconv.ParseUint(string(v), 10, 16)
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Max-Breadth"}
		}
		pl.breadth = breadth(n)
	}
	return nil
}

// Precheck finds what Serve would refuse whoever sent the request, for a gate
// that is about to ask for credentials. A REGISTER may be the registrar's.
func (p *Proxy) Precheck(r *rtc.Request) error {
	if r.Method() == sip.REGISTER {
		return nil
	}
	var pl plan
	return p.validate(r, &pl)
}

// checkForwards is §16.3 step 3 with §16.6 step 3.
func (p *Proxy) checkForwards(m *sip.Message, pl *plan) error {
	n, ok := m.MaxForwards()
	switch {
	case !ok:
		pl.maxForwards = firstForwards
	case n > 0:
		pl.maxForwards = n - 1
	case pl.method == sip.OPTIONS && p.isSelf(pl.uri):
		// the answer is ours, the request goes no further
	default:
		return &rtc.Status{Code: 483}
	}
	return nil
}

// unsupported is the Unsupported line for what Proxy-Require asks, nil when it asks nothing.
func unsupported(m *sip.Message) []byte {
	var header []byte
	for tag := range m.Values(sip.HdrProxyRequire) {
		if len(tag) == 0 {
			continue
		}
		if header == nil {
			header = append(header, "Unsupported: "...)
		} else {
			header = append(header, ", "...)
		}
		header = append(header, tag...)
	}
	if header == nil {
		return nil
	}
	return append(header, "\r\n"...)
}
