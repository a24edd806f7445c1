package bridge

import (
	"net/netip"
	"time"

	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/sdp/exchange"
)

// Connect puts a side's new agreement into force: addresses and keys of its legs, then
// the routes of both directions of every stream. another reports that the agreement
// comes, at least in part, from another party than the one to which our keys were
// offered. near is the address from which the side's signalling comes.
func (b *Bridge) Connect(w Which, agreed []exchange.Agreed, near netip.Addr, another bool) error {
	var after []func()
	var failed error
	now := time.Now()
	b.mu.Lock()
	b.onload() // nothing may be forwarded again before the new routes are complete
	b.noKernel = false
	for i := range agreed {
		if i >= len(b.streams) || b.streams[i].legs[w] == nil {
			continue
		}
		l := b.streams[i].legs[w]
		b.streams[i].kind = agreed[i].Kind
		after = append(after, l.move())
		l.agree(&agreed[i], now)
		if l.on && l == l.way.lead() {
			anew, done, err := l.way.Agree(&l.agreed, near, another, now)
			if anew {
				l.way.renew()
			}
			after = append(after, done)
			if err != nil && failed == nil {
				failed = err
			}
		}
	}
	for _, st := range b.streams {
		st.join(now)
	}
	b.mu.Unlock()
	for _, f := range after {
		f()
	}
	b.Settle()
	return failed
}

// agree applies the agreement of a side on one m-line.
func (l *leg) agree(a *exchange.Agreed, now time.Time) {
	l.agreed = *a
	l.on, l.audio, l.hears, l.speaks = a.Enabled, a.Kind == "audio", a.CanReceive, a.CanSend
	if !l.on {
		return
	}
	if n := route.Main(a); n != l.main {
		l.main = n
	}
	for _, c := range a.Codecs {
		if c.Codec.Main() {
			l.in.Clock, l.out.Clock = c.ClockRate, c.ClockRate
			l.in.Codec, l.in.Delay = c.Canonical(), time.Duration(a.Ptime)*time.Millisecond
			break
		}
	}
	pt, clock := route.EventOf(a, l.in.Clock, route.Receiving)
	if pt != l.keyPT && pt != route.None {
		l.keys = dtmf.NewReader(clock)
	}
	l.keyPT = pt
	l.noise = route.NoiseOf(a, l.in.Clock, route.Receiving)
	l.since, l.oneWay, l.resting = now, false, false
}

// join makes the routes between the legs of a stream. The caller holds mu.
func (st *stream) join(now time.Time) {
	for w, l := range st.legs {
		if l == nil {
			continue
		}
		l.routes = route.Table{}
		o := st.legs[Which(w).Other()]
		if l.on && o != nil && o.on && l.agreed.Kind == o.agreed.Kind {
			l.routes = route.Between(&l.agreed, &o.agreed)
		}
	}
}
