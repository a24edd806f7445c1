package dialog

import (
	"slices"
	"strconv"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// expiry is a session's timer (RFC 4028).
type expiry struct {
	interval uint32 // seconds, 0 = none runs
	ours     bool   // we refresh
	refresh  transaction.Timer
	end      transaction.Timer
}

func (x *expiry) stop() {
	x.refresh.Stop()
	x.end.Stop()
	x.interval = 0
}

// intervalLine is a Session-Expires line.
func intervalLine(se uint32, refresher string) []byte {
	b := strconv.AppendUint([]byte("Session-Expires: "), uint64(se), 10)
	if refresher != "" {
		b = append(append(b, ";refresher="...), refresher...)
	}
	return append(b, "\r\n"...)
}

// sessionExpires reads a Session-Expires value; 0 when there is none.
func sessionExpires(m *sip.Message) (se uint32, refresher string) {
	se, r, _ := m.SessionExpires()
	for _, known := range [...]string{"uac", "uas"} {
		if sip.EqualFold(r, known) {
			return se, known
		}
	}
	return se, ""
}

func timerSupported(m *sip.Message) bool {
	return m.HasToken(sip.HdrSupported, "timer") || m.HasToken(sip.HdrRequire, "timer")
}

// tooShort is the Min-SE line for a 422 when a request's interval is below
// ours, nil otherwise (RFC 4028 §9). A peer without the extension would not
// understand a 422: a proxy put the header in, and it gets a longer interval.
func (s *Session) tooShort(m *sip.Message) []byte {
	least := uint32(s.ua.cfg.MinSE / time.Second)
	se, _ := sessionExpires(m)
	if se == 0 || se >= least || !timerSupported(m) {
		return nil
	}
	return append(strconv.AppendUint([]byte("Min-SE: "), uint64(least), 10), "\r\n"...)
}

// negotiated starts the timer that goes with our 2xx to a request and returns
// the header lines that say so (RFC 4028 §9).
func (s *Session) negotiated(m *sip.Message) []byte {
	se, refresher := sessionExpires(m)
	own := uint32(s.ua.cfg.SessionExpires / time.Second)
	if se == 0 && own == 0 {
		s.timer.stop()
		return nil
	}
	least := max(uint32(s.ua.cfg.MinSE/time.Second), leadingNumber(m.Get(sip.HdrMinSE)))
	if se == 0 || (own > 0 && own < se) {
		se = own // may be lowered, but not below any Min-SE
	}
	se = max(se, least)
	supported := timerSupported(m)
	switch {
	case !supported:
		refresher = "uas" // only we can
	case refresher == "":
		refresher = "uac"
	}
	s.run(se, refresher == "uas")
	lines := intervalLine(se, refresher)
	if supported && refresher == "uac" {
		lines = append(lines, "Require: timer\r\n"...)
	}
	return lines
}

// agreed starts the timer a 2xx to a request of ours speaks of (RFC 4028 §7.2). A
// peer that speaks of none knows of none: when we asked for one we refresh alone, as
// one that calls us is refreshed, and so find out when it has gone.
func (s *Session) agreed(m *sip.Message) {
	se, refresher := sessionExpires(m)
	if se == 0 {
		se, refresher = uint32(s.ua.cfg.SessionExpires/time.Second), "uac"
	}
	if se == 0 {
		s.timer.stop()
		return
	}
	s.run(max(se, 90), refresher != "uas")
}

func (s *Session) run(se uint32, ours bool) {
	s.timer.stop()
	interval := time.Duration(se) * time.Second
	s.timer.interval, s.timer.ours = se, ours
	if ours {
		s.lane.Start(&s.timer.refresh, interval/2, s.refresh)
	}
	// RFC 4028 §10: BYE slightly before it expires
	s.lane.Start(&s.timer.end, interval-min(32*time.Second, interval/3), s.expired)
}

func (s *Session) expired() {
	s.hangUp([]byte("Reason: SIP;cause=408;text=\"Session expired\"\r\n"), End{Reason: "expired"})
}

// refreshLines are the header lines of a re-INVITE or UPDATE of ours. They keep
// the roles: in our request "uac" is us.
func (s *Session) refreshLines() []byte {
	lines := slices.Concat(s.ua.allow, s.ua.able)
	se, refresher := s.timer.interval, "uas"
	if s.timer.ours {
		refresher = "uac"
	}
	if se == 0 {
		if se = uint32(s.ua.cfg.SessionExpires / time.Second); se == 0 {
			return lines
		}
		refresher = ""
	}
	if s.State() != Confirmed {
		return lines
	}
	return append(lines, intervalLine(se, refresher)...)
}

// refresh keeps the session alive: by UPDATE, which touches no media, or by a
// re-INVITE that repeats the last description (RFC 4028 §10). When it fails
// the session ends at its expiry.
func (s *Session) refresh() {
	var err error
	if s.peerUpdates {
		err = s.Update(Content{}, s.refreshed)
	} else {
		err = s.Reinvite(s.last, s.refreshed)
	}
	if err == ErrPending { // a negotiation is on; it refreshes when it succeeds
		s.lane.Start(&s.timer.refresh, 2*time.Second, s.refresh)
	}
}

func (s *Session) refreshed(m *sip.Message, err error) {
	if err != nil || s.over {
		return
	}
	switch code := m.StatusCode(); {
	case code < 300:
		if s.ack.owed && s.offerIn { // we sent no description and got one: ours is what it was
			_ = s.Ack(s.last)
		}
	case code == 405 || code == 501: // said UPDATE in Allow, or said nothing true
		s.peerUpdates = false
		s.refresh()
	case code == 422: // RFC 4028 §7.3
		if least := leadingNumber(m.Get(sip.HdrMinSE)); least > s.timer.interval {
			s.timer.interval = least
			s.refresh()
		}
	}
}

// leadingNumber reads digits up to something else; 0 when there are none or
// they are more than 32 bits hold.
func leadingNumber(b []byte) uint32 {
	i := 0
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(string(b[:i]), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
