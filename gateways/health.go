package gateways

import (
	"fmt"
	"time"

	"tandem/rtc/sip"
)

// A trunk is degraded after the first miss, so that the calls after the one that
// waited for it try others first; down after some, and up again after some
// answers: one lost packet takes no trunk out, and one answer brings none back.
// One that fails call after call is degraded, too, though it answers.
const (
	missesDown = 3
	hitsUp     = 2
	faultsMany = 3

	faultsLast   = time.Minute     // then it is given another chance
	fullLasts    = 5 * time.Minute // unless it says so again
	longestPause = 5 * time.Minute // however long a trunk asks for
)

// health is what was seen of a trunk, by calls and by probes. It decides without
// a clock of its own.
type health struct {
	misses, hits int       // in a row
	pause        time.Time // it asked not to be called until then (Retry-After)
	faults       int       // calls in a row that it answered 5xx
	faulty       time.Time // when faults are forgotten
	full         time.Time // it nearly has no channel until then
	unregistered string    // why it does not know us, "" when it does
}

// hit notes an answer.
func (h *health) hit(now time.Time) {
	if h.hits++; h.hits >= hitsUp {
		h.misses = 0
	}
	h.review(now)
}

// miss notes that none came.
func (h *health) miss() {
	h.misses++
	h.hits = 0
}

// fault notes a call that the trunk itself failed.
func (h *health) fault(now time.Time) {
	h.faults++
	h.faulty = now.Add(faultsLast)
}

// review forgets what is over.
func (h *health) review(now time.Time) {
	if !h.pause.After(now) {
		h.pause = time.Time{}
	}
	if !h.faulty.After(now) {
		h.faults = 0
	}
	if !h.full.After(now) {
		h.full = time.Time{}
	}
}

// forget gives the trunk another chance, unless it asked for a pause that goes on.
func (h *health) forget(now time.Time) {
	if !h.pause.After(now) {
		*h = health{unregistered: h.unregistered}
	}
}

// clear reports whether nothing speaks against the trunk that time or an answer
// would change.
func (h *health) clear() bool {
	return h.misses == 0 && h.pause.IsZero() && h.faults == 0 && h.full.IsZero()
}

func (h *health) state(now time.Time) State {
	switch {
	case h.pause.After(now), h.misses >= missesDown:
		return Down
	case h.misses > 0, h.faults >= faultsMany, h.full.After(now), h.unregistered != "":
		return Degraded
	}
	return Up
}

// Heard notes an answer of the trunk to a probe: any status but 408 and 503 shows
// that it is there. retryAfter is that of a 503, 0 without one (RFC 3261 §21.5.4).
func (t *Trunk) Heard(status int, retryAfter time.Duration) {
	now := time.Now()
	t.live.observe(now, fmt.Sprintf("it answered %d", status), func(h *health) { h.heard(status, retryAfter, now) })
}

// Answered notes an answer of the trunk to a call, provisional ones included: it is
// as Heard, and besides a trunk that answers call after call with 5xx is avoided.
func (t *Trunk) Answered(status int, retryAfter time.Duration) {
	now := time.Now()
	t.live.observe(now, fmt.Sprintf("it answered %d to calls", status), func(h *health) {
		h.heard(status, retryAfter, now)
		switch {
		case status == 500 || status == 502 || status == 504:
			h.fault(now)
		case status > 100 && status < 500:
			h.faults = 0
		}
	})
}

func (h *health) heard(status int, retryAfter time.Duration, now time.Time) {
	switch {
	case status == 503 && retryAfter > 0:
		h.pause = now.Add(min(retryAfter, longestPause))
		h.hits = 0
	case status == 503, status == 408:
		h.miss()
	default:
		h.hit(now)
	}
}

// Missed notes that the trunk did not answer or could not be reached; why is for
// people.
func (t *Trunk) Missed(why string) {
	t.live.observe(time.Now(), why, (*health).miss)
}

// Unregistered notes why the trunk does not know this server, "" when it does.
func (t *Trunk) Unregistered(why string) {
	text := why
	if text == "" {
		text = "it is registered with"
	}
	t.live.observe(time.Now(), text, func(h *health) { h.unregistered = why })
}

// Reported notes what a gateway says of its channels in a request of its own
// (X-cisco-rai): one that nearly has none left is tried after others.
func (t *Trunk) Reported(m *sip.Message) {
	full, said := almostFull(m)
	if !said {
		return
	}
	now := time.Now()
	t.live.observe(now, "it says that it nearly has no channel left", func(h *health) {
		h.full = time.Time{}
		if full {
			h.full = now.Add(fullLasts)
		}
	})
}

// observe notes what was seen, and tells when the state is another one then.
func (l *live) observe(now time.Time, why string, see func(*health)) {
	l.mu.Lock()
	see(&l.seen)
	state, before := l.seen.state(now), State(l.health.Load())
	if l.seen.pause.IsZero() {
		l.paused.Store(0)
	} else {
		l.paused.Store(l.seen.pause.UnixMilli())
	}
	tell := l.tell
	if state != before {
		l.set(&l.health, state)
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
	return l.seen.clear()
}
