// Package codec turns packets' payloads into PCM and back: G.711, G.722, Opus,
// L16 and comfort noise, with loss concealment and resampling. One Decoder or
// Encoder serves one direction of one call; nothing here is safe for use by
// two goroutines, and nothing allocates once made.
//
// All PCM is 16-bit mono. A decoder gives and an encoder takes the rate it was
// made for, whatever the codec's own is. Opus is encoded and decoded by libopus,
// which is looked for at run time (see Library). Without it, or where Format.InGo
// says so, Opus is decoded in Go: at twice the cost, with no C before what
// strangers send. Without it Opus can be heard but not spoken.
//
// The package knows no packet headers, no clock and no jitter buffer: it is
// told what came and what did not.
package codec

import (
	"errors"
	"fmt"
	"strings"

	"tandem/media/format"
)

// Format is one codec as SDP names it.
type Format struct {
	Name     string // canonical: PCMU, PCMA, G722, opus, L16
	Clock    int    // RTP clock, Hz (8000 for G722, 48000 for opus)
	Channels int    // as SDP says: 2 for opus
	Native   int    // best PCM rate, Hz: 8000, 16000 for G722, 48000 for opus
	InGo     bool   // decode Opus in Go even where libopus is there
}

// kind is a format and how it is converted. What else is known of it, its names and
// what descriptions say, is in package format.
type kind struct {
	Format
	decoder func(f Format, rate int) (Decoder, error)
	encoder func(f Format, rate int, o Options) (Encoder, error)
	ready   func() error // what an encoder lacks here; nil: nothing
	lengths []int        // ms that a packet may last, the shortest first; nil: any
}

const nameOpus = "opus"

// kinds are all that can be converted here, best first within a rate.
var kinds = [...]kind{
	{Format: describe(nameOpus, 48000), decoder: decodeOpus, encoder: encodeOpus, ready: library,
		lengths: []int{10, 20, 40, 60}}, // RFC 6716 §2.1.4, but for the shorter frames, which have no voice mode
	{Format: describe("G722", 16000), decoder: adaptive, encoder: adaptiveEncoder},
	{Format: describe("PCMU", 8000), decoder: waves(ulaw{}), encoder: waveEncoder(ulaw{})},
	{Format: describe("PCMA", 8000), decoder: waves(alaw{}), encoder: waveEncoder(alaw{})},
	linear(8000), linear(16000), linear(48000),
}

// describe is a format as its descriptor has it, whose sound is best at a rate.
func describe(name string, native int) Format {
	f := format.Of(name)
	return Format{Name: f.Name, Clock: f.Clock, Channels: max(f.Channels, 1), Native: native}
}

// linear is L16 at a rate.
func linear(rate int) kind {
	return kind{Format: Format{Name: format.Of("L16").Name, Clock: rate, Channels: 1, Native: rate},
		decoder: waves(l16{}), encoder: waveEncoder(l16{})}
}

func waves(w law) func(Format, int) (Decoder, error) {
	return func(f Format, rate int) (Decoder, error) { return newWaveform(w, f.Native, rate), nil }
}

func waveEncoder(w payloadEncoder) func(Format, int, Options) (Encoder, error) {
	return func(f Format, rate int, _ Options) (Encoder, error) { return newEncoder(w, f.Native, rate), nil }
}

func adaptive(f Format, rate int) (Decoder, error) {
	return newDecoder(newG722Decoder(), f.Native, rate), nil
}

func adaptiveEncoder(f Format, rate int, _ Options) (Encoder, error) {
	return newEncoder(newG722Encoder(), f.Native, rate), nil
}

func decodeOpus(f Format, rate int) (Decoder, error) { return newOpusDecoder(rate, f.InGo) }

func encodeOpus(_ Format, rate int, o Options) (Encoder, error) { return newOpusEncoder(rate, o) }

func library() error {
	_, err := Library()
	return err
}

// Formats lists all that can be converted here, best first within a rate.
func Formats() []Format {
	list := make([]Format, len(kinds))
	for i := range kinds {
		list[i] = kinds[i].Format
	}
	return list
}

