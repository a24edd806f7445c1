package executive

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

// job is the actor of one session.
type job struct {
	x     *Executive
	shown atomic.Pointer[pint.Session] // replaced, never changed
	busy  string                       // the party that was busy when the last try failed; guarded by the executive's lock

	mu      sync.Mutex
	inbox   []func()
	running bool
	stop    context.CancelFunc // of what the owner waits for; nil: nothing
	wanted  string             // who wants the session to end, "" nobody

	// The owner's:
	handle  pint.Handle
	names   [2]service.Leg // of the first and second party
	dest    [2]string
	holding bool          // a place of limits
	moving  bool          // another time is being written
	marking bool          // it is being written that somebody is being called
	ending  []func(error) // are told when a session ends that was to end while marking
	cleanup func()        // of sounds
	missed  service.Leg
	message []string    // files that are played to an answering machine
	machine service.Leg // whose machine has answered this try
}

// now is the session as it is.
func (j *job) now() *pint.Session { return j.shown.Load() }

// post has f done by the owner.
func (j *job) post(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inbox = append(j.inbox, f)
	if !j.running {
		j.running = true
		j.x.own(j.own)
	}
}

// own does what waits.
func (j *job) own() {
	for {
		j.mu.Lock()
		if len(j.inbox) == 0 {
			j.running, j.inbox = false, nil
			j.mu.Unlock()
			return
		}
		f := j.inbox[0]
		j.inbox = j.inbox[1:]
		j.mu.Unlock()
		f()
	}
}

// cancel ends the session, from anywhere.
func (j *job) cancel(by string, kept func(error)) {
	j.mu.Lock()
	if j.wanted == "" {
		j.wanted = by
	}
	if j.stop != nil {
		j.stop()
	}
	j.mu.Unlock()
	j.post(func() {
		if kept == nil {
			kept = func(error) {}
		}
		j.end(by, kept)
	})
}

// quits is who wants the session to end, "" nobody.
func (j *job) quits() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wanted
}

// change makes the next state of the session, keeps and tells it.
func (j *job) change(state pint.State, info string, f func(s *pint.Session)) {
	j.changeKept(state, info, f, nil)
}

// changeKept is change; kept, unless it is nil, is done by the owner when the session is on
// disk, or cannot be.
func (j *job) changeKept(state pint.State, info string, f func(s *pint.Session), kept func(error)) {
	s := j.now().Clone()
	if s.State.Final() || s.State == state && s.Info == info && kept == nil {
		return
	}
	s.State, s.Info = state, info
	if f != nil {
		f(&s)
	}
	if len(s.Events) < pint.MaxEvents || state.Final() {
		s.Events = append(s.Events, pint.Event{Time: time.Now().UTC().Truncate(time.Millisecond), State: state, Info: info})
	}
	s.Events = slices.Clip(s.Events)
	before := j.shown.Swap(&s).State // from here on others read it
	// A restart must know of what waits, what goes on and what has ended. The steps
	// in between are kept only for a sink that is owed them.
	if before != state && (!state.Active() || !before.Active()) || s.Sink.URL != "" || kept != nil {
		j.keep(&s, kept)
	}
	j.x.tell(&s)
	if state.Final() {
		j.x.awaits(j, "")
		j.x.queue.Drop(s.ID)
		j.x.queue.Drop(s.ID + "/talk")
	}
}

// diskPause is how long it takes until the disk is asked once more for what it has refused.
const diskPause = 5 * time.Second

// keep puts the session on disk; kept may be nil. The end of a session that the disk
// refuses is written once more later.
func (j *job) keep(s *pint.Session, kept func(error)) {
	done := func(err error) {
		if err != nil {
			j.x.cfg.Log.Error("PINT session not stored", "session", s.ID, "err", err)
		}
		if kept != nil {
			j.post(func() { kept(err) })
		}
		switch {
		case err != nil && s.State.Final():
			j.x.queue.Set(s.ID+"/keep", time.Now().Add(diskPause))
		case !s.Unfinished(): // from here on the store is asked
			j.x.forget(s.ID)
		}
	}
	if err := j.x.cfg.Store.Put(s, done); err != nil {
		done(err)
	}
}

// begin waits for the time of the session, or starts it.
func (j *job) begin() {
	s := j.now()
	if s.At.IsZero() || !s.At.After(time.Now()) {
		j.start()
		return
	}
	j.wait(s.At, "scheduled for "+local(s.At, s.Zone))
}

// local is a time as the requester reads the clock.
func local(t time.Time, zone string) string {
	where, err := time.LoadLocation(zone)
	if err != nil {
		where = time.UTC
	}
	return t.In(where).Format("2006-01-02 15:04:05 MST")
}

