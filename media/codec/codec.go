// Package codec converts payloads to PCM and back: G.711, G.722, Opus, L16 and comfort
// noise, with loss concealment and resampling. A Decoder or Encoder serves one
// direction of one call; nothing here is safe for concurrent use, and nothing allocates
// after it was made.
//
// All PCM is 16-bit mono. A decoder returns and an encoder takes the sample rate it was
// made for, whatever the rate of the codec. libopus encodes and decodes Opus; it is
// loaded at run time (see Library). Without it, or with Format.InGo, Opus is decoded in
// Go: that costs twice as much, but no C code handles what strangers send. Without
// libopus Opus cannot be encoded.
//
// The package knows no packet headers, no clock and no jitter buffer: its caller tells
// it what arrived and what did not.
package codec

import (
	"errors"
	"fmt"
	"strings"

	"tandem/media/format"
)

// Format is a codec as SDP names it.
type Format struct {
	Name     string // canonical: PCMU, PCMA, G722, opus, L16
	Clock    int    // RTP clock, Hz (8000 for G722, 48000 for opus)
	Channels int    // as SDP says: 2 for opus
	Native   int    // best PCM rate, Hz: 8000; 16000 for G722; 48000 for opus
	InGo     bool   // decode Opus in Go even if libopus is there
}

// kind is a format and how it is converted. Package format has the rest of what is
// known about it: its names and its parameters in descriptions.
type kind struct {
	Format
	decoder func(f Format, rate int) (Decoder, error)
	encoder func(f Format, rate int, o Options) (Encoder, error)
	ready   func() error // what an encoder lacks here; nil = nothing
	lengths []int        // possible packet lengths in ms, shortest first; nil = any
}

const nameOpus = "opus"

// kinds are all formats that can be converted, best first within a rate.
var kinds = [...]kind{
	{Format: describe(nameOpus, 48000), decoder: decodeOpus, encoder: encodeOpus, ready: library,
		lengths: []int{10, 20, 40, 60}}, // RFC 6716 §2.1.4, except shorter frames, which have no voice mode
	{Format: describe("G722", 16000), decoder: adaptive, encoder: adaptiveEncoder},
	{Format: describe("PCMU", 8000), decoder: waves(ulaw{}), encoder: waveEncoder(ulaw{})},
	{Format: describe("PCMA", 8000), decoder: waves(alaw{}), encoder: waveEncoder(alaw{})},
	linear(8000), linear(16000), linear(48000),
}

// describe returns a format from its descriptor, with the rate at which it is best.
func describe(name string, native int) Format {
	f := format.Of(name)
	return Format{Name: f.Name, Clock: f.Clock, Channels: max(f.Channels, 1), Native: native}
}

// linear returns L16 at a rate.
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

// Formats returns all formats that can be converted, best first within a rate.
func Formats() []Format {
	list := make([]Format, len(kinds))
	for i := range kinds {
		list[i] = kinds[i].Format
	}
	return list
}

// kind returns how a format is converted.
func (f Format) kind() (*kind, error) {
	for i := range kinds {
		if k := &kinds[i]; k.Name == f.Name && k.Native == f.Native {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w %q", ErrFormat, f.Name)
}

// Find returns the format with a name in SDP, or false when it cannot be converted. The
// case of the name does not matter (RFC 4855 §3); channels 0 means that SDP gave none,
// which is one.
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
	// ErrNoEncoder means that a format can be decoded but not encoded, and why (libopus
	// not found).
	ErrNoEncoder = errors.New("no encoder")
	// ErrFormat means that a format or a rate cannot be converted.
	ErrFormat = errors.New("cannot convert")
	// ErrPayload means that a payload is not what the format allows.
	ErrPayload = errors.New("malformed payload")
	// ErrShort means that the buffer for the result is too short.
	ErrShort = errors.New("buffer too short")
	// ErrFrame means that no packet can have audio of this length.
	ErrFrame = errors.New("not a length of packet the codec can make")
)

// Decoder returns mono PCM at the rate it was made for.
type Decoder interface {
	// Decode writes the samples of one packet to pcm and returns how many. pcm has room
	// for Samples(payload); 120 ms is enough for every valid packet. After an error
	// nothing was written, and Conceal should fill the time.
	Decode(pcm []int16, payload []byte) (int, error)
	// Conceal writes len(pcm) samples for audio that was lost (as G.711 Appendix I
	// does, for all codecs) or not sent: after Comfort, and after an Opus packet that
	// starts a silence, it continues the noise.
	Conceal(pcm []int16)
	// Comfort takes the payload of a comfort noise packet (RFC 3389). The far side is
	// silent until the next Decode, and Conceal returns its noise.
	Comfort(payload []byte) error
	// Samples returns how many samples a payload has at the decoder's rate; 0 when it
	// is malformed.
	Samples(payload []byte) int
}

// Recoverer is a Decoder that can restore a lost packet from the one after it, if the
// far side sends redundancy (RFC 6716 §2.1.7).
type Recoverer interface {
	// Recovers returns how many samples of the previous packet a payload contains, at
	// the decoder's rate.
	Recovers(payload []byte) int
	// Recover writes the samples of the lost packet before payload, as many as Recovers
	// returned. Afterwards payload itself is decoded as usual.
	Recover(pcm []int16, payload []byte) error
}

// Bridger is a Decoder that fills lost audio better when it knows what follows.
type Bridger interface {
	// Bridge decodes the payload after gap. gap is the last audio that Conceal
	// returned, and has not been played yet: it is filled again, from both sides.
	Bridge(gap, pcm []int16, payload []byte) (int, error)
}

// Encoder takes mono PCM at the rate it was made for.
type Encoder interface {
	// Encode writes the payload of one packet to dst and returns its length; 0 without
	// an error means that nothing need be sent (DTX). Format.Fit returns the valid
	// lengths of pcm.
	Encode(dst []byte, pcm []int16) (int, error)
	// Close frees the encoder; Encode fails from then on.
	Close()
}

// Repeater is an Encoder that can add redundancy for the previous packet, for a
// Recoverer.
type Repeater interface {
	// Loss sets the share of packets that the far side misses, in percent. It is 0
	// before the first call, and nothing is repeated.
	Loss(percent int) error
}

// Toner is an Encoder that encodes tones cleanly when told of them, in another way than
// speech.
type Toner interface {
	Tones(on bool) error
}

// Options of an encoder.
type Options struct {
	Bitrate    int    // Opus, bit/s; 0 = 28000 at 16 kHz, else 32000
	Complexity int    // Opus 1-10; 0 = 3 at 8 kHz, 5 above
	Speech     bool   // Opus: encode as speech at 8 kHz, too, as most phones do
	Fmtp       string // of the far side: maxplaybackrate, usedtx, cbr, ...
	Ptime      int    // ms
}

// checkRate accepts the rates at which audio is handled.
func checkRate(rate int) error {
	switch rate {
	case 8000, 16000, 48000:
		return nil
	}
	return fmt.Errorf("%w at %d Hz", ErrFormat, rate)
}

// NewDecoder makes a decoder that returns PCM at rate (8000, 16000 or 48000).
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

// NewEncoder makes an encoder that takes PCM at rate. Errors wrap ErrNoEncoder when its
// library is missing.
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

// Fit returns the longest packet length of the format up to ms, at least 10: Opus
// packets last 10, 20, 40 or 60 ms, others any time.
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
