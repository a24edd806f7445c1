// Package codec turns packets' payloads into PCM and back: G.711, G.722, Opus,
// L16 and comfort noise, with loss concealment and resampling. One Decoder or
// Encoder serves one direction of one call; nothing here is safe for use by
// two goroutines, and nothing allocates once made.
package codec

import "errors"

// Format is one codec as SDP names it.
type Format struct {
	Name     string // canonical: PCMU, PCMA, G722, opus, L16
	Clock    int    // RTP clock, Hz (8000 for G722, 48000 for opus)
	Channels int    // as SDP says: 2 for opus
	Native   int    // best PCM rate, Hz: 8000, 16000 for G722, 48000 for opus
}

// Find returns the format SDP calls so, false when we cannot convert it.
func Find(name string, clock, channels int) (Format, bool) { panic("unwritten") }

// ErrNoEncoder says that a format can be heard but not spoken here, and why
// (libopus not found).
var ErrNoEncoder = errors.New("no encoder")

// Decoder makes mono PCM at the rate it was made for.
type Decoder interface {
	// Decode writes the samples of one packet to pcm and returns how many.
	Decode(pcm []int16, payload []byte) (int, error)
	// Conceal writes len(pcm) samples for audio that did not come (G.711
	// Appendix I style for all codecs).
	Conceal(pcm []int16)
	// Samples says how many samples at the decoder's rate a payload holds.
	Samples(payload []byte) int
}

// Encoder takes mono PCM at the rate it was made for.
type Encoder interface {
	// Encode writes one packet's payload to dst and returns its length; 0 with
	// no error means nothing need be sent (DTX).
	Encode(dst []byte, pcm []int16) (int, error)
	Close()
}

// Options of an encoder.
type Options struct {
	Bitrate    int    // Opus, bit/s; 0: 20000 at 8 kHz, 24000 at 16 kHz, 32000 at 48 kHz
	Complexity int    // Opus 0-10; 0: 5
	Fmtp       string // the far side's: maxplaybackrate, usedtx, cbr, ...
	Ptime      int    // ms
}

// NewDecoder makes a decoder giving PCM at rate (8000, 16000 or 48000).
func (f Format) NewDecoder(rate int) (Decoder, error) { panic("unwritten") }

// NewEncoder makes an encoder taking PCM at rate. Errors wrap ErrNoEncoder
// when the library for it is missing.
func (f Format) NewEncoder(rate int, o Options) (Encoder, error) { panic("unwritten") }

// CanEncode says whether NewEncoder would work, nil if so.
func (f Format) CanEncode() error { panic("unwritten") }

// Resampler changes the rate of a stream by a polyphase FIR.
type Resampler struct{}

// NewResampler makes one between 8000, 16000 and 48000 Hz (either way).
func NewResampler(from, to int) *Resampler { panic("unwritten") }

// Process writes the resampled in to out and returns how many samples.
func (r *Resampler) Process(out, in []int16) int { panic("unwritten") }
