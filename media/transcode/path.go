package transcode

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/dtmf"
)

const (
	// burst is how many steps are made up for after a stall; the others are skipped.
	burst = 3
	// tardy is the lateness from which a step counts as late.
	tardy = 10 * time.Millisecond
	// restTime is how long a path has nothing to do before it rests.
	restTime = time.Second
)

// Path is one direction of one call.
type Path struct {
	o      Options
	pool   *Pool
	worker *worker
	rate   int           // of the PCM
	step   time.Duration // audio is processed in pieces of this length: 10 or 20 ms

	in     ring
	awake  atomic.Bool // a worker serves it
	behind *Path       // the next one in the stack of roused paths
	orders orders
	figure figures

	mu     sync.Mutex // held while served
	closed bool
	phase  uint8 // the phases of the worker in which it is, as bits; only the worker uses it
	due    time.Duration
	idle   time.Duration // time without anything to do
	pcm    []int16       // of one step
	hear   *receiver     // nil = no input
	source source
	keys   keys
	unsent []dtmf.Event
	speak  *sender // nil = no output
}

func newPath(o Options) (*Path, error) {
	p := &Path{o: o, rate: o.rate(), step: 20 * time.Millisecond}
	if o.Out.Format.Name != "" {
		ptime := packetTime(&o.Out)
		if ptime%p.step != 0 {
			p.step = 10 * time.Millisecond
		}
	}
	p.pcm = make([]int16, int(p.step*time.Duration(p.rate)/time.Second))
	var err error
	if o.In.Format.Name != "" {
		if p.hear, err = newReceiver(&p.o.In, p.rate, len(p.pcm)); err != nil {
			return nil, fmt.Errorf("from %s: %w", o.In.Format.Name, err)
		}
		p.in.init()
	}
	if o.Out.Format.Name != "" {
		if p.speak, err = newSender(&p.o.Out, p.rate, p.step); err != nil {
			return nil, fmt.Errorf("to %s: %w", o.Out.Format.Name, err)
		}
	}
	p.keys.init(p)
	return p, nil
}

// Push passes in a received RTP packet (unprotected and complete). It is called by one
// goroutine at a time and never blocks; b is copied. It returns false when the queue is
// full.
func (p *Path) Push(b []byte, at time.Time) bool {
	p.figure.packetsIn.Add(1)
	if p.hear == nil || len(b) > longest {
		return true
	}
	ok := p.in.push(b, at.Sub(p.pool.epoch))
	if !ok {
		p.figure.full.Add(1)
	}
	p.rouse()
	return ok
}

// rouse makes a worker serve the path if it is at rest.
func (p *Path) rouse() {
	if !p.awake.Load() && p.awake.CompareAndSwap(false, true) {
		p.worker.rouse(p)
	}
}

// tick does what is due. It returns false when the path rests or is closed; then the
// worker drops it.
func (p *Path) tick(now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.leave()
		return false
	}
	if p.due > now {
		return true
	}
	p.pool.ticks.Add(1)
	if now-p.due > tardy {
		p.figure.lateTicks.Add(1)
		p.pool.late.Add(1)
	}
	if over := (now-p.due)/p.step - burst + 1; over > 0 {
		p.skip(over * p.step)
	}
	for p.due <= now {
		p.serve(p.due)
		p.due += p.step
	}
	p.publish(now)
	if p.idle < restTime || p.o.Tap != nil {
		return true
	}
	p.leave()
	p.awake.Store(false)
	// Something may have arrived meanwhile.
	if (!p.in.empty() || p.orders.waiting()) && p.awake.CompareAndSwap(false, true) {
		p.worker.rouse(p)
	}
	return false
}

func (p *Path) leave() {
	p.phase, p.idle = 0, 0
	p.worker.active.Add(-1)
}

// skip skips time that cannot be made up for.
func (p *Path) skip(d time.Duration) {
	p.due += d
	p.figure.skipped.Add(int64(d))
	if p.speak != nil {
		p.speak.skip(d)
	}
}

// serve processes one step of audio, which is heard from now on.
func (p *Path) serve(now time.Duration) {
	state := absent
	if p.hear != nil {
		p.take()
		state = p.hear.read(p.pcm, now)
		p.keys.listen(p, now, state)
	} else {
		clear(p.pcm)
	}
	p.obey()
	if p.source.play(p) {
		state = voice
	}
	if p.keys.sound(p) {
		state = voice
	}
	if p.o.Tap != nil {
		p.o.Tap(p.pcm, p.rate)
	}
	busy := state != absent
	if p.speak != nil && p.speak.say(p.pcm, state, p.hear) {
		busy = true
	}
	if busy {
		p.idle = 0
	} else {
		p.idle += p.step
	}
}

// take empties the queue.
func (p *Path) take() {
	for range queue {
		e := p.in.peek()
		if e == nil {
			return
		}
		var v packet
		if v.parse(e.b) {
			if v.kind == p.o.In.Event && p.o.In.Event != none {
				p.keys.event(p, &v, e.at)
			} else {
				p.keys.other(&v)
			}
			p.hear.put(&v, e.at)
		}
		p.in.pop()
	}
}

// Send queues a key for the output, in the form that Out allows: events, else tones. It
// returns false when too many wait.
func (p *Path) Send(e dtmf.Event) bool {
	if p.speak == nil || !p.orders.key(e) {
		return false
	}
	p.rouse()
	return true
}

// Close ends the path; no Send, Key or Tap is called after it returns. It waits for one
// that is running. An event being sent is ended first.
func (p *Path) Close() {
	old, next, _ := p.shut()
	old.end(false)
	next.end(false)
}

// Yield closes the path. What it plays, and its keys, continue on another path with the
// same Rate, which must not play anything yet.
func (p *Path) Yield(to *Path) {
	now, next, waits := p.shut()
	for _, e := range p.unsent {
		to.Send(e)
	}
	p.unsent = nil
	if waits { // it was about to replace the other
		now, next = next, now
	}
	next.end(false)
	if now.from == nil {
		return
	}
	unheard := to.orders.put(now)
	unheard.end(false)
	to.rouse()
}

// shut closes the path. The caller has to end the sources that it returns; waits
// reports that next (nil stands for silence) was to be played.
func (p *Path) shut() (now, next source, waits bool) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return source{}, source{}, false
	}
	p.closed = true
	if p.speak != nil {
		p.unsent = p.keys.unsent(p)
		p.speak.encoder.Close()
	}
	now, p.source = p.source, source{}
	p.mu.Unlock()
	p.pool.remove(p.worker)
	keys, next, waits := p.orders.end()
	p.unsent = append(p.unsent, keys...)
	return now, next, waits
}

// Unsent returns the keys that the path had not begun to send when it was closed.
func (p *Path) Unsent() []dtmf.Event { return p.unsent }

// Rate returns the rate of the PCM.
func (p *Path) Rate() int { return p.rate }
