package gateway

import (
	"errors"
	"strings"

	"tandem/pint"
	"tandem/pint/multipart"
	"tandem/pint/sdp"
	"tandem/rtc"
	"tandem/rtc/sip"
)

// broker passes a request on to a gateway that has registered for its service (RFC 2848
// §6.2), once it is known whose it is and that the numbers are allowed. Which gateway
// that is, Config.Onward knows.
func (g *Gateway) broker(r *rtc.Request) error {
	order, err := g.passing(r)
	if err != nil {
		g.exec.Refused(order, err)
	} else {
		err = g.exec.Pass(order)
	}
	if err != nil {
		return g.refuse(r, Row{Deed: Ask, Order: order, Refused: err})
	}
	r.Hold()
	g.record(Row{Deed: Ask, Order: order, Passed: true}, func(lost error) {
		if lost != nil {
			r.Resume(g.refusal(g.unrecorded(lost)))
			return
		}
		g.goOn(r, func() error { return g.cfg.Onward.Serve(r) })
	})
	return nil
}

// passing reads of a request what policy has to know: the parties and the time. What
// it demands besides, the gateway judges.
func (g *Gateway) passing(r *rtc.Request) (pint.Order, error) {
	o := pint.Order{Door: pint.SIP, CallID: string(r.CallID()), Client: r.Source.String()}
	if r.Identity != nil {
		o.By = r.Identity.AOR
	}
	svc, err := g.service(r.Message, &o)
	if refused(err) {
		return o, err
	}
	body, err := multipart.Split(r.Get(sip.HdrContentType), r.Body())
	if err != nil {
		return o, unreadable(err)
	}
	desc, err := sdp.Parse(body.Description)
	if err != nil {
		return o, pint.Refuse(400, "%v", err)
	}
	o.Origin, o.At = desc.Origin.Key(), desc.StartTime()
	if err := g.callee(r.Message, svc, &o); refused(err) {
		return o, err
	}
	if err := g.called(desc, &o); refused(err) {
		return o, err
	}
	return o, nil
}

// refused reports whether an error is more than a demand that cannot be met here.
func refused(err error) bool {
	var r *pint.Refusal
	return err != nil && !(errors.As(err, &r) && len(r.Unsupported) > 0)
}

// brokered reports whether gateways do the service of a request.
func (g *Gateway) brokered(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI())
	if err != nil || g.cfg.Onward == nil {
		return false
	}
	name, _, _ := strings.Cut(string(sip.AppendUnescaped(nil, u.User)), ";")
	svc := g.exec.Services().Find(name)
	return svc != nil && len(svc.Gateways) > 0
}
