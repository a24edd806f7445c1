package gateways

import (
	"fmt"
	"time"
)

// A trunk is degraded after the first miss, so that the calls after the one that
// waited for it try others first; down after some, and up again after some
// answers: one lost packet takes no trunk out, and one answer brings none back.
const (
	missesDown = 3
	hitsUp     = 2

	longestPause = 5 * time.Minute // however long a trunk asks for
)

// health is what was seen of a trunk, by calls and by probes. It decides without
// a clock of its own.
type health struct {
	misses, hits int       // in a row
	pause        time.Time // it asked not to be called until then (Retry-After)
}

// hit notes an answer.
func (h *health) hit(now time.Time) {
	if h.hits++; h.hits >= hitsUp {
		h.misses = 0
	}
	if !h.pause.After(now) {
		h.pause = time.Time{}
	}
}

// miss notes that none came.
func (h *health) miss() {
	h.misses++
	h.hits = 0
}

// forget gives the trunk another chance, unless it asked for a pause that goes on.
func (h *health) forget(now time.Time) {
	if !h.pause.After(now) {
		*h = health{}
	}
}

func (h *health) state(now time.Time) State {
	switch {
	case h.pause.After(now), h.misses >= missesDown:
		return Down
	case h.misses > 0:
		return Degraded
	}
	return Up
}

// Heard notes an answer of the trunk to a call or a probe: any status but 408 and
// 503 shows that it is there. retryAfter is that of a 503, 0 without one
// (RFC 3261 §21.5.4).
func (t *Trunk) Heard(status int, retryAfter time.Duration) {
	now := time.Now()
	t.live.observe(now, fmt.Sprintf("it answered %d", status), func(h *health) {
		switch {
		case status == 503 && retryAfter > 0:
			h.pause = now.Add(min(retryAfter, longestPause))
			h.hits = 0
		case status == 503, status == 408:
			h.miss()
		default:
			h.hit(now)
		}
	})
}

// Missed notes that the trunk did not answer or could not be reached; why is for
// people.
func (t *Trunk) Missed(why string) {
	t.live.observe(time.Now(), why, (*health).miss)
}

// observe notes what was seen, and tells when the state is another one then.
func (l *live) observe(now time.Time, why string, see func(*health)) {
	l.mu.Lock()
	see(&l.seen)
	state, before := l.seen.state(now), State(l.health.Load())
	tell := l.tell
	if state != before {
		l.health.Store(uint32(state))
		l.since, l.why = now, why
	}
	l.mu.Unlock()
	if state != before && tell != nil {
		tell(state, why)
	}
}

// telling has f told each new state of health.
func (l *live) telling(f func(State, string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = f
}

// settled reports whether nothing speaks against the trunk.
func (l *live) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen.misses == 0 && l.seen.pause.IsZero()
}
