package transcode

import (
	"slices"
	"sync"
	"sync/atomic"

	"tandem/media/dtmf"
)

// pressed is how many keys can wait for the worker.
const pressed = 64

// orders are the requests of a path's owner; the worker takes them at the next step.
type orders struct {
	playing atomic.Bool // something is played, or will be
	some    atomic.Bool // there is something to take

	mu    sync.Mutex // never held during a callback
	ended bool
	play  bool // next counts
	next  source
	keys  [pressed]dtmf.Event
	keyed int
}

func (o *orders) waiting() bool { return o.some.Load() }

// key queues a key; false when full.
func (o *orders) key(e dtmf.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.keyed == pressed || e.Code > dtmf.Flash {
		return false
	}
	o.keys[o.keyed] = e
	o.keyed++
	o.some.Store(true)
	return true
}

// put sets the next source and returns the one that is replaced: s itself when the path
// has ended.
func (o *orders) put(s source) (instead source) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return s
	}
	instead, o.next, o.play = o.next, s, true
	o.playing.Store(s.from != nil)
	o.some.Store(true)
	return instead
}

// end refuses further orders. It returns the keys that wait, the source that was not
// played yet, and whether one (nil stands for silence) was to be played.
func (o *orders) end() (keys []dtmf.Event, next source, waits bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	next, waits = o.next, o.play
	o.ended, o.play, o.next = true, false, source{}
	o.playing.Store(false)
	keys, o.keyed = slices.Clone(o.keys[:o.keyed]), 0
	return keys, next, waits
}

// source is what is played.
type source struct {
	from Source
	done func(finished bool)
}

func (s *source) end(finished bool) {
	done := s.done
	*s = source{}
	if done != nil {
		done(finished)
	}
}

// Play replaces the input by a source at the path's PCM rate, which make gets; nil ends
// that. make is called at once; done is called when the source has ended by itself, was
// replaced, or the path was closed. done must not close the path.
func (p *Path) Play(make func(rate int) Source, done func(finished bool)) {
	s := source{}
	if make != nil {
		s.from, s.done = make(p.rate), done
	}
	old := p.orders.put(s)
	old.end(false)
	p.rouse()
}

// Playing reports whether a source is being played or will be.
func (p *Path) Playing() bool { return p.orders.playing.Load() }

// obey takes the orders.
func (p *Path) obey() {
	o := &p.orders
	if !o.some.Load() {
		return
	}
	var old source
	o.mu.Lock()
	o.some.Store(false)
	if o.play {
		old, p.source = p.source, o.next
		o.play, o.next = false, source{}
	}
	for _, e := range o.keys[:o.keyed] {
		p.keys.send(p, e)
	}
	o.keyed = 0
	o.mu.Unlock()
	old.end(false)
}

// play fills the step with the source's audio, if there is one.
func (s *source) play(p *Path) bool {
	if s.from == nil {
		return false
	}
	n := min(max(s.from.Read(p.pcm), 0), len(p.pcm))
	clear(p.pcm[n:])
	if n == len(p.pcm) {
		return true
	}
	o := &p.orders
	o.mu.Lock()
	o.playing.Store(o.play && o.next.from != nil)
	o.mu.Unlock()
	s.end(true)
	return true
}
