// Package transcode converts audio: packets in, jitter buffer, decoder, concealment,
// then announcements, tones and keys, then encoder and packets out. Paths have workers
// of their own, driven by a clock, so that an encode never delays a relayed packet.
//
// It owns the timing, the order of these stages and the numbers of the packets it
// makes. It opens no sockets, protects nothing and knows no SDP: packets are pushed
// into a Path and given to its Send.
package transcode

import (
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
)

// none stands for a missing payload number.
const none = 255

// Input describes the input. The zero Format means no input (announcements only).
type Input struct {
	Format             codec.Format
	PayloadType        uint8
	CN                 uint8 // payload number of comfort noise; 255 = none
	Event              uint8 // payload number of telephone-event; 255 = none
	EventClock         int
	Keys               *dtmf.Reader  // reads the events, and may have begun one; nil = the path makes one
	Passed             bool          // the event it has begun was sent on already
	MinDelay, MaxDelay time.Duration // of the jitter buffer; 0 = 10 ms and 200 ms
}

// Output describes the output. The zero Format means no output (recording only).
type Output struct {
	Format      codec.Format
	PayloadType uint8
	CN, Event   uint8 // payload numbers; 255 = none
	EventClock  int
	Ptime       time.Duration // 10 to 60 ms, in whole tens; 0 = 20 ms
	Fmtp        string
	Opus        codec.Options // only Bitrate and Complexity are used
	SSRC        uint32
	// Send gets each packet, header and payload, on a pool worker; it must neither
	// block nor close the path. b has 64 octets of spare capacity.
	Send func(b []byte)
}

// Source is audio of our own: an announcement, a tone. Read fills pcm (mono, at the
// rate requested in Play) and returns how many samples; fewer than requested end it.
type Source interface {
	Read(pcm []int16) int
}

// Options of a path, in addition to its ends.
type Options struct {
	In  Input
	Out Output
	// Rate of the PCM in between, 8000, 16000 or 48000 Hz; 0 = the lower of the rates
	// of both ends, and 16000 for Opus without another end.
	Rate int
	// Key is called for each key, from events or (with Inband) from the audio. It must
	// neither block nor close the path.
	Key    func(dtmf.Event)
	Inband bool
	// Tap gets all audio at Rate as it goes out (as it came in, when nothing is played),
	// including silence, in steps of 10 or 20 ms, for recording. It must not block, keep
	// pcm, or close the path. A path with a tap never rests.
	Tap func(pcm []int16, rate int)
}

// rate chooses the rate of the PCM that needs the least resampling.
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

// alone returns the rate for a format when no other matters. Opus accepts any, and
// speech does not improve above 16 kHz.
func alone(f codec.Format) int {
	if f.Name == "opus" {
		return 16000
	}
	return f.Native
}

// Stats are the figures of a path.
type Stats struct {
	Concealed, BufferDelay, BufferTarget time.Duration
	Recovered                            time.Duration // lost audio recovered from the packet after it
	Late, Overflow, DecodeErrors         uint64
	PacketsIn, PacketsOut                uint64
	EncodeErrors                         uint64
	KeysDropped                          uint64        // keys dropped because too many waited
	LateTicks                            uint64        // steps served more than 10 ms late
	Skipped                              time.Duration // output skipped after stalls
}
