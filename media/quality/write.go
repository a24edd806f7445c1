package quality

import (
	"encoding/binary"
	"math"
	"time"
)

// Packet types of RTCP (RFC 3550 §12.1, RFC 3611 §2).
const (
	typeSR   = 200
	typeRR   = 201
	typeSDES = 202
	typeBYE  = 203
	typeXR   = 207
)

// Blocks of XR (RFC 3611 §4).
const (
	blockTime  = 4 // receiver reference time
	blockDelay = 5 // DLRR
	blockVoIP  = 7
)

// unknown stands in VoIP metrics for what was not measured.
const unknown = 127

// AppendReport writes a compound RTCP packet: SR while we send, else RR, with a
// block about what we hear, SDES with our CNAME, and where there is something
// for it, XR with VoIP metrics (when in.Codec is set) and what a receiver needs
// to measure the round trip. out and in may be nil.
func AppendReport(b []byte, cname string, ssrc uint32, out *Outbound, in *Inbound, now time.Time) []byte {
	start := len(b)
	hears := in != nil && in.begun
	sends := out != nil && out.Started() && now.Sub(out.at) < recent
	if sends {
		b = append(b, 0x80, typeSR, 0, 0)
		b = binary.BigEndian.AppendUint32(b, ssrc)
		b = binary.BigEndian.AppendUint64(b, ntp(now))
		b = binary.BigEndian.AppendUint32(b, out.timestampAt(now))
		packets := out.packets - out.before.packets
		b = binary.BigEndian.AppendUint32(b, uint32(packets))
		b = binary.BigEndian.AppendUint32(b, uint32(out.octets-out.before.octets-12*packets)) // payload alone
		out.reports.note(now)
	} else {
		b = append(b, 0x80, typeRR, 0, 0)
		b = binary.BigEndian.AppendUint32(b, ssrc)
	}
	if hears {
		b[start]++
		b = in.appendBlock(b, now)
	}
	finish(b, start)
	b = appendName(b, cname, ssrc)
	if hears {
		b = in.appendExtended(b, ssrc, sends, now)
	}
	return b
}

// finish writes the length of a packet (RFC 3550 §6.4.1): words less one.
func finish(b []byte, start int) {
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
}

// appendBlock writes the report block about what we hear (RFC 3550 §6.4.1).
func (i *Inbound) appendBlock(b []byte, now time.Time) []byte {
	all := i.now()
	last := all.since(i.rtcp)
	i.rtcp = all
	fraction := uint64(0)
	if last.expected > 0 {
		fraction = min(last.lost()*256/last.expected, 255)
	}
	lost := min(all.since(i.start).lost(), 0x7fffff)
	b = binary.BigEndian.AppendUint32(b, i.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(fraction<<24|lost))
	b = binary.BigEndian.AppendUint32(b, i.highest-cycle)
	b = binary.BigEndian.AppendUint32(b, uint32(min(i.timing.jitter, math.MaxUint32)))
	b = binary.BigEndian.AppendUint32(b, i.report.middle)
	return binary.BigEndian.AppendUint32(b, i.report.since(now))
}

// appendName writes SDES with a CNAME (RFC 3550 §6.5.1).
func appendName(b []byte, cname string, ssrc uint32) []byte {
	start := len(b)
	b = append(b, 0x81, typeSDES, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	cname = cname[:min(len(cname), 255)]
	b = append(b, 1, byte(len(cname)))
	b = append(b, cname...)
	b = append(b, 0) // the list ends, then up to the next word
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	finish(b, start)
	return b
}

// appendExtended writes XR (RFC 3611), unless there is nothing to say.
func (i *Inbound) appendExtended(b []byte, ssrc uint32, sends bool, now time.Time) []byte {
	if i.Codec == "" && i.query.middle == 0 {
		return b
	}
	i.self = ssrc
	start := len(b)
	b = append(b, 0x80, typeXR, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if !sends { // RFC 3611 §4.4: who sends no SR has no other way to the round trip
		b = append(b, blockTime, 0, 0, 2)
		b = binary.BigEndian.AppendUint64(b, ntp(now))
		i.asked.note(now)
	}
	if i.query.middle != 0 { // RFC 3611 §4.5
		b = append(b, blockDelay, 0, 0, 3)
		b = binary.BigEndian.AppendUint32(b, i.ssrc)
		b = binary.BigEndian.AppendUint32(b, i.query.middle)
		b = binary.BigEndian.AppendUint32(b, i.query.since(now))
	}
	if i.Codec != "" {
		b = i.appendVoIP(b)
	}
	finish(b, start)
	return b
}

// appendVoIP writes the VoIP metrics block (RFC 3611 §4.7), over all since the
// sequence began.
func (i *Inbound) appendVoIP(b []byte) []byte {
	all := i.now().since(i.start)
	r := i.runs().since(i.start.runs)
	packet := float64(i.timing.packet(i.Clock).Milliseconds())
	b = append(b, blockVoIP, 0, 0, 8)
	b = binary.BigEndian.AppendUint32(b, i.ssrc)
	b = append(b, eighth(all.lost(), all.expected), eighth(all.discarded, all.expected),
		eighth(r.denseLost, r.dense), eighth(r.looseLost, r.loose))
	b = binary.BigEndian.AppendUint16(b, short(packet*float64(r.dense)/float64(max(r.clusters, 1))))
	b = binary.BigEndian.AppendUint16(b, short(packet*float64(r.loose)/float64(r.clusters+1)))
	b = binary.BigEndian.AppendUint16(b, short(float64(i.roundTrip.Milliseconds())))
	b = binary.BigEndian.AppendUint16(b, short(float64(i.Delay.Milliseconds())))
	b = append(b, unknown, unknown, unknown, minGap) // levels, echo return loss
	factor, listening, talking := byte(unknown), byte(unknown), byte(unknown)
	if v, ok := impairmentOf(i.Codec); ok {
		loss, burst := 100*all.share(), r.ratio()
		factor = byte(min(max(v.rating(i.delay(), loss, burst), 0), 100))
		talking = byte(math.Round(10 * opinion(v.rating(i.delay(), loss, burst))))
		listening = byte(math.Round(10 * opinion(v.rating(0, loss, burst))))
	}
	b = append(b, factor, unknown, listening, talking, 0, 0) // RX config: nothing is said
	b = binary.BigEndian.AppendUint16(b, short(float64(i.Delay.Milliseconds())))
	return append(b, 0, 0, 0, 0) // the most the buffer was and may be
}

// eighth is part/all in 1/256.
func eighth(part, all uint64) byte {
	if all == 0 {
		return 0
	}
	return byte(min(part*256/all, 255))
}

// short is v in 16 bits.
func short(v float64) uint16 { return uint16(min(max(v, 0), math.MaxUint16)) }

// AppendBye writes a compound RTCP packet that ends a stream (RFC 3550 §6.6).
func AppendBye(b []byte, cname string, ssrc uint32, reason string, now time.Time) []byte {
	b = AppendReport(b, cname, ssrc, nil, nil, now)
	start := len(b)
	b = append(b, 0x81, typeBYE, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if reason != "" {
		reason = reason[:min(len(reason), 255)]
		b = append(b, byte(len(reason)))
		b = append(b, reason...)
	}
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	finish(b, start)
	return b
}
