package quality

import (
	"encoding/binary"
	"errors"
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

const blockVoIP = 7 // RFC 3611 §4.7

// ntpEpoch is 1 January 1900 in Unix seconds.
const ntpEpoch = -2208988800

func ntp(t time.Time) uint64 {
	s := uint64(t.Unix() - ntpEpoch)
	return s<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// AppendReport writes a compound RTCP packet: SR when we send, else RR, with a
// block about what we hear, then SDES with our CNAME, and with loss or delay to
// tell, the VoIP metrics block (RFC 3611 §4.7). out and in may be nil.
func AppendReport(b []byte, cname string, ssrc uint32, out *Outbound, in *Inbound, now time.Time) []byte {
	start := len(b)
	hears := in != nil && in.begun
	kind := byte(typeRR)
	if out != nil && out.Started() {
		kind = typeSR
	}
	b = append(b, 0x80, kind, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if kind == typeSR {
		b = binary.BigEndian.AppendUint64(b, ntp(now))
		b = binary.BigEndian.AppendUint32(b, out.timestampAt(now))
		b = binary.BigEndian.AppendUint32(b, uint32(out.packets))
		b = binary.BigEndian.AppendUint32(b, uint32(out.octets-12*out.packets)) // payload alone
	}
	if hears {
		b[start]++
		b = in.appendBlock(b, now)
	}
	finish(b, start)
	b = appendName(b, cname, ssrc)
	if hears && in.Codec != "" {
		b = in.appendVoIP(b, ssrc)
	}
	return b
}

// finish writes the length of a packet (RFC 3550 §6.4.1): words less one.
func finish(b []byte, start int) {
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
}

// appendBlock writes the report block about what we hear.
func (i *Inbound) appendBlock(b []byte, now time.Time) []byte {
	m := i.now()
	expected, lost := m.since(i.rtcp)
	i.rtcp = m
	fraction := byte(0)
	if expected > 0 {
		fraction = byte(min(lost*256/expected, 255))
	}
	_, all := m.since(mark{})
	b = binary.BigEndian.AppendUint32(b, i.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(fraction)<<24|uint32(min(all, 0x7fffff)))
	b = binary.BigEndian.AppendUint32(b, i.cycles|uint32(i.highest))
	b = binary.BigEndian.AppendUint32(b, uint32(i.jitter))
	b = binary.BigEndian.AppendUint32(b, i.srMiddle)
	var since uint32
	if i.srMiddle != 0 {
		since = uint32(now.Sub(i.srAt) * 65536 / time.Second)
	}
	return binary.BigEndian.AppendUint32(b, since)
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

// appendVoIP writes the VoIP metrics block. What is not measured is 127
// (RFC 3611 §4.7).
func (i *Inbound) appendVoIP(b []byte, ssrc uint32) []byte {
	expected, lost := i.now().since(mark{})
	share := 0.0
	if expected > 0 {
		share = float64(lost) / float64(expected)
	}
	start := len(b)
	b = append(b, 0x80, typeXR, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, blockVoIP, 0, 0, 8)
	b = binary.BigEndian.AppendUint32(b, i.ssrc)
	b = append(b, byte(min(share*256, 255)), 0, 0, 0) // loss, discard, burst and gap density
	b = append(b, 0, 0, 0, 0)                         // burst and gap duration
	b = binary.BigEndian.AppendUint16(b, uint16(min(i.rtt.Milliseconds(), 65535)))
	b = binary.BigEndian.AppendUint16(b, uint16(min(i.Delay.Milliseconds(), 65535)))
	b = append(b, 127, 127, 127, 16) // levels, echo return loss; Gmin
	r, mos := byte(127), byte(127)
	if v, ok := rating(i.Codec, i.rtt/2+i.Delay, 100*share, 1); ok {
		r = byte(max(min(v, 100), 0))
		mos = byte(10 * opinion(v))
	}
	b = append(b, r, 127, mos, mos, 0, 0) // R, external R, MOS-LQ, MOS-CQ, RX config
	b = binary.BigEndian.AppendUint16(b, uint16(min(i.Delay.Milliseconds(), 65535)))
	b = append(b, 0, 0, 0, 0) // maximum and absolute maximum of the buffer
	finish(b, start)
	return b
}

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

// ErrCompound says that a packet is no RTCP compound (RFC 3550 §6.1).
var ErrCompound = errors.New("no sound RTCP packet")

// Feedback takes a received compound: the far side's view of what we send
// (out), the round trip, and for in the times of their sender report.
func Feedback(b []byte, out *Outbound, in *Inbound, now time.Time) (Remote, error) {
	var r Remote
	for n := 0; len(b) > 0; n++ {
		if len(b) < 4 || b[0]>>6 != 2 || n == 0 && b[1] != typeSR && b[1] != typeRR {
			return r, ErrCompound
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) {
			return r, ErrCompound
		}
		if err := r.packet(b[:size], out, in, now); err != nil {
			return r, err
		}
		b = b[size:]
	}
	return r, nil
}

func (r *Remote) packet(b []byte, out *Outbound, in *Inbound, now time.Time) error {
	blocks := b[min(8, len(b)):]
	switch b[1] {
	case typeSR:
		if len(b) < 28 {
			return ErrCompound
		}
		if in != nil && in.begun && binary.BigEndian.Uint32(b[4:]) == in.ssrc {
			in.srMiddle, in.srAt = binary.BigEndian.Uint32(b[10:]), now
		}
		blocks = b[28:]
	case typeRR:
		if len(b) < 8 {
			return ErrCompound
		}
	case typeBYE:
		r.Bye = true
		return nil
	default:
		return nil
	}
	for range b[0] & 0x1f {
		if len(blocks) < 24 {
			return ErrCompound
		}
		r.block(blocks[:24], out, in, now)
		blocks = blocks[24:]
	}
	return nil
}

// block takes a report about our stream (RFC 3550 §6.4.1).
func (r *Remote) block(b []byte, out *Outbound, in *Inbound, now time.Time) {
	if out == nil || !out.Started() || binary.BigEndian.Uint32(b) != out.ssrc {
		return
	}
	r.Valid = true
	r.LossPercent = float64(b[4]) * 100 / 256
	r.Lost = int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8 // 24 bits, signed
	if out.Clock > 0 {
		r.Jitter = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second / time.Duration(out.Clock)
	}
	last, since := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	if last == 0 {
		return
	}
	// Units of 1/65536 s; more than a minute or below nothing is a clock that
	// was set, or a lie.
	trip := uint32(ntp(now)>>16) - last - since
	if d := time.Duration(trip) * time.Second / 65536; int32(trip) >= 0 && d < time.Minute {
		r.RoundTrip = max(d, time.Microsecond)
		if in != nil {
			in.rtt = r.RoundTrip
		}
	}
}
