// Package quality counts what a stream does and says how it sounds: loss per
// interval, jitter, round trip, and MOS by the E-model (ITU-T G.107). It reads
// and writes RTCP (RFC 3550, 3611) for streams we end. Used by one goroutine
// at a time.
package quality

import "time"

// Inbound follows one direction of one stream as packets arrive
// (RFC 3550 §6.4.1, Appendix A). Its zero value is ready after Clock is set.
type Inbound struct {
	Clock int // RTP clock, Hz
}

// Packet notes one arrival. It returns where it stands: Fresh, Duplicate,
// Late (reordered but counted), Restart (new SSRC or a jump).
func (i *Inbound) Packet(ssrc uint32, seq uint16, timestamp uint32, size int, at time.Time) Verdict {
	panic("unwritten")
}

type Verdict uint8

const (
	Fresh Verdict = iota
	Duplicate
	Late
	Restart
)

// Outbound counts what we send on one stream.
type Outbound struct {
	Clock int
}

func (o *Outbound) Packet(ssrc uint32, seq uint16, timestamp uint32, size int, at time.Time) {
	panic("unwritten")
}

// Report is one direction's figures, cumulative and for the last interval.
type Report struct {
	Packets, Octets, Lost, Late, Duplicates, Discarded uint64
	IntervalPackets, IntervalLost                      uint64
	LossPercent                                        float64 // of the interval
	BurstRatio                                         float64 // G.107 BurstR; 1 random
	Jitter                                             time.Duration
	RoundTrip                                          time.Duration // 0 when never measured
	Concealed                                          time.Duration // audio made up, set by the converter
	BufferDelay                                        time.Duration // set by the converter
	MOS                                                *float64      // nil when not measured
	LastPacket                                         time.Time
}

// Report closes an interval and returns the figures.
func (i *Inbound) Report(now time.Time) Report { panic("unwritten") }

// MOS is the E-model's estimate (1 to 4.5) for a codec, a one-way delay, a
// loss in percent and a burst ratio; false when the codec's impairment is unknown.
func MOS(codec string, delay time.Duration, loss, burst float64) (float64, bool) { panic("unwritten") }

// AppendReport writes a compound RTCP packet (SR or RR, SDES CNAME, XR VoIP
// metrics) for what we send (out, may be nil) and what we hear (in, may be nil).
func AppendReport(b []byte, cname string, ssrc uint32, out *Outbound, in *Inbound, now time.Time) []byte {
	panic("unwritten")
}

// AppendBye writes a compound RTCP packet that ends a stream.
func AppendBye(b []byte, cname string, ssrc uint32, reason string, now time.Time) []byte {
	panic("unwritten")
}

// Feedback takes a received RTCP compound: round trip to out, the far side's
// view of what we send (their loss and jitter), and their SR times for in.
// It says whether the packet was sound.
func Feedback(b []byte, out *Outbound, in *Inbound, now time.Time) (Remote, error) {
	panic("unwritten")
}

// Remote is what the far side says of what it hears from us.
type Remote struct {
	Valid       bool
	LossPercent float64
	Jitter      time.Duration
	RoundTrip   time.Duration
	Bye         bool
}
