package codec

import (
	"errors"
	"fmt"
)

var errClosed = errors.New("encoder is closed")

// The numbers of opus_defines.h that are needed here.
const (
	opusApplicationVoIP   = 2048
	opusApplicationAudio  = 2049
	opusSetBitrate        = 4002
	opusSetMaxBandwidth   = 4004
	opusSetVBR            = 4006
	opusSetComplexity     = 4010
	opusSetInbandFEC      = 4012
	opusSetPacketLossPerc = 4014
	opusSetDTX            = 4016
	opusSetSignal         = 4024
	opusSignalVoice       = 3001
	opusSignalMusic       = 3002
	opusNarrowband        = 1101
	opusMediumband        = 1102
	opusWideband          = 1103
	opusSuperwideband     = 1104
	opusFullband          = 1105
)

// maxOpusAudio is the longest packet we make: 60 ms at 48 kHz, in samples.
const maxOpusAudio = 60 * 48

// opusEncoder is libopus. Its state lies in Go memory, so that nothing leaks
// and the collector sees its size; the library keeps no pointer to it.
type opusEncoder struct {
	library *libopus
	state   []byte // nil once closed
	rate    int
	dtx     bool
	fec     bool // the far side wants to be told things twice
	waves   bool // sound is encoded as it is, not as speech
	lossy   bool // the far side misses packets
	// What the library reads and writes must not move during the call, which
	// memory of the heap does not but a caller's buffer might, so it is copied.
	in  [maxOpusAudio]int16
	out [maxOpusFrame]byte
	// arguments of opus_encode, kept so that a call allocates nothing.
	arguments [5]uintptr
}

// setting is one call of opus_encoder_ctl.
type setting struct {
	request, value int
}

// settings are what the rate, our options and the far side's wishes come to.
func settings(rate int, o Options) []setting {
	f := parseOpusFmtp(o.Fmtp)
	bitrate := o.Bitrate
	if bitrate == 0 {
		bitrate = 32000
		if rate == 16000 {
			bitrate = 28000
		}
	}
	if f.maxBitrate > 0 { // RFC 7587 §6.1: it must not be exceeded
		bitrate = min(bitrate, f.maxBitrate)
	}
	s := []setting{
		{opusSetBitrate, min(max(bitrate, 6000), 510000)},
		{opusSetComplexity, o.complexity(rate)},
	}
	if f.maxRate > 0 {
		s = append(s, setting{opusSetMaxBandwidth, bandwidth(f.maxRate)})
	}
	if f.cbr {
		s = append(s, setting{opusSetVBR, 0})
	}
	if f.fec { // what for shows when the far side tells of loss
		s = append(s, setting{opusSetInbandFEC, 1})
	}
	if f.dtx {
		s = append(s, setting{opusSetDTX, 1})
	}
	return s
}

// complexity that is asked for. In the telephone band more work is not heard; above
// it, only from 4 on is noise shaped well (docs/media-quality.md).
func (o *Options) complexity(rate int) int {
	switch {
	case o.Complexity != 0:
		return min(max(o.Complexity, 1), 10)
	case rate == 8000:
		return 3
	}
	return 5
}

// bandwidth is the widest audio a receiver playing at rate can use.
func bandwidth(rate int) int {
	switch {
	case rate <= 8000:
		return opusNarrowband
	case rate <= 12000:
		return opusMediumband
	case rate <= 16000:
		return opusWideband
	case rate <= 24000:
		return opusSuperwideband
	}
	return opusFullband
}

// leastWaves is the rate from which the telephone band sounds as well when it is
// encoded as it is as when it is encoded as speech, in bit/s. It then costs half the
// work, and keeps its shape.
const leastWaves = 32000

func newOpusEncoder(rate int, o Options) (Encoder, error) {
	lib, err := openLibrary()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEncoder, err)
	}
	f, application := parseOpusFmtp(o.Fmtp), opusApplicationVoIP
	waves := rate == 8000 && !o.Speech && !f.dtx && (f.maxBitrate == 0 || f.maxBitrate >= leastWaves)
	if waves {
		application = opusApplicationAudio
	}
	state, err := lib.encoder(rate, application)
	if err != nil {
		return nil, fmt.Errorf("making an Opus encoder: %w", err)
	}
	for _, s := range settings(rate, o) {
		if err := lib.set(state, s.request, s.value); err != nil {
			return nil, fmt.Errorf("setting %d of the Opus encoder to %d: %w", s.request, s.value, err)
		}
	}
	e := &opusEncoder{library: lib, state: state, rate: rate, dtx: f.dtx, fec: f.fec, waves: waves}
	if err := e.Tones(false); err != nil {
		return nil, fmt.Errorf("preparing an Opus encoder: %w", err)
	}
	return e, nil
}

func (e *opusEncoder) Encode(dst []byte, pcm []int16) (int, error) {
	if e.state == nil {
		return 0, errClosed
	}
	switch len(pcm) * 1000 {
	case 10 * e.rate, 20 * e.rate, 40 * e.rate, 60 * e.rate:
	default:
		return 0, fmt.Errorf("%w: %d samples", ErrFrame, len(pcm))
	}
	if len(dst) == 0 {
		return 0, ErrShort
	}
	copy(e.in[:], pcm)
	n, err := e.library.encode(e, len(pcm), min(len(dst), len(e.out)))
	if err != nil {
		return 0, fmt.Errorf("encoding Opus: %w", err)
	}
	if e.dtx && n <= 2 { // nothing but a header: it need not be sent
		return 0, nil
	}
	return copy(dst, e.out[:n]), nil
}

// Loss spends bits on what the far side misses: on packets that lean less on the
// one before and, where it asked for that, on saying each frame twice.
func (e *opusEncoder) Loss(percent int) error {
	if e.state == nil {
		return errClosed
	}
	if err := e.library.set(e.state, opusSetPacketLossPerc, min(max(percent, 0), 100)); err != nil {
		return err
	}
	e.lossy = percent > 0
	return e.Tones(false)
}

// Tones has them encoded as music while they last: what is made for speech now
// and then blurs one beyond recognition.
func (e *opusEncoder) Tones(on bool) error {
	switch {
	case e.state == nil:
		return errClosed
	case on, e.waves && !(e.lossy && e.fec): // only speech can be said twice
		return e.library.set(e.state, opusSetSignal, opusSignalMusic)
	}
	return e.library.set(e.state, opusSetSignal, opusSignalVoice)
}

// Close lets go of the encoder's memory.
func (e *opusEncoder) Close() { e.state = nil }
