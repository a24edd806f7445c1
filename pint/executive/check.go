package executive

import (
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

// furthest is how far ahead a call may be scheduled.
const furthest = 366 * 24 * time.Hour

// check judges an order, and completes it by what its service says.
func (x *Executive) check(o *pint.Order, svc *service.Service, now time.Time) error {
	if o.By == "" {
		return pint.Refuse(403, "only a user may ask for a service: say who you are")
	}
	complete(o, svc)
	if err := x.timely(o, svc, now); err != nil {
		return err
	}
	if err := x.able(o); err != nil {
		return err
	}
	if err := x.records(o, svc); err != nil {
		return err
	}
	if o.Provider != "" {
		if err := x.cfg.Rights.Provider(o.Provider); err != nil {
			return err
		}
	}
	_, err := x.parties(o, svc)
	return err
}

// timely judges when an order is wanted; a time that has passed means at once.
func (x *Executive) timely(o *pint.Order, svc *service.Service, now time.Time) error {
	if !o.At.After(now) {
		o.At = time.Time{}
	}
	begin := now
	if !o.At.IsZero() {
		begin = o.At
	}
	switch {
	case begin.Sub(now) > furthest:
		return pint.Refuse(606, "the call is scheduled for %s, which is more than a year ahead", begin.Format(time.DateOnly))
	case !o.Until.IsZero() && !o.Until.After(begin):
		return pint.Refuse(606, "the request ends before it begins")
	}
	return quiet(svc, begin, now)
}

// quiet refuses what begins when nobody is to be called.
func quiet(svc *service.Service, begin, now time.Time) error {
	if end := svc.Quiet.Over(begin); !end.IsZero() {
		return &pint.Refusal{Code: 480, After: end.Sub(now), Text: "the service calls nobody at that time; it does again from " + end.Format("15:04 MST")}
	}
	return nil
}

// complete fills in what the service says.
func complete(o *pint.Order, svc *service.Service) {
	if svc.Party != "" {
		o.A.Number, o.A.Address, o.A.Context = svc.Party, "", ""
		if svc.Party[0] != '+' && (svc.Party[0] < '0' || svc.Party[0] > '9') {
			o.A.Number, o.A.Address = "", svc.Party
		}
	}
	if o.First == "" {
		o.First = svc.First
	}
	for i := range o.CallerID {
		if svc.CallerID[i] != "" || o.Door == pint.SIP {
			o.CallerID[i] = svc.CallerID[i]
		}
	}
	lesser := func(d *time.Duration, most time.Duration) {
		if *d <= 0 || *d > most {
			*d = most
		}
	}
	lesser(&o.RingTime, svc.RingTime)
	lesser(&o.MaxTalk, svc.MaxTalk)
	if o.Retries <= 0 {
		o.Retries = svc.Retries
	}
	o.Retries = min(o.Retries, 10)
	if o.Pause <= 0 {
		o.Pause = svc.Pause
	}
	o.Record = o.Record || svc.Record == service.RecordAlways
}

// able reports what the service would need and is not there (RFC 2848 §5.3: 501 has
// a broker try the next gateway).
func (x *Executive) able(o *pint.Order) error {
	switch o.Kind {
	case service.Fax, service.FaxBack:
		if x.cfg.Fax == nil {
			return pint.Refuse(501, "no fax machine is connected to this server: set pint.fax, or send the request to a gateway that has one")
		}
		if o.Kind == service.Fax && len(o.Content) == 0 {
			return pint.Refuse(400, "nothing is named that could be sent: add uri: or spr: to the description")
		}
		for _, c := range o.Content {
			if err := x.cfg.Fax.Can(c); err != nil {
				return err
			}
		}
	case service.Hear:
		if len(o.Content) == 0 {
			return pint.Refuse(400, "nothing is named that could be heard: add text, or uri: or spr: to the description")
		}
		for _, c := range o.Content {
			if x.cfg.Sounds == nil {
				return pint.Refuse(501, "this server plays nothing")
			}
			if err := x.cfg.Sounds.Can(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// records reports why a call that is to be recorded cannot be.
func (x *Executive) records(o *pint.Order, svc *service.Service) error {
	switch {
	case !o.Record:
	case svc.Record == service.RecordNever:
		return pint.Refuse(403, "calls of the service %s are not recorded: ask without, or have its record set to asked", svc.Name)
	case !x.cfg.Records || o.Kind != service.Call:
		return pint.Refuse(501, "this call cannot be recorded: set telephony.recordings; calls between two are recorded alone")
	}
	return nil
}

// whom are the parties of an order as telephony calls them.
type whom struct {
	a, b pint.Destination
}

// parties finds out whom an order means, and whether the requester may have them
// called. It is asked again when the call begins: rights may have changed.
func (x *Executive) parties(o *pint.Order, svc *service.Service) (w whom, err error) {
	if o.B.IsZero() {
		return w, pint.Refuse(400, "the description names no telephone: add c=TN RFC2543 and a number")
	}
	if w.b, err = x.cfg.Rights.Resolve(o.By, &o.B); err != nil {
		return w, err
	}
	if !w.b.Own && !svc.AnyParty {
		return w, pint.Refuse(403, "%s is not proved to be a number of yours: name one of your own, or have it entered with: tandem pint numbers add", o.B)
	}
	if err := x.cfg.Rights.May(o.By, w.b); err != nil {
		return w, err
	}
	if o.Kind != service.Call {
		return w, nil
	}
	if o.A.IsZero() {
		return w, pint.Refuse(606, "To names nobody who could be called: name a number, or a user of this server")
	}
	if w.a, err = x.cfg.Rights.Resolve(o.By, &o.A); err != nil {
		return w, err
	}
	if w.a.To == w.b.To {
		return w, pint.Refuse(606, "both parties are %s", w.a.To)
	}
	return w, x.cfg.Rights.May(o.By, w.a)
}

// legs are the parties in the order of calling. Each is shown the number of the
// other, unless that is withheld or the service shows another one.
func (w whom) legs(o *pint.Order) (first, second pint.Leg) {
	leg := func(to, of pint.Destination, hide bool, instead string) pint.Leg {
		if instead != "" {
			return pint.Leg{To: to.To, Caller: instead, Hidden: hide}
		}
		return pint.Leg{To: to.To, Caller: of.Show, Name: of.Name, Hidden: hide}
	}
	a, b := leg(w.a, w.b, o.B.Hide, o.CallerID[0]), leg(w.b, w.a, o.A.Hide, o.CallerID[1])
	if o.Kind != service.Call {
		return b, pint.Leg{}
	}
	if o.First == service.A {
		return a, b
	}
	return b, a
}
