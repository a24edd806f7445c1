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
)

// Format is one codec as SDP names it.
type Format struct {
	Name     string // canonical: PCMU, PCMA, G722, opus, L16
	Clock    int    // RTP clock, Hz (8000 for G722, 48000 for opus)
	Channels int    // as SDP says: 2 for opus
	Native   int    // best PCM rate, Hz: 8000, 16000 for G722, 48000 for opus
	InGo     bool   // decode Opus in Go even where libopus is there
}

// The names of the formats, as RFC 3551 §6 and RFC 7587 §7 register them.
const (
	namePCMU = "PCMU"
	namePCMA = "PCMA"
	nameG722 = "G722"
	nameOpus = "opus"
	nameL16  = "L16"
)

// Formats lists all that can be converted here, best first within a rate.
func Formats() []Format {
	return []Format{
		{Name: nameOpus, Clock: 48000, Channels: 2, Native: 48000},
		{Name: nameG722, Clock: 8000, Channels: 1, Native: 16000}, // the clock is wrong by history: RFC 3551 §4.5.2
		{Name: namePCMU, Clock: 8000, Channels: 1, Native: 8000},
		{Name: namePCMA, Clock: 8000, Channels: 1, Native: 8000},
		{Name: nameL16, Clock: 8000, Channels: 1, Native: 8000},
		{Name: nameL16, Clock: 16000, Channels: 1, Native: 16000},
		{Name: nameL16, Clock: 48000, Channels: 1, Native: 48000},
	}
}

// Find returns the format SDP calls so, false when we cannot convert it.
// Names are compared without regard to case (RFC 4855 §3), and channels 0
// means that SDP gave none, which is one.
func Find(name string, clock, channels int) (Format, bool) {
	if channels == 0 {
		channels = 1
	}
	for _, f := range Formats() {
		if strings.EqualFold(f.Name, name) && f.Clock == clock && f.Channels == channels {
			return f, true
		}
	}
	return Format{}, false
}

var (
	// ErrNoEncoder says that a format can be heard but not spoken here, and why
	// (libopus not found).
	ErrNoEncoder = errors.New("no encoder")
	// ErrFormat says that a format or a rate cannot be converted.
	ErrFormat = errors.New("cannot convert")
	// ErrPayload says that a payload is not what the format allows.
	ErrPayload = errors.New("malformed payload")
	// ErrShort says that the buffer for the result is too short.
	ErrShort = errors.New("buffer too short")
	// ErrFrame says that audio of this length cannot be one packet.
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
	Bitrate    int    // Opus, bit/s; 0: 28000 at 8 and 16 kHz, 32000 at 48 kHz
	Complexity int    // Opus 1-10; 0: 1 at 8 kHz, 5 above
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
	switch f.Name {
	case namePCMU:
		return newWaveform(ulaw{}, 8000, rate), nil
	case namePCMA:
		return newWaveform(alaw{}, 8000, rate), nil
	case nameG722:
		return newDecoder(newG722Decoder(), 16000, rate), nil
	case nameL16:
		if err := checkRate(f.Native); err != nil {
			return nil, err
		}
		return newWaveform(l16{}, f.Native, rate), nil
	case nameOpus:
		return newOpusDecoder(rate, f.InGo)
	}
	return nil, fmt.Errorf("%w %q", ErrFormat, f.Name)
}

// NewEncoder makes an encoder taking PCM at rate. Errors wrap ErrNoEncoder
// when the library for it is missing.
func (f Format) NewEncoder(rate int, o Options) (Encoder, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	switch f.Name {
	case namePCMU:
		return newEncoder(ulaw{}, 8000, rate), nil
	case namePCMA:
		return newEncoder(alaw{}, 8000, rate), nil
	case nameG722:
		return newEncoder(newG722Encoder(), 16000, rate), nil
	case nameL16:
		if err := checkRate(f.Native); err != nil {
			return nil, err
		}
		return newEncoder(l16{}, f.Native, rate), nil
	case nameOpus:
		return newOpusEncoder(rate, o)
	}
	return nil, fmt.Errorf("%w %q", ErrFormat, f.Name)
}

// CanEncode says whether NewEncoder would work, nil if so.
func (f Format) CanEncode() error {
	switch f.Name {
	case namePCMU, namePCMA, nameG722:
		return nil
	case nameL16:
		return checkRate(f.Native)
	case nameOpus:
		_, err := Library()
		return err
	}
	return fmt.Errorf("%w %q", ErrFormat, f.Name)
}

// Fit returns the packet length nearest to and at most ms that the format can
// make: Opus frames last 10, 20, 40 or 60 ms, all else takes any length. The
// least is 10.
func (f Format) Fit(ms int) int {
	ms = max(ms, 10)
	if f.Name != nameOpus {
		return ms
	}
	switch { // RFC 6716 §2.1.4, but for the shorter frames, which have no voice mode
	case ms >= 60:
		return 60
	case ms >= 40:
		return 40
	case ms >= 20:
		return 20
	}
	return 10
}
