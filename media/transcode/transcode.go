// Package transcode converts audio on its way: packets in, jitter buffer,
// decoder, concealment, then announcements, tones and keys, then encoder and
// packets out. Paths are served by workers of their own, paced by a clock, so
// that an encode never delays a relayed packet.
//
// It owns pacing, the order of these stages and the numbers of the packets it
// makes. It opens no sockets, protects nothing and knows no SDP: packets are
// pushed into a Path and handed to its Send.
package transcode

import (
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
)

// none is a payload number that is not there.
const none = 255

// Input says what comes in. The zero Format is no input (announcements only).
type Input struct {
	Format             codec.Format
	PayloadType        uint8
	CN                 uint8 // payload number of comfort noise; 255 none
	Event              uint8 // of telephone-event; 255 none
	EventClock         int
	Keys               *dtmf.Reader  // reads the events, and may have begun one; nil: one of the path's own
	Passed             bool          // the event it has begun was sent on already
	MinDelay, MaxDelay time.Duration // of the jitter buffer; 0: 10 ms and 200 ms
}

// Output says what goes out. The zero Format is no output (recording only).
type Output struct {
	Format      codec.Format
	PayloadType uint8
	CN, Event   uint8 // 255 none
	EventClock  int
	Ptime       time.Duration // 10 to 60 ms, in whole tens; 0: 20 ms
	Fmtp        string
	Opus        codec.Options // Bitrate and Complexity count
	SSRC        uint32
	// Send is given each packet, header and payload, on a pool worker; it must
	// not block, nor close the path. b has 64 octets of spare capacity.
	Send func(b []byte)
}

// Source is audio of our own: an announcement, a tone. Read fills pcm (mono,
// at the rate asked in Play) and returns how many samples; fewer than asked
// ends it.
type Source interface {
	Read(pcm []int16) int
}

// Options of a path beyond its ends.
type Options struct {
	In  Input
	Out Output
	// Rate of the PCM in between, 8000, 16000 or 48000 Hz; 0: the lower of what
	// the two ends are made for, and 16000 for Opus with nothing at the other end.
	Rate int
	// Key is called for each key heard, by events or (with Inband) in the audio.
	// It must not block, nor close the path.
	Key    func(dtmf.Event)
	Inband bool
	// Tap is given all audio as it goes out (as it came, when nothing is played
	// or muted) at Rate, silence included, in steps of 10 or 20 ms, for
	// recording. It must not block, keep pcm, nor close the path. A path with a
	// tap is never at rest.
	Tap func(pcm []int16, rate int)
}

// rate chooses the rate of the PCM so that nothing is resampled that need not be.
func (o *Options) rate() int {
	in, out := o.In.Format, o.Out.Format
	switch {
	case o.Rate != 0:
		return o.Rate
	case in.Native == 0 && out.Native == 0:
		return 8000
	case in.Native == 0:
		return min(out.Native, alone(out))
	case out.Native == 0:
		return min(in.Native, alone(in))
	}
	return min(in.Native, out.Native)
}

// alone is the rate for a format when no other counts. Opus takes any, and
// speech is none the better for more than 16 kHz.
func alone(f codec.Format) int {
	if f.Name == "opus" {
		return 16000
	}
	return f.Native
}

// Stats is what a path has done.
type Stats struct {
	Concealed, BufferDelay, BufferTarget time.Duration
	Recovered                            time.Duration // lost audio taken from the packet after it
	Late, Overflow, DecodeErrors         uint64
	PacketsIn, PacketsOut                uint64
	EncodeErrors                         uint64
	KeysDropped                          uint64        // more than could wait to be sent
	LateTicks                            uint64        // times it was served more than 10 ms late
	Skipped                              time.Duration // of output left out after stalls
}
