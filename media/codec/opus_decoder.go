package codec

import (
	"fmt"

	"github.com/pion/opus"
)

// opusDecoder decodes frame by frame, so that a frame the far side did not
// send (DTX) can be told from one that it did. Forward error correction in a
// packet is passed over: what is lost is filled from the sound before it.
type opusDecoder struct {
	rate    int
	packet  opusFrames
	decoder opus.Decoder
	conceal *concealer
	frame   [1 + maxOpusFrame]byte // a packet of one frame
}

func newOpusDecoder(rate int) (*opusDecoder, error) {
	d := &opusDecoder{rate: rate, conceal: newConcealer(rate)}
	var err error
	if d.decoder, err = opus.NewDecoderWithOutput(rate, 1); err != nil {
		return nil, fmt.Errorf("making an Opus decoder: %w", err)
	}
	return d, nil
}

func (d *opusDecoder) Samples(payload []byte) int {
	return opusDuration(payload) * (d.rate / 1000) / 1000
}

func (d *opusDecoder) Decode(pcm []int16, payload []byte) (int, error) {
	if !d.packet.parse(payload) {
		return 0, fmt.Errorf("%w of %d octets", ErrPayload, len(payload))
	}
	size := d.packet.span * (d.rate / 1000) / 1000
	if len(pcm) < size*d.packet.count {
		return 0, ErrShort
	}
	n := 0
	for _, frame := range d.packet.frames[:d.packet.count] {
		out := pcm[n : n+size]
		n += size
		// A frame of no octets, or one of one octet which cannot hold sound, says
		// that there is nothing to say (RFC 6716 §3.1, RFC 7587 §3.1.3).
		if len(frame) <= 1 {
			d.conceal.settle()
			d.conceal.lost(out)
			continue
		}
		d.frame[0] = d.packet.toc &^ 3
		copy(d.frame[1:], frame)
		if got, err := d.decoder.DecodeToInt16(d.frame[:1+len(frame)], out); err != nil || got != size {
			// Part of the packet may be spoken already: the rest is like a loss.
			if n == size {
				return 0, fmt.Errorf("decoding Opus: %w", orPayload(err))
			}
			d.conceal.lost(out)
			continue
		}
		d.conceal.good(out)
	}
	return n, nil
}

// orPayload names what went wrong when the decoder itself did not.
func orPayload(err error) error {
	if err == nil {
		return ErrPayload
	}
	return err
}

func (d *opusDecoder) Conceal(pcm []int16) { d.conceal.lost(pcm) }

func (d *opusDecoder) Comfort(payload []byte) error {
	var c ComfortNoise
	if err := c.Parse(payload); err != nil {
		return err
	}
	d.conceal.comfort(&c)
	return nil
}
