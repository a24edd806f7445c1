package codec

// law converts octets to samples one by one.
type law interface {
	samples(payload []byte) int
	decode(pcm []int16, payload []byte)
}

// waveform is a decoder without memory, with concealment.
type waveform struct {
	law
	*concealer
}

func newWaveform(l law, native, rate int) Decoder {
	w := waveform{l, newConcealer(native)}
	d := newDecoder(w, native, rate)
	if d.resampler != nil {
		return d
	}
	return bridger{d, w.concealer}
}

func (w waveform) decode(pcm []int16, payload []byte) {
	w.law.decode(pcm, payload)
	w.good(pcm)
}

// bridger is a decoder that returns what the concealer made, sample by sample.
type bridger struct {
	*decoder
	conceal *concealer
}

func (b bridger) Bridge(gap, pcm []int16, payload []byte) (int, error) {
	b.conceal.gap = gap
	n, err := b.Decode(pcm, payload)
	b.conceal.gap = nil
	return n, err
}
