package transport

import (
	"time"

	"tandem/rtc/sip"
)

// valve limits the requests of unknown senders to what there is time for, before they
// cost more than being received. Under overload the receive buffer fills. Then senders
// that Config.Known vouches for are admitted, and of the others only a share, which
// falls while the buffer is filled and rises while it is not. So known senders meet a
// short queue, and strangers get the remaining capacity.
//
// Each reader loop has its own. When it has to drop nearly all strangers, even reading
// them takes too long, and the kernel drops a part (see package sieve).
type valve struct {
	shut  uint32 // how many of 256 unknown requests are dropped
	at    time.Time
	drops uint32 // drops of the socket at the last check
	dice  uint32
	info  meminfo
}

const (
	valveEvery = 5 * time.Millisecond // how often the buffer is checked
	valveFill  = 1.0 / 32             // fill of the buffer above which more is dropped
	valveParts = 256
	valveLeast = 2 // how many of 256 are always admitted

	sieveEvery = 250 * time.Millisecond // how often it is checked when nothing arrives
)

// adjust is called after each batch; full reports that more datagrams waited than one
// batch holds.
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

// set moves the valve: it closes quickly and opens slowly.
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

// closed returns the share of unknown requests that is dropped, 0 to 1.
func (v *valve) closed() float64 { return float64(v.shut) / (valveParts - valveLeast) }

// chooses reports whether the next unknown request is dropped.
func (v *valve) chooses() bool {
	v.dice = v.dice*1664525 + 1013904223 // any pseudo-random sequence will do
	return v.dice>>24 < v.shut
}

// regulate adjusts valve and sieve to what waits; full reports that more datagrams
// waited than one batch holds.
func (u *udpLoop) regulate(full bool) {
	s := u.in.sock
	u.valve.adjust(s, full, u.out.now)
	on := u.sieve.On()
	u.sieve.Adjust(u.valve.closed(), u.out.now)
	if u.sieve.On() { // dropped datagrams do not wake the loop, but the sieve must open again
		_ = s.conn.SetReadDeadline(u.out.now.Add(sieveEvery))
	}
	if on != u.sieve.On() {
		s.sieved.Store(!on)
		if on {
			_ = s.conn.SetReadDeadline(time.Time{})
		}
	}
}

// sheds reports whether a datagram is dropped because of overload and an unknown
// sender. Responses are not dropped: we asked for them.
func (u *udpLoop) sheds(f Flow, b []byte) bool {
	if u.valve.shut == 0 || u.t.cfg.Known == nil || sip.IsResponse(b) || f.Trusted() {
		return false
	}
	return u.valve.chooses() && !u.t.cfg.Known(f.Remote, b)
}
