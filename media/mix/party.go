package mix

import (
	"slices"
	"sync"
	"sync/atomic"

	"tandem/media/codec/resample"
)

// backlog is the most frames that wait to be mixed, or to be heard.
const backlog = 4

// Party is a member of a room.
type Party struct {
	room  *Room
	muted atomic.Bool
	said  queue
	heard queue

	frame  []int16 // what it says in the current frame; the room's, like the next field
	speaks bool    // frame contains something
}

// Say gives the room what the party says: mono PCM at the room's rate, in pieces of any
// size. It never waits; if the room is late the oldest audio is dropped.
func (p *Party) Say(pcm []int16) { p.said.put(pcm) }

// Mute removes what the party says from what the others hear.
func (p *Party) Mute(on bool) { p.muted.Store(on) }

// Leave takes the party out of the room; it hears silence from then on. A second call
// does nothing.
func (p *Party) Leave() {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parties = slices.DeleteFunc(r.parties, func(o *Party) bool { return o == p })
}

// take gets the next frame of what the party says. The caller holds the room's mu.
func (p *Party) take() {
	n := p.said.take(p.frame)
	clear(p.frame[n:])
	p.speaks = n > 0 && !p.muted.Load()
}

// Source returns what the party hears, at a rate that is a multiple or a fraction of
// the room's. It must have only one reader.
func (p *Party) Source(rate int) *Source {
	s := &Source{party: p, rate: rate}
	if rate != p.room.rate {
		s.change = resample.New(p.room.rate, rate)
		s.pcm = make([]int16, p.room.rate/10) // more than any path reads at a time
	}
	return s
}

// Source is the audio that a party hears.
type Source struct {
	party  *Party
	rate   int
	change *resample.Resampler // nil: it has the room's rate
	pcm    []int16             // at the room's rate
}

// Read fills pcm, with silence if the room is late; it never ends.
func (s *Source) Read(pcm []int16) int {
	if s.change == nil {
		clear(pcm[s.party.heard.take(pcm):])
		return len(pcm)
	}
	in := s.pcm[:min(len(pcm)*s.party.room.rate/s.rate, len(s.pcm))]
	clear(in[s.party.heard.take(in):])
	clear(pcm[s.change.Process(pcm, in):])
	return len(pcm)
}

// queue is a ring of audio that drops the oldest.
type queue struct {
	mu    sync.Mutex
	pcm   []int16
	at, n int
}

func (q *queue) put(pcm []int16) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if over := len(pcm) - len(q.pcm); over > 0 {
		pcm = pcm[over:]
	}
	if over := q.n + len(pcm) - len(q.pcm); over > 0 {
		q.at, q.n = (q.at+over)%len(q.pcm), q.n-over
	}
	to := (q.at + q.n) % len(q.pcm)
	copied := copy(q.pcm[to:], pcm)
	copy(q.pcm, pcm[copied:])
	q.n += len(pcm)
}

// take moves as much as there is into pcm.
func (q *queue) take(pcm []int16) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(q.n, len(pcm))
	copied := copy(pcm[:n], q.pcm[q.at:])
	copy(pcm[copied:n], q.pcm)
	q.at, q.n = (q.at+n)%len(q.pcm), q.n-n
	return n
}
