package quality

import "time"

// RFC 3550 Appendix A.1.
const (
	maxDropout  = 3000 // a gap up to this is loss; a longer one is a new sequence
	maxMisorder = 100  // a packet may be late by this many numbers
)

// cycle is one round of the sequence numbers. The first packet's extended number begins
// in the second round, so that packets before it have a number, too.
const cycle = 1 << 16

// Inbound follows one direction of one stream as packets arrive
// (RFC 3550 §6.4.1, Appendix A). Its zero value is ready after Clock is set;
// Clock, Codec, Delay and Discarded may change at any time.
type Inbound struct {
	Clock int    // RTP clock, Hz
	Codec string // for MOS; "" leaves it out
	// Delay is what a listener waits in addition to the network: packet time and
	// buffer.
	Delay time.Duration
	// Discarded is how many packets came too late to be played, if a converter counts
	// them. A listener perceives them as lost.
	Discarded uint64

	ssrc    uint32
	begun   bool
	base    uint32 // extended number of the first packet of this sequence
	highest uint32 // extended number of the newest
	next    uint16 // after a jump: the number that would confirm it
	jumped  bool
	stray   int // its size
	history history

	counted  counts // in earlier sequences, and octets
	received uint64 // in the current sequence
	late     uint64
	repeated uint64
	last     time.Time
	timing   timing
	losses   losses

	reported counts // at the last Report
	rtcp     counts // at the last receiver report, or the start of the sequence
	start    counts // at the start of the sequence

	roundTrip time.Duration
	report    heard // their last SR
	query     heard // their last receiver reference time (RFC 3611 §4.4)
	asked     sent  // ours
	self      uint32
}

// counts holds the counters at some moment.
type counts struct {
	expected, received, octets, discarded uint64
	runs                                  runs
}

// Packet counts one received packet; size is in octets with the RTP header. A stray
// should not be passed to anything that cannot handle a jump.
func (i *Inbound) Packet(ssrc uint32, seq uint16, timestamp uint32, size int, at time.Time) Verdict {
	v := i.place(ssrc, seq)
	switch v {
	case Duplicate:
		i.repeated++
		return v
	case Stray:
		i.stray = size
		return v
	case Late:
		i.late++
	}
	i.received++
	i.counted.octets += uint64(max(size, 0))
	if at.After(i.last) {
		i.last = at
	}
	i.timing.arrive(timestamp, at, i.Clock)
	return v
}

// place returns where a number belongs (RFC 3550 A.1).
func (i *Inbound) place(ssrc uint32, seq uint16) Verdict {
	if !i.begun {
		i.begin(ssrc, seq)
		return Fresh
	}
	if ssrc != i.ssrc {
		i.begin(ssrc, seq)
		return Restart
	}
	switch ahead := seq - uint16(i.highest); {
	case ahead == 0:
		return Duplicate
	case ahead < maxDropout:
		i.losses.settle(i.history.advance(int(ahead)))
		i.highest += uint32(ahead)
		i.jumped = false
		return Fresh
	case -ahead <= maxMisorder:
		if !i.history.fill(int(-ahead)) {
			return Duplicate
		}
		if n := i.highest - uint32(-ahead); int32(n-i.base) < 0 {
			i.base = n // it was sent before the first one that arrived
		}
		return Late
	case i.jumped && seq == i.next:
		// A jump counts when the number after it arrives: a single stray packet does
		// not disturb the figures. The stray was then the first packet.
		i.begin(ssrc, seq)
		i.base--
		i.history.fill(1)
		i.received++
		i.counted.octets += uint64(max(i.stray, 0))
		return Restart
	}
	i.jumped, i.next = true, seq+1
	return Stray
}

// begin starts a sequence. The counts of the previous one stay in the sums.
func (i *Inbound) begin(ssrc uint32, seq uint16) {
	if i.begun {
		i.losses.settle(i.history.flush())
		i.counted.expected += i.sequence()
		i.counted.received += i.received
	}
	if ssrc != i.ssrc {
		i.report, i.query = heard{}, heard{}
	}
	i.ssrc, i.begun, i.jumped, i.received = ssrc, true, false, 0
	i.base, i.highest = cycle|uint32(seq), cycle|uint32(seq)
	i.history.begin()
	i.timing.restart()
	i.rtcp = i.counted
	i.rtcp.runs = i.losses.seen()
	i.start = i.rtcp
}

