package codec

import (
	"fmt"

	"tandem/media/codec/conceal"
	"tandem/media/codec/resample"
)

// maxPacket is the longest audio in one payload: 120 ms, the limit of Opus (RFC 6716
// §3.2.5), used for all codecs so that buffers have a fixed size.
const maxPacket = 120 // ms

// voice is a decoder at the rate of its codec.
type voice interface {
	// samples in payload at the codec's rate, 0 when malformed.
	samples(payload []byte) int
	// decode a payload for which samples was not 0 into as many samples.
	decode(pcm []int16, payload []byte)
	// lost fills pcm in place of audio that did not come.
	lost(pcm []int16)
	// comfort makes lost fill with this noise until the next decode.
	comfort(n *conceal.ComfortNoise)
}

// payloadEncoder is an encoder at the rate of its codec.
type payloadEncoder interface {
	// size of the payload for n samples, 0 when n cannot be a packet.
	size(n int) int
	// encode pcm into as many octets as size says.
	encode(dst []byte, pcm []int16)
}

// decoder combines a codec and resampling.
type decoder struct {
	codec        voice
	native, rate int
	resampler    *resample.Resampler // nil when both rates are the same
	buffer       []int16             // at the native rate
}

func newDecoder(c voice, native, rate int) *decoder {
	d := &decoder{codec: c, native: native, rate: rate}
	if native != rate {
		d.resampler = resample.New(native, rate)
		d.buffer = make([]int16, native*maxPacket/1000)
	}
	return d
}

func (d *decoder) Samples(payload []byte) int {
	n := d.codec.samples(payload)
	if n > d.native*maxPacket/1000 {
		return 0
	}
	if d.resampler == nil {
		return n
	}
	return d.resampler.Count(n)
}

func (d *decoder) Decode(pcm []int16, payload []byte) (int, error) {
	n := d.codec.samples(payload)
	if n == 0 || n > d.native*maxPacket/1000 {
		return 0, fmt.Errorf("%w of %d octets", ErrPayload, len(payload))
	}
	if d.resampler == nil {
		if n > len(pcm) {
			return 0, ErrShort
		}
		d.codec.decode(pcm[:n], payload)
		return n, nil
	}
	if d.resampler.Count(n) > len(pcm) {
		return 0, ErrShort
	}
	d.codec.decode(d.buffer[:n], payload)
	return d.resampler.Process(pcm, d.buffer[:n]), nil
}

// Conceal works at the native rate, so that the resampler gets a continuous stream.
func (d *decoder) Conceal(pcm []int16) {
	if d.resampler == nil {
		d.codec.lost(pcm)
		return
	}
	for len(pcm) > 0 {
		// At most 10 ms at a time; the resampler may be one sample off when the
		// length is not a multiple of the rates' ratio.
		piece := min(len(pcm), d.rate/100)
		n := max(1, piece*d.native/d.rate)
		for n > 1 && d.resampler.Count(n) > piece {
			n--
		}
		if d.resampler.Count(n) > piece { // less than one native sample is wanted
			for i := range pcm {
				pcm[i] = 0
			}
			return
		}
		d.codec.lost(d.buffer[:n])
		pcm = pcm[d.resampler.Process(pcm, d.buffer[:n]):]
	}
}

func (d *decoder) Comfort(payload []byte) error {
	n, err := comfortNoise(payload)
	if err != nil {
		return err
	}
	d.codec.comfort(&n)
	return nil
}

// comfortNoise reads a packet of comfort noise.
func comfortNoise(payload []byte) (n conceal.ComfortNoise, err error) {
	if err := n.Parse(payload); err != nil {
		return n, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return n, nil
}

// encoder combines resampling and a codec.
type encoder struct {
	codec     payloadEncoder
	resampler *resample.Resampler
	buffer    []int16
	closed    bool
}

func newEncoder(c payloadEncoder, native, rate int) *encoder {
	e := &encoder{codec: c}
	if native != rate {
		e.resampler = resample.New(rate, native)
		e.buffer = make([]int16, native*maxPacket/1000+1)
	}
	return e
}

func (e *encoder) Encode(dst []byte, pcm []int16) (int, error) {
	if e.closed {
		return 0, errClosed
	}
	n := len(pcm)
	if e.resampler != nil {
		n = e.resampler.Count(len(pcm))
		if n > len(e.buffer) {
			return 0, fmt.Errorf("%w: %d samples", ErrFrame, len(pcm))
		}
	}
	size := e.codec.size(n)
	if size == 0 {
		return 0, fmt.Errorf("%w: %d samples", ErrFrame, len(pcm))
	}
	if size > len(dst) {
		return 0, ErrShort
	}
	if e.resampler != nil {
		pcm = e.buffer[:e.resampler.Process(e.buffer, pcm)]
	}
	e.codec.encode(dst[:size], pcm)
	return size, nil
}

func (e *encoder) Close() { e.closed = true }
