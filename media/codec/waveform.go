package codec

import "tandem/media/codec/conceal"

// law converts octets to samples one by one.
type law interface {
	samples(payload []byte) int
	decode(pcm []int16, payload []byte)
}

// waveform is a decoder without memory, with concealment.
type waveform struct {
	law
	filler *conceal.Filler
}

func newWaveform(l law, native, rate int) Decoder {
	w := waveform{l, conceal.New(native)}
	d := newDecoder(w, native, rate)
	if d.resampler != nil {
		return d
	}
	return bridger{d, w.filler}
}

func (w waveform) decode(pcm []int16, payload []byte) {
	w.law.decode(pcm, payload)
	w.filler.Good(pcm)
}

func (w waveform) lost(pcm []int16) { w.filler.Lost(pcm) }

func (w waveform) comfort(n *conceal.ComfortNoise) { w.filler.Comfort(n) }

// bridger is a decoder that returns what the filler made, sample by sample.
type bridger struct {
	*decoder
	filler *conceal.Filler
}

func (b bridger) Bridge(gap, pcm []int16, payload []byte) (int, error) {
	b.filler.Refill(gap)
	n, err := b.Decode(pcm, payload)
	b.filler.Refill(nil)
	return n, err
}
