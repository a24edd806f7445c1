// Package rtptest has RTP packets for tests of the others.
package rtptest

import "encoding/binary"

// Packet is a packet of 20 ms of G.711, all octets of it zero.
func Packet(ssrc uint32, seq uint16, ts uint32, pt uint8) []byte {
	b := make([]byte, 172)
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}
