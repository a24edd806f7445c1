package conceal

// maxBackground is the highest power (mean square) that counts as background noise: -36
// dBov, a noisy street.
const maxBackground = 32768.0 * 32768 / 4000

// background remembers the quietest sound of the last 1.5 to 3 s. That is the noise of
// the line, since nobody speaks that long without a pause.
type background struct {
	rate      int
	now, last quietest
	left      int // samples until now becomes last
}

// quietest is the quietest stretch of a window.
type quietest struct {
	pcm   []int16 // 20 ms
	power float64
	have  bool
}

func newBackground(rate int) background {
	return background{
		rate: rate,
		now:  quietest{pcm: make([]int16, rate/50)},
		last: quietest{pcm: make([]int16, rate/50)},
		left: rate * 3 / 2,
	}
}

// hear takes audio that was received.
func (b *background) hear(pcm []int16) {
	for len(pcm) > 0 {
		n := min(len(pcm), b.rate/50)
		b.now.consider(pcm[:n])
		b.pass(n)
		pcm = pcm[n:]
	}
}

// pass counts n samples that went by; a window in which something was heard is then
// replaced.
func (b *background) pass(n int) {
	if b.left -= n; b.left <= 0 && b.now.have {
		b.left = b.rate * 3 / 2
		b.last, b.now = b.now, b.last
		b.now.have = false
	}
}

// consider keeps a stretch that is quieter than all before it in the window.
func (q *quietest) consider(pcm []int16) {
	power := meanSquare(pcm)
	if power > maxBackground || q.have && power >= q.power {
		return
	}
	// Audio shorter than 20 ms replaces the oldest samples.
	copy(q.pcm, q.pcm[len(pcm):])
	copy(q.pcm[len(q.pcm)-len(pcm):], pcm)
	q.power, q.have = power, true
}

// sound sets n to the background noise, or to silence when none was heard.
func (b *background) sound(n *noise, order int) {
	q := &b.last
	if !q.have || b.now.have && b.now.power < q.power {
		q = &b.now
	}
	if !q.have {
		n.silence()
		return
	}
	n.like(q.pcm, order)
	n.power *= 1.6 // the quietest of many stretches is about 2 dB below their mean
}
