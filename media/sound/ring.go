package sound

import "sync/atomic"

// ring carries samples from one goroutine to one other without locks. Its
// length is a power of two.
type ring struct {
	pcm   []int16
	write atomic.Uint64 // samples ever written
	read  atomic.Uint64 // samples ever read
}

func newRing(samples int) *ring {
	n := 1
	for n < samples {
		n *= 2
	}
	return &ring{pcm: make([]int16, n)}
}

// held returns how many samples wait.
func (r *ring) held() int { return int(r.write.Load() - r.read.Load()) }

// room returns how many samples fit.
func (r *ring) room() int { return len(r.pcm) - r.held() }

// put writes all of pcm. The caller has checked that there is room.
func (r *ring) put(pcm []int16) {
	at := int(r.write.Load()) & (len(r.pcm) - 1)
	n := copy(r.pcm[at:], pcm)
	copy(r.pcm, pcm[n:])
	r.write.Add(uint64(len(pcm)))
}

// take reads up to len(pcm) samples.
func (r *ring) take(pcm []int16) int {
	n := min(len(pcm), r.held())
	at := int(r.read.Load()) & (len(r.pcm) - 1)
	k := copy(pcm[:n], r.pcm[at:])
	copy(pcm[k:n], r.pcm)
	r.read.Add(uint64(n))
	return n
}