// wait has the session start at a time.
func (j *job) wait(at time.Time, info string) {
	j.change(pint.Scheduled, info, func(s *pint.Session) { s.Due = at.UTC() })
	j.x.queue.Set(j.now().ID, at)
}

// resume takes the session up after a restart.
func (j *job) resume() {
	s := j.now()
	switch {
	case s.State == pint.Scheduled && s.Due.After(time.Now()):
		j.x.queue.Set(s.ID, s.Due)
	case s.State == pint.Scheduled && time.Since(wanted(s)) > latest:
		j.x.limits.Wait(string(s.By), -1)
		j.finish(pint.Failed, 408, 0, "missed: the server did not run at its time", "server")
	case s.State == pint.Scheduled:
		j.start()
	case s.State == pint.Accepted:
		j.x.limits.Wait(string(s.By), -1)
		j.finish(pint.Cancelled, 487, 0, "the server ended before the request was confirmed", "server")
	case !s.State.Final():
		j.finish(pint.Failed, 500, 41, "the server ended during the call", "server")
	}
}

// latest is how late a call may begin, after the server was down or the disk full.
const latest = 10 * time.Minute

// wanted is when a session was to begin, or to be tried again.
func wanted(s *pint.Session) time.Time { return later(s.Created, s.Due) }

// start makes the first or next try.
func (j *job) start() {
	s := j.now()
	if s.State != pint.Scheduled && s.State != pint.Accepted || j.moving || j.x.isClosed() {
		return
	}
	svc := j.x.cfg.Services.Find(s.Service)
	now := time.Now()
	switch {
	case svc == nil:
		j.giveUp(pint.Refuse(404, "the service is there no longer"))
		return
	case !s.Until.IsZero() && now.After(s.Until):
		j.giveUp(pint.Refuse(408, "its time was over"))
		return
	}
	if end := svc.Quiet.Over(now); !end.IsZero() {
		j.wait(end, "waits for the end of the quiet time")
		return
	}
	order := s.Order
	w, err := j.x.parties(&order, svc)
	if err != nil {
		j.giveUp(err)
		return
	}
	if !j.x.limits.Begin(string(s.By), svc.Limits) {
		if since := later(s.Created, s.At); now.Sub(since) > patience {
			j.giveUp(pint.Refuse(480, "too many calls of the requester went on"))
			return
		}
		j.wait(now.Add(time.Second), "waits for a free line")
		return
	}
	j.holding = true
	j.x.awaits(j, "")
	j.x.limits.Wait(string(s.By), -1)
	j.x.queue.Drop(s.ID)
	j.dial(w)
}

// patience is how long a call waits while its requester has too many.
const patience = time.Hour

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (x *Executive) isClosed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.closed
}

// giveUp ends a session whose call cannot begin.
func (j *job) giveUp(err error) {
	j.x.limits.Wait(string(j.now().By), -1)
	var r *pint.Refusal
	if !errors.As(err, &r) {
		r = pint.Refuse(500, "%v", err)
	}
	j.finish(pint.Failed, r.Code, 0, r.Text, "server")
}

// dial makes the next try. Nobody is called before it is on disk that somebody is being
// called: whatever a restart finds in such a state is not done again.
func (j *job) dial(w whom) {
	s := j.now() // as a restart would find it
	first, second := w.legs(&s.Order)
	j.names = [2]service.Leg{s.First, other(s.First)}
	if s.Kind != service.Call {
		j.names[0] = service.B
	}
	j.dest, j.machine = [2]string{first.To, second.To}, ""
	begin := func(s *pint.Session) {
		s.Tries++
		s.Due = time.Time{}
		if s.Started.IsZero() {
			s.Started = time.Now().UTC()
		}
	}
	j.marking = true
	j.changeKept(pint.Dialling, "dialling "+upper(j.names[0]), begin, func(err error) {
		j.marking = false
		switch {
		case j.abandoned(err):
		case err != nil:
			j.unmarked(s)
		case s.Kind == service.Fax || s.Kind == service.FaxBack:
			j.fax(number(w.b))
		default:
			j.connect(first, second)
		}
	})
}

