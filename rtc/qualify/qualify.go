// Package qualify asks devices that registered over UDP whether they are still there, by
// OPTIONS (RFC 3261 §11), one after the other: a connection tells when its device is gone,
// a datagram does not.
//
// It owns who is silent, and nothing else: the binding of a silent device stays, since the
// device believes in it, and a call tries it. Presence and the list of registrations ask
// Silent.
package qualify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Config of a Prober.
type Config struct {
	Location *location.Location
	Reach    *reach.Reach
	Send     func(o uac.Outside, done func(uac.Reply)) error // as uac.Client.Send
	From     string                                          // name-addr it asks by
	Every    time.Duration                                   // each device is asked so often
	// Changed is told when a device of somebody fell silent, or is heard again. It must
	// not block and may be on a transaction lane.
	Changed func(aor rtc.AOR)
}

// How a device is asked: it has so long to answer; then it is asked again so soon, and is
// silent when it has missed so many in a row. So it is that after Every and 13 s at most,
// unless there are more than can be asked.
const (
	wait   = 4 * time.Second
	soon   = 5 * time.Second
	misses = 2
)

// The loop looks every tick, and asks at most so many devices then: with more than
// perTick*Every/tick of them a round takes longer than Every.
const (
	tick    = 100 * time.Millisecond
	perTick = 50
)

// Prober asks.
type Prober struct {
	cfg    Config
	silent atomic.Int64 // how many devices are
	mu     sync.Mutex
	missed map[device]*miss // guarded by mu; those that missed the last one

	// Of Run alone:
	round []target // to be asked yet
	size  int      // of the round in the beginning
	next  time.Time
}

// device is a contact of somebody.
type device struct {
	aor rtc.AOR
	uri string
}

// target is a device as it is registered now.
type target struct {
	device
	binding location.Binding
}

// miss is a device that did not answer. It counts for one REGISTER alone: another one
// shows that the device is there.
type miss struct {
	target
	count int
	again time.Time
}

// of reports whether a miss is of the binding as it is now.
func (m *miss) of(b *location.Binding) bool {
	return m.binding.CallID == b.CallID && m.binding.CSeq == b.CSeq
}

// New makes a Prober, which asks nobody before Run.
func New(cfg Config) *Prober {
	p := &Prober{cfg: cfg, missed: make(map[device]*miss)}
	cfg.Location.Watch(p.bound)
	return p
}

// Silent reports whether the device of a binding is silent.
func (p *Prober) Silent(aor rtc.AOR, b *location.Binding) bool {
	if p.silent.Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.missed[device{aor, b.URI}]
	return m != nil && m.count >= misses && m.of(b)
}

// Count is how many devices are silent.
func (p *Prober) Count() int { return int(p.silent.Load()) }

// Run asks until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			p.look(now)
		}
	}
}

// look asks those who are due.
func (p *Prober) look(now time.Time) {
	if len(p.round) == 0 && !now.Before(p.next) {
		p.begin(now)
	}
	left := perTick
	for _, t := range p.soon(now, left) {
		p.ask(t)
		left--
	}
	share := (p.size*int(tick/time.Millisecond) + int(p.cfg.Every/time.Millisecond) - 1) / int(p.cfg.Every/time.Millisecond)
	n := min(left, share, len(p.round))
	for _, t := range p.round[:n] {
		p.ask(t)
	}
	p.round = p.round[n:]
}

// begin begins a round of all devices that registered over UDP, and forgets those that
// are no more.
func (p *Prober) begin(now time.Time) {
	p.round = nil
	for aor, list := range p.cfg.Location.All() {
		for i := range list {
			if b := &list[i]; b.Path == "" && !b.Flow.IsZero() && b.Flow.Proto() == transport.UDP {
				p.round = append(p.round, target{device{aor, b.URI}, *b})
			}
		}
	}
	p.size, p.next = len(p.round), now.Add(p.cfg.Every)
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, m := range p.missed {
		if !slices.ContainsFunc(p.cfg.Location.Bindings(d.aor), func(b location.Binding) bool { return b.URI == d.uri && m.of(&b) }) {
			p.forget(d)
		}
	}
}

// soon are those, at most most, that missed one and are asked again now.
func (p *Prober) soon(now time.Time, most int) (list []target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.missed {
		if m.count < misses && !m.again.IsZero() && !m.again.After(now) && len(list) < most {
			m.again = time.Time{} // until it has missed that, too
			list = append(list, m.target)
		}
	}
	return list
}

// ask asks a device. When there is too much to do here that says nothing about it.
func (p *Prober) ask(t target) {
	way, ok := p.cfg.Reach.To(&t.binding)
	if !ok {
		return
	}
	o := uac.Outside{Method: "OPTIONS", Way: uac.Way{URI: way.URI, Flow: way.Flow, By: way.From}, From: p.cfg.From, Timeout: wait,
		Content: uac.Content{Header: []byte("Accept: application/sdp\r\n")}}
	_ = p.cfg.Send(o, func(r uac.Reply) {
		var broken *transaction.TransportError
		switch {
		case r.Message != nil: // whatever it says
			p.heard(t.device)
		case errors.Is(r.Err, uac.ErrTimeout), errors.Is(r.Err, uac.ErrSilent), errors.As(r.Err, &broken):
			p.miss(t)
		}
	})
}

// miss counts an OPTIONS without answer.
func (p *Prober) miss(t target) {
	p.mu.Lock()
	m := p.missed[t.device]
	if m != nil && !m.of(&t.binding) {
		p.forget(t.device)
		m = nil
	}
	if m == nil {
		m = &miss{target: t}
		p.missed[t.device] = m
	}
	m.count++
	m.again = time.Now().Add(soon)
	fell := m.count == misses
	if fell {
		p.silent.Add(1)
	}
	p.mu.Unlock()
	if fell {
		p.cfg.Changed(t.aor)
	}
}

// heard notes that a device has answered.
func (p *Prober) heard(d device) {
	p.mu.Lock()
	was := p.forget(d)
	p.mu.Unlock()
	if was {
		p.cfg.Changed(d.aor)
	}
}

// bound follows registrations: one shows that the device is there.
func (p *Prober) bound(aor rtc.AOR, _, now []location.Binding, _ location.Cause) {
	if p.silent.Load() == 0 {
		return
	}
	changed := false
	p.mu.Lock()
	for i := range now {
		d := device{aor, now[i].URI}
		if m := p.missed[d]; m != nil && !m.of(&now[i]) {
			changed = p.forget(d) || changed
		}
	}
	p.mu.Unlock()
	if changed {
		p.cfg.Changed(aor)
	}
}

// forget takes out a device, and reports whether it was silent. p.mu is locked.
func (p *Prober) forget(d device) (silent bool) {
	m := p.missed[d]
	delete(p.missed, d)
	if m == nil || m.count < misses {
		return false
	}
	p.silent.Add(-1)
	return true
}
