package codec

import (
	"fmt"

	"tandem/media/codec/conceal"

	"github.com/pion/opus"
)

// frameDecoder decodes one frame, alone in a packet, into as many samples as it
// lasts.
type frameDecoder interface {
	frame(packet []byte, out []int16) error
}

// opusDecoder decodes frame by frame. So it can tell a frame that the far side did not
// send (DTX) from a lost one, and no decoder gets a packet whose lengths were not
// checked. It fills losses itself although libopus could: our fill is as intelligible
// (docs/media-quality.md), is the same for both decoders, and may have any length.
type opusDecoder struct {
	rate    int
	packet  opusFrames
	decoder frameDecoder
	library *libraryDecoder // decoder, if it is libopus
	filler  *conceal.Filler
	octets  [1 + maxOpusFrame]byte // a packet of one frame
	untold  int                    // lost samples that the library was not told of
}

// newOpusDecoder makes a decoder with libopus, or in Go if that is requested or the
// library is missing.
func newOpusDecoder(rate int, inGo bool) (Decoder, error) {
	d := &opusDecoder{rate: rate, filler: conceal.New(rate)}
	if lib, err := openLibrary(); err == nil && !inGo {
		if d.library, err = newLibraryDecoder(lib, rate); err != nil {
			return nil, fmt.Errorf("making an Opus decoder: %w", err)
		}
		d.decoder = d.library
		return d, nil
	}
	own, err := opus.NewDecoderWithOutput(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("making an Opus decoder: %w", err)
	}
	d.decoder = &goDecoder{own}
	return d, nil
}

// goDecoder is the decoder of pion.
type goDecoder struct{ opus.Decoder }

func (d *goDecoder) frame(packet []byte, out []int16) error {
	n, err := d.DecodeToInt16(packet, out)
	if err == nil && n != len(out) {
		err = ErrPayload
	}
	return err
}

// samples returns the number of samples in span microseconds.
func (d *opusDecoder) samples(span int) int { return span * (d.rate / 1000) / 1000 }

func (d *opusDecoder) Samples(payload []byte) int { return d.samples(opusDuration(payload)) }

func (d *opusDecoder) Decode(pcm []int16, payload []byte) (int, error) {
	if !d.packet.parse(payload) {
		return 0, fmt.Errorf("%w of %d octets", ErrPayload, len(payload))
	}
	size := d.samples(d.packet.span)
	if len(pcm) < size*d.packet.count {
		return 0, ErrShort
	}
	n := 0
	for _, frame := range d.packet.frames[:d.packet.count] {
		out := pcm[n : n+size]
		n += size
		// A frame without octets, or with a single one, contains no sound: the far side
		// is silent (RFC 6716 §3.1, RFC 7587 §3.1.3).
		if len(frame) <= 1 {
			d.filler.Settle()
			d.filler.Lost(out)
			continue
		}
		d.tellLost()
		if err := d.decoder.frame(d.alone(frame), out); err != nil {
			// Part of the packet may be decoded already: the rest is treated as lost.
			if n == size {
				return 0, fmt.Errorf("decoding Opus: %w", err)
			}
			d.filler.Lost(out)
			continue
		}
		d.filler.Good(out)
	}
	return n, nil
}

// alone makes a packet from one frame of d.packet.
func (d *opusDecoder) alone(frame []byte) []byte {
	d.octets[0] = d.packet.toc &^ 3
	return d.octets[:1+copy(d.octets[1:], frame)]
}

func (d *opusDecoder) Conceal(pcm []int16) {
	d.filler.Lost(pcm)
	if !d.filler.Quiet() {
		d.untold += len(pcm)
	}
}

// tellLost tells the library what was lost before the next frame. Otherwise it would
// use the frame before the loss as its reference, and be too loud for a while. It can
// be told of 100 ms at most.
func (d *opusDecoder) tellLost() {
	unit := d.rate / 50
	steps := min(d.untold/unit, 5)
	d.untold = 0
	if d.library == nil {
		return
	}
	for range steps {
		if d.library.skip(unit) != nil {
			return
		}
	}
}

func (d *opusDecoder) Comfort(payload []byte) error {
	n, err := comfortNoise(payload)
	if err != nil {
		return err
	}
	d.filler.Comfort(&n)
	return nil
}

// Recovers looks for redundancy. A packet with several frames could only have it for
// one frame; nobody sends those in calls.
func (d *opusDecoder) Recovers(payload []byte) int {
	if d.library == nil || !opusRepeats(payload) {
		return 0
	}
	return d.Samples(payload)
}

func (d *opusDecoder) Recover(pcm []int16, payload []byte) error {
	n := d.Recovers(payload)
	if n == 0 || !d.packet.parse(payload) {
		return fmt.Errorf("%w of %d octets", ErrPayload, len(payload))
	}
	if len(pcm) < n {
		return ErrShort
	}
	pcm = pcm[:n]
	d.tellLost()
	if err := d.library.before(d.alone(d.packet.frames[0]), pcm); err != nil {
		return fmt.Errorf("decoding Opus: %w", err)
	}
	d.filler.Good(pcm)
	return nil
}
