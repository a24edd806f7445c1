// Package executive carries PINT sessions out: it takes orders on, keeps them
// until their time, has telephony make the calls, tries again, and says what
// happens. All doors share it, and with it policy, limits and records.
//
// A session is an actor: everything that happens to it is posted to its inbox and
// done one after the other, by a goroutine that lives only while something waits
// there. What others see of a session is a copy that does not change.
//
// It owns the sessions that have not ended. Those that have are the Store's.
package executive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/pint"
	"tandem/pint/limits"
	"tandem/pint/schedule"
	"tandem/pint/service"
	"tandem/pint/stats"
	"tandem/rtc"
)

// Sounds makes content into something that can be played.
type Sounds interface {
	// Can reports why such content cannot be played, nil when it can.
	Can(c pint.Content) error
	// Make gives WAV files for content, in order, and a function that removes them.
	Make(ctx context.Context, list []pint.Content, language string) (files []string, done func(), err error)
}

// Fax takes documents to a fax machine.
type Fax interface {
	// Can reports why such content cannot be sent, nil when it can.
	Can(c pint.Content) error
	// Send returns when the document was sent, or was not. progress is told meanwhile.
	Send(ctx context.Context, s pint.Session, to string, progress func(text string)) error
}

// Config of an Executive. Sounds and Fax may be nil: then such services answer 501.
type Config struct {
	Store     pint.Store
	Telephony pint.Telephony
	Rights    pint.Rights
	Services  *service.Table
	Sounds    Sounds
	Fax       Fax
	Records   bool          // calls can be recorded
	Sessions  int           // not ended, at most; default 20,000
	Keep      time.Duration // how long ended sessions are kept; default 7 days
	Log       *slog.Logger
}

// Executive carries sessions out.
type Executive struct {
	cfg      Config
	limits   *limits.Limits
	queue    *schedule.Queue
	stats    *stats.Stats
	seed     maphash.Seed // of fingerprints
	watchers []func(pint.Session)

	mu     sync.Mutex
	owners sync.WaitGroup           // grows under mu
	jobs   map[string]*job          // by ID
	origin map[string]*job          // by requester and o= line
	dialog map[string]*job          // by Call-ID and our tag
	busy   map[string]map[*job]bool // those that wait until somebody is free, by whom
	fresh  map[string]bool          // taken on before Load has ended: it may find them, too; nil afterwards
	closed bool                     // no session begins anything any more
	ended  bool                     // nothing is posted any more
}

// New makes an executive without sessions.
func New(cfg Config) *Executive {
	if cfg.Sessions <= 0 {
		cfg.Sessions = 20_000
	}
	if cfg.Keep <= 0 {
		cfg.Keep = 7 * 24 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Executive{cfg: cfg, limits: limits.New(), queue: schedule.New(), stats: stats.New(), seed: maphash.MakeSeed(), jobs: map[string]*job{}, origin: map[string]*job{}, dialog: map[string]*job{}, busy: map[string]map[*job]bool{}, fresh: map[string]bool{}}
}

// Watch has f told of every change of every session, those of one session in
// order. f must not block. Watch is called before anything is taken on.
func (x *Executive) Watch(f func(pint.Session)) { x.watchers = append(x.watchers, f) }

// Stats are the counters of RFC 3055.
func (x *Executive) Stats() *stats.Stats { return x.stats }

// Keep is how long ended sessions are kept.
func (x *Executive) Keep() time.Duration { return x.cfg.Keep }

// Services there are.
func (x *Executive) Services() *service.Table { return x.cfg.Services }

// Store of the sessions.
func (x *Executive) Store() pint.Store { return x.cfg.Store }

// Load takes up what was not finished before a restart. The rule is that nobody is
// called twice for one request: a try is on disk before its first INVITE leaves, and a
// session that was being tried when the server ended has failed, even when nobody had
// been called yet. What waited for its time, or for the next try, still does. One that
// its client had not confirmed is cancelled. Orders may be taken on meanwhile.
func (x *Executive) Load(ctx context.Context) error {
	err := x.cfg.Store.Unfinished(ctx, func(s pint.Session) {
		if x.isFresh(s.ID) {
			return
		}
		j := x.add(s)
		if s.State == pint.Scheduled || s.State == pint.Accepted {
			x.limits.Wait(string(s.By), +1)
		}
		j.post(j.resume)
	})
	x.mu.Lock()
	x.fresh = nil
	x.mu.Unlock()
	return err
}

// Loading reports whether sessions of before a restart may still be unknown.
func (x *Executive) Loading() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fresh != nil
}

