package transcode

import "encoding/binary"

// header is the fixed part of an RTP header (RFC 3550 §5.1).
const header = 12

// packet holds the fields of an RTP packet that are used.
type packet struct {
	kind    uint8 // payload number
	seq     uint16
	time    uint32
	ssrc    uint32
	payload []byte
}

// parse reads b; false when it is not an RTP packet.
func (p *packet) parse(b []byte) bool {
	if len(b) < header || b[0]>>6 != 2 {
		return false
	}
	n := header + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 { // RFC 3550 §5.3.1
		if len(b) < n+4 {
			return false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
	}
	if n > end {
		return false
	}
	p.kind = b[1] & 0x7f
	p.seq = binary.BigEndian.Uint16(b[2:])
	p.time = binary.BigEndian.Uint32(b[4:])
	p.ssrc = binary.BigEndian.Uint32(b[8:])
	p.payload = b[n:end]
	return true
}

// write writes the header to the start of b.
func (p *packet) write(b []byte, mark bool) {
	b[0], b[1] = 2<<6, p.kind&0x7f
	if mark {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], p.time)
	binary.BigEndian.PutUint32(b[8:], p.ssrc)
}
