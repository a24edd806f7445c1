package quality

import "time"

// Outbound counts what we send on one stream.
type Outbound struct {
	Clock int // RTP clock, Hz

	ssrc            uint32
	packets, octets uint64
	timestamp       uint32
	at              time.Time
}

// Packet notes one packet sent: size is in octets with the RTP header.
func (o *Outbound) Packet(ssrc uint32, _ uint16, timestamp uint32, size int, at time.Time) {
	o.ssrc, o.timestamp, o.at = ssrc, timestamp, at
	o.packets++
	o.octets += uint64(size)
}

// Forwarded adds what was sent outside of this program's sight (in the kernel).
func (o *Outbound) Forwarded(packets, octets uint64, timestamp uint32, at time.Time) {
	if packets > 0 {
		o.packets += packets
		o.octets += octets
		o.timestamp, o.at = timestamp, at
	}
}

// Sent is how many packets and octets were sent.
func (o *Outbound) Sent() (packets, octets uint64) { return o.packets, o.octets }

// Started says whether anything was sent.
func (o *Outbound) Started() bool { return o.packets > 0 }

// timestampAt is the RTP time that belongs to a moment (RFC 3550 §6.4.1).
func (o *Outbound) timestampAt(now time.Time) uint32 {
	return o.timestamp + uint32(int64(now.Sub(o.at))*int64(o.Clock)/int64(time.Second))
}
