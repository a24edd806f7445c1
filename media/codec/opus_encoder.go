package codec

import (
	"errors"
	"fmt"
)

var errClosed = errors.New("encoder is closed")

// The constants of opus_defines.h that are needed here.
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

// opusEncoder is libopus. Its state is in Go memory, so that nothing leaks and the
// collector knows its size; the library keeps no pointer to it.
type opusEncoder struct {
	library *libopus
	state   []byte // nil once closed
	rate    int
	dtx     bool
	fec     bool // the far side wants redundancy (FEC)
	waves   bool // the waveform is encoded, not a model of speech
	lossy   bool // the far side misses packets
	// The buffers of the library must not move during a call. Heap memory does not
	// move, but a caller's buffer might, so it is copied.
	in  [maxOpusAudio]int16
	out [maxOpusFrame]byte
	// arguments for opus_encode, kept so that a call allocates nothing.
	arguments [5]uintptr
}

// setting is one call of opus_encoder_ctl.
type setting struct {
	request, value int
}

// settings returns the settings for a rate, our options and the wishes of the far side.
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
	if f.fec { // it is used once the far side reports loss
		s = append(s, setting{opusSetInbandFEC, 1})
	}
	if f.dtx {
		s = append(s, setting{opusSetDTX, 1})
	}
	return s
}

// complexity returns the setting to use. In telephone bandwidth more work is not
// audible; above it, noise is shaped well only from 4 on (docs/media-quality.md).
func (o *Options) complexity(rate int) int {
	switch {
	case o.Complexity != 0:
		return min(max(o.Complexity, 1), 10)
	case rate == 8000:
		return 3
	}
	return 5
}

// bandwidth returns the widest audio that a receiver playing at rate can use.
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

// leastWaves is the bit rate, in bit/s, from which telephone bandwidth encoded as a
// waveform sounds as good as encoded as speech. It then costs half the work, and keeps
// the waveform.
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
	if e.dtx && n <= 2 { // only a header, which need not be sent
		return 0, nil
	}
	return copy(dst, e.out[:n]), nil
}

// Loss spends bits against loss: on packets that depend less on the previous one and,
// if the far side asked for it, on redundancy.
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

// Tones encodes them as music while they last: the encoding for speech sometimes makes
// one unrecognizable.
func (e *opusEncoder) Tones(on bool) error {
	switch {
	case e.state == nil:
		return errClosed
	case on, e.waves && !(e.lossy && e.fec): // only speech can have redundancy
		return e.library.set(e.state, opusSetSignal, opusSignalMusic)
	}
	return e.library.set(e.state, opusSetSignal, opusSignalVoice)
}

// Close releases the encoder's memory.
func (e *opusEncoder) Close() { e.state = nil }
