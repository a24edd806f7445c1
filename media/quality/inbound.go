package quality

import "time"

// RFC 3550 Appendix A.1.
const (
	maxDropout  = 3000 // a gap up to this is loss, a longer one is another sequence
	maxMisorder = 100  // how late a packet may be and still belong here
)

// cycle is one round of the sequence numbers. The first packet's extended
// number is one cycle up, so that a packet from before it has a number too.
const cycle = 1 << 16

// Inbound follows one direction of one stream as packets arrive
// (RFC 3550 §6.4.1, Appendix A). Its zero value is ready after Clock is set;
// Clock, Codec, Delay and Discarded may change at any time.
type Inbound struct {
	Clock int    // RTP clock, Hz
	Codec string // for MOS; "" leaves it out
	// Delay is what a listener waits besides the network: packet time, buffer.
	Delay time.Duration
	// Discarded is how many packets in all came too late to be played, where a
	// converter knows. They are lost to the ear.
	Discarded uint64

	ssrc    uint32
	begun   bool
	base    uint32 // extended number of the first packet of this sequence
	highest uint32 // extended number of the newest
	next    uint16 // of a jump: the number that would confirm it
	jumped  bool
	stray   int // its size
	history history

	counted  counts // of the sequences before, and of octets
	received uint64 // of this sequence
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

// counts is what was counted up to some moment.
type counts struct {
	expected, received, octets, discarded uint64
	runs                                  runs
}

// Packet notes one arrival: size is in octets with the RTP header. A stray is
// best not passed on to anything that cannot bear a jump.
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

// place finds where a number belongs (RFC 3550 A.1).
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
			i.base = n // it was sent before the first that came
		}
		return Late
	case i.jumped && seq == i.next:
		// A jump counts once the number after it came: one stray packet does
		// not tear up the figures. Then the stray was the first of them.
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

// begin starts a sequence. What the one before counted stays in the sums.
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

// sequence is how many packets the running sequence should have brought.
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

// runs are the losses up to now, as if none of those that could still come did.
func (i *Inbound) runs() runs {
	l := i.losses
	l.settle(i.history.flush())
	return l.seen()
}

// since is what was counted between two moments.
func (c counts) since(old counts) counts {
	return counts{
		less(c.expected, old.expected), less(c.received, old.received), less(c.octets, old.octets),
		less(c.discarded, old.discarded), c.runs.since(old.runs),
	}
}

// lost is what was expected and did not come. Packets of the interval before
// that came late can make it negative; then it is 0.
func (c counts) lost() uint64 { return less(c.expected, c.received) }

// share is which part of the packets the ear missed, 0 to 1.
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

// Source is the SSRC that comes in.
func (i *Inbound) Source() uint32 { return i.ssrc }

// Forwarded adds what was received and passed on outside of this program's
// sight (in the kernel): packets and octets since the last call, and the
// highest number and jitter (in clock ticks) seen there. Which of them were
// lost is not known, so that the burst ratio leaves them out.
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

// Ran adds packets that came outside of this program's sight, each the next in
// sequence of the one before and a step of the timestamp after it: timestamp
// and at are of the last, jitter is what it was then.
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

// Report closes an interval and returns the figures. The MOS is that of the
// interval, at the one-way delay as far as it is known: half a round trip, and
// Delay or twice the jitter, whichever is more.
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

// delay is the one-way delay as far as it is known. A listener of whom nothing
// is known is taken to buffer twice the jitter.
func (i *Inbound) delay() time.Duration { return i.roundTrip/2 + max(i.Delay, 2*i.Jitter()) }

// Jitter is the running estimate.
func (i *Inbound) Jitter() time.Duration { return i.timing.duration(i.Clock) }
