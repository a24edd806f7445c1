// Package limits bounds what one requester may ask of PINT: requests a minute, the
// same request again, calls at a time, calls that wait for their time.
//
// It remembers in memory alone. What waits and what goes on is told again after a
// restart.
package limits

import (
	"sync"
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

// Limits counts by requester. It may be used from anywhere.
type Limits struct {
	mu    sync.Mutex
	users map[string]*use
	swept time.Time
}

// use is what one requester does.
type use struct {
	recent  []ask // of the last minute, or longer while the same may not be asked again
	active  int
	waiting int // taken on, and not begun
}

type ask struct {
	at   time.Time
	what uint64
	same time.Duration
}

// New makes Limits of which nothing is used.
func New() *Limits { return &Limits{users: map[string]*use{}} }

// Admit counts a request that somebody else carries out. what is a hash that is the same
// for the same request. The error is a *pint.Refusal.
func (l *Limits) Admit(by string, what uint64, most service.Limits, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	u := l.use(by)
	if err := u.judge(what, most, now); err != nil {
		return err
	}
	u.recent = append(u.recent, ask{now, what, most.Same})
	return nil
}

// Enter is Admit of a request that is carried out here. It counts among those that wait
// from here on, until Wait takes it away; later says that it is for later.
func (l *Limits) Enter(by string, what uint64, most service.Limits, later bool, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	u := l.use(by)
	if err := u.judge(what, most, now); err != nil {
		return err
	}
	switch {
	case later && u.waiting >= most.Waiting:
		return &pint.Refusal{Code: 480, After: time.Minute, Text: "too many scheduled calls wait; cancel some, or have the limit of the service raised"}
	case !later && u.active >= most.AtOnce:
		return &pint.Refusal{Code: 480, After: 10 * time.Second, Text: "too many calls at a time; wait until one has ended"}
	}
	u.recent = append(u.recent, ask{now, what, most.Same})
	u.waiting++
	return nil
}

// judge says whether another request is too much: the same again, or too many a minute.
func (u *use) judge(what uint64, most service.Limits, now time.Time) error {
	u.forget(now)
	minute, oldest := 0, now
	for _, a := range u.recent {
		if since := now.Sub(a.at); a.what == what && since < a.same {
			return &pint.Refusal{Code: 480, After: a.same - since, Text: "the same request was taken on just now; it was not taken on twice"}
		} else if since < time.Minute {
			minute++
			if a.at.Before(oldest) {
				oldest = a.at
			}
		}
	}
	if minute >= most.PerMinute {
		return &pint.Refusal{Code: 480, After: time.Minute - now.Sub(oldest), Text: "too many requests within a minute; wait, or have the limit of the service raised"}
	}
	return nil
}

func (l *Limits) use(by string) *use {
	u := l.users[by]
	if u == nil {
		u = &use{}
		l.users[by] = u
	}
	return u
}

func (u *use) forget(now time.Time) {
	n := 0
	for n < len(u.recent) && now.Sub(u.recent[n].at) >= max(time.Minute, u.recent[n].same) {
		n++
	}
	u.recent = u.recent[n:]
}

// sweep drops, now and then, who does nothing any more.
func (l *Limits) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	for by, u := range l.users {
		if u.forget(now); len(u.recent) == 0 && u.active == 0 && u.waiting == 0 {
			delete(l.users, by)
		}
	}
}

// Begin takes a place among the calls at a time; false when all are taken.
func (l *Limits) Begin(by string, most service.Limits) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.use(by)
	if u.active >= most.AtOnce {
		return false
	}
	u.active++
	return true
}

// End gives the place back.
func (l *Limits) End(by string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.use(by).active--
}

// Wait counts a call that begins once more (+1) or ceases (-1) to wait for its time.
func (l *Limits) Wait(by string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.use(by).waiting += n
}
