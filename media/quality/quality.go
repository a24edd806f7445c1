// Package quality counts the packets of a stream and estimates how it sounds: loss per
// interval, jitter, round trip, and MOS by the E-model (ITU-T G.107). It reads and
// writes RTCP (RFC 3550, 3611) for streams that end here. It is not safe for concurrent
// use.
//
// It owns the figures and the octets of reports. It sends nothing and has no clock: its
// caller passes the time. Nothing that is called for a packet or an RTCP packet
// allocates.
package quality

import "time"

// Verdict is where a packet stands in its stream.
type Verdict uint8

const (
	Fresh     Verdict = iota // next in line, or after a gap
	Duplicate                // came before
	Late                     // behind one that came earlier, but counted
	Restart                  // of a new source, or the second after a jump of the numbers
	Stray                    // far off the numbers: not counted unless the next one follows it
)

// Report is one direction's figures, since the start and for the last interval.
type Report struct {
	Packets, Octets uint64 // received, duplicates not counted
	Lost            uint64 // expected less received, never below 0
	Late            uint64
	Duplicates      uint64
	Discarded       uint64 // came too late to be played; set by the converter

	IntervalPackets, IntervalLost uint64
	LossPercent                   float64 // of the interval
	BurstRatio                    float64 // G.107 BurstR: 1 random, above it bursty

	Jitter      time.Duration // RFC 3550 §6.4.1
	RoundTrip   time.Duration // 0 when never measured
	Concealed   time.Duration // audio made up; set by the converter
	BufferDelay time.Duration // set by the converter
	MOS         *float64      // of the interval; nil when nothing was measured
	LastPacket  time.Time
}

// Remote is what the far side says of what it hears from us.
type Remote struct {
	Valid       bool // a report about our stream was there
	LossPercent float64
	Lost        int32 // cumulative, as it counts; negative with duplicates
	Jitter      time.Duration
	RoundTrip   time.Duration // 0 when it could not be measured
	MOS         float64       // its own estimate of what it hears (RFC 3611 §4.7.5); 0 when it gives none
	Bye         bool          // the stream that comes in has ended
}