// kind finds how a format is converted.
func (f Format) kind() (*kind, error) {
	for i := range kinds {
		if k := &kinds[i]; k.Name == f.Name && k.Native == f.Native {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w %q", ErrFormat, f.Name)
}

// Find returns the format SDP calls so, false when we cannot convert it.
// Names are compared without regard to case (RFC 4855 §3), and channels 0
// means that SDP gave none, which is one.
func Find(name string, clock, channels int) (Format, bool) {
	if channels == 0 {
		channels = 1
	}
	for i := range kinds {
		if f := &kinds[i].Format; strings.EqualFold(f.Name, name) && f.Clock == clock && f.Channels == channels {
			return *f, true
		}
	}
	return Format{}, false
}

var (
	// ErrNoEncoder means that a format can be heard but not spoken here, and why
	// (libopus not found).
	ErrNoEncoder = errors.New("no encoder")
	// ErrFormat means that a format or a rate cannot be converted.
	ErrFormat = errors.New("cannot convert")
	// ErrPayload means that a payload is not what the format allows.
	ErrPayload = errors.New("malformed payload")
	// ErrShort means that the buffer for the result is too short.
	ErrShort = errors.New("buffer too short")
	// ErrFrame means that audio of this length cannot be one packet.
	ErrFrame = errors.New("not a length of packet the codec can make")
)

// Decoder makes mono PCM at the rate it was made for.
type Decoder interface {
	// Decode writes the samples of one packet to pcm and returns how many. pcm
	// has room for Samples(payload); 120 ms are enough for every lawful packet.
	// After an error nothing was written, and Conceal should fill the time.
	Decode(pcm []int16, payload []byte) (int, error)
	// Conceal writes len(pcm) samples for audio that did not come (G.711
	// Appendix I style for all codecs), or that was not sent: after Comfort, and
	// after an Opus packet that says so, it continues the noise.
	Conceal(pcm []int16)
	// Comfort takes the payload of a comfort noise packet (RFC 3389): until the
	// next Decode the far side is silent, and Conceal gives its noise.
	Comfort(payload []byte) error
	// Samples says how many samples at the decoder's rate a payload holds, 0
	// when it is malformed.
	Samples(payload []byte) int
}

// Recoverer is a Decoder that can take a lost packet from the one after it, where
// the far side repeats what it said (RFC 6716 §2.1.7).
type Recoverer interface {
	// Recovers says how many samples of the packet before it a payload holds at
	// the decoder's rate, 0 when it holds none.
	Recovers(payload []byte) int
	// Recover writes the samples of the lost packet before payload, as many as
	// Recovers says. After it payload itself is decoded as ever.
	Recover(pcm []int16, payload []byte) error
}

// Bridger is a Decoder that fills lost audio better when it knows what follows.
type Bridger interface {
	// Bridge is Decode of the payload that follows gap, which was the last that
	// Conceal filled and which nobody has heard yet: it is filled anew, from both
	// sides.
	Bridge(gap, pcm []int16, payload []byte) (int, error)
}

// Encoder takes mono PCM at the rate it was made for.
type Encoder interface {
	// Encode writes one packet's payload to dst and returns its length; 0 with
	// no error means nothing need be sent (DTX). The length of pcm is one that
	// Format.Fit allows.
	Encode(dst []byte, pcm []int16) (int, error)
	// Close frees the encoder; Encode fails from then on.
	Close()
}

// Repeater is an Encoder that can say again with a packet what the one before
// said, for a Recoverer to hear.
type Repeater interface {
	// Loss tells what share of packets the far side misses, in percent. Before
	// the first call it is taken for none, and nothing is repeated.
	Loss(percent int) error
}

// Toner is an Encoder that keeps tones clean when told that they come, which is
// not how it encodes speech.
type Toner interface {
	Tones(on bool) error
}

// Options of an encoder.
type Options struct {
	Bitrate    int    // Opus, bit/s; 0: 28000 at 16 kHz, else 32000
	Complexity int    // Opus 1-10; 0: 3 at 8 kHz, 5 above
	Speech     bool   // Opus: at 8 kHz, too, encode as speech, as most phones do
	Fmtp       string // the far side's: maxplaybackrate, usedtx, cbr, ...
	Ptime      int    // ms
}

// checkRate allows the rates at which audio is handled.
func checkRate(rate int) error {
	switch rate {
	case 8000, 16000, 48000:
		return nil
	}
	return fmt.Errorf("%w at %d Hz", ErrFormat, rate)
}

// NewDecoder makes a decoder giving PCM at rate (8000, 16000 or 48000).
func (f Format) NewDecoder(rate int) (Decoder, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	k, err := f.kind()
	if err != nil {
		return nil, err
	}
	return k.decoder(f, rate)
}

// NewEncoder makes an encoder taking PCM at rate. Errors wrap ErrNoEncoder
// when the library for it is missing.
func (f Format) NewEncoder(rate int, o Options) (Encoder, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	k, err := f.kind()
	if err != nil {
		return nil, err
	}
	return k.encoder(f, rate, o)
}

// CanEncode returns nil if NewEncoder would work, else the reason why not.
func (f Format) CanEncode() error {
	k, err := f.kind()
	if err != nil || k.ready == nil {
		return err
	}
	return k.ready()
}

// Fit returns the packet length nearest to and at most ms that the format can
// make: Opus frames last 10, 20, 40 or 60 ms, all else takes any length. The
// least is 10.
func (f Format) Fit(ms int) int {
	ms = max(ms, 10)
	k, err := f.kind()
	if err != nil || k.lengths == nil {
		return ms
	}
	fits := k.lengths[0]
	for _, l := range k.lengths {
		if l <= ms {
			fits = l
		}
	}
	return fits
}
