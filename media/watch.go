package media

import (
	"math"
	"net/netip"
	"time"

	"tandem/media/quality"
	"tandem/media/relay"
)

// consentTimeout is RFC 7675 §5.1's 30 s.
const consentTimeout = 30 * time.Second

// Reports go out about every 5 s, each leg at its own time (RFC 3550 §6.2).
const reportEvery = 5 * time.Second

// watch looks after a session once a second: who is silent, whose consent
// ended, what must be reported.
func (s *Session) watch(now time.Time, space []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	last, limit := s.signalled, s.server.c.Held
	for _, st := range s.streams {
		for _, l := range st.legs {
			if l == nil || !l.on {
				continue
			}
			l.watch(now, space)
			last = latest(last, latest(l.heard, l.since))
			if l.expected() {
				limit = s.server.c.Idle
			}
		}
	}
	if quiet := now.Sub(last); quiet < limit {
		s.idle = false
	} else if !s.idle {
		s.idle = true
		s.post(Event{Kind: EventIdle, For: quiet})
	}
}

func (l *leg) watch(now time.Time, space []byte) {
	s := l.stream.session
	w := l.way
	l.offload(now)
	if l.stream.kind == "audio" && l.expected() && !l.oneWay {
		quiet, limit := now.Sub(latest(l.heard, l.since)), s.server.c.Silence
		if l.resting { // until it has something to say
			limit = max(limit, s.server.c.Idle)
		}
		if quiet >= limit {
			l.oneWay = true
			s.post(Event{Kind: EventOneWay, Side: l.which, Line: l.stream.index, For: quiet})
		}
	}
	if l.keys != nil && !l.lastKey.IsZero() {
		if e, ended := l.keys.Idle(now.Sub(l.lastKey)); ended {
			s.post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e})
		}
	}
	if w.byICE() && l == w.lead() {
		// Media that comes is consent enough for agents from before RFC 7675,
		// which keep a path open by indications nobody signs.
		lost := now.Sub(latest(w.ice.Consent(), w.heard())) > consentTimeout
		if lost && !w.lost {
			w.unfollow()
			s.post(Event{Kind: EventConsent, Side: l.which, Line: l.stream.index})
		}
		w.lost = lost
	}
	if l.stream.kind == "audio" && now.After(l.nextRTCP) {
		l.nextRTCP = now.Add(reportEvery)
		l.report(now, space)
	}
}

// expected says whether something must come from this side. Who put the call on
// hold may send music, or nothing (RFC 3264 §8.4).
func (l *leg) expected() bool {
	m := l.agreed.Media
	return l.agreed.CanReceive && (m == nil || !m.Hold())
}

// heard is when something came last from this side, on any leg.
func (w *transport) heard() (at time.Time) {
	for _, l := range w.legs {
		at = latest(at, l.heard)
	}
	return at
}

// reachable says whether anything may be sent to the side: not before it has an
// address, nor when it stopped to consent (RFC 7675 §5.1).
func (w *transport) reachable() bool { return w.to.IsValid() && !w.lost }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// report sends an SR or RR to a leg's side. We end RTCP for audio, because we
// number what we send ourselves.
func (l *leg) report(now time.Time, space []byte) {
	if o := l.opposite(); o != nil {
		o.accountAt(now) // what was sent to this side
	}
	if l.in.Started() || l.out.Started() {
		l.way.sendRTCP(quality.AppendReport(space, l.cname, l.rewrite.SSRC, &l.out, &l.in, now))
	}
}

// byeAll tells every side that we stop sending (RFC 3550 §6.6). Called with mu
// held.
func (s *Session) byeAll() {
	for _, st := range s.streams {
		for _, l := range st.legs {
			if l != nil && l.on && st.kind == "audio" && l.out.Started() {
				var space [256]byte
				l.way.sendRTCP(quality.AppendBye(space[:0], l.cname, l.rewrite.SSRC, "", time.Now()))
			}
		}
	}
}

// sendRTCP protects and sends a compound packet. b needs 64 octets of spare
// capacity. Called with mu held.
func (w *transport) sendRTCP(b []byte) {
	if !w.toRTCP.IsValid() || w.lost {
		return
	}
	if w.security != SecurityNone {
		if w.out == nil {
			return
		}
		protected, err := w.out.ProtectRTCP(b)
		if err != nil {
			return
		}
		b = protected
	}
	if w.rtcp != nil && !w.muxed() {
		_ = w.rtcp.Send(b, w.toRTCP)
		return
	}
	_ = w.write(b, w.toRTCP)
}

func (w *transport) muxed() bool { return w.rtcp == nil || len(w.legs) > 0 && w.lead().agreed.Mux }

// rtcpPacket takes reports: for audio they end here, for other media they pass.
func (w *transport) rtcpPacket(b []byte, socket *relay.Socket, from netip.AddrPort, at time.Time) {
	if w.byICE() {
		if from != w.to && from != w.toRTCP {
			w.strangers++
			return
		}
	} else if (w.settled || socket != w.rtcp) && from.Addr() != w.to.Addr() && from != w.toRTCP {
		w.strangers++
		return
	}
	if w.security != SecurityNone {
		if w.in == nil {
			return
		}
		opened, err := w.in.UnprotectRTCP(b)
		if err != nil {
			w.refused++
			return
		}
		b = opened
	}
	if socket == w.rtcp && !w.byICE() {
		if w.latchRTCP.Packet(from, b, w.to.Addr(), true) == relay.Drop {
			w.strangers++
			return
		}
		w.toRTCP = w.latchRTCP.Peer()
	}
	for _, l := range w.legs {
		switch o := l.opposite(); {
		case l.stream.kind == "audio":
			if r, err := quality.Feedback(b, &l.out, &l.in, at); err == nil && r.Valid {
				l.remote = r
				if o != nil && o.path != nil {
					o.path.Loss(int(math.Ceil(r.LossPercent)))
				}
			}
		case o != nil:
			o.way.sendRTCP(b)
			return
		}
	}
}
