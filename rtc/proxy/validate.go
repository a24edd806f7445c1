package proxy

import (
	"strconv"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// firstForwards is the Max-Forwards of a request that came without (RFC 3261 §16.6 step
// 3).
const firstForwards = 70

// validate checks a request before it is processed (RFC 3261 §16.3), except its syntax,
// which was checked before.
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
	if pl.method != sip.ACK && m.Has(sip.HdrProxyRequire) { // step 5: we support no option of proxies
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

// Precheck returns the error for a request that Serve would refuse no matter who sent
// it; the gate calls it before it asks for credentials. A REGISTER is left to the
// registrar.
func (p *Proxy) Precheck(r *rtc.Request) error {
	if r.Method() == sip.REGISTER {
		return nil
	}
	var pl plan
	return p.validate(r, &pl)
}

// checkForwards implements §16.3 step 3 and §16.6 step 3.
func (p *Proxy) checkForwards(m *sip.Message, pl *plan) error {
	n, ok := m.MaxForwards()
	switch {
	case !ok:
		pl.maxForwards = firstForwards
	case n > 0:
		pl.maxForwards = n - 1
	case pl.method == sip.OPTIONS && p.isSelf(pl.uri):
		// The proxy itself answers; the request goes no further.
	default:
		return &rtc.Status{Code: 483}
	}
	return nil
}

// unsupported returns the Unsupported line for the options in Proxy-Require, or nil.
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
