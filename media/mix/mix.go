// Package mix joins the audio of three and more parties: each hears all others and not
// itself. It works only on PCM, 20 ms at a time, by a clock of its own; its caller
// brings the audio in and out.
//
// A Room owns the sum and the clock; a Party owns what was said and not mixed yet, and
// what was mixed and not heard yet. Both are bounded to 80 ms: a party that is too fast
// or too slow loses audio, and nobody waits. Nothing is allocated per frame.
package mix

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Frame is how much audio is mixed at a time.
const Frame = 20 * time.Millisecond

// errFull means that a room accepts no more parties.
var errFull = errors.New("the conference is full")

// Room is one conference. Its methods may be called by any goroutine.
type Room struct {
	rate, most int

	mu      sync.Mutex // guards the parties and the buffers of a tick
	parties []*Party
	sum     []int32
	out     []int16
	gain    float32 // of the previous frame
}

// NewRoom makes a room with a PCM rate (8000, 16000 or 48000 Hz) for at most so many
// parties. It is silent until Run or Tick.
func NewRoom(rate, most int) *Room {
	n := samples(rate)
	return &Room{rate: rate, most: most, sum: make([]int32, n), out: make([]int16, n), gain: 1}
}

// samples of a frame.
func samples(rate int) int { return rate / int(time.Second/Frame) }

// Rate returns the rate of all PCM given to the room.
func (r *Room) Rate() int { return r.rate }

// Join adds a party.
func (r *Room) Join() (*Party, error) {
	n := samples(r.rate)
	p := &Party{room: r, frame: make([]int16, n)}
	p.said.pcm, p.heard.pcm = make([]int16, backlog*n), make([]int16, backlog*n)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.parties) >= r.most {
		return nil, fmt.Errorf("%w: %d are there", errFull, r.most)
	}
	r.parties = append(r.parties, p)
	return p, nil
}

// Parties returns their number.
func (r *Room) Parties() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.parties)
}

// Run mixes by the clock until ctx ends. After a stall it catches up on a few frames
// and skips the rest.
func (r *Room) Run(ctx context.Context) {
	tick := time.NewTicker(Frame)
	defer tick.Stop()
	due := time.Now().Add(Frame)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if now.Sub(due) > backlog*Frame {
				due = now
			}
			for ; !now.Before(due); due = due.Add(Frame) {
				r.tick()
			}
		}
	}
}

// tick mixes one frame.
func (r *Room) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.sum)
	for _, p := range r.parties {
		p.take()
		if p.speaks {
			for i, v := range p.frame {
				r.sum[i] += int32(v)
			}
		}
	}
	from, to := r.bound()
	for _, p := range r.parties {
		r.without(p, from, to)
		p.heard.put(r.out)
	}
}

// ceiling leaves a little room below full scale (about 1 dB).
const ceiling = 29000

// release is the share by which the gain returns toward 1 in a frame: half of it in
// about 150 ms.
const release = 0.09

// bound returns the gains at the beginning and end of the frame that keep the sum below
// the ceiling. The gain falls at once and recovers slowly, so that the level does not
// pump.
func (r *Room) bound() (from, to float32) {
	peak := int32(0)
	for _, v := range r.sum {
		peak = max(peak, v, -v)
	}
	target := float32(1)
	if peak > ceiling {
		target = ceiling / float32(peak)
	}
	from = r.gain
	if target < from {
		from, to = target, target
	} else {
		to = min(target, from+(1-from)*release)
	}
	r.gain = to
	return from, to
}

// without writes what a party hears: all others.
func (r *Room) without(p *Party, from, to float32) {
	step := (to - from) / float32(len(r.out))
	for i, v := range r.sum {
		if p.speaks {
			v -= int32(p.frame[i])
		}
		if from != 1 || step != 0 {
			v = int32(float32(v) * (from + step*float32(i)))
		}
		r.out[i] = int16(min(max(v, -32768), 32767)) // the sum without one party may be above the ceiling
	}
}
