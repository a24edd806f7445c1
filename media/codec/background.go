package codec

// maxBackground is the loudest that counts as background noise, as a mean
// square: -36 dBov, a noisy street.
const maxBackground = 32768.0 * 32768 / 4000

// background remembers the quietest sound of late: the line's noise.
type background struct {
	rate  int
	quiet []int16 // 20 ms of it
	have  bool
	floor float64 // its power, rising slowly so that an old quiet is forgotten
}

func newBackground(rate int) background {
	return background{rate: rate, quiet: make([]int16, rate/50)}
}

// hear takes good audio.
func (b *background) hear(pcm []int16) {
	size := b.rate / 100
	for len(pcm) >= size {
		n := min(len(pcm), len(b.quiet))
		b.consider(pcm[:n])
		pcm = pcm[n:]
	}
}

// consider keeps a stretch of 10 to 20 ms that is as quiet as the quietest.
func (b *background) consider(pcm []int16) {
	power := meanSquare(pcm)
	if power > maxBackground {
		return
	}
	b.floor = b.floor*1.01 + 0.01 // 2 dB a second
	if b.have && power > 2*b.floor {
		return
	}
	if !b.have || power < b.floor {
		b.floor = power
	}
	copy(b.quiet, b.quiet[len(pcm):])
	copy(b.quiet[len(b.quiet)-len(pcm):], pcm)
	b.have = true
}

// sound sets n to the background, silence when none was heard.
func (b *background) sound(n *noise, order int) {
	if !b.have {
		n.silence()
		return
	}
	n.like(b.quiet, order)
}
