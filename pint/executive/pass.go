package executive

import (
	"errors"
	"time"

	"tandem/pint"
	"tandem/pint/service"
	"tandem/pint/stats"
)

// Pass judges an order that a registered gateway is to carry out (RFC 2848 §6.2): the
// requester's rights and limits are the same as for those carried out here, what the
// gateway can do is its matter. It counts the order. The error is a *pint.Refusal.
func (x *Executive) Pass(o pint.Order) error {
	svc := x.cfg.Services.Find(o.Service)
	if svc == nil {
		return pint.Refuse(404, "there is no service %.40s", o.Service)
	}
	o.Kind = svc.Kind
	x.count(&o, "", stats.Received)
	err := x.pass(&o, svc, time.Now())
	if err != nil {
		x.refuse(o, err)
	}
	return err
}

func (x *Executive) pass(o *pint.Order, svc *service.Service, now time.Time) error {
	if o.By == "" {
		return pint.Refuse(403, "only a user may ask for a service: say who you are")
	}
	begin := now
	if o.At.After(now) {
		begin = o.At
	}
	if err := quiet(svc, begin, now); err != nil {
		return err
	}
	if err := x.allowed(o, svc); err != nil {
		return err
	}
	return x.limits.Admit(string(o.By), x.fingerprint(o), svc.Limits, now)
}

// allowed judges the parties, as far as they are known here.
func (x *Executive) allowed(o *pint.Order, svc *service.Service) error {
	for _, l := range []service.Leg{service.A, service.B} {
		p := o.Party(l)
		if p.IsZero() {
			continue
		}
		d, err := x.cfg.Rights.Resolve(o.By, p)
		var refused *pint.Refusal
		switch {
		case errors.As(err, &refused) && refused.Code != 403 && p.Number == "":
			continue // a name that the gateway may know
		case err != nil:
			return err
		case l == service.B && !d.Own && !svc.AnyParty:
			return pint.Refuse(403, "%s is not proved to be a number of yours: name one of your own, or have it entered with: tandem pint numbers add", p)
		}
		if err := x.cfg.Rights.May(o.By, d); err != nil {
			return err
		}
	}
	return nil
}