func (x *Executive) isFresh(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fresh[id]
}

// Run serves until ctx ends; then calls under way are ended, and what waits stays
// in the store.
func (x *Executive) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { _ = x.queue.Run(inner, x.due) })
	wg.Go(func() { x.prune(inner) })
	<-ctx.Done()
	stop()
	wg.Wait()
	x.close()
	return nil
}

// ending is how long the end of calls is waited for.
const ending = 5 * time.Second

// close ends what goes on, and waits until it has ended.
func (x *Executive) close() {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	for _, j := range x.under() {
		j.cancel("server", nil)
	}
	for limit := time.Now().Add(ending); len(x.under()) > 0 && time.Now().Before(limit); {
		time.Sleep(10 * time.Millisecond)
	}
	x.mu.Lock()
	x.ended = true
	x.mu.Unlock()
	x.owners.Wait()
}

// under are the sessions under way.
func (x *Executive) under() (list []*job) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, j := range x.jobs {
		if j.now().State.Active() {
			list = append(list, j)
		}
	}
	return list
}

// UnderWay are the sessions whose call goes on, the latest first, as far as they fit.
func (x *Executive) UnderWay(q pint.Query) (list []pint.Session) {
	for _, j := range x.under() {
		s := j.now()
		if (q.By == "" || q.By == s.By) && (q.State == "" || q.State == s.State) && (q.Before.IsZero() || s.Created.Before(q.Before)) {
			list = append(list, *s)
		}
	}
	slices.SortFunc(list, func(a, b pint.Session) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID)) })
	return list[:min(len(list), q.Most())]
}

// own runs f, which is waited for at the end; not when that has come.
func (x *Executive) own(f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.owners.Go(f)
	}
}

// due begins what has come to its time: NAME is a session's ID, or the ID and what
// is to be done.
func (x *Executive) due(name string) {
	id, what, _ := strings.Cut(name, "/")
	j := x.job(id)
	switch {
	case j == nil:
	case what == "talk":
		j.cancel("longest talk time", nil)
	case what == "keep":
		j.post(func() { j.keep(j.now(), nil) })
	default:
		j.post(j.start)
	}
}

