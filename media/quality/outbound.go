package quality

import "time"

// recent is the time within which something must have been sent for a report to be a
// sender report: two intervals of about 5 s (RFC 3550 §6.4).
const recent = 12 * time.Second

// Outbound counts what we send on one stream.
type Outbound struct {
	Clock int // RTP clock, Hz

	ssrc            uint32
	packets, octets uint64
	before          struct{ packets, octets uint64 } // with earlier SSRCs
	timestamp       uint32
	at              time.Time
	reports         sent
}

// Packet counts one sent packet: size is in octets with the RTP header.
func (o *Outbound) Packet(ssrc uint32, _ uint16, timestamp uint32, size int, at time.Time) {
	if ssrc != o.ssrc {
		o.before.packets, o.before.octets = o.packets, o.octets
		o.ssrc = ssrc
	}
	o.timestamp, o.at = timestamp, at
	o.packets++
	o.octets += uint64(max(size, 0))
}

// Forwarded adds what the kernel sent.
func (o *Outbound) Forwarded(packets, octets uint64, timestamp uint32, at time.Time) {
	if packets > 0 {
		o.packets += packets
		o.octets += octets
		o.timestamp, o.at = timestamp, at
	}
}

// Sent returns how many packets and octets were sent.
func (o *Outbound) Sent() (packets, octets uint64) { return o.packets, o.octets }

// Started reports whether anything was sent.
func (o *Outbound) Started() bool { return o.packets > 0 }

// timestampAt returns the RTP time for a moment (RFC 3550 §6.4.1).
func (o *Outbound) timestampAt(now time.Time) uint32 {
	return o.timestamp + uint32(units(now.Sub(o.at), o.Clock))
}
