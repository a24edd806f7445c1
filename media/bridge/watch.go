package bridge

import (
	"time"

	"tandem/media/quality"
)

// Each leg sends reports about every 5 s, at times of its own (RFC 3550 §6.2).
const reportEvery = 5 * time.Second

// Watch checks the bridge once a second: for silent sides, lost consent, and reports
// that are due.
func (b *Bridge) Watch(now time.Time, space []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	last, limit := b.signalled, b.plant.Held
	for _, st := range b.streams {
		for _, l := range st.legs {
			if l == nil || !l.on {
				continue
			}
			l.watch(now, space)
			last = latest(last, latest(l.heard, l.since))
			if l.expected() {
				limit = b.plant.Idle
			}
		}
	}
	if quiet := now.Sub(last); quiet < limit {
		b.idle = false
	} else if !b.idle {
		b.idle = true
		b.owner.Post(Event{Kind: EventIdle, For: quiet})
	}
}

func (l *leg) watch(now time.Time, space []byte) {
	b := l.stream.bridge
	w := l.way
	l.offload(now)
	if l.stream.kind == "audio" && l.expected() && !l.oneWay {
		quiet, limit := now.Sub(latest(l.heard, l.since)), b.plant.Silence
		if l.resting { // until it sends again
			limit = max(limit, b.plant.Idle)
		}
		if quiet >= limit {
			l.oneWay = true
			b.owner.Post(Event{Kind: EventOneWay, Side: l.which, Line: l.stream.index, For: quiet})
		}
	}
	if l.keys != nil && !l.lastKey.IsZero() {
		if e, ended := l.keys.Idle(now.Sub(l.lastKey)); ended {
			b.owner.Post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e})
		}
	}
	if l == w.lead() && w.Consent(now, w.heard()) {
		b.owner.Post(Event{Kind: EventConsent, Side: l.which, Line: l.stream.index})
	}
	if l.stream.kind == "audio" && now.After(l.nextRTCP) {
		l.nextRTCP = now.Add(reportEvery)
		l.report(now, space)
	}
}

// expected reports whether media must come from this side. A side that put the call on
// hold may send music, or nothing (RFC 3264 §8.4).
func (l *leg) expected() bool {
	m := l.agreed.Media
	return l.agreed.CanReceive && (m == nil || !m.Hold())
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// report sends an SR or RR to a leg's side. RTCP for audio ends here, because we number
// what we send ourselves.
func (l *leg) report(now time.Time, space []byte) {
	if o := l.opposite(); o != nil {
		o.accountAt(now) // what was sent to this side
	}
	if l.in.Started() || l.out.Started() {
		l.way.SendRTCP(quality.AppendReport(space, l.cname, l.rewrite.SSRC, &l.out, &l.in, now))
	}
}

// byeAll tells every side that we stop sending (RFC 3550 §6.6). The caller holds mu.
func (b *Bridge) byeAll() {
	for _, st := range b.streams {
		for _, l := range st.legs {
			if l != nil && l.on && st.kind == "audio" && l.out.Started() {
				var space [256]byte
				l.way.SendRTCP(quality.AppendBye(space[:0], l.cname, l.rewrite.SSRC, "", time.Now()))
			}
		}
	}
}
