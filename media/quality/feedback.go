package quality

import (
	"encoding/binary"
	"errors"
	"time"
)

// errCompound means that a packet is no RTCP compound (RFC 3550 §6.1).
var errCompound = errors.New("no sound RTCP packet")

// RTCP packet types lie in this range (RFC 5761 §4).
const firstType, lastType = 192, 223

// Feedback takes a received compound: the far side's view of our stream (out), the
// round trip, and the times of their reports (for in). Packets of reduced size (RFC
// 5506) are accepted. Reports on other streams and unknown types are ignored. out and
// in may be nil.
func Feedback(b []byte, out *Outbound, in *Inbound, now time.Time) (Remote, error) {
	if err := check(b); err != nil {
		return Remote{}, err
	}
	var r Remote
	for len(b) > 0 {
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		r.packet(b[:size], out, in, now)
		b = b[size:]
	}
	return r, nil
}

// check validates the whole compound before any of it is used (RFC 3550 A.2).
func check(b []byte) error {
	if len(b) == 0 {
		return errCompound
	}
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 || b[1] < firstType || b[1] > lastType {
			return errCompound
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) || size < least(b) {
			return errCompound
		}
		if b[0]&0x20 != 0 && size != len(b) { // only the last may be padded
			return errCompound
		}
		b = b[size:]
	}
	return nil
}

// least returns the least length of a packet with such a header.
func least(b []byte) int {
	count := int(b[0] & 0x1f)
	switch b[1] {
	case typeSR:
		return 28 + 24*count
	case typeRR:
		return 8 + 24*count
	case typeBYE:
		return 4 + 4*count
	case typeXR:
		return 8
	}
	return 4
}

// packet takes one packet of a checked compound.
func (r *Remote) packet(b []byte, out *Outbound, in *Inbound, now time.Time) {
	count := int(b[0] & 0x1f)
	switch b[1] {
	case typeSR:
		if in.is(binary.BigEndian.Uint32(b[4:])) {
			in.report = heard{binary.BigEndian.Uint32(b[10:]), now}
		}
		r.blocks(b[28:], count, out, in, now)
	case typeRR:
		r.blocks(b[8:], count, out, in, now)
	case typeBYE:
		for ; count > 0; count-- {
			if in == nil || !in.begun || in.is(binary.BigEndian.Uint32(b[4*count:])) {
				r.Bye = true
			}
		}
	case typeXR:
		r.extended(b, out, in, now)
	}
}

// is reports whether in is the stream ssrc.
func (i *Inbound) is(ssrc uint32) bool { return i != nil && i.begun && i.ssrc == ssrc }

// blocks takes the reports on our stream (RFC 3550 §6.4.1).
func (r *Remote) blocks(b []byte, count int, out *Outbound, in *Inbound, now time.Time) {
	for ; count > 0; count, b = count-1, b[24:] {
		if out == nil || !out.Started() || binary.BigEndian.Uint32(b) != out.ssrc {
			continue
		}
		r.Valid = true
		r.LossPercent = float64(b[4]) * 100 / 256
		r.Lost = int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8 // 24 bits, signed
		if out.Clock > 0 {
			r.Jitter = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second / time.Duration(out.Clock)
		}
		r.trip(&out.reports, b[16:], in, now)
	}
}

// trip measures the round trip from a last time and the delay since.
func (r *Remote) trip(ours *sent, b []byte, in *Inbound, now time.Time) {
	d, ok := ours.roundTrip(binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), now)
	if !ok {
		return
	}
	r.RoundTrip = d
	if in != nil {
		in.roundTrip = d
	}
}

// extended takes the blocks of XR (RFC 3611 §3).
func (r *Remote) extended(b []byte, out *Outbound, in *Inbound, now time.Time) {
	from := binary.BigEndian.Uint32(b[4:])
	for b = b[8:]; len(b) >= 4; {
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) {
			return
		}
		block := b[4:size]
		switch kind := b[0]; {
		case kind == blockTime && len(block) == 8 && in.is(from):
			in.query = heard{binary.BigEndian.Uint32(block[2:]), now}
		case kind == blockDelay && in != nil:
			for ; len(block) >= 12; block = block[12:] {
				if binary.BigEndian.Uint32(block) == in.self {
					r.trip(&in.asked, block[4:], in, now)
				}
			}
		case kind == blockVoIP && len(block) == 32 && out != nil && out.Started() && binary.BigEndian.Uint32(block) == out.ssrc:
			if mos := block[22]; mos >= 10 && mos <= 50 {
				r.MOS = float64(mos) / 10
			}
		}
		b = b[size:]
	}
}