// sequence returns how many packets the current sequence should have brought.
func (i *Inbound) sequence() uint64 {
	if !i.begun {
		return 0
	}
	return uint64(i.highest-i.base) + 1
}

func (i *Inbound) now() counts {
	n := i.counted
	n.expected += i.sequence()
	n.received += i.received
	n.discarded = i.Discarded
	n.runs = i.losses.seen()
	return n
}

// runs returns the losses so far, as if packets that may still arrive were lost.
func (i *Inbound) runs() runs {
	l := i.losses
	l.settle(i.history.flush())
	return l.seen()
}

// since returns the difference between two moments.
func (c counts) since(old counts) counts {
	return counts{
		less(c.expected, old.expected), less(c.received, old.received), less(c.octets, old.octets),
		less(c.discarded, old.discarded), c.runs.since(old.runs),
	}
}

// lost returns how many expected packets did not arrive. Late packets of the previous
// interval can make it negative; then it is 0.
func (c counts) lost() uint64 { return less(c.expected, c.received) }

// share returns the share of packets that a listener missed, 0 to 1.
func (c counts) share() float64 {
	if c.expected == 0 {
		return 0
	}
	return min(float64(c.lost()+c.discarded)/float64(c.expected), 1)
}

// less is a-b, 0 when b is the larger.
func less(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

// Started reports whether anything has come.
func (i *Inbound) Started() bool { return i.begun }

// Source returns the SSRC of the stream.
func (i *Inbound) Source() uint32 { return i.ssrc }

// Forwarded adds packets that were received and forwarded by the kernel: packets and
// octets since the last call, and the highest number and jitter (in clock ticks) there.
// It is unknown which packets were lost, so the burst ratio does not include them.
func (i *Inbound) Forwarded(packets, octets uint64, highest uint16, jitter uint32, at time.Time) {
	if packets == 0 || !i.begun {
		return
	}
	i.received += packets
	i.counted.octets += octets
	if at.After(i.last) {
		i.last = at
	}
	i.timing.restart()
	i.timing.jitter = float64(jitter)
	if ahead := highest - uint16(i.highest); ahead > 0 && ahead < 1<<15 {
		i.losses.settle(i.history.flush())
		i.highest += uint32(ahead)
		i.history.begin()
		i.jumped = false
	}
}

// Ran adds packets that the relay's worker forwarded, each with the next sequence
// number and a timestamp one step later. timestamp, jitter and at are those of the last
// one.
func (i *Inbound) Ran(packets, octets uint64, timestamp uint32, jitter time.Duration, at time.Time) {
	if packets == 0 || !i.begun {
		return
	}
	i.received += packets
	i.counted.octets += octets
	if at.After(i.last) {
		i.last = at
	}
	i.highest += uint32(packets)
	i.jumped = false
	i.history.run(packets, &i.losses)
	i.timing.ran(timestamp, jitter, at)
}

// Report ends an interval and returns the figures. The MOS is for the interval and the
// one-way delay as far as it is known: half a round trip, plus Delay or twice the
// jitter, whichever is more.
func (i *Inbound) Report(now time.Time) Report {
	all := i.now()
	last := all.since(i.reported)
	i.reported = all
	r := Report{
		Packets: all.received, Octets: all.octets, Lost: all.lost(), Late: i.late, Duplicates: i.repeated,
		Discarded: i.Discarded, IntervalPackets: last.received, IntervalLost: last.lost(),
		BurstRatio: last.runs.ratio(), Jitter: i.Jitter(), RoundTrip: i.roundTrip, LastPacket: i.last,
	}
	if last.expected > 0 {
		r.LossPercent = 100 * float64(r.IntervalLost) / float64(last.expected)
	}
	if last.received > 0 {
		if mos, ok := MOS(i.Codec, i.delay(), 100*last.share(), r.BurstRatio); ok {
			r.MOS = &mos
		}
	}
	return r
}

// delay returns the one-way delay as far as it is known. A listener without information
// is assumed to buffer twice the jitter.
func (i *Inbound) delay() time.Duration { return i.roundTrip/2 + max(i.Delay, 2*i.Jitter()) }

// Jitter returns the running estimate.
func (i *Inbound) Jitter() time.Duration { return i.timing.duration(i.Clock) }