// unmarked goes on when the disk refuses to take that somebody is being called: then nobody
// is. A session that a restart would begin, since it is scheduled on disk, waits for the
// disk as long as it may be late after a restart: otherwise it could be told to have failed,
// and be carried out after all. All others fail.
func (j *job) unmarked(was *pint.Session) {
	j.release()
	s := j.now().Clone()
	s.Tries, s.Due, s.Started = was.Tries, was.Due, was.Started
	j.shown.Store(&s)
	if was.State != pint.Scheduled || time.Since(wanted(was)) > latest {
		j.finish(pint.Failed, 503, 0, "the disk takes nothing: nobody was called", "server")
		return
	}
	j.x.limits.Wait(string(was.By), +1)
	j.change(pint.Scheduled, "waits for the disk", nil)
	j.x.queue.Set(was.ID, time.Now().Add(diskPause))
}

// abandoned ends a try that somebody does not want any more before anybody is called.
// unmarked is why the disk does not have the try; a restart would begin it, so those who
// wanted its end are told only when that is on disk.
func (j *job) abandoned(unmarked error) bool {
	by := j.quits()
	if by == "" {
		return false
	}
	told := j.ending
	j.ending = nil
	tell := func(err error) {
		for _, f := range told {
			f(err)
		}
	}
	j.release()
	if unmarked != nil {
		j.finishKept(pint.Cancelled, 487, 0, "cancelled by "+by, by, tell)
		return true
	}
	j.finish(pint.Cancelled, 487, 0, "cancelled by "+by, by)
	tell(nil)
	return true
}

// number is one that a fax machine can dial.
func number(d pint.Destination) string {
	if d.User != "" {
		return d.Show
	}
	return d.To
}

// connect has telephony call.
func (j *job) connect(first, second pint.Leg) {
	s := j.now()
	svc := j.x.cfg.Services.Find(s.Service) // the table does not change
	call := pint.Call{Session: s.ID, Payer: s.By, First: first, Second: second, RingTime: s.RingTime, Provider: s.Provider, Screen: svc.Machine != ""}
	files, ok := j.heard(svc)
	if !ok || j.abandoned(nil) {
		return
	}
	if s.Kind == service.Hear {
		call.Play = files
	} else {
		j.message = files
	}
	handle, err := j.x.cfg.Telephony.Connect(call, func(p pint.Progress) { j.post(func() { j.progress(p) }) })
	if err != nil {
		j.failed(pint.Progress{Step: pint.Ended, Code: codeOf(err), Text: err.Error()})
		return
	}
	j.handle = handle
	if by := j.quits(); by != "" { // it was not there to be hung up
		handle.Hangup(by)
	}
}

func other(l service.Leg) service.Leg {
	if l == service.A {
		return service.B
	}
	return service.A
}

func upper(l service.Leg) string {
	if l == service.A {
		return "A"
	}
	return "B"
}

// waiting gives a context that cancel ends.
func (j *job) waiting(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	j.mu.Lock()
	j.stop = stop
	j.mu.Unlock()
	return ctx, func() {
		j.mu.Lock()
		j.stop = nil
		j.mu.Unlock()
		stop()
	}
}

// heard is what somebody, or an answering machine, will hear; nothing in most calls.
func (j *job) heard(svc *service.Service) (files []string, ok bool) {
	switch {
	case svc.Kind == service.Hear:
		return j.sounds(j.now().Content)
	case svc.Machine == service.ActionSpeak:
		return j.sounds([]pint.Content{{Media: "text/plain", Part: []byte(svc.Message)}})
	}
	return nil, true
}

// sounds prepares what is to be heard, before anybody is called: nobody shall
// answer and hear nothing.
func (j *job) sounds(list []pint.Content) (files []string, ok bool) {
	ctx, done := j.waiting(time.Minute)
	defer done()
	s := j.now()
	files, cleanup, err := j.x.cfg.Sounds.Make(ctx, list, s.Language)
	if err != nil && j.quits() == "" {
		var r *pint.Refusal
		if !errors.As(err, &r) {
			r = pint.Refuse(502, "%v", err)
		}
		j.release()
		j.finish(pint.Failed, r.Code, 0, r.Text, "server")
		return nil, false
	}
	j.cleanup = cleanup
	return files, true
}

// fax hands the document over and waits for what becomes of it.
func (j *job) fax(to string) {
	ctx, done := j.waiting(time.Hour)
	defer done()
	err := j.x.cfg.Fax.Send(ctx, *j.now(), to, func(text string) {
		j.change(pint.Connected, text, func(s *pint.Session) {
			if s.Connected.IsZero() {
				s.Connected = time.Now().UTC()
			}
		})
	})
	j.release()
	var refused *pint.Refusal
	switch {
	case err == nil:
		j.finish(pint.Completed, 200, 16, "sent OK", "")
	case errors.As(err, &refused):
		j.finish(pint.Failed, refused.Code, 0, refused.Text, "server")
	default:
		j.finish(pint.Failed, 500, 0, err.Error(), "server")
	}
}
