package quality

import "time"

// RFC 3550 Appendix A.1.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Inbound follows one direction of one stream as packets arrive
// (RFC 3550 Appendix A.1, A.3, A.8). Its zero value is ready after Clock is
// set.
type Inbound struct {
	Clock int    // RTP clock, Hz
	Codec string // for MOS; "" leaves it out
	// Delay is what a listener waits besides the network: packet time, buffer.
	Delay time.Duration

	ssrc    uint32
	begun   bool
	highest uint16
	cycles  uint32
	base    uint32
	next    uint16 // of a jump: the number that would confirm it
	jumped  bool
	seen    uint64 // bit n: highest-n was received

	received, octets, late, duplicates uint64
	before                             uint64 // expected of earlier sources
	jitter                             float64
	transit                            int32
	timed                              bool
	last                               time.Time
	first                              time.Time // arrival transit is counted from

	reported          mark // at the last Report
	rtcp              mark // at the last receiver report
	bursts, burstLost uint64
	lostPrior         bool
	rtt               time.Duration
	srAt              time.Time // arrival of their last SR
	srMiddle          uint32    // middle 32 bits of its NTP time
}

// mark is a point of the counters, for intervals.
type mark struct{ expected, received uint64 }

// Packet notes one arrival: size is in octets with the RTP header.
func (i *Inbound) Packet(ssrc uint32, seq uint16, timestamp uint32, size int, at time.Time) Verdict {
	v := i.place(ssrc, seq)
	if v == Duplicate {
		i.duplicates++
		return v
	}
	i.received++
	i.octets += uint64(size)
	i.last = at
	if v == Late {
		i.late++
		return v
	}
	i.interarrival(timestamp, at, v == Restart)
	return v
}

// place finds where a number belongs (RFC 3550 A.1).
func (i *Inbound) place(ssrc uint32, seq uint16) Verdict {
	if !i.begun || ssrc != i.ssrc {
		return i.restart(ssrc, seq)
	}
	switch ahead := seq - i.highest; {
	case ahead == 0:
		return Duplicate
	case ahead < maxDropout:
		i.gap(uint64(ahead) - 1)
		if seq < i.highest {
			i.cycles += 1 << 16
		}
		i.highest, i.jumped = seq, false
		if ahead < 64 {
			i.seen = i.seen<<ahead | 1
		} else {
			i.seen = 1
		}
		return Fresh
	case -ahead <= maxMisorder:
		if -ahead >= 64 {
			return Late // too long ago to know
		}
		bit := uint64(1) << -ahead
		if i.seen&bit != 0 {
			return Duplicate
		}
		i.seen |= bit
		return Late
	}
	// A jump counts once the number after it came: one stray packet does not
	// tear up the figures.
	if i.jumped && seq == i.next {
		return i.restart(ssrc, seq)
	}
	i.next, i.jumped = seq+1, true
	return Late
}

func (i *Inbound) restart(ssrc uint32, seq uint16) Verdict {
	first := !i.begun
	if i.begun {
		i.before += i.expected()
	}
	i.ssrc, i.highest, i.cycles, i.base = ssrc, seq, 0, uint32(seq)
	i.begun, i.jumped, i.seen, i.timed = true, false, 1, false
	if first {
		return Fresh
	}
	return Restart
}

// gap counts runs of loss, for the burst ratio.
func (i *Inbound) gap(lost uint64) {
	if lost > 0 {
		i.bursts++
		i.burstLost += lost
	}
}

// interarrival keeps the jitter (RFC 3550 A.8).
func (i *Inbound) interarrival(timestamp uint32, at time.Time, fresh bool) {
	if i.Clock <= 0 {
		return
	}
	if !i.timed || fresh {
		i.first, i.transit, i.timed = at, -int32(timestamp), true
		return
	}
	arrival := int32(int64(at.Sub(i.first)) * int64(i.Clock) / int64(time.Second))
	transit := arrival - int32(timestamp)
	d := transit - i.transit
	i.transit = transit
	if d < 0 {
		d = -d
	}
	if int(d) > 10*i.Clock {
		return // the clock was set anew: no jitter
	}
	i.jitter += (float64(d) - i.jitter) / 16
}

// expected is how many packets of the running source should have come.
func (i *Inbound) expected() uint64 {
	if !i.begun {
		return 0
	}
	return uint64(i.cycles) + uint64(i.highest) - uint64(i.base) + 1
}

func (i *Inbound) now() mark { return mark{i.before + i.expected(), i.received} }

// since is what was expected and lost between two marks.
func (m mark) since(old mark) (expected, lost uint64) {
	expected = m.expected - old.expected
	if received := m.received - old.received; received < expected {
		lost = expected - received
	}
	return expected, lost
}

// Started says whether anything has come.
func (i *Inbound) Started() bool { return i.begun }

// Source is the SSRC that comes in.
func (i *Inbound) Source() uint32 { return i.ssrc }

// Forwarded adds what was received and passed on outside of this program's
// sight (in the kernel): packets and octets since the last call, and the
// highest number and jitter (in clock ticks) seen there.
func (i *Inbound) Forwarded(packets, octets uint64, highest uint16, jitter uint32, at time.Time) {
	if packets == 0 || !i.begun {
		return
	}
	i.received += packets
	i.octets += octets
	i.last = at
	i.jitter = float64(jitter)
	i.timed = false
	if ahead := highest - i.highest; ahead < 1<<15 {
		if highest < i.highest {
			i.cycles += 1 << 16
		}
		i.highest, i.seen = highest, 1
	}
}

// Report closes an interval and returns the figures.
func (i *Inbound) Report(now time.Time) Report {
	m := i.now()
	expected, lost := m.since(i.reported)
	_, all := m.since(mark{})
	r := Report{
		Packets: i.received, Octets: i.octets, Lost: all, Late: i.late, Duplicates: i.duplicates,
		IntervalPackets: m.received - i.reported.received, IntervalLost: lost,
		Jitter: i.Jitter(), RoundTrip: i.rtt, LastPacket: i.last, BurstRatio: 1,
	}
	if expected > 0 {
		share := float64(lost) / float64(expected)
		r.LossPercent = 100 * share
		if i.bursts > 0 && share < 1 {
			// G.107: mean length of runs of loss against what chance would give.
			r.BurstRatio = max(float64(i.burstLost)/float64(i.bursts)*(1-share), 1)
		}
		if mos, ok := MOS(i.Codec, i.rtt/2+i.Delay+2*r.Jitter, r.LossPercent, r.BurstRatio); ok && r.IntervalPackets > 0 {
			r.MOS = &mos
		}
	}
	i.reported, i.bursts, i.burstLost = m, 0, 0
	return r
}

// Jitter is the running estimate.
func (i *Inbound) Jitter() time.Duration {
	if i.Clock <= 0 {
		return 0
	}
	return time.Duration(i.jitter * float64(time.Second) / float64(i.Clock))
}
