package executive

import (
	"time"

	"tandem/pint"
)

// Times are when a service is wanted.
type Times struct {
	At    time.Time // zero or past: at once
	Until time.Time // of no use later; zero: not said
	// Description is the order's, with these times.
	Description string
}

// Reschedule has a session that waits for its time, or whose first try waits for a free
// line, begin at another time. done is told when that is on disk; then it holds, and until
// then the old time does. The error is a *pint.Refusal; then done is not told.
func (x *Executive) Reschedule(id string, t Times, done func(pint.Session, error)) error {
	j := x.job(id)
	if j == nil {
		return pint.Refuse(606, "the service has ended: ask for it anew")
	}
	s := j.now()
	svc := x.cfg.Services.Find(s.Service)
	if svc == nil {
		return pint.Refuse(404, "the service is there no longer")
	}
	order := s.Order
	order.At, order.Until, order.Description = t.At, t.Until, t.Description
	if err := x.timely(&order, svc, time.Now()); err != nil {
		return err
	}
	if err := movable(s); err != nil {
		return err
	}
	j.post(func() { j.reschedule(order, done) })
	return nil
}

// movable reports why the time of a session cannot be changed, nil when it can.
func movable(s *pint.Session) error {
	switch {
	case s.State.Final():
		return pint.Refuse(606, "the service has ended: ask for it anew")
	case s.State != pint.Scheduled || s.Tries > 0:
		return pint.Refuse(606, "the service has begun: its time cannot be changed any more")
	}
	return nil
}

func (j *job) reschedule(order pint.Order, done func(pint.Session, error)) {
	was := j.now()
	if err := movable(was); err != nil { // it has begun meanwhile
		done(*was, err)
		return
	}
	take := func(o *pint.Order, due time.Time) func(*pint.Session) {
		return func(s *pint.Session) { s.At, s.Until, s.Description, s.Due = o.At, o.Until, o.Description, due.UTC() }
	}
	info := "begins at once"
	if !order.At.IsZero() {
		info = "scheduled for " + local(order.At, was.Zone)
	}
	j.x.queue.Drop(was.ID) // nothing begins while the disk is being written
	j.moving = true
	j.changeKept(pint.Scheduled, info, take(&order, order.At), func(err error) {
		j.moving = false
		switch s := j.now(); {
		case s.State != pint.Scheduled: // cancelled meanwhile
			done(*s, movable(s))
			return
		case err != nil:
			j.change(pint.Scheduled, was.Info, take(&was.Order, was.Due))
			done(*j.now(), busy(err))
		default:
			done(*s, nil)
		}
		if due := j.now().Due; due.After(time.Now()) {
			j.x.queue.Set(was.ID, due)
		} else {
			j.start()
		}
	})
}
