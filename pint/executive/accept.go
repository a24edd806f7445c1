package executive

import (
	"crypto/rand"
	"errors"
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	"tandem/pint"
	"tandem/pint/service"
	"tandem/pint/stats"
)

// Accept takes an order on: policy and limits are asked, and done is told when the
// session is on disk. Unless it is confirmed, nothing is done for it before Confirm.
// The error is a *pint.Refusal; then done is not told.
func (x *Executive) Accept(o pint.Order, confirmed bool, done func(pint.Session, error)) error {
	return x.AcceptAs(rand.Text(), o, confirmed, done)
}

// AcceptAs is Accept of an order whose session is to have an ID that its door has given
// out already. Nobody may be able to guess it, and nobody else may have it.
func (x *Executive) AcceptAs(id string, o pint.Order, confirmed bool, done func(pint.Session, error)) error {
	svc := x.cfg.Services.Find(o.Service)
	if svc == nil {
		return pint.Refuse(404, "there is no service %.40s", o.Service)
	}
	o.Kind = svc.Kind
	x.count(&o, "", stats.Received)
	err := x.accept(id, o, svc, confirmed, done)
	if err != nil {
		x.refuse(o, err)
	}
	return err
}

// Refused counts an order that a door has refused by itself: what it
// says makes no sense.
func (x *Executive) Refused(o pint.Order, err error) {
	x.count(&o, "", stats.Received)
	x.refuse(o, err)
}

func (x *Executive) refuse(o pint.Order, err error) {
	what := stats.Disconnected
	var r *pint.Refusal
	if errors.As(err, &r) {
		switch {
		case r.Code == 403:
			what = stats.AuthFailed
		case r.Code == 501 || r.Code == 415:
			what = stats.ServiceProblem
		case r.Code >= 500 && r.Code < 600:
			what = stats.GatewayProblem
		}
	}
	x.count(&o, "", what)
}

// count counts an outcome of an order.
func (x *Executive) count(o *pint.Order, gateway string, what stats.Outcome) {
	x.stats.Count(stats.Request{Kind: o.Kind, Client: clientOf(o), User: string(o.By), Gateway: gateway}, what, time.Now())
}

// clientOf is the client in the sense of RFC 3055: a token, or a host.
func clientOf(o *pint.Order) string {
	if at, err := netip.ParseAddrPort(o.Client); err == nil {
		return at.Addr().String()
	}
	return o.Client
}

func (x *Executive) accept(id string, o pint.Order, svc *service.Service, confirmed bool, done func(pint.Session, error)) error {
	now := time.Now()
	if err := x.check(&o, svc, now); err != nil {
		return err
	}
	later := o.At.After(now)
	s := pint.Session{ID: id, Order: o, State: pint.Accepted, Info: "queued", Created: now.UTC().Truncate(time.Millisecond)}
	if confirmed {
		s.State, s.Due = pint.Scheduled, o.At
	}
	s.Events = []pint.Event{{Time: s.Created, State: s.State, Info: s.Info}}
	if err := x.room(); err != nil {
		return err
	}
	if err := x.limits.Enter(string(o.By), x.fingerprint(&o), svc.Limits, later, now); err != nil {
		return err
	}
	return x.keepNew(x.enter(s), confirmed, done)
}

// enter makes the job of a new session.
func (x *Executive) enter(s pint.Session) *job {
	x.mu.Lock()
	if x.fresh != nil {
		x.fresh[s.ID] = true
	}
	x.mu.Unlock()
	return x.add(s)
}

// keepNew puts a new session on disk and goes on with it from there.
func (x *Executive) keepNew(j *job, confirmed bool, done func(pint.Session, error)) error {
	s := j.now()
	err := x.cfg.Store.Put(s, func(err error) {
		if err != nil {
			x.drop(s)
			err := busy(err)
			x.refuse(s.Order, err)
			done(*s, err)
			return
		}
		j.post(func() {
			x.tell(s)
			if confirmed {
				j.begin()
			}
		})
		done(*s, nil)
	})
	if err != nil {
		x.drop(s)
		return busy(err)
	}
	return nil
}

func (x *Executive) drop(s *pint.Session) {
	x.forget(s.ID)
	x.limits.Wait(string(s.By), -1)
}

func busy(err error) *pint.Refusal {
	return &pint.Refusal{Code: 503, After: 5 * time.Second, Text: "the request could not be stored: " + err.Error()}
}

func (x *Executive) room() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || len(x.jobs) >= x.cfg.Sessions {
		return &pint.Refusal{Code: 503, After: 10 * time.Second, Text: "too many requests are under way"}
	}
	return nil
}

// fingerprint is the same for the same request.
func (x *Executive) fingerprint(o *pint.Order) uint64 {
	return maphash.String(x.seed, strings.Join([]string{strings.ToLower(o.Service), o.A.String(), o.A.Context, o.B.String(), o.B.Context, o.At.String()}, "|"))
}

// Confirm goes on with a session whose client has confirmed it (RFC 2848 §3.5.3.4:
// the request goes to the executive at the ACK).
func (x *Executive) Confirm(id string) {
	if j := x.job(id); j != nil {
		j.post(func() {
			if j.now().State == pint.Accepted {
				j.begin()
			}
		})
	}
}