func (x *Executive) prune(ctx context.Context) {
	t := time.NewTicker(10 * time.Minute)
	defer t.Stop()
	for {
		n, err := x.cfg.Store.Prune(ctx, time.Now().Add(-x.cfg.Keep), 1000)
		if err != nil && ctx.Err() == nil {
			x.cfg.Log.Warn("forgetting old PINT sessions", "err", err)
		}
		if err == nil && n == 1000 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// add makes the job of a session.
func (x *Executive) add(s pint.Session) *job {
	j := &job{x: x}
	j.shown.Store(&s)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.jobs[s.ID] = j
	if s.Origin != "" {
		x.origin[originOf(&s)] = j
	}
	if s.Tag != "" {
		x.dialog[s.CallID+" "+s.Tag] = j
	}
	return j
}

func originOf(s *pint.Session) string { return string(s.By) + "|" + s.Origin }

// ByDialog finds a session that has not ended by the dialog in which it was asked
// for, which a restart may have forgotten.
func (x *Executive) ByDialog(callID, tag string) (pint.Session, bool) {
	x.mu.Lock()
	j := x.dialog[callID+" "+tag]
	x.mu.Unlock()
	if j == nil {
		return pint.Session{}, false
	}
	return *j.now(), true
}

// ByOrigin finds a session that has not ended by its requester and the o= line of
// its description.
func (x *Executive) ByOrigin(by rtc.AOR, origin string) (pint.Session, bool) {
	x.mu.Lock()
	j := x.origin[string(by)+"|"+origin]
	x.mu.Unlock()
	if j == nil {
		return pint.Session{}, false
	}
	return *j.now(), true
}

func (x *Executive) job(id string) *job {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.jobs[id]
}

func (x *Executive) forget(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	j := x.jobs[id]
	if j == nil {
		return
	}
	delete(x.jobs, id)
	s := j.now()
	if key := originOf(s); x.origin[key] == j {
		delete(x.origin, key)
	}
	if key := s.CallID + " " + s.Tag; x.dialog[key] == j {
		delete(x.dialog, key)
	}
}

// Active is how many sessions have not ended, and how many of them wait for their
// time.
func (x *Executive) Active() (all, waiting int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.jobs), x.queue.Len()
}

// Session finds one that has not ended; it takes no time.
func (x *Executive) Session(id string) (pint.Session, bool) {
	if j := x.job(id); j != nil {
		return *j.now(), true
	}
	return pint.Session{}, false
}

// Find finds one by ID, ended or not.
func (x *Executive) Find(ctx context.Context, id string) (pint.Session, bool, error) {
	if s, ok := x.Session(id); ok {
		return s, true, nil
	}
	return x.cfg.Store.Session(ctx, id)
}

// Errors of Cancel.
var (
	ErrUnknown = errors.New("no such session")
	ErrEnded   = errors.New("the session has ended")
	ErrNotKept = errors.New("the end of the session is not on disk yet: a restart might still make the call")
)

// Cancel ends a session: it does not begin, or no leg of its call is left soon. by
// says who wanted it. kept, unless it is nil, is told when no restart can make the call
// any more, or that the disk does not take it; not when Cancel returns an error.
func (x *Executive) Cancel(id, by string, kept func(error)) error {
	j := x.job(id)
	if j == nil {
		return ErrUnknown
	}
	switch s := j.now(); {
	case s.State.Final():
		return ErrEnded
	case s.Stoppable() != nil:
		return s.Stoppable()
	}
	j.cancel(by, kept)
	return nil
}

// CancelKept is Cancel, and waits until no restart can make the call any more. ErrNotKept
// says that ctx ended before, or that the disk does not take it.
func (x *Executive) CancelKept(ctx context.Context, id, by string) error {
	kept := make(chan error, 1)
	if err := x.Cancel(id, by, func(err error) { kept <- err }); err != nil {
		return err
	}
	select {
	case err := <-kept:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotKept, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotKept, ctx.Err())
	}
}

// Freed says that a user who was busy is not any more: calls that wait to try again
// begin now.
func (x *Executive) Freed(to string) {
	x.mu.Lock()
	list := slices.Collect(maps.Keys(x.busy[to]))
	x.mu.Unlock()
	for _, j := range list {
		j.post(j.start)
	}
}

// awaits notes whom a session waits to be free; "" nobody.
func (x *Executive) awaits(j *job, to string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if delete(x.busy[j.busy], j); len(x.busy[j.busy]) == 0 {
		delete(x.busy, j.busy)
	}
	if j.busy = to; to == "" {
		return
	}
	if x.busy[to] == nil {
		x.busy[to] = map[*job]bool{}
	}
	x.busy[to][j] = true
}

// Owed are the sessions with events that their sinks have not taken.
func (x *Executive) Owed() (list []pint.Session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, j := range x.jobs {
		if s := j.now(); s.Sink.URL != "" && s.Told < len(s.Events) {
			list = append(list, *s)
		}
	}
	return list
}

// Told notes that the sink of a session has taken its first n events.
func (x *Executive) Told(id string, n int) {
	if j := x.job(id); j != nil {
		j.post(func() {
			s := j.now().Clone()
			s.Told = max(s.Told, n)
			j.shown.Store(&s)
			j.keep(&s, nil)
		})
	}
}

// tell tells all watchers.
func (x *Executive) tell(s *pint.Session) {
	for _, f := range x.watchers {
		f(*s)
	}
}
