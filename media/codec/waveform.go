package codec

// law turns octets into samples one by one.
type law interface {
	samples(payload []byte) int
	decode(pcm []int16, payload []byte)
}

// waveform is a decoder without memory, and concealment behind it.
type waveform struct {
	law
	*concealer
}

func newWaveform(l law, native, rate int) *decoder {
	return newDecoder(waveform{l, newConcealer(native)}, native, rate)
}

func (w waveform) decode(pcm []int16, payload []byte) {
	w.law.decode(pcm, payload)
	w.good(pcm)
}
