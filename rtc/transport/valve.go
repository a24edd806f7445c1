package transport

import (
	"time"

	"tandem/rtc/sip"
)

// valve lets in as many requests of unknown senders as there is time for, before
// they cost anything but being received. While more comes in than can be served
// the receive buffer fills; what Config.Known vouches for is then let in, and of
// the others a part that falls while the buffer is filled and rises while it is
// not. So known senders find a short queue, and strangers get what is left.
//
// Each reader loop has its own. When it has to drop nearly all it is past reading: the
// kernel is told to (see package sieve).
type valve struct {
	shut  uint32 // parts of 256 of unknown requests that are dropped
	at    time.Time
	drops uint32 // of the socket, when last looked at
	dice  uint32
	info  meminfo
}

const (
	valveEvery = 5 * time.Millisecond // the buffer is looked at
	valveFill  = 1.0 / 32             // of the buffer, from which more is dropped
	valveParts = 256
	valveLeast = 2 // parts of 256 that are let in in any case

	sieveEvery = 250 * time.Millisecond // it is looked at when nothing comes
)

// adjust is called after each batch; full tells that there was more to read than
// one batch holds.
func (v *valve) adjust(s *udpSocket, full bool, now time.Time) {
	if v.shut == 0 && !full || now.Sub(v.at) < valveEvery {
		return
	}
	v.at = now
	fill, drops, ok := s.backlog(&v.info)
	if !ok {
		return
	}
	lost := drops != v.drops && !s.sieved.Load()
	v.drops = drops
	v.set(fill, lost)
}

// set moves the valve: quickly shut, slowly open.
func (v *valve) set(fill float64, lost bool) {
	open := valveParts - v.shut
	switch {
	case fill > valveFill || lost:
		open -= max(1, open/4)
	case fill < valveFill/2:
		open += max(1, open/16)
	}
	v.shut = valveParts - min(max(open, valveLeast), valveParts)
}

// closed is the part of the unknown that is dropped, 0 to 1.
func (v *valve) closed() float64 { return float64(v.shut) / (valveParts - valveLeast) }

// chooses reports whether the next unknown request is one to drop.
func (v *valve) chooses() bool {
	v.dice = v.dice*1664525 + 1013904223 // any spread will do
	return v.dice>>24 < v.shut
}

// regulate moves valve and sieve by what waits. full tells that there was more to read than
// one batch holds.
func (u *udpLoop) regulate(full bool) {
	s := u.in.sock
	u.valve.adjust(s, full, u.out.now)
	on := u.sieve.On()
	u.sieve.Adjust(u.valve.closed(), u.out.now)
	if u.sieve.On() { // what it drops wakes nobody, but it must be opened again
		_ = s.conn.SetReadDeadline(u.out.now.Add(sieveEvery))
	}
	if on != u.sieve.On() {
		s.sieved.Store(!on)
		if on {
			_ = s.conn.SetReadDeadline(time.Time{})
		}
	}
}

// sheds reports whether a datagram is dropped because more comes in than can be
// served, and its sender is not known. Responses are not: we asked for them.
func (u *udpLoop) sheds(f Flow, b []byte) bool {
	if u.valve.shut == 0 || u.t.cfg.Known == nil || sip.IsResponse(b) || f.Trusted() {
		return false
	}
	return u.valve.chooses() && !u.t.cfg.Known(f.Remote, b)
}
